"""Pages: HTML files that need nothing else and no network, light and dark."""

from seqkit.pages.document import asset, document, muted, safe, section, table

__all__ = ["asset", "document", "muted", "safe", "section", "table"]
