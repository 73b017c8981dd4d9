"""Labels of frames in C: a step for streams where the model has one direction, and whole sequences.

F features of a frame, D values that the model reads, K labels.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from seqkit.export.c.layers import (
    SIGMOID,
    add_recurrent,
    add_run,
    rooms,
    start_lines,
    state_bytes,
    state_lines,
    step_lines,
)
from seqkit.export.c.products import linear
from seqkit.export.c.program import ARGMAX, SOFTMAX, begin, labels, refuse
from seqkit.export.c.source import Source
from seqkit.graphs import Answering
from seqkit.layers import Recurrent
from seqkit.runs.model import Model
from seqkit.topologies.synced.frames.codec import FrameCodec
from seqkit.topologies.synced.frames.head import FrameHead

_STREAM = """
$name_state state;                      the caller's, {bytes:,} bytes
$name_start(&state);
$name_step(&state, frame, answer);      frame: {features} numbers, NaN where one is missing; answer: {labels} numbers

The answer is the probability of each of $name_labels for the frame $NAME_DELAY steps before; $name_step returns 1, and
0 while it owes the first. After the last frame call it $NAME_DELAY times with NULL for the answers that it still owes.
$name_predict(&state, frames, count, answers) does all that for a whole sequence.
"""
_WHOLE = """
static $name_state state;               large: what a sequence of $NAME_STEPS frames needs, or define it
$name_predict(&state, frames, count, answers);

frames: count x {features} numbers, NaN where one is missing; answers: count x {labels}, the probability of each of
$name_labels. Returns 0, or -1 for more frames than $NAME_STEPS.
"""


def write_frames(source: Source, model: Model, answering: Answering) -> None:
    """Adds ``$name_step`` and ``$name_predict`` of a :class:`FrameHead`."""
    head, codec = model.head, model.codec
    assert isinstance(head, FrameHead) and isinstance(codec, FrameCodec)
    scaling, layer = codec.scaling, head.encoder.recurrent
    sizes = {"features": len(scaling.mean), "labels": len(head.labels)}
    size = state_bytes(layer) + 4
    calls = _WHOLE if layer.bidirectional else _STREAM
    begin(source, model, "A label for each frame of a sequence", calls.format(bytes=size, **sizes))
    labels(source, head.labels)
    source.add(
        f"enum {{ $NAME_FEATURES = {len(scaling.mean)}, $NAME_VALUES = {scaling.size}, $NAME_DELAY = {head.delay} }};"
    )
    _add_answer(source, answering)
    _add_scaling(source, scaling)
    _add_vector(source, model, head.encoder.embedding, scaling.size)
    add_recurrent(source, layer)
    output = linear(source, "output", head.output)
    if layer.bidirectional:
        _add_whole(source, layer, output)
    else:
        _add_stream(source, layer, output)
    _add_main(source, layer.bidirectional, answering.settings["thresholds"])


def _add_answer(source: Source, answering: Answering) -> None:
    """Logits to probabilities, in place."""
    if answering.settings["thresholds"] is None:
        source.add(SOFTMAX)
        source.add("static void to_probabilities(float *logits) { softmax(logits, $NAME_LABELS); }")
    else:
        source.add(SIGMOID)
        source.add("""
static void to_probabilities(float *logits)
{
    for (int k = 0; k < $NAME_LABELS; ++k)
        logits[k] = sigmoid(logits[k]);
}""")


def _add_scaling(source: Source, scaling: Any) -> None:
    source.table("double", "feature_mean", map(repr, scaling.mean.tolist()))
    source.table("double", "feature_inverse", map(repr, scaling.inverse.tolist()))
    flags = ""
    if masked := scaling.masked.tolist():
        source.integers("missing_features", masked)
        flags = f"""
    for (int k = 0; k < {len(masked)}; ++k)
        scaled[$NAME_FEATURES + k] = isnan(frame[missing_features[k]]) ? 1.0f : 0.0f;"""
    source.add(f"""
