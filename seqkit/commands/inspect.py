"""``seqkit inspect RUN TEXT``: a page that shows what happens inside a model over time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.commands.completion import complete_runs
from seqkit.commands.device import cell_option, device_option
from seqkit.commands.output import echo
from seqkit.errors import UsageError

if TYPE_CHECKING:
    from seqkit.runs import Model

_EXAMPLES = 16
"""Examples of the test split that gradients flow through, where no text is given."""
_LONGEST_NAME = 40
"""Letters of a text that name its page."""
_LONGEST_PATH = 255
"""Letters of a name that a file may have; the system refuses to look for a longer one."""


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("texts", nargs=-1)
@click.option("--gradient-flow", is_flag=True, help="Show how far gradients flow back in rnn, lstm and gru.")
@click.option(
    "--beside", metavar="RUN", multiple=True, help="With --gradient-flow: a run with another cell. Repeatable."
)
@click.option("--out", metavar="FILE", help="The page. [RUN/inspect/, named after the text]")
@device_option
@cell_option
def command(
    run: str,
    texts: tuple[str, ...],
    gradient_flow: bool,
    beside: tuple[str, ...],
    out: str | None,
    device: str | None,
    cell: str | None,
) -> None:
    """Write a page of a model's gates and states while it reads a text; several texts are shown beside each other.

    For pictures, vectors and frames, TEXT is a file. With --gradient-flow and no TEXT, gradients flow through examples
    of the run's test data. Only the run's own cell is trained; add others with --beside. Each text has a page of its
    own; the same texts have theirs rewritten. The path of the page is printed.
    """
    from seqkit.files import remove_drafts_of, write_atomic
    from seqkit.inspection.gradient_flow import gradient_flows
    from seqkit.inspection.inside import look_inside
    from seqkit.inspection.model_calls import check_has_time
    from seqkit.inspection.page import page
    from seqkit.runs import load

    if not texts and not gradient_flow:
        raise UsageError("give a text to look at, or --gradient-flow")
    if beside and not gradient_flow:
        raise UsageError("--beside needs --gradient-flow; add it")
    if out and not Path(out).absolute().parent.is_dir():
        raise UsageError(f"cannot write {out}: there is no such folder; choose another file with --out")
    model = load(run, device, cell)
    check_has_time(model)
    raws = {text: model.task.parse_input(text) for text in texts}
    insides = {text: look_inside(model, raw) for text, raw in raws.items()}
    flows = None
    if gradient_flow:
        models = [model, *(load(each, device, cell) for each in beside)]
        flows = gradient_flows(models, [*raws.values()] or _examples(model))
    title = f"Inside {Path(run).absolute().name}"
    subtitle = f"{model.task.name}: {model.task.summary}"
    target = Path(out) if out else _own_page(Path(run), [*raws], gradient_flow, beside)
    remove_drafts_of(target)
    write_atomic(target, page(title, subtitle, insides, flows).encode("utf-8", "replace"))
    echo(target)


def _own_page(run: Path, texts: Sequence[str], gradient_flow: bool, beside: Sequence[str]) -> Path:
    """A file in the run for what is shown, named after the first text so that people find it, and unlike any other."""
    from seqkit.files import digest_of, json_bytes

    first = Path(texts[0]).stem if texts and len(texts[0]) < _LONGEST_PATH and Path(texts[0]).is_file() else ""
    words = re.findall(r"\w+", first or (texts[0] if texts else "gradient flow"))
    name = "-".join(words).lower()[:_LONGEST_NAME].strip("-")
    digest = digest_of(json_bytes([texts, gradient_flow, beside]))[:6]
    folder = run / "inspect"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}; choose a file elsewhere with --out") from None
    return folder / f"{name}-{digest}.html"


def _examples(model: Model) -> list[Any]:
    """A few examples of the test split, the longest of the first hundred."""
    from seqkit.runs.prepared import read_splits

    examples = read_splits(model.task, model.config, []).test[:100]
    raws = [_beginning(model.task.input_of(example)) for example in examples]
    raws.sort(key=lambda raw: -model.codec.length(model.codec.encode(raw)))
    return raws[:_EXAMPLES]


def _beginning(raw: Any) -> Any:
    """Of a long text its beginning, any other input whole."""
    return next(iter(raw.blocks()), "")[:200] if hasattr(raw, "blocks") else raw
