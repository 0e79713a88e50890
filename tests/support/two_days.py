"""Two days of an office, for tests that end a daemon anywhere: scans of every kind, then what operators do with them.

Text sheets (`support.office`); a daemon over each day with --once. Looking is by polling and nothing needs to settle,
so that two runs over the same files make the same system calls in the same order.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.office import doubt, row, sheet
from support.processes import Installation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.nursery import Nursery
    from support.promises import Kept

SETTINGS = (
    "version: 1\nwatch: {mode: poll, settle_s: 0, rescan_s: 0.1, incomplete_after_s: 0}\n"
    "retention: {archive_days: 400, ledger_days: 400}\nlog: {format: json}\n"
)
FIRST = {
    "a.jpg": sheet(row(1)),
    "b.tif": sheet(row(2), doubt(3), doubt(4), "blank", "crash roll=0008"),
    "broken.jpg": b"nonsense",
    "c.jpg": sheet(doubt(5)),
    "dup.jpg": sheet(row(1)),
    "half.jpg": sheet(row(9))[:-3],
    "sub/d.pdf": sheet(row(6), "foreign"),
    "=späß.png": sheet(row(7, "7.5")),
}
SECOND = {
    "e.jpg": sheet(row(11)),
    "f.tif": sheet(row(12), doubt(13), "blank"),
    "g.jpg": sheet(row(11)),
    "h.jpg": b"more nonsense",
    "i.jpg": sheet(row(19))[:-3],
}
BETTER = sheet(row(5))
WHOLE = sheet(row(21), row(22, "9"))


@dataclass(frozen=True)
class Day:
    """An installation as it was before a daemon's life, kept beside it; `entered`: every scan that came in so far."""

    place: Installation
    kept: Path
    entered: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, place: Installation, entered: tuple[bytes, ...]) -> Day:
        """The installation as it is now."""
        kept = place.base.with_name(name)
        shutil.copytree(place.base, kept)
        return cls(place, kept, entered)

    @property
    def name(self) -> str:
        return self.kept.name

    def begin(self) -> Installation:
        """Put everything back as it was before."""
        shutil.rmtree(self.place.base)
        shutil.copytree(self.kept, self.place.base)
        return self.place


def two_days(base: Path, nursery: Nursery) -> tuple[Day, Day]:
    """The morning of the first day, and of the second: below `base`, in one and the same folder."""
    place = Installation(base / "place", SETTINGS)
    _drop(place, FIRST)
    first = Day.of("first", place, tuple(FIRST.values()))
    assert nursery.live(place) == 0
    _operators_work(place)
    _drop(place, SECOND)
    (place.base / "log").unlink()
    return first, Day.of("second", place, (*first.entered, *SECOND.values(), BETTER, WHOLE))


def _drop(place: Installation, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (place.base / "inbox" / name).parent.mkdir(exist_ok=True)
        place.drop(name, data)


def _operators_work(place: Installation) -> None:
    """Two answers on sheets; a page back as it was, a better scan of one, and a whole scan for a broken one."""
    review = place.base / "review"
    _answer(place, "b-*-p1", lambda text: text.replace("?", "ok"))
    _answer(place, "dup-*", lambda text: text.replace("(whole sheet),,,", "(whole sheet),,,discard"))
    for pattern, better in (("b-*-p2.png", None), ("c-*-p0.jpg", BETTER), ("broken-*-p0.jpg", WHOLE)):
        (page,) = review.glob(pattern)
        place.drop(page.name, better or page.read_bytes())
        page.unlink()


def _answer(place: Installation, stem: str, change: Callable[[str], str]) -> None:
    (path,) = (place.base / "review").glob(f"{stem}.review.csv")
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


def outcome(kept: Kept) -> tuple[dict[tuple[str, int], tuple[str, ...]], list[list[str]]]:
    """What must be the same whatever happened on the way: the states, and the rows but for their ids and times."""
    rows = sorted([line.split(",")[2:] for line in kept.lines.values()])
    return dict(kept.states), rows
