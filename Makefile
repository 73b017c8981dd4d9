PYTHON ?= python3
BIN := .venv/bin

.PHONY: venv sentiment test slow lint format types docs bench clean

venv: .venv/ready

# Torch first and pinned: it brings the small CPU build where one is on offer.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt setuptools torch
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[data,text,docs,dev]"
	$(BIN)/seqkit kernels build || echo "torch's own kernels will serve"
	touch $@

sentiment: venv
	$(BIN)/seqkit run sentiment --cell lstm

test: venv
	$(BIN)/python -m pytest -q

slow: venv
	$(BIN)/python -m pytest -q -m slow

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: venv
	$(BIN)/mypy

docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: venv
	$(BIN)/python -m benchmarks.sentiment

clean:
	rm -rf .venv build dist site *.egg-info
