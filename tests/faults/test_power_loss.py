"""The power fails: everything that was not fsynced may be gone, in any choice, and what was announced must be there.

The real daemon process lives through a day (`support.two_days`) while strace records every call that changes a file,
with its data, SQLite's included. `support.disk` replays the record up to a point and lays out what a disk may then
hold; that the replay misses nothing is shown first, by comparing it with the folder that the daemon really left. Then a
daemon starts there. Announced is what the log said before the cut: rows delivered, pages in review, scans archived.

    SHEETWATCH_FAULTS=full pytest -s tests/faults/test_power_loss.py        380 cuts, every fsync refused once

SHEETWATCH_FAULTS_SEED chooses the cuts; the seed is printed.
"""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.amount import amount
from support.chance import chance_of_today, spread
from support.disk import DATA, NAMES, Disk, Survival
from support.nursery import Nursery
from support.promises import Kept, check
from support.traced import CHANGING, RECORDED, Call, Recorded, attached, calls_of, need_strace, recorded
from support.two_days import Day, outcome, two_days

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

_CUTS_OF_A_DAY = amount(10, 150)
_BAD_ENDS = amount(1, 20)
_REFUSALS = amount(14, 1000)
_EFFECTS = {"pwrite64", "fsync", "fdatasync", "rename", "renameat2", "unlink", "unlinkat", "mkdir", "rmdir",
            "ftruncate"}  # fmt: skip
_ANNOUNCEMENTS = ("page_read", "rows_delivered", "review_opened", "scan_archived")


@dataclass
class Recording:
    """A life of a daemon over a day, call by call, and how it ended."""

    day: Day
    calls: list[Recorded]
    kept: Kept
    tree: Mapping[str, bytes]


@dataclass
class Bench:
    """What the tests work with; every day lies in one and the same folder."""

    strace: str
    nursery: Nursery
    trace: Path
    recordings: dict[str, Recording]

    def record(self, day: Day, *options: str) -> tuple[int, list[Recorded]]:
        """One life from how the folder is now. Returns its exit code and its calls."""
        code = self.nursery.live(
            day.place, lambda pid: attached(self.strace, pid, trace=self.trace, options=[*RECORDED, *options])
        )
        return code, recorded(self.trace)

    def learn(self, day: Day) -> None:
        """A whole life."""
        day.begin()
        code, calls = self.record(day)
        assert code == 0, day.place.log
        tree = _tree(day.place.base)  # before anybody opens the ledger: looking at it leaves files
        self.recordings[day.name] = Recording(day, calls, check(day.place, day.entered), tree)

    def start_after(self, recording: Recording, told: str, what: str) -> None:
        """A daemon starts on what is left, and everything is as it would have been."""
        day = recording.day
        (day.place.base / "log").unlink(missing_ok=True)
        code = self.nursery.live(day.place)
        try:
            assert code == 0, f"exit code {code}"
            kept = check(day.place, day.entered)
            assert outcome(kept) == outcome(recording.kept)
            for sheet_id in _accepted(told):
                assert kept.lines[sheet_id] == recording.kept.lines[sheet_id], "an announced row is another one now"
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{what}: {error}\n{day.place.log}") from error


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    strace = need_strace()
    root = Path(tempfile.mkdtemp(prefix="power-"))
    try:
        with Nursery.open() as nursery:
            bench = Bench(strace, nursery, root / "trace", {})
            for day in two_days(root, nursery):
                bench.learn(day)
            yield bench
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_record_misses_nothing(bench: Bench, name: str) -> None:
    recording = bench.recordings[name]
    disk = Disk(recording.day.begin().base)
    for call in recording.calls:
        disk.apply(call)
    disk.lay_out(Survival("all", "all", 0))
    replayed = _tree(recording.day.place.base)
    assert sorted(replayed) == sorted(recording.tree)
    assert [path for path, data in replayed.items() if data != recording.tree[path]] == []
    print(f"\nday {name}: {len(recording.calls)} calls replayed; {len(replayed)} files are the same, byte for byte")


@pytest.mark.slow
@pytest.mark.timeout(amount(300, 3600))
@pytest.mark.parametrize("name", ["first", "second"])
def test_after_a_power_cut_everything_announced_is_there(bench: Bench, name: str) -> None:
    recording, chance = bench.recordings[name], chance_of_today()
    disk = Disk(recording.day.begin().base)
    effects, tellings = _points(disk, recording.calls)
    few = _CUTS_OF_A_DAY // 2
    cuts = sorted({*spread(effects, _CUTS_OF_A_DAY - few, chance), *spread(tellings, few, chance)})
    survivals = _cut_at(bench, recording, cuts, chance)
    print(f"\nday {name}: {len(cuts)} cuts among {len(effects)} effects and {len(tellings)} announcements; ", survivals)


