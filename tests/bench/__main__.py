"""Times everything and prints it side by side: python tests/bench [SECTION ...] [--help]."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # Before NumPy is loaded: its threads wait by spinning, which on one core is time that they take from the page.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not its own folder: `bench` is imported as pytest does
    from bench.command import main

    sys.exit(main(sys.argv[1:]))
