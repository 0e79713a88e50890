"""`python -m sheetwatch`."""

from __future__ import annotations

import sys

from sheetwatch.cli import main

sys.exit(main())
