"""What every C file begins with, and the functions that several of them use."""

from __future__ import annotations

from seqkit.errors import UsageError
from seqkit.export.c.source import Source
from seqkit.runs.model import Model
from seqkit.version import __version__

HEADERS = """\
#include <math.h>
#include <stddef.h>
#include <string.h>
#ifdef SEQKIT_MAIN
#include <stdio.h>
#include <stdlib.h>
#endif"""
SOFTMAX = """
static void softmax(float *values, int count)
{
    float most = values[0], total = 0.0f;
    for (int k = 1; k < count; ++k)
        most = fmaxf(most, values[k]);
    for (int k = 0; k < count; ++k)
        total += values[k] = expf(values[k] - most);
    for (int k = 0; k < count; ++k)
        values[k] /= total;
}
"""
ARGMAX = """
static int likeliest(const float *values, int count)
{
    int best = 0;
    for (int k = 1; k < count; ++k)
        if (values[k] > values[best])
            best = k;
    return best;
}
"""


def begin(source: Source, model: Model, what: str, calls: str) -> None:
    """Adds the comment at the top, with what the model does and how it is called, and the headers."""
    usage = "\n".join(f" *   {line}".rstrip() for line in calls.strip("\n").splitlines())
    source.add(f"""
/* {what}, a {model.task.name} model written by seqkit {__version__}.
 *
 * C11 and libm, nothing is allocated. Compile it into your program, or put it there by #include:
 *
 *   cc -std=c11 -O2 -c $name.c
 *   cc -std=c11 -O2 -DSEQKIT_MAIN $name.c -o $name -lm      a program that reads lines and answers
 *
{usage}
 */
{HEADERS}""")


def labels(source: Source, names: tuple[str, ...]) -> None:
    """Adds ``$name_labels`` and how many there are."""
    source.add(f"enum {{ $NAME_LABELS = {len(names)} }};")
    source.strings("$name_labels", names)


def refuse(model: Model, why: str) -> UsageError:
    """An error for what has no C."""
    return UsageError(f"this {model.task.name} model has no export to C: {why}; export it with --format onnx")
