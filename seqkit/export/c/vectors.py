"""The label of a vector in C.

F numbers of a vector, K labels.
"""

from __future__ import annotations

from torch import nn

from seqkit.export.c.layers import SIGMOID
from seqkit.export.c.products import add_product, linear
from seqkit.export.c.program import ARGMAX, SOFTMAX, begin, labels, refuse
from seqkit.export.c.source import Source
from seqkit.graphs import Answering
from seqkit.runs.model import Model
from seqkit.topologies.one_to_one.codec import VectorCodec
from seqkit.topologies.one_to_one.head import VectorHead

_CALLS = """
int label = $name_predict(vector, probabilities);

vector: $NAME_NUMBERS numbers, in the order of the columns of training, which $name_numbers names.
probabilities: $NAME_LABELS numbers, those of $name_labels. Returns the number of the most likely.
"""
_ACTIVATIONS = {
    nn.ReLU: "fmaxf(h[k], 0.0f)",
    nn.Tanh: "tanhf(h[k])",
    nn.GELU: "0.5f * h[k] * (1.0f + erff(h[k] * 0.70710678f))",
    nn.SiLU: "h[k] * sigmoid(h[k])",
}
"""Of a hidden unit ``h[k]``"""


def write_vectors(source: Source, model: Model, answering: Answering) -> None:
    """Adds ``$name_predict`` of a :class:`VectorHead`."""
    head, codec = model.head, model.codec
    assert isinstance(head, VectorHead) and isinstance(codec, VectorCodec)
    begin(source, model, "The label of a vector of numbers", _CALLS)
    labels(source, head.labels)
    source.add(f"enum {{ $NAME_NUMBERS = {len(codec.names)} }};")
    source.strings("$name_numbers", codec.names)
    source.add("int $name_predict(const float *vector, float *probabilities);")
    _add_scaling(source, codec)
    source.add(SOFTMAX)
    source.add(ARGMAX)
    if any(isinstance(part, nn.SiLU) for part in head.layers):
        source.add(SIGMOID)
    lines, features = _layers(source, model, head)
    output = linear(source, "output", head.output)(features, "probabilities")
    if head.beside is not None:
        output += f"\n{_added(source, head.beside)}"
    source.add(f"""
int $name_predict(const float *vector, float *probabilities)
{{
    float x[$NAME_NUMBERS];
    scale(vector, x);
{lines}
{output}
    softmax(probabilities, $NAME_LABELS);
    return likeliest(probabilities, $NAME_LABELS);
}}""")
    source.add("#ifdef SEQKIT_MAIN")
    source.part("vectors_main.c")
    source.add("#endif")


def _add_scaling(source: Source, codec: VectorCodec) -> None:
    source.table("double", "number_mean", map(repr, codec.mean.tolist()))
    source.table("double", "number_scale", map(repr, codec.scale.tolist()))
    source.add("""
/* Numbers on one scale, from -10 to 10. */
static void scale(const float *vector, float *x)
{
    for (int k = 0; k < $NAME_NUMBERS; ++k)
        x[k] = (float)fmin(fmax(((double)vector[k] - number_mean[k]) / number_scale[k], -10.0), 10.0);
}""")


def _layers(source: Source, model: Model, head: VectorHead) -> tuple[str, str]:
    """The lines of the hidden layers, and the name of what they give."""
    lines, x = list[str](), "x"
    for number, part in enumerate(part for part in head.layers if not isinstance(part, nn.Dropout)):
        if isinstance(part, nn.Linear):
            name = f"hidden_{number // 2}"
            lines.append(f"    float {name}[{part.out_features}];")
            lines.append(linear(source, f"layer_{number // 2}", part)(x, name))
            x, size = name, part.out_features
            continue
        formula = _ACTIVATIONS.get(type(part))
        if formula is None or (isinstance(part, nn.GELU) and part.approximate != "none"):
            raise refuse(model, f"it has layers of another kind, {type(part).__name__}")
        lines.append(f"    for (int k = 0; k < {size}; ++k)\n        {x}[k] = {formula.replace('h[k]', f'{x}[k]')};")
    return "\n".join(lines), x


def _added(source: Source, beside: nn.Linear) -> str:
    """The line that adds the linear path beside the layers."""
    return f"    {add_product(source, 'beside_weight', beside.weight)}x, probabilities);"
