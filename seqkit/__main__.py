"""``python -m seqkit``."""

import sys

try:
    from seqkit.commands import main
except ModuleNotFoundError as error:
    sys.exit(f"seqkit: {error.name} is not installed; install it with: pip install 'seqkit-runtime[serve]'")

main()
