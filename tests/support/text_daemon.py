"""The real daemon process, with workers that read plain text: python text_daemon.py CONFIG [--once]."""

from __future__ import annotations

import sys
from pathlib import Path

from sheetwatch.domain import SheetwatchError
from sheetwatch.service.daemon import run_daemon
from sheetwatch.settings import load_settings
from support.office import TextWorker


def main() -> int:
    try:
        run_daemon(load_settings(Path(sys.argv[1])), TextWorker(), once="--once" in sys.argv)
    except SheetwatchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
