"""The real daemon process; its workers probe with the real decoder: python scan_daemon.py CONFIG [--once]."""

from __future__ import annotations

import sys
from pathlib import Path

from sheetwatch.domain import SheetwatchError
from sheetwatch.service.daemon import run_daemon
from sheetwatch.settings import load_settings
from support.scans import ScanWorker


def main() -> int:
    try:
        run_daemon(load_settings(Path(sys.argv[1])), ScanWorker(), once="--once" in sys.argv)
    except SheetwatchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