@pytest.mark.slow
@pytest.mark.timeout(amount(300, 3600))
@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.parametrize(("end", "after"), [("signal=KILL", ""), ("signal=KILL", "mkdir"), ("error=EIO", "")], ids=str)
def test_a_power_cut_after_a_life_that_ended_badly(bench: Bench, name: str, end: str, after: str) -> None:
    """What a killed daemon had not fsynced, or could not, is not sure either for the one that goes on."""
    whole, chance = bench.recordings[name], chance_of_today()
    cuts = 0
    for index in spread(_fsyncs(whole, after), _BAD_ENDS, chance):
        struck = whole.calls[index - 1]
        number = sum(call.name == struck.name for call in whole.calls[:index])
        whole.day.begin()
        code, first_life = bench.record(whole.day, "-e", f"inject={struck.name}:{end}:when={number}")
        assert code in {-signal.SIGKILL, 74, 0}, whole.day.place.log
        code, second_life = bench.record(whole.day)
        assert code == 0, whole.day.place.log
        tree = _tree(whole.day.place.base)
        second = Recording(whole.day, second_life, check(whole.day.place, whole.day.entered), tree)
        cuts += _cut_in_second_life(bench, second, first_life, chance)
    print(f"\nday {name}, {end} {after}: {cuts} power cuts in the lives after, nothing lost")


def _fsyncs(recording: Recording, after: str) -> list[int]:
    """Where to end a life: as it enters an fsync, if named the one after that kind of call."""
    effects, _ = _points(Disk(recording.day.begin().base), recording.calls)
    names = ["", *(recording.calls[index - 1].name for index in effects)]
    pairs = zip(names, names[1:], effects, strict=False)
    return [index for before, name, index in pairs if name in {"fsync", "fdatasync"} and before.startswith(after)]


def _cut_in_second_life(bench: Bench, second: Recording, before: list[Recorded], chance: random.Random) -> int:
    disk = Disk(second.day.begin().base)
    _, tellings = _points(disk, second.calls, before)
    cuts = sorted({*spread(tellings, 2, chance), len(second.calls)})
    _cut_at(bench, second, cuts, chance, before)
    return len(cuts)


def _points(disk: Disk, calls: list[Recorded], before: list[Recorded] | None = None) -> tuple[list[int], list[int]]:
    """Where to cut: after calls that change the installation, and after lines of the log."""
    disk.live(before or [])
    effects, tellings = [], []
    for index, call in enumerate(calls, 1):
        told = disk.told
        if disk.apply(call) and call.name in _EFFECTS:
            effects.append(index)
        elif disk.told != told:
            tellings.append(index)
    return effects, tellings


def _cut_at(
    bench: Bench, recording: Recording, cuts: list[int], chance: random.Random, before: list[Recorded] | None = None
) -> Counter[str]:
    """Cut the power there, one time after the other, and start a daemon on what is left."""
    day, survivals = recording.day, Counter[str]()
    disk = Disk(day.begin().base)
    disk.live(before or [])
    done = 0
    for number, cut in enumerate(cuts):
        for call in recording.calls[done:cut]:
            disk.apply(call)
        done = cut
        names, data = (chance.choice(NAMES), chance.choice(DATA)) if number % 2 else ("none", "none")
        survival = Survival(names, data, chance.randrange(10**6))
        what = f"cut after call {cut}, {recording.calls[cut - 1].name}, {survival}"
        disk.lay_out(survival)
        _check_announced(recording, disk.told, what)
        bench.start_after(recording, disk.told, what)
        survivals[f"names {survival.names}, data {survival.data}"] += 1
    return survivals


def _check_announced(recording: Recording, told: str, what: str) -> None:
    """On the disk as the cut left it, before anybody mends it: delivered rows, pages in review, archived scans."""
    base = recording.day.place.base
    for csv, rows in _delivered(told).items():
        already = (recording.day.kept / "results" / csv).read_text() if _was_there(recording.day, csv) else ""
        announced = max(1, already.count("\n")) + rows
        whole = recording.tree[f"results/{csv}"].decode().splitlines(keepends=True)
        content = (base / "results" / csv).read_text() if (base / "results" / csv).exists() else ""
        assert content.startswith("".join(whole[:announced])), f"{what}: announced rows are not in {csv}: {content!r}"
    for path in _placed(told, recording.tree):
        there = (base / path).read_bytes() if (base / path).exists() else b""
        assert there == recording.tree[path], f"{what}: {path} was announced, and is not there whole"


