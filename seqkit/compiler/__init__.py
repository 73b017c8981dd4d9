"""A cell's ``step`` as expressions of one hidden unit, with its gradient, and as the C++ that the time loops run."""

from seqkit.compiler.expressions import Expressions, Step
from seqkit.compiler.trace import TraceError, trace

__all__ = ["Expressions", "Step", "TraceError", "trace"]
