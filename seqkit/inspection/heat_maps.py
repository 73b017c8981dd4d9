"""Heat maps of a page: their numbers, and the script in the page that draws them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from seqkit.pages import asset, safe


class HeatMaps:
    """The heat maps of one page, numbered in their order."""

    def __init__(self) -> None:
        self._maps: list[dict[str, Any]] = []

    def figure(
        self,
        name: str,
        what: str,
        values: Tensor,
        columns: Sequence[str],
        rows: Sequence[int] = (),
        row_names: Sequence[str] = (),
        signed: bool = False,
    ) -> str:
        """The place of a map of values (rows, columns) on the page; the picture itself is drawn by the script.

        Args:
            name, what: of the map; both are shown.
            values: the numbers.
            columns: the texts of the columns.
            rows, row_names: the numbers of the rows, as of units, or their texts.
            signed: blue below 0, orange above.

        The darkest colour is 1, or the largest value if that is more, or if the map is signed or its rows have texts.
        """
        largest = float(values.abs().max()) if values.numel() else 1.0
        limit = largest if largest > 1 or ((signed or row_names) and largest > 0) else 1.0
        self._maps.append(
            {
                "name": name,
                # Whole thousandths: more than the eye sees in a colour, and a third of the size of floats in JSON.
                "values": (values / limit * 1000).round().int().tolist(),
                "rows": list(rows),
                "columns": [visible(column) for column in columns],
                "limit": limit,
                "signed": signed,
                "rowNames": [visible(text) for text in row_names] or None,
            }
        )
        return _figure(len(self._maps) - 1, name, what, limit, signed)

    def script(self) -> str:
        """The numbers, and what draws them; nothing for a page without maps."""
        if not self._maps:
            return ""
        # In ASCII and without "<", so that no text of the data can end the script.
        numbers = json.dumps(self._maps, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
        return f"<script>const MAPS = {numbers};\n{asset('seqkit.inspection', 'page.js')}</script>"


def _figure(number: int, name: str, what: str, limit: float, signed: bool) -> str:
    low = f"−{limit:.3g}" if signed else "0"
    scale = f'{low}<span class="scale"></span>{limit:.3g}'
    label = safe(f"heat map: {name}, {what}")
    return (
        f'<figure data-map="{number}"><figcaption><b>{safe(what)}</b> {safe(name)} '
        f'<span class="pale">{scale}</span></figcaption>'
        f'<div class="wide" tabindex="0"><canvas role="img" aria-label="{label}"></canvas></div></figure>'
    )


def visible(text: str) -> str:
    """Blanks and line ends as signs; a long token without its end."""
    signs = text.replace("\n", "↵").replace("\t", "⇥").replace(" ", "␣") or "∅"
    return signs if len(signs) <= 24 else signs[:23] + "…"
