"""The program as another version of itself: other_version.py COMMAND..."""

from __future__ import annotations

import sys

import sheetwatch

sheetwatch.__version__ = "0.0.9"

if __name__ == "__main__":
    from sheetwatch.cli import main

    sys.exit(main())
