"""`sheetwatch batch`: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("pyarrow", reason="pyarrow (extra cluster) is not installed")

from filelock import FileLock
from pyarrow import dataset, parquet

from sheetwatch.batch import Kind, folders
from sheetwatch.domain import (
    ConfigError,
    EnvironmentFault,
    LedgerError,
    ReasonCode,
    UsageError,
)
from sheetwatch.shipped import shipped_folder
from sheetwatch.worker import WorkerFailure
from support.archive import FORM, Archive, all_rows, failed, names, no_template, table
from support.office import doubt, row
from support.processes import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT_BATCH = Path(__file__).parents[1] / "support" / "text_batch.py"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def codes(one: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in one["reasons"]]


# -- the tables -------------------------------------------------------------------------------------------------------


def test_every_page_is_a_row_and_says_everything(archive: Archive) -> None:
    scan = archive.put("a.jpg", row("0012", "7.5"), doubt(7), "blank", "foreign", "damaged")
    bad = archive.scans / "b.jpg"
    bad.write_bytes(b"no sheets")
    ended = archive.run()
    assert ended.standing.pages == {
        Kind.ACCEPTED: 1,
        Kind.REVIEW: 1,
        Kind.BLANK: 1,
        Kind.NO_TEMPLATE: 1,
        Kind.UNREADABLE: 2,
    }
    accepted, review = table(archive.out)
    assert accepted == {
        "source": str(scan),
        "page": 0,
        "verdict": "accepted",
        "confidence": pytest.approx(0.9991),
        "reasons": [],
        "sha256": hashlib.sha256(scan.read_bytes()).hexdigest(),
        "inliers": None,
        "rms_error_px": None,
        "worst_field_px": None,
        "model": "fake-1",
        "program": accepted["program"],
        "template_revision": archive.worker.template.revision,
        "roll": "0012",
        "roll.state": "written",
        "roll.probability": pytest.approx(0.9991),
        "q1": "7.5",
        "q1.state": "written",
        "q1.probability": pytest.approx(0.9991),
        "total": "7",
        "total.state": "written",
        "total.probability": pytest.approx(0.9991),
        "day": "2024-05-06",
    }
    assert accepted["program"].startswith("sheetwatch ")
    assert review["verdict"] == "review"
    assert review["reasons"] == [{"code": "low-confidence", "field": "q1", "detail": "7 (0.62) or 1 (0.31)"}]
    assert [codes(one) for one in no_template(archive.out)] == [
        ["blank-page"],
        ["no-template"],
        ["unreadable-file"],
        ["unreadable-file"],
    ]
    assert no_template(archive.out)[3]["source"] == str(bad)


def test_a_row_lies_with_the_day_on_which_its_scan_was_last_written(archive: Archive) -> None:
    for day in (0, 0, 3):
        archive.put(f"{day}-{len(os.listdir(archive.scans))}.jpg", day=day)  # noqa: PTH208 - a count
    late = archive.put("late.jpg")
    os.utime(late, (0, 1_714_953_599))  # a second before midnight, UTC
    archive.run()
    found = {str(path.parent.relative_to(archive.out)): len(parquet.read_table(path)) for path in parts(archive)}
    assert found == {
        "template=exam/day=2024-05-05": 1,
        "template=exam/day=2024-05-06": 2,
        "template=exam/day=2024-05-09": 1,
    }


def parts(archive: Archive) -> list[Path]:
    return sorted(archive.out.rglob("*.parquet"))


def test_a_folder_of_tables_is_one_table_to_its_readers(archive: Archive) -> None:
    for number in range(7):
        archive.put(f"{number}.jpg", row(number), "blank", day=number % 3)
    archive.run(part_rows=2)
    assert len(parts(archive)) > 3
    whole = dataset.dataset(archive.out, format="parquet", partitioning="hive").to_table()
    assert whole.num_rows == 14
    assert set(whole["template"].to_pylist()) == {"exam", "_none"}
    assert [one["roll"] for one in table(archive.out)] == [f"{number:04d}" for number in range(7)]


def test_a_field_may_be_called_like_a_column(tmp_path: Path) -> None:
    text = FORM.replace("roll", "model").replace("q1", "day")
    archive = Archive(tmp_path, text)
    archive.put("a.jpg", "row model=0001 day=7 total=7")
    archive.run()
    (one,) = table(archive.out)
    assert (one["model"], one["model.value"], one["day"], one["day.value"]) == ("fake-1", "0001", "2024-05-06", "7")


def test_names_of_any_bytes_are_told(archive: Archive) -> None:
    hostile: list[str | bytes] = [
        b"latin-\xe9.jpg",
        "=cmd().jpg",
        "line\nbreak.jpg",
        "\N{PILE OF POO}.jpg",
        "it's.jpg",
        "[1]*.jpg",
    ]
    for name in hostile:
        archive.put(name)
    archive.run()
    assert sorted(names(table(archive.out))) == sorted(
        os.fsencode(name).decode(errors="backslashreplace") for name in hostile
    )
    archive.run()
    assert archive.read == []


# -- the sources ------------------------------------------------------------------------------------------------------


def listed(folder: Path) -> list[str]:
    return [os.path.relpath(found.address, folder) for found in folders.FolderSource(str(folder)).scans()]


def test_folders_are_listed_in_order_with_all_below_them(archive: Archive) -> None:
    for name in ("b/2.jpg", "b/10.jpg", "a.jpg", "b/1/z.jpg", "c.jpg"):
        archive.put(name)
    assert listed(archive.scans) == ["a.jpg", "b/1/z.jpg", "b/10.jpg", "b/2.jpg", "c.jpg"]


def test_a_folder_of_any_size_is_in_order(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_NAMES_IN_MEMORY", 10)
    for number in range(25):
        archive.put(f"{number}.jpg")
    archive.put(b"\xff.jpg")
    assert listed(archive.scans) == [*sorted(f"{number}.jpg" for number in range(25)), os.fsdecode(b"\xff.jpg")]


def test_patterns(archive: Archive) -> None:
    for name in ("2023/a.jpg", "2024-1/b.jpg", "2024-1/c.pdf", "2024-2/deep/d.jpg", "2024-2/.hidden/e.jpg"):
        archive.put(name)
    for pattern, expected in {
        "2024-*/*.jpg": ["b.jpg"],
        "2024-*": ["b.jpg", "c.pdf", "d.jpg"],
        "**/*.jpg": ["a.jpg", "b.jpg", "d.jpg"],
        "20?3/[ab].*": ["a.jpg"],
        "2024-[!1]/**/*.jpg": ["d.jpg"],
    }.items():
        shutil.rmtree(archive.out, ignore_errors=True)
        archive.run(f"{archive.scans}/{pattern}")
        assert archive.read == expected, pattern


def test_files_lists_and_folders_together_are_read_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = archive.put("one.jpg"), archive.put("folder/other.jpg")
    listed = archive.base / "list.txt"
    listed.write_text(f"# the first box\n{one}\n\nscans/folder/other.jpg\n")
    monkeypatch.chdir(archive.base)
    ended = archive.run("scans/one.jpg", "@list.txt", f"file://{other.parent}")
    assert archive.read == ["one.jpg", "other.jpg"]
    assert ended.standing.scans_found == 2


def test_what_is_no_scan_is_left_alone_and_what_cannot_be_opened_is_a_row(archive: Archive) -> None:
    good = archive.put("good.jpg")
    (archive.scans / "link.jpg").symlink_to(good)
    (archive.scans / "broken.jpg").symlink_to("nowhere")
    (archive.scans / "circle").symlink_to(archive.scans)
    (archive.scans / "copying.jpg.part").write_bytes(b"x")
    (archive.scans / ".DS_Store").write_bytes(b"x")
    os.mkfifo(archive.scans / "pipe.jpg")
    ended = archive.run()
    assert ended.standing.left_alone == 3
    assert names(table(archive.out)) == ["good.jpg", "link.jpg"]
    told = {one["source"].rpartition("/")[2]: one["reasons"][0]["detail"] for one in no_template(archive.out)}
    assert told == {
        "broken.jpg": "the file cannot be opened: No such file or directory",
        "pipe.jpg": "this is no regular file",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_we_may_not_read_is_a_row(archive: Archive) -> None:
    archive.put("locked.jpg").chmod(0)
    archive.put("closed/a.jpg").parent.chmod(0)
    archive.run()
    assert len(no_template(archive.out)) == 2


def test_a_scan_that_is_gone_when_its_turn_comes_is_a_row(archive: Archive) -> None:
    archive.put("a.jpg")
    gone = archive.put("b.jpg")
    begun = archive.worker.probe

    def remove_the_other(path: Path) -> Any:
        gone.unlink(missing_ok=True)
        return begun(path)

    archive.worker.probe = remove_the_other  # type: ignore[method-assign]
    archive.worker.count = 1
    archive.run()
    assert names(all_rows(archive.out)) == ["a.jpg", "b.jpg"]
    assert "cannot be opened" in no_template(archive.out)[0]["reasons"][0]["detail"]


# -- going on ---------------------------------------------------------------------------------------------------------


def test_what_was_read_is_not_read_again_and_what_is_new_is(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    archive.put("b.jpg", day=1)
    ended = archive.run()
    assert archive.read == ["b.jpg"]
    assert (ended.pages_of_run, ended.standing.pages_read) == (1, 2)
    assert names(table(archive.out)) == ["a.jpg", "b.jpg"]


def test_a_scan_that_changed_since_is_told_and_its_row_stays(archive: Archive) -> None:
    archive.put("a.jpg", row(1))
    archive.run()
    archive.put("a.jpg", row(2), row(3), day=4)
    ended = archive.run()
    assert archive.read == []
    assert ended.standing.changed == 1
    assert [one["roll"] for one in table(archive.out)] == ["0001"]


def test_a_scan_that_changes_while_it_is_read_is_read_again(archive: Archive) -> None:
    scan = archive.put("a.jpg", row(1), row(1))
    reading = archive.worker.read
    changed: list[Path] = []

    def write_between(task: Any) -> Any:
        if not changed:
            changed.append(archive.put("a.jpg", row(2), row(2), day=1))
        return reading(task)

    archive.worker.read = write_between  # type: ignore[method-assign]
    archive.run()
    rows = table(archive.out)
    assert [one["roll"] for one in rows] == ["0002", "0002"]
    assert {one["sha256"] for one in rows} == {hashlib.sha256(scan.read_bytes()).hexdigest()}


def test_a_page_that_ends_its_worker_is_tried_once_more_alone(archive: Archive) -> None:
    for number in range(6):
        archive.put(f"{number}.jpg", "crash" if number == 2 else "crash-once roll=0009 q1=7 total=7")
    archive.worker.crashes = 1
    ended = archive.run()
    assert ended.standing.pages[Kind.UNREADABLE] == 1
    assert ended.standing.pages[Kind.ACCEPTED] == 5
    assert codes(no_template(archive.out)[0]) == ["worker-crashed"]


def test_a_scan_that_ends_every_worker_when_opened_is_a_row(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.worker.probe = lambda _: failed(WorkerFailure(ReasonCode.TIMED_OUT, "too long"))  # type: ignore[method-assign,assignment]
    archive.run()
    assert codes(no_template(archive.out)[0]) == ["timed-out"]


# -- what is refused --------------------------------------------------------------------------------------------------


def test_other_templates_and_settings_are_refused(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    (archive.form / "template.yaml").write_text(FORM.replace("max: 10,", "max: 20,"))
    with pytest.raises(ConfigError, match=r"begun with the templates exam \w+, and now .* another folder"):
        archive.run()
    assert archive.worker.stopped == 2


def test_a_second_batch_on_the_same_folder_is_refused(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    with FileLock(archive.out / "_batch" / "lock"), pytest.raises(EnvironmentFault, match="another batch writes"):
        archive.run()


def test_tables_among_the_scans_are_refused(archive: Archive) -> None:
    archive.put("a.jpg")
    for source in (archive.scans, archive.base, f"{archive.base}/sc*", archive.out):
        with pytest.raises(UsageError, match="among the scans"):
            archive.run(source, out=archive.scans / "out" if source != archive.out else archive.out)
    assert listed(archive.base / "scans") == ["a.jpg"]


def test_somebody_elses_tables_are_not_touched(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    shutil.rmtree(archive.out / "_batch")
    before = parts(archive)
    with pytest.raises(UsageError, match="no journal of them"):
        archive.run()
    assert parts(archive) == before


def test_a_part_that_is_gone_is_told(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    parts(archive)[0].unlink()
    with pytest.raises(LedgerError, match="with 1 rows; put it back"):
        archive.run()


def test_what_a_killed_process_left_is_removed(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.run()
    (part,) = parts(archive)
    shutil.copy(part, part.with_name("part-000002.parquet"))
    part.with_name(".sheetwatch-part-000003.parquet").write_bytes(b"half")
    (archive.out / "_batch" / "fetched" / "7").write_bytes(b"half")
    archive.run()
    assert sorted(path.name for path in archive.out.rglob("*") if path.is_file()) == [
        "journal.db",
        "lock",
        part.name,
    ]


def test_a_source_that_is_not_there(archive: Archive) -> None:
    for source in (archive.base / "nowhere", archive.scans, archive.scans / "*.jpg"):
        with pytest.raises(UsageError, match="there is nothing to read"):
            archive.run(source)
    assert not archive.out.exists()
    archive.put("a.jpg")
    with pytest.raises(UsageError, match="no scan was found there"):
        archive.run(archive.scans / "*.pdf")
    shutil.rmtree(archive.out)
    archive.run()
    shutil.rmtree(archive.scans)
    with pytest.raises(EnvironmentFault, match="mount"):
        archive.run()


def test_a_source_that_vanishes_is_waited_for_and_then_told(archive: Archive) -> None:
    for number in range(30):
        archive.put(f"{number}.jpg", row(number))
    archive.worker.count = 1
    probing = archive.worker.probe

    def unmount(path: Path) -> Any:
        if archive.scans.exists() and "2.jpg" in path.name:
            archive.scans.rename(archive.base / "elsewhere")
            archive.scans.mkdir()
        return probing(path)

    archive.worker.probe = unmount  # type: ignore[method-assign]
    with pytest.raises(EnvironmentFault, match=r"is it not mounted.*the same command goes on"):
        archive.run(patience_s=0)
    archive.scans.rmdir()
    (archive.base / "elsewhere").rename(archive.scans)
    archive.worker.probe = probing  # type: ignore[method-assign]
    archive.run()
    assert [one["roll"] for one in table(archive.out)] == sorted(
        (f"{number:04d}" for number in range(30)), key=lambda roll: f"{int(roll)}.jpg"
    )
    assert no_template(archive.out) == []


def test_a_fault_that_passes_is_outlasted(archive: Archive) -> None:
    archive.put("a.jpg")
    faults = [EnvironmentFault("the worker processes were stopped from outside"), OSError(5, "Input/output error")]
    probing = archive.worker.probe
    archive.worker.probe = lambda path: failed(faults.pop()) if faults else probing(path)  # type: ignore[method-assign,arg-type]
    archive.run(patience_s=30)
    assert names(table(archive.out)) == ["a.jpg"]


def test_a_fault_of_one_scan_that_does_not_pass_ends_the_batch(archive: Archive) -> None:
    archive.put("a.jpg")
    archive.put("b.jpg")
    probing = archive.worker.probe
    archive.worker.probe = lambda path: (  # type: ignore[method-assign]
        failed(OSError(5, "Input/output error", str(path))) if path.name == "b.jpg" else probing(path)  # type: ignore[arg-type]
    )
    with pytest.raises(EnvironmentFault, match=r"b\.jpg: Input/output error; check"):
        archive.run(patience_s=2)
    archive.worker.probe = probing  # type: ignore[method-assign]
    archive.run()
    assert names(table(archive.out)) == ["a.jpg", "b.jpg"]


# -- the command ------------------------------------------------------------------------------------------------------


def sheetwatch(*words: str | Path, program: Sequence[str] = ("-m", "sheetwatch")) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, *program, *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment(), timeout=280)


def test_the_command_says_what_became_of_all_pages(archive: Archive) -> None:
    archive.put("a.jpg", row(1), doubt(2), "blank", "foreign", "damaged")
    program = (str(_TEXT_BATCH), str(archive.form))
    words = (archive.scans, "--out", archive.out, "--config", archive.config, "--workers", "2")
    done = sheetwatch(*words, program=program)
    assert done.returncode == 0, done.stderr
    first, rate, parts_line = done.stdout.splitlines()
    assert first == "5 pages of 1 scans = 1 accepted + 1 review + 1 blank + 1 no template + 1 unreadable"
    assert rate.startswith("5 pages in ")
    assert parts_line == f"2 Parquet files in {archive.out}"
    assert "\x1b" not in done.stdout + done.stderr, "no bar on a pipe"
    again = sheetwatch(*words, program=program)
    assert again.stdout.splitlines() == [first, parts_line]


def test_the_real_workers_read_what_read_reads(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("meter-reading", "answer-book"):
        shutil.copy(shipped_folder("config") / "templates" / name / "reference.png", scans / f"{name}.png")
    (scans / "text.jpg").write_text("not a photograph")
    (scans / "large.jpg").write_bytes(b"x" * 2_000_000)
    config = tmp_path / "sheetwatch.yaml"
    templates = shipped_folder("config") / "templates"
    config.write_text(f"version: 1\ntemplates: ['{templates}']\nlimits: {{file_mb: 1}}\nworkers: 1\n")
    done = sheetwatch("batch", scans, "--out", tmp_path / "out", "--config", config)
    assert done.returncode == 0, done.stderr
    told = [
        json.loads(line)
        for line in sheetwatch("read", "--json", *sorted(scans.iterdir()), "--config", config).stdout.splitlines()
    ]
    rows = {
        one["source"]: one
        for name in ("answer-book", "meter-reading", "_none")
        for one in table(tmp_path / "out", name)
    }
    assert len(rows) == len(told) == 4
    for page in told:
        one = rows[page["source"]]
        assert [(one["verdict"], one["page"])] == [(page["verdict"], page["page"])]
        assert one["reasons"] == page["reasons"]
        assert {name: field["value"] for name, field in page["fields"].items()} == {
            name: one.get(f"{name}.value", one.get(name)) for name in page["fields"]
        }
        assert (one["inliers"], one["model"]) == (
            (page["alignment"]["inliers"], page["model"]) if page["alignment"] else (None, None)
        )


def test_only_the_templates_asked_for_are_tried(tmp_path: Path) -> None:
    sheet = shipped_folder("config") / "templates" / "meter-reading" / "reference.png"
    out = tmp_path / "out"
    assert sheetwatch("batch", sheet, "--out", out, "--template", "answer-book", "--workers", "1").returncode == 0
    assert codes(no_template(out)[0]) == ["no-template"]
    other = sheetwatch("batch", sheet, "--out", out)
    assert other.returncode == 78
    assert "begun with the templates answer-book" in other.stderr


def test_usage_errors_name_the_mend(archive: Archive) -> None:
    archive.put("a.jpg")
    for words, why in (
        ((archive.scans,), "--out"),
        ((archive.scans, "--out", archive.out, "--workers", "none"), "write a number from 1 to 256"),
        ((archive.scans, "--out", archive.out, "--patience", "-1"), "--patience"),
        ((archive.scans, "--out", archive.out, "--part-rows", "0"), "--part-rows"),
        ((archive.base / "x", "--out", archive.out), "correct the name, or mount what it lies on"),
        (("@nowhere.txt", "--out", archive.out), "nowhere.txt"),
        ((archive.scans, "--out", archive.out, "--template", "nothing"), "no template of this name"),
    ):
        done = sheetwatch("batch", *words)
        assert done.returncode == 64, (words, done.stderr)
        assert why in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_without_pyarrow_the_mend_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.put("a.jpg")
    monkeypatch.setattr("sheetwatch.delivery.parquet.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'sheetwatch\[cluster\]'"):
        archive.run()


def test_it_costs_nothing_before_it_runs_and_never_loads_a_decoder(archive: Archive) -> None:
    heavy = "{'cv2', 'PIL', 'pypdfium2', 'tflite_runtime', 'ai_edge_litert', 's3fs', 'fsspec'}"
    loading = (
        "import sys, sheetwatch.cli.batch\n"
        "print(sorted({'numpy', 'pyarrow', 'rich', 'sqlite3', 'pebble'} & set(sys.modules)))"
    )
    assert sheetwatch(program=("-c", loading)).stdout == "[]\n"
    archive.put("a.jpg")
    running = (
        "import sys\nfrom sheetwatch.cli import main\n"
        f"main(['batch', {str(archive.scans)!r}, '--out', {str(archive.out)!r}, '--workers', '1'])\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = sheetwatch(program=("-c", running))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_workers_that_are_not_there_at_once_are_waited_for(archive: Archive) -> None:
    for number in range(8):
        archive.put(f"{number}.jpg", row(number))
    archive.worker.count = 0
    reading = archive.worker.read
    away = [EnvironmentFault("nobody is there to read")] * 2

    def read(task: Any) -> Any:
        if away:
            raise away.pop()
        archive.worker.count = 3
        return reading(task)

    archive.worker.read = read  # type: ignore[method-assign]
    archive.run(patience_s=30)
    assert len(table(archive.out)) == 8
