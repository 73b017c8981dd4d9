"""Starts the command line from a checkout: ``python cli.py run sentiment``."""

from seqkit.commands import main

if __name__ == "__main__":
    main()
