"""Poison: files that are damaged, vast, endless or something else cost themselves, and nothing else.

Seeded damage to small scans of every kind, and bombs made by hand, go through the real decoders and the real reader in
real worker processes under their limits; some of them, among good sheets, through the real daemon. In full, with
10,000 damaged files:

    SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_poison.py
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from sheetwatch.domain import Limits, ReasonCode, Settings
from sheetwatch.worker import PageTask, WorkerFailure
from sheetwatch.worker.pool import WorkerPool
from support.amount import amount
from support.bombs import FROM_HEADERS, SPENT, bombs
from support.ledger_view import accounting_of, all_done, sheets_of
from support.mutations import damaged, seeded
from support.processes import Installation, wait_until
from support.seed_scans import seed_scans, sheet_scans, small_page
from support.small_form import Accepted, accepted_sheets, write_form
from support.worker_trial import End, try_file

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from sheetwatch.ledger import SheetLine
    from sheetwatch.worker import PageOutcome

TIMEOUT_S = 4.0
LIMITS = Limits(page_timeout_s=TIMEOUT_S, worker_memory_mb=512)
SLACK_S = 30.0  # to end a worker and start the next one on a busy machine
TELLING = ("a content packed three times.pdf", "a pattern of a millionth.pdf", "119 megapixels in colour.tif")
"""One that crashes its worker, one that hangs it, one that outgrows its memory."""

YAML = """version: 1
templates: [templates]
workers: 1
limits: {page_timeout_s: 8, worker_memory_mb: 512}
watch: {settle_s: 0.3, rescan_s: 0.5, incomplete_after_s: 2}
log: {format: json}
"""


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_form(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="module")
def accepted(form: Path) -> list[Accepted]:
    return list(itertools.islice(accepted_sheets(form), 6))


@pytest.fixture(scope="module")
def poison() -> dict[str, bytes]:
    return bombs()


@contextmanager
def pool_of(form: Path, workers: int = 1) -> Iterator[WorkerPool]:
    pool = WorkerPool(Settings(workers=workers, templates=(form.parent,), limits=LIMITS))
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()


@contextmanager
def real_daemon(place: Installation) -> Iterator[subprocess.Popen[str]]:
    write_form(place.base / "templates")
    with place.daemon("-m", "sheetwatch", "run", "--config", str(place.config)) as process:
        yield process


def tell(title: str, ends: Iterable[End]) -> None:
    counts = Counter(",".join(end.codes) or "accepted" for end in ends)
    print(f"\n{title}: {counts.total()} pages or files")
    for codes, count in counts.most_common():
        print(f"  {count:6}  {codes}")


def check(name: str, end: End) -> None:
    """Whatever a file is: a reason or a reading, in time, and never a fault of ours or a page dropped as blank."""
    assert not end.fault, f"{name}: {end.fault}"
    assert end.seconds < TIMEOUT_S + SLACK_S, f"{name}: {end.seconds:.0f} s"
    assert ReasonCode.BLANK_PAGE not in end.codes, f"{name}: a damaged page would be dropped as blank"


def try_damaged(form: Path, seeds: Mapping[str, bytes], count: int, path: Path) -> Iterator[tuple[str, End]]:
    """Damage seeds, put each through the worker processes, and check what holds for any file."""
    rng = seeded(4)
    with pool_of(form) as pool:
        for number in range(count):
            kind, data = damaged(seeds, rng)
            path.write_bytes(data)
            for end in try_file(pool, path):
                check(f"{number}, {kind}", end)
                yield f"{number}, {kind}", end


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_damaged_file_ends_in_review_with_a_reason(form: Path, tmp_path: Path) -> None:
    ends = []
    for name, end in try_damaged(form, seed_scans(), amount(500, 10_000), tmp_path / "scan"):
        assert end.codes, f"{name}: read, though it is no form"
        ends.append(end)
    tell("damaged files", ends)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_damaged_sheet_never_gives_a_wrong_row(form: Path, accepted: list[Accepted], tmp_path: Path) -> None:
    ends, truth = [], dict(accepted[0].values)
    for name, end in try_damaged(form, sheet_scans(accepted[0].grey), amount(12, 1_000), tmp_path / "scan"):
        assert end.codes or dict(end.values) == truth, f"{name}: {end.values}"
        ends.append(end)
    tell("damaged sheets", ends)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_bomb_costs_its_own_page(form: Path, poison: dict[str, bytes], tmp_path: Path) -> None:
    told: list[End] = []
    with pool_of(form) as pool:
        for name in sorted(poison)[:: amount(4, 1)]:
            path = tmp_path / name
            path.write_bytes(poison[name])
            ends = try_file(pool, path)
            for end in ends:
                check(name, end)
                assert end.codes, f"{name} was read"
                assert name not in FROM_HEADERS or end.codes == (ReasonCode.TOO_LARGE,), f"{name}: {end}"
            told += ends
            path.unlink()
    assert len(told) >= len(poison) // amount(4, 1)
    tell("bombs", told)


@pytest.mark.slow
def test_pages_beside_one_that_ends_its_worker_are_read(form: Path, poison: dict[str, bytes], tmp_path: Path) -> None:
    good = [tmp_path / f"good-{number}" / "good.png" for number in range(6)]
    for path in good:  # each in a folder of its own: pictures are written beside a scan
        path.parent.mkdir()
        small_page().save(path)
    with pool_of(form, workers=2) as pool:
        for name in TELLING:
            bomb = tmp_path / name
            bomb.write_bytes(poison[name])
            hurt = pool.read(PageTask(scan_file=bomb, page=0, page_count=1))
            beside = [pool.read(PageTask(scan_file=path, page=0, page_count=1)) for path in good]
            codes = {future.result().reading.verdict.reasons[0].code for future in beside}
            assert codes == {ReasonCode.NO_TEMPLATE}, f"read beside {name}"
            code = _code_of(hurt)
            assert code in SPENT
            print(f"\n{name}: {code}; 6 pages beside it were read")


def _code_of(future: Future[PageOutcome]) -> ReasonCode:
    try:
        return future.result().reading.verdict.reasons[0].code
    except WorkerFailure as failure:
        return failure.code


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_daemon_reads_good_sheets_among_poison(
    accepted: list[Accepted], poison: dict[str, bytes], tmp_path: Path
) -> None:
    place, rng, seeds = Installation(tmp_path, YAML), seeded(6), seed_scans()
    bad = {name: poison[name] for name in (*TELLING, *rng.sample(sorted(poison), amount(3, 40)))}
    for number in range(amount(8, 100)):
        kind, data = damaged(seeds, rng)
        bad[f"{number} {kind.partition('.')[0]}.tif"] = data
    for name, data in bad.items():
        place.drop(name, data)
    for number, one in enumerate(accepted):
        Image.fromarray(one.grey).save(tmp_path / "inbox" / f"good-{number}.png")
    with real_daemon(place) as daemon:
        wait_until(lambda: not place.names("inbox") and all_done(place), 500)
        assert daemon.poll() is None
    assert daemon.returncode == 0
    sheets = sheets_of(place)
    ended = {sheet.source_name: sheet for sheet in sheets}
    counts = accounting_of(place)
    tell_daemon(sheets)
    assert counts is not None
    assert counts.balanced
    assert (counts.in_work, counts.rows, counts.dropped) == (0, len(accepted), 0)
    assert set(ended) == {*bad, *(f"good-{number}.png" for number in range(len(accepted)))}
    assert all(sheet.reasons for sheet in sheets if sheet.source_name in bad)
    for number, one in enumerate(accepted):
        readings = ended[f"good-{number}.png"].readings
        assert {name: reading.value for name, reading in readings.items()} == one.values
    assert "program_fault" not in place.log
    assert "intake_paused" not in place.log


def tell_daemon(sheets: list[SheetLine]) -> None:
    counts = Counter(",".join(reason.code for reason in sheet.reasons) or "row" for sheet in sheets)
    print(f"\nthe daemon: {counts.total()} pages")
    for codes, count in counts.most_common():
        print(f"  {count:6}  {codes}")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_poison_is_not_tried_again_and_again_not_even_over_restarts(poison: dict[str, bytes], tmp_path: Path) -> None:
    place = Installation(tmp_path, YAML)
    place.drop("bomb.pdf", poison["a content packed three times.pdf"])
    with real_daemon(place) as daemon:
        wait_until(lambda: '"worker_failed"' in place.log, 120)
        daemon.kill()
    for _ in range(3):
        with real_daemon(place):
            wait_until(lambda: all_done(place, pages=1), 120)
    counts = accounting_of(place)
    assert counts is not None
    assert counts.review == 1
    assert place.log.count('"worker_failed"') == 1, "the first failure, remembered over the restart"
    assert place.log.count('"page_read"') == 1, "the second one, alone; then it was left in review"
    (text,) = (name for name in place.names("review") if name.endswith(".txt"))
    print(f"\n{(tmp_path / 'review' / text).read_text()}")
