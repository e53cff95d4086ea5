"""``python -m gibbs`` is the command ``gibbs``."""

import sys

from gibbs.cli import main

if __name__ == "__main__":
    sys.exit(main())
