"""A daemon with the workers of a Dask cluster, of which anything is killed, stopped or started again in mid-work.

Scheduler, workers and daemon are processes of their own and speak TCP. Nothing is lost, nothing is there twice, and the
rows are those of local workers, but for the time at which they were read.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sheetwatch.service.site import LEDGER_NAME
from support import cluster as clusters
from support.processes import Installation, wait_until
from support.promises import Kept, check

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.cluster import Cluster

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_PATIENCE_S = 300
_SETTINGS = (
    "version: 1\nwatch: {settle_s: 0.3, rescan_s: 0.5, incomplete_after_s: 2}\nlog: {format: json}\n"
    "accept: {max_field_error: 0.2}\nlimits: {page_timeout_s: 600}\n"
)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What local workers make of the same scans."""

    scans: Mapping[str, bytes]
    rows: list[str]
    states: Mapping[tuple[str, int], tuple[str, ...]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    singles = clusters.sheets(9)
    scans = {**singles, "book.pdf": clusters.pdf_of(clusters.sheets(5, first=20)), "nonsense.jpg": b"nonsense"}
    place = place_with(tmp_path_factory.mktemp("local"), "1", scans)
    assert place.start("-m", "sheetwatch", "run", "--once", "--config", str(place.config)).wait(_PATIENCE_S) == 0
    kept = check(place, scans.values())
    rows = rows_of(kept)
    assert len(rows) >= 6, "the comparison would say little"
    assert kept.accounting.review >= 2
    return Expected(scans=scans, rows=rows, states=kept.states)


def place_with(base: Path, workers: str, scans: Mapping[str, bytes], forms: Path = clusters.TEMPLATES) -> Installation:
    place = Installation(base / "place", f"{_SETTINGS}templates: ['{forms}']\nworkers: {workers}\n")
    for name, data in scans.items():
        place.drop(name, data)
    return place


def rows_of(kept: Kept) -> list[str]:
    """Every row without its sheet's number and time."""
    return sorted(line.split(",", 2)[2] for line in kept.lines.values())


@contextmanager
def at_work(
    base: Path, expected: Expected, *, workers: int = 2
) -> Iterator[tuple[Installation, Cluster, list[subprocess.Popen[str]]]]:
    """A daemon with a cluster, and scans that it has just begun with; in the end it has made of them what it should."""
    with clusters.cluster(base / "cluster", workers=workers) as (cluster, started):
        place = place_with(base, cluster.workers_setting, expected.scans)
        with place.daemon("-m", "sheetwatch", "run", "--config", str(place.config)) as daemon:
            yield place, cluster, started
            wait_until(lambda: decided(place) == len(expected.states) or daemon.poll() is not None, _PATIENCE_S)
        assert daemon.returncode == 0, place.log
    kept = check(place, expected.scans.values())
    assert rows_of(kept) == expected.rows
    assert kept.states == expected.states
    assert '"program_fault"' not in place.log


def decided(place: Installation) -> int:
    """How many pages were read and delivered."""
    ledger = place.base / "state" / LEDGER_NAME
    if not ledger.exists():
        return 0
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as tables:
        query = (
            "SELECT count(*) FROM pages LEFT JOIN rows ON rows.page = pages.id LEFT JOIN reviews ON"
            " reviews.page = pages.id WHERE pages.state IN ('row', 'review') AND"
            " (rows.delivered OR reviews.state = 'open')"
        )
        try:
            return int(tables.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


def test_a_cluster_left_alone_makes_the_rows_of_local_workers(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, _, _):
        wait_until(lambda: "2 workers of the cluster read, 2 pages at once" in place.log)


def test_a_worker_killed_with_pages_in_its_hands(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, cluster, (killed, _)):
        killed.send_signal(signal.SIGSTOP)  # what it has been given by now, it will not give back
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        killed.kill()
        wait_until(lambda: decided(place) >= 4, _PATIENCE_S)
        cluster.start_worker()


def test_a_worker_told_to_stop_in_mid_work_leaves_its_pages_to_others(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, cluster, (stopped, _)):
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        stopped.terminate()
        assert stopped.wait(_PATIENCE_S) == 0
        assert "Traceback" not in cluster.log_of(stopped)


def test_every_worker_killed_and_others_come(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, cluster, started):
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        for worker in started:
            worker.kill()
        wait_until(lambda: "has no worker; start one: sheetwatch worker tcp://" in place.log, _PATIENCE_S)
        assert "no worker; start one" in " ".join(place.status()["problems"])
        cluster.start_worker()
        wait_until(lambda: '"stage_works_again"' in place.log, _PATIENCE_S)


def test_a_worker_that_hangs(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, _, (hanging, _)):
        hanging.send_signal(signal.SIGSTOP)
        wait_until(lambda: "is silent; its pages are read by others" in place.log, _PATIENCE_S)
        wait_until(lambda: decided(place) == len(expected.states), _PATIENCE_S)
        hanging.send_signal(signal.SIGCONT)  # and now it answers, too late


def test_the_scheduler_killed_and_started_again_on_its_port(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, cluster, started):
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        cluster.kill_scheduler()
        wait_until(lambda: '"intake_paused"' in place.log, _PATIENCE_S)
        cluster.restart_scheduler()
        cluster.wait_for(*started, joined=2)


def test_a_scheduler_that_hangs(tmp_path: Path, expected: Expected) -> None:
    with at_work(tmp_path, expected) as (place, cluster, _):
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        cluster.scheduler.send_signal(signal.SIGSTOP)
        wait_until(lambda: "it does not answer" in place.log, _PATIENCE_S)
        cluster.scheduler.send_signal(signal.SIGCONT)


def test_the_daemon_killed(tmp_path: Path, expected: Expected) -> None:
    with clusters.cluster(tmp_path / "cluster") as (cluster, _):
        place = place_with(tmp_path, cluster.workers_setting, expected.scans)
        first = place.start("-m", "sheetwatch", "run", "--config", str(place.config))
        wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
        first.kill()
        first.wait()
        assert place.start("-m", "sheetwatch", "run", "--once", "--config", str(place.config)).wait(_PATIENCE_S) == 0
    kept = check(place, expected.scans.values())
    assert rows_of(kept) == expected.rows
    assert kept.states == expected.states


def test_a_form_edited_while_its_sheets_are_read(tmp_path: Path, expected: Expected) -> None:
    forms = shutil.copytree(clusters.TEMPLATES, tmp_path / "forms")
    later = clusters.sheets(2, first=40)
    with clusters.cluster(tmp_path / "cluster") as (cluster, _):
        place = place_with(tmp_path, cluster.workers_setting, expected.scans, forms)
        with place.daemon("-m", "sheetwatch", "run", "--config", str(place.config)):
            wait_until(lambda: decided(place) >= 2, _PATIENCE_S)
            template = forms / "answer-book" / "template.yaml"
            template.write_text(template.read_text().replace("title:", "title: Another ", 1))
            wait_until(lambda: '"forms_loaded"' in place.log, _PATIENCE_S)
            for name, data in later.items():
                place.drop(name, data)
            wait_until(lambda: decided(place) == len(expected.states) + len(later), _PATIENCE_S)
    kept = check(place, [*expected.scans.values(), *later.values()])
    assert set(expected.rows) <= set(rows_of(kept))
    with closing(sqlite3.connect(place.base / "state" / LEDGER_NAME)) as tables:
        query = (
            "SELECT pages.template_revision FROM pages JOIN scans ON scans.id = pages.scan WHERE scans.name = ?"
            " AND pages.template = 'answer-book'"
        )
        first, last = (tables.execute(query, (name,)).fetchone() for name in ("sheet-000.jpg", "sheet-040.jpg"))
    assert first != last
