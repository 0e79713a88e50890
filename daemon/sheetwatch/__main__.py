"""`python -m sheetwatch`."""

from __future__ import annotations

import sys

from sheetwatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
