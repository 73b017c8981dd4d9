PYTHON ?= python3
BIN := .venv/bin
# An idle worker takes tests from the other one: the longest file alone is an eighth of the suite, and `--dist loadfile`
# ends with whoever has the last long one.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -q
PARALLEL := --numprocesses $(WORKERS) --dist worksteal

.PHONY: venv sentiment fast test slow coverage lint format types docs bench release runtime-wheel clean

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

# Everything but what trains a run, starts a process or is slow: for work in progress.
fast: venv
	$(PYTEST) $(PARALLEL) -m "not slow and not command"

test: venv
	$(PYTEST) $(PARALLEL)

slow: venv
	$(PYTEST) $(PARALLEL) -m slow

# Not in .ci/run: counting lines costs two fifths of the time again (Python 3.11). The suite ran 97 % of the lines.
coverage: venv
	$(PYTEST) $(PARALLEL) --cov --cov-report=term:skip-covered

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

# The archives of a release in dist/, tried out in an empty environment with the versions of constraints.txt.
release: venv
	rm -rf build dist *.egg-info
	$(BIN)/python -m build --no-isolation
	$(PYTEST) tests/test_wheel.py --archives dist

# The wheel of seqkit-runtime in dist/: what answers without torch, from the same source.
runtime-wheel: venv
	$(BIN)/python -m benchmarks.runtime_wheel dist

clean:
	rm -rf .venv build dist site *.egg-info
