"""Pooling of outputs in C."""

from __future__ import annotations

from torch import nn

from seqkit.export.c.products import add_product, linear
from seqkit.export.c.source import Source
from seqkit.layers import Pooling

_MEAN = """    for (int k = 0; k < {size}; ++k) {{
        float total = 0.0f;
        for (int t = 0; t < count; ++t)
            total += s->outputs[(size_t)t * {size} + k];
        pooled[{start} + k] = total / (float)count;
    }}"""
_MAX = """    for (int k = 0; k < {size}; ++k) {{
        float most = s->outputs[k];
        for (int t = 1; t < count; ++t)
            most = fmaxf(most, s->outputs[(size_t)t * {size} + k]);
        pooled[{start} + k] = most;
    }}"""
_LAST = "    memcpy(pooled + {start}, s->final, {size} * sizeof(float));"
_ATTENTION = """    /* A running softmax, which keeps no weights: totals shrink when a larger score comes. */
    float most = -INFINITY, sum = 0.0f;
    memset(pooled + {start}, 0, {size} * sizeof(float));
    for (int t = 0; t < count; ++t) {{
        const float *output = s->outputs + (size_t)t * {size};
        const float score = attention_score(output), larger = fmaxf(most, score);
        const float kept = expf(most - larger), weight = expf(score - larger);
        sum = sum * kept + weight;
        for (int k = 0; k < {size}; ++k)
            pooled[{start} + k] = pooled[{start} + k] * kept + weight * output[k];
        most = larger;
    }}
    for (int k = 0; k < {size}; ++k)
        pooled[{start} + k] /= sum;"""
_WAYS = {"mean": _MEAN, "max": _MAX, "last": _LAST, "attention": _ATTENTION}


def add_pooling(source: Source, pooling: Pooling, size: int) -> None:
    """Adds ``pool(s, count, pooled)`` of the outputs of a state; without any step all is 0."""
    if "attention" in pooling.ways:
        _add_score(source, pooling, size)
    blocks = [_WAYS[way].format(size=size, start=place * size) for place, way in enumerate(pooling.ways)]
    body = "\n".join(blocks)
    source.add(f"""
static void pool(const $name_state *s, int count, float *pooled)
{{
    if (!count) {{
        memset(pooled, 0, {pooling.output_size} * sizeof *pooled);
        return;
    }}
{body}
}}""")


def _add_score(source: Source, pooling: Pooling, size: int) -> None:
    first, last = pooling.score[0], pooling.score[2]
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    lines = linear(source, "attention", first)("output", "mixed")
    call = add_product(source, "attention_score_weight", last.weight)
    source.add(f"""
static float attention_score(const float *output)
{{
    float mixed[{size}], score = 0.0f;
{lines}
    for (int k = 0; k < {size}; ++k)
        mixed[k] = tangent(mixed[k]);
    {call}mixed, &score);
    return score;
}}""")