/* Features on one scale: (x - mean) / deviation, at most 50; a missing one is 0. */
static void scale(const float *frame, float *scaled)
{{
    for (int k = 0; k < $NAME_FEATURES; ++k) {{
        const double value = ((double)frame[k] - feature_mean[k]) * feature_inverse[k];
        scaled[k] = isnan(value) ? 0.0f : (float)fmin(fmax(value, -50.0), 50.0);
    }}{flags}
}}""")


def _add_vector(source: Source, model: Model, embedding: nn.Module, size: int) -> None:
    """``to_vector(scaled, x)``, what the recurrent layer reads."""
    if isinstance(embedding, nn.Identity):
        source.add(f"static void to_vector(const float *scaled, float *x) {{ memcpy(x, scaled, {size} * sizeof *x); }}")
        return
    if not isinstance(embedding, nn.Sequential) or [type(part) for part in embedding] != [nn.Linear, nn.ReLU]:
        raise refuse(model, "it reads frames by layers of another kind")
    first = embedding[0]
    assert isinstance(first, nn.Linear)
    lines = linear(source, "frame", first)("scaled", "x")
    source.add(f"""
static void to_vector(const float *scaled, float *x)
{{
{lines}
    for (int k = 0; k < {first.out_features}; ++k)
        x[k] = fmaxf(x[k], 0.0f);
}}""")


def _add_stream(source: Source, layer: Recurrent, output: Any) -> None:
    width = layer.input_size
    step, features = step_lines(layer, "x")
    source.add(f"""
typedef struct {{
{state_lines(layer)}
    int owed; /* frames read before the first answer */
}} $name_state;

void $name_start($name_state *s);
int $name_step($name_state *s, const float *frame, float *answer);
int $name_predict($name_state *s, const float *frames, int count, float *answers);

void $name_start($name_state *s)
{{
{start_lines(layer)}
}}

int $name_step($name_state *s, const float *frame, float *answer)
{{
    float scaled[$NAME_VALUES] = {{0}}, x[{width}];
    if (frame)
        scale(frame, scaled);
    to_vector(scaled, x);
{step}
    if (s->owed < $NAME_DELAY) {{
        ++s->owed;
        return 0;
    }}
{output(features, "answer")}
    to_probabilities(answer);
    return 1;
}}

int $name_predict($name_state *s, const float *frames, int count, float *answers)
{{
    int told = 0;
    $name_start(s);
    for (int t = 0; t < count + $NAME_DELAY && told < count; ++t) {{
        const float *frame = t < count ? frames + (size_t)t * $NAME_FEATURES : NULL;
        told += $name_step(s, frame, answers + (size_t)told * $NAME_LABELS);
    }}
    return 0;
}}""")


def _add_whole(source: Source, layer: Recurrent, output: Any) -> None:
    width = layer.input_size
    source.add(f"""
#ifndef $NAME_STEPS
#define $NAME_STEPS 1024
#endif

typedef struct {{
    float x[$NAME_STEPS * {width}];
{rooms(layer, "$NAME_STEPS")}
}} $name_state;

int $name_predict($name_state *s, const float *frames, int count, float *answers);""")
    add_run(source, "run", layer, "$name_state", f"s->x + (size_t)t * {width}")
    source.add(f"""
int $name_predict($name_state *s, const float *frames, int count, float *answers)
{{
    if (count > $NAME_STEPS)
        return -1;
    for (int t = 0; t < count; ++t) {{
        float scaled[$NAME_VALUES];
        scale(frames + (size_t)t * $NAME_FEATURES, scaled);
        to_vector(scaled, s->x + (size_t)t * {width});
    }}
    run(s, count);
    for (int t = 0; t < count; ++t) {{
        const float *h = s->outputs + (size_t)t * {layer.output_size};
        float *answer = answers + (size_t)t * $NAME_LABELS;
{output("h", "answer")}
        to_probabilities(answer);
    }}
    return 0;
}}""")


def _add_main(source: Source, whole: bool, thresholds: list[float] | None) -> None:
    """The program: a line for each frame, a blank line between sequences."""
    if thresholds is None:
        source.add("#ifdef SEQKIT_MAIN" + ARGMAX + _ONE_LABEL)
    else:
        source.table("double", "thresholds", map(repr, thresholds))
        source.add("#ifdef SEQKIT_MAIN" + _LABEL_SET)
    source.part("frame_lines.c")
    source.part("frames_whole_main.c" if whole else "frames_stream_main.c")
    source.add("#endif")


_ONE_LABEL = """
static void show(const float *answer) { printf("%s", $name_labels[likeliest(answer, $NAME_LABELS)]); }
"""
_LABEL_SET = """
static void show(const float *answer)
{
    int shown = 0;
    for (int k = 0; k < $NAME_LABELS; ++k)
        if (answer[k] >= thresholds[k])
            printf("%s%s", shown++ ? "|" : "", $name_labels[k]);
    if (!shown)
        printf("(none)");
}
"""