def _was_there(day: Day, csv: str) -> bool:
    return (day.kept / "results" / csv).exists()


def _events(told: str, name: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in told.splitlines(keepends=True) if line[0] + line[-1] == "{\n"]
    return [event for event in events if event["event"] == name]


def _delivered(told: str) -> Counter[str]:
    rows = Counter[str]()
    for event in _events(told, "rows_delivered"):
        rows[event["csv"]] += event["rows"]
    return rows


def _placed(told: str, tree: Mapping[str, bytes]) -> list[str]:
    """Files that must be there: archived scans, and those of pages in review that stay there to the end."""
    stems = tuple(f"review/{event['stem']}." for event in _events(told, "review_opened"))
    archived = [f"archive/{event['name']}" for event in _events(told, "scan_archived") if event["name"]]
    return archived + [path for path in tree if path.startswith(stems)]


def _accepted(told: str) -> list[str]:
    read = [event["sheet_id"] for event in _events(told, "page_read") if event["verdict"] == "accepted"]
    return read + [event["sheet_id"] for event in _events(told, "review_corrected")]


@pytest.mark.slow
@pytest.mark.timeout(amount(300, 3600))
@pytest.mark.parametrize("name", ["first", "second"])
def test_a_failed_fsync_ends_the_process_and_is_not_tried_again(bench: Bench, name: str) -> None:
    recording, chance = bench.recordings[name], chance_of_today()
    day = recording.day
    syncs = [call for call in _calls_of_a_life(bench, day) if _is_fsync_that_counts(call)]
    codes = Counter[int]()
    for call in spread(syncs, _REFUSALS // 2, chance):
        day.begin()
        code, after = _life_with_refusal(bench, day, call)
        what = f"{call.name} number {call.number} failed, {call.text}"
        codes[code] += 1
        told = [later.text for later in after if any(event in later.text for event in _ANNOUNCEMENTS)]
        assert not told, f"{what}; then was announced: {told}"
        again = [later for later in after if later.name in {"fsync", "fdatasync"} and later.file == call.file]
        # A ledger that is not there yet, and holds nothing: SQLite undoes its first page.
        new = not (day.kept / "state" / "sheetwatch.db").exists() and '"started"' not in day.place.log
        # A worker draws the pages that it was given before, into the same folder; none of them is decided any more.
        drawn = "/state/work/" in call.file
        assert new or drawn or not again, f"{what}; then again: {again}"
        closing = '"stopped"' in day.place.log  # nothing is left to be written; SQLite keeps its log then
        assert code == (0 if closing else 74), f"{what}, and the process ended with {code}: {day.place.log}"
        bench.start_after(recording, "", what)
    print(f"\nday {name}: {sum(codes.values())} of {len(syncs)} fsyncs refused; exit codes {dict(codes)}")


def _is_fsync_that_counts(call: Call) -> bool:
    """SQLite fsyncs its folder, too, and does not care whether that fails; the daemon has done it before, and cares."""
    return call.name == "fsync" or (call.name == "fdatasync" and not call.file.endswith("/state"))


def _calls_of_a_life(bench: Bench, day: Day) -> list[Call]:
    day.begin()
    _live(bench, day)
    return [call for call in calls_of(bench.trace) if call.is_below(day.place.base) and call.changes]


def _life_with_refusal(bench: Bench, day: Day, call: Call) -> tuple[int, list[Call]]:
    """The exit code of a life in which one fsync fails, and the calls after that."""
    code = _live(bench, day, "-e", f"inject={call.name}:error=EIO:when={call.number}")
    calls = calls_of(bench.trace)
    (struck,) = [index for index, one in enumerate(calls) if (one.name, one.number) == (call.name, call.number)]
    assert "(INJECTED)" in calls[struck].text
    return code, calls[struck + 1 :]


def _live(bench: Bench, day: Day, *options: str) -> int:
    traced = ["-s", "1000", "-e", "trace=" + ",".join(f"?{name}" for name in CHANGING), *options]
    return bench.nursery.live(day.place, lambda pid: attached(bench.strace, pid, trace=bench.trace, options=traced))


def _tree(base: Path) -> dict[str, bytes]:
    """The installation's files, without the log; SQLite's index of its log is memory, and rebuilt at every start."""
    paths = [path for path in base.rglob("*") if path.is_file() and path.name not in {"log", "sheetwatch.db-shm"}]
    return {str(path.relative_to(base)): path.read_bytes() for path in paths}
