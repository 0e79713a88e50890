"""Begin a batch, or go on with one: sources, lock, journal, workers, loop."""

from __future__ import annotations

import contextlib
import queue
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sheetwatch.batch.fetch import Fetcher
from sheetwatch.batch.identity import forms_of, identity_of
from sheetwatch.batch.journal import Journal
from sheetwatch.batch.lister import Lister
from sheetwatch.batch.loop import Crew, Ended, Event, Loop, Stop
from sheetwatch.batch.parts import Parts, refuse_tables_without_journal
from sheetwatch.batch.patience import GOES_ON, Patience, told
from sheetwatch.batch.reading import Reading
from sheetwatch.batch.sources import refuse_own_folder, require, source_of
from sheetwatch.delivery.parquet import require_pyarrow
from sheetwatch.domain import EnvironmentFault
from sheetwatch.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sheetwatch.batch import Standing
    from sheetwatch.batch.sources import Source
    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageWorker

_WORK = "_batch"  # who reads a folder of Parquet leaves out what begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done. `part_rows`: so many rows wait at most before Parquet files are written.

    `patience_s`: how long a disk, share or store that fails is tried again.
    """

    settings: Settings
    sources: tuple[str, ...]
    out: Path
    part_rows: int = 50_000
    patience_s: float = 60.0


def run_batch(order: Order, worker: PageWorker, tell: Callable[[Standing], None]) -> Ended:
    """Read every scan that no earlier run of the same batch has read. tell: called every second with how far it is.

    Whatever happens, the worker is stopped in the end. Raises UsageError, ConfigError, EnvironmentFault, LedgerError,
    DurabilityError.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(worker.stop)
        require_pyarrow()
        sources = _sources(order)
        forms = forms_of(order.settings)
        identity = identity_of(order.settings, forms)
        stack.enter_context(_lock(order.out))
        stack.enter_context(_that_goes_on())
        journal = stack.enter_context(Journal.open(_journal_file(order.out), identity))
        parts = Parts(order.out, journal, {name: [field.name for field in form.fields] for name, form in forms.items()})
        parts.tidy()
        worker.start()
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        patience = Patience(order.patience_s)
        fetcher = Fetcher(sources, order.out / _WORK / "fetched", order.settings.limits.file_mb)
        reading = stack.enter_context(Reading(worker, fetcher, patience, forms, events.put))
        lister = stack.enter_context(Lister(sources, order.patience_s, events.put))
        crew = Crew(journal=journal, parts=parts, reading=reading, lister=lister, patience=patience, worker=worker)
        stack.enter_context(_signals(lambda number: events.put(Stop(signal=number))))
        return Loop(crew, events, order.part_rows, tell).run()


def _journal_file(out: Path) -> Path:
    return out / _WORK / "journal.db"


def _sources(order: Order) -> Sequence[Source]:
    """The sources, each of which there is. Raises UsageError, EnvironmentFault."""
    journal_file = _journal_file(order.out)
    sources = [source_of(text) for text in order.sources]
    refuse_own_folder(order.out, sources)
    refuse_tables_without_journal(order.out, journal_file)
    for source in sources:
        require(source, begun=journal_file.exists())
    return sources


@contextlib.contextmanager
def _lock(out: Path) -> Iterator[None]:
    """One batch per folder. Raises EnvironmentFault when another process is at it."""
    make_folder(out / _WORK)
    lock = FileLock(out / _WORK / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EnvironmentFault(
            f"{out}: another batch writes into this folder already; wait for it, or choose another folder (--out)"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _that_goes_on() -> Iterator[None]:
    """Say of every fault of the system that nothing is lost by it."""
    try:
        yield
    except (OSError, EnvironmentFault) as error:
        text = told(error)
        raise EnvironmentFault(text if GOES_ON in text else f"{text}; {GOES_ON}") from error


@contextlib.contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for an end; the second time they make one."""

    def handle(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        stop(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
