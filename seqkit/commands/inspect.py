"""``seqkit inspect RUN TEXT``: a page that shows what happens inside a model over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqkit.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from seqkit.report.flow import Flow
    from seqkit.report.inside import Inside
    from seqkit.runs import Model

_EXAMPLES = 16
"""Examples of the test part that gradients flow through, where no text is given."""


@click.command()
@click.argument("run")
@click.argument("text", required=False)
@click.option("--gradient-flow", is_flag=True, help="Show how far gradients flow back in rnn, lstm and gru.")
@click.option("--out", metavar="FILE", help="The page. [RUN/inspect.html]")
def command(run: str, text: str | None, gradient_flow: bool, out: str | None) -> None:
    """Write a page with the gates and states of a run's model while it reads a text.

    For pictures, vectors and frames, TEXT is a file. With --gradient-flow and no TEXT, gradients flow through examples
    of the run's test data.
    """
    from seqkit.files import write_atomic
    from seqkit.report.inside import check_time, look_inside
    from seqkit.report.inspect import page
    from seqkit.runs import load

    if text is None and not gradient_flow:
        raise UsageError("give a text to look at, or --gradient-flow")
    target = Path(out) if out else Path(run) / "inspect.html"
    if out and not target.absolute().parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no such folder; name another file with --out")
    model = load(run)
    check_time(model)
    inside = None if text is None else look_inside(model, model.task.from_text(text))
    flows, about = _flows(model, inside) if gradient_flow else ([], "")
    title = f"Inside {Path(run).absolute().name}"
    subtitle = f"{model.task.name}: {model.task.summary}"
    content = page(title, subtitle, inside, flows, about).encode("utf-8", "replace")
    write_atomic(target, content)
    click.echo(target)


def _examples(model: Model) -> list[dict[str, Tensor]]:
    """What the recurrent layers read of a few examples of the test part, the longest of the first hundred."""
    from seqkit.report.inside import look_inside

    raws = [_opening(model.task.raw(example)) for example in model.task.read(model.config, []).test[:100]]
    raws.sort(key=lambda raw: -model.codec.length(model.codec.encode(raw)))
    return [look_inside(model, raw).inputs for raw in raws[:_EXAMPLES]]


def _opening(raw: Any) -> Any:
    """The beginning of a text that goes on and on."""
    return next(iter(raw.blocks()), "")[:200] if hasattr(raw, "blocks") else raw


def _flows(model: Model, inside: Inside | None) -> tuple[list[Flow], str]:
    """The flows, and a sentence about what they were measured on."""
    from seqkit.layers import Recurrent
    from seqkit.report.flow import gradient_flows

    read = _examples(model) if inside is None else [inside.inputs]
    layers = {name: module for name, module in model.head.named_modules() if isinstance(module, Recurrent)}
    name = next((name for name in layers if all(name in inputs for inputs in read)), None)
    if name is None:
        raise UsageError("this model reads step by step what it has written itself; its gradients cannot be shown")
    cell = getattr(model.config, "cell", None) or type(layers[name].cell).__name__
    flows = gradient_flows(layers[name], [inputs[name] for inputs in read], cell, model.config.seed)
    part = f"{len(read)} examples of the test part" if len(read) > 1 else "the beginning of the test part"
    what = part if inside is None else "the text above"
    about = (
        f"All cells read {what} as {name} does and have its {layers[name].hidden_size} units; only {cell} is trained."
    )
    return flows, about
