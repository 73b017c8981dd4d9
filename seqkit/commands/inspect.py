"""``seqkit inspect RUN TEXT``: a page that shows what happens inside a model over time."""

from __future__ import annotations

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


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("text", required=False)
@click.option("--gradient-flow", is_flag=True, help="Show how far gradients flow back in rnn, lstm and gru.")
@click.option(
    "--beside", metavar="RUN", multiple=True, help="With --gradient-flow: a run with another cell. Repeatable."
)
@click.option("--out", metavar="FILE", help="The page. [RUN/inspect.html]")
@device_option
@cell_option
def command(
    run: str,
    text: str | None,
    gradient_flow: bool,
    beside: tuple[str, ...],
    out: str | None,
    device: str | None,
    cell: str | None,
) -> None:
    """Write a page of a model's gates and states while it reads a text.

    For pictures, vectors and frames, TEXT is a file. With --gradient-flow and no TEXT, gradients flow through examples
    of the run's test data. Only the run's own cell is trained; add others with --beside.
    """
    from seqkit.files import remove_drafts_of, write_atomic
    from seqkit.inspection.gradient_flow import gradient_flows
    from seqkit.inspection.inside import look_inside
    from seqkit.inspection.model_calls import check_has_time
    from seqkit.inspection.page import page
    from seqkit.runs import load

    if text is None and not gradient_flow:
        raise UsageError("give a text to look at, or --gradient-flow")
    if beside and not gradient_flow:
        raise UsageError("--beside needs --gradient-flow; add it")
    target = Path(out) if out else Path(run) / "inspect.html"
    if out and not target.absolute().parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no such folder; choose another file with --out")
    model = load(run, device, cell)
    check_has_time(model)
    raw = None if text is None else model.task.parse_input(text)
    inside = None if text is None else look_inside(model, raw)
    flows = None
    if gradient_flow:
        models = [model, *(load(each, device, cell) for each in beside)]
        flows = gradient_flows(models, _examples(model) if text is None else [raw])
    title = f"Inside {Path(run).absolute().name}"
    subtitle = f"{model.task.name}: {model.task.summary}"
    remove_drafts_of(target)
    write_atomic(target, page(title, subtitle, inside, flows).encode("utf-8", "replace"))
    echo(target)


def _examples(model: Model) -> list[Any]:
    """A few examples of the test split, the longest of the first hundred."""
    raws = [_beginning(model.task.input_of(example)) for example in model.task.read(model.config, []).test[:100]]
    raws.sort(key=lambda raw: -model.codec.length(model.codec.encode(raw)))
    return raws[:_EXAMPLES]


def _beginning(raw: Any) -> Any:
    """Of a long text its beginning, any other input whole."""
    return next(iter(raw.blocks()), "")[:200] if hasattr(raw, "blocks") else raw
