"""SIGKILL before every effect on files and every commit of a run, then a new start on the same disk."""

from __future__ import annotations

import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch import files
from sheetwatch.ledger import Accounting, all_sheets, open_reviews, rows_by_file
from sheetwatch.service.recovery import clean_up
from support.office import Office, doubt, office_settings, row, sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_EFFECTS = ("write", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir", "ftruncate")
_MOST_POINTS = 1000


class _DyingConnection(sqlite3.Connection):
    """Counts commits as effects, once before and once after."""

    effect: Callable[[], None] = staticmethod(lambda: None)

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, *args)
        type(self).effect()
        cursor = super().execute(sql, *args)
        type(self).effect()
        return cursor


def _fill(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.drop("b.pdf", sheet(row(2), doubt(3), "blank"))
    office.drop("broken.jpg", b"nonsense")


def _work(office: Office) -> None:
    """A life: scans come in, one review is answered, one page goes back to the inbox."""
    clean_up(office.site)
    office.run_for(8)
    for review in open_reviews(office.ledger):
        page = office.settings.review / str(review.page_name)
        if review.form is not None:
            path = office.settings.review / f"{review.stem}.review.csv"
            path.write_text(path.read_text().replace("?", "ok"))
        elif page.exists():
            page.rename(office.inbox / page.name)
    office.run_for(8)


def _die_at(office: Office, point: int) -> None:
    """In a child process: SIGKILL before its effect number `point`."""
    left = [point]

    def effect() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in _EFFECTS:
        original = getattr(os, name)
        setattr(os, name, _counted(original, effect))
    kernel: Any = files._KERNEL
    kernel.renameat2 = _counted(kernel.renameat2, effect)
    _DyingConnection.effect = staticmethod(effect)
    office.restart()
    _work(office)
    os._exit(0)


def _counted(original: Callable[..., Any], effect: Callable[[], None]) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        effect()
        return original(*args, **kwargs)

    return counted


def _run_killed(base: Path, point: int, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Accounting]:
    """Whether the child died, and the accounting after a second life."""
    office = Office(settings=office_settings(base))
    _fill(office)
    office.close()
    child = os.fork()
    if child == 0:
        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *args, **kw: connect(*args, **kw, factory=_DyingConnection))
        _die_at(office, point)
    died = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with Office(settings=office_settings(base)) as second:
        clean_up(second.site)
        second.settle(25)
        _check_disk(second)
        return died, second.check()


def _check_disk(office: Office) -> None:
    assert office.nothing_owed
    for file in rows_by_file(office.ledger):
        written = (office.settings.results / file.name).read_text()
        assert written == file.header + "".join(file.lines)
    lines = office.csv_lines()
    assert len(lines) == len({line.split(",")[0] for line in lines})
    assert not office.names(office.inbox)
    reviews = {review.stem for review in open_reviews(office.ledger)}
    assert all(any(name.startswith(stem) for stem in reviews) for name in office.names(office.settings.review))
    assert len({sheet.sheet_id for sheet in all_sheets(office.ledger)}) == len(all_sheets(office.ledger))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_killed_before_every_effect_nothing_is_lost_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    points = 0
    for point in range(part, _MOST_POINTS, 4):
        died, counts = _run_killed(tmp_path / str(point), point, monkeypatch)
        assert counts.pages_in == 5, point
        assert counts.rows in {2, 3}, point
        assert counts.dropped == 1, point
        points += 1
        if not died:
            break
    print(f"{points} kill points, 0 pages lost, 0 rows twice")
    assert points > 20, "so few effects cannot be all of them"
