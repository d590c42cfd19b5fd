"""``python -m lrdgraph`` is the command ``lrdgraph``."""

import sys

from lrdgraph.cli import main

if __name__ == "__main__":
    sys.exit(main())
