"""``python -m seqkit``."""

from seqkit.commands import main

main()
