"""Equations of pages as MathML, which browsers set without a script."""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(r"\\frac|[_^{}]|[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|\S")
_UPRIGHT = re.compile("tanh|log|exp|softmax|diag|cos")
"""Names of functions; any other letters are variables, each for itself."""
_LARGE = "∑∏"


def equation(text: str) -> str:
    """A displayed equation: letters, signs and numbers as they are, ``_`` and ``^`` with one sign or ``{…}``, and
    ``\\frac{…}{…}``: ``equation("h_t = tanh(W h_{t−1})")``.

    Raises :class:`ValueError` for braces that do not match.
    """
    tokens = _TOKEN.findall(text)
    row = _row(tokens)
    if tokens:
        raise ValueError(f"the equation {text!r} has a closing brace too many")
    return f'<math display="block">{row}</math>'


def _row(tokens: list[str]) -> str:
    """Everything up to the end, or to a closing brace, which stays."""
    parts = list[str]()
    while tokens and tokens[0] != "}":
        parts.append(_scripted(tokens))
    return f"<mrow>{''.join(parts)}</mrow>"


def _scripted(tokens: list[str]) -> str:
    """An atom with what is below and above it."""
    sign, atom = tokens[0], _atom(tokens)
    scripts = dict[str, str]()
    while tokens and tokens[0] in "_^":
        script = tokens.pop(0)
        scripts[script] = _atom(tokens)
    kinds = ("munder", "mover", "munderover") if sign in _LARGE else ("msub", "msup", "msubsup")
    if not scripts:
        return atom
    kind = kinds[2] if len(scripts) > 1 else kinds["^" in scripts]
    return f"<{kind}>{atom}{scripts.get('_', '')}{scripts.get('^', '')}</{kind}>"


def _atom(tokens: list[str]) -> str:
    if not tokens:
        raise ValueError("an equation ends where a sign is missing")
    token = tokens.pop(0)
    if token == "{":
        row = _row(tokens)
        if not tokens:
            raise ValueError("an equation lacks a closing brace")
        tokens.pop(0)
        return row
    if token == "\\frac":
        return f"<mfrac>{_atom(tokens)}{_atom(tokens)}</mfrac>"
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha() and (len(token) == 1 or _UPRIGHT.fullmatch(token)) and token not in _LARGE:
        return f"<mi>{token}</mi>"
    if token.isalpha():
        return f"<mtext>&#160;{token}&#160;</mtext>"
    # Around a product, brackets would grow beyond what reads well.
    fixed = ' stretchy="false"' if token in "()[]" else ""
    return f"<mo{fixed}>{html.escape(token)}</mo>"
