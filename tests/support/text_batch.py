"""The real `sheetwatch batch` as a process of its own, with workers that read text: text_batch.py FORM ARGUMENTS.

SLOW_S: how long a page takes; two are read at the same time, in threads.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.batch import workers
from sheetwatch.cli import main
from support.archive import BatchWorker

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sheetwatch.worker import PageOutcome, PageTask


class ThreadedWorker(BatchWorker):
    """Takes its time, as workers do."""

    def __init__(self, form: Path) -> None:
        super().__init__(form)
        self._slow_s = float(os.environ.get("SLOW_S", "0"))
        self._threads = ThreadPoolExecutor(self.count)

    def read(self, task: PageTask) -> Future[PageOutcome]:
        return self._threads.submit(self._read_slowly, task)

    def _read_slowly(self, task: PageTask) -> PageOutcome:
        time.sleep(self._slow_s)  # what is tried is what happens meanwhile
        return self._read(task)

    def stop(self) -> None:
        self._threads.shutdown(cancel_futures=True)


if __name__ == "__main__":
    form = Path(sys.argv[1])
    workers.__dict__["page_worker"] = lambda _: ThreadedWorker(form)
    sys.exit(main(["batch", *sys.argv[2:]]))
