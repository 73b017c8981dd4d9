"""Strings of JupyterLab's interface, English to French."""

from __future__ import annotations

import json
from collections.abc import Iterator

from seqkit.data.pairs import Pair, pair_of
from seqkit.data.readers import SourceLocation
from seqkit.data.sources.packaged import PackagedFile

INTERFACE = PackagedFile(
    "jupyterlab-language-pack-fr-FR",
    "4.5.post3",
    "jupyterlab_language_pack_fr_FR/locale/fr_FR/LC_MESSAGES/jupyterlab.json",
)
"""The messages of gettext as JSON; those of JupyterLab's extensions are in files beside it."""

_END_OF_CONTEXT = "\x04"
"""gettext's mark between the context of a message and the message"""


def interface_strings() -> Iterator[Pair]:
    """The translated messages; those that are the same in both languages are left out.

    Of a message with a plural this is the singular, and the context of a message is not part of it. Raises
    :class:`UsageError` if the package is not installed.
    """
    for path in sorted(INTERFACE.locate().parent.glob("*.json")):
        text, at, line = path.read_text("utf-8"), 0, 1
        for message, translations in json.loads(text).items():
            # json gives no line numbers, so each message is looked for after the one before it.
            start = text.index(json.dumps(message), at)
            at, line = start, line + text.count("\n", at, start)
            if message == "" or not isinstance(translations, list):
                continue
            pair = pair_of(message.rpartition(_END_OF_CONTEXT)[2], translations[0], SourceLocation(path.name, line))
            if pair.source != pair.references[0]:
                yield pair
