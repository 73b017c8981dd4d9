"""Equations of pages as MathML, which browsers set without a script."""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(r"\\[A-Za-z]+|\\,|[_^{}]|[A-Za-z]+|[0-9]+(?:\.[0-9]+)?|\S")
_UPRIGHT = re.compile("tanh|log|exp|softmax|diag|cos|max|norm|mean|var")
"""Names of functions; any other letters are variables, each for itself."""
_LARGE = "∑∏"
_GREEK = dict(zip(("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "nu"), "αβγδεζν", strict=True))
_PROSE = {"for", "each", "gate"}
"""Words of docstrings' equations that are no names."""
_WORD = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2,}(?![A-Za-z])")
_OPERAND = re.compile(r"[\w'²ᵀ)\]]$")


def equation(text: str, block: bool = True) -> str:
    """An equation: letters, signs and numbers as they are, ``_`` and ``^`` with one sign or ``{…}``,
    ``\\frac{…}{…}``, ``\\,`` for a thin space, and names of several letters as ``\\name``:
    ``equation("h_t = tanh(W h_{t−1})")``.

    Args:
        text: the equation.
        block: whether it is displayed by itself, or stands in a line of text.

    Raises:
        ValueError: braces do not match.
    """
    tokens = _TOKEN.findall(text)
    row = _row(tokens)
    if tokens:
        raise ValueError(f"the equation {text!r} has a closing brace too many")
    return f'<math display="block">{row}</math>' if block else f"<math>{row}</math>"


def from_plain(text: str) -> str:
    """The equation of a docstring, ``h' = k² ⊙ h + alpha tanh(a_n)``, as :func:`equation` takes it."""
    text = re.sub(r"\^ ?\(([^()]*)\)", r"^{\1}", text)
    text = re.sub(r"1e-(\d+)", r"10^{-\1}", text)

    def word(found: re.Match[str]) -> str:
        name, before, after = found[0], text[: found.start()], text[found.end() :]
        if name in _PROSE:
            return name
        written = _GREEK.get(name) or ("√" if name == "sqrt" else name if _UPRIGHT.fullmatch(name) else f"\\{name}")
        joined = before.endswith(" ") and _OPERAND.search(before[:-1])
        # A name's letters would run into those beside it.
        near = name not in _GREEK and re.match(r" \w", after) and after.split()[0] not in _PROSE
        return ("\\," if joined else "") + written + ("\\," if near else "")

    text = _WORD.sub(word, text)
    for plain, set_ in (("-", "−"), ("'", "′"), ("²", "^2"), ("ᵀ", "^⊤")):
        text = text.replace(plain, set_)
    return text


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
    if token == "\\,":
        return '<mspace width=".2em"/>'
    if token == "\\frac":
        return f"<mfrac>{_atom(tokens)}{_atom(tokens)}</mfrac>"
    if token[0] == "\\":
        return f"<mi>{token[1:]}</mi>"
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha() and (len(token) == 1 or _UPRIGHT.fullmatch(token)) and token not in _LARGE:
        return f"<mi>{token}</mi>"
    if token.isalpha():
        return f"<mtext>&#160;{token}&#160;</mtext>"
    if token == "′":
        return '<mo lspace="0" rspace="0">′</mo>'
    # Around a product, brackets would grow beyond what reads well.
    fixed = ' stretchy="false"' if token in "()[]" else ""
    return f"<mo{fixed}>{html.escape(token)}</mo>"
