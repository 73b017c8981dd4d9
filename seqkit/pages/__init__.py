"""Pages: HTML files that need nothing else and no network, light and dark."""

from seqkit.pages.document import asset, document, muted, safe, section, stylesheet, table
from seqkit.pages.maths import equation, from_plain

__all__ = ["asset", "document", "equation", "from_plain", "muted", "safe", "section", "stylesheet", "table"]
