"""The real daemon process with the real pool of worker processes, which read plain text: pool_daemon.py CONFIG."""

from __future__ import annotations

import sys
from pathlib import Path

from sheetwatch.service.daemon import run_daemon
from sheetwatch.settings import load_settings
from sheetwatch.worker import pool
from support import text_tasks

if __name__ == "__main__":
    pool.__dict__["tasks"] = text_tasks
    settings = load_settings(Path(sys.argv[1]))
    run_daemon(settings, pool.WorkerPool(settings), once=True)
