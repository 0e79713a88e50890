"""`sheetwatch batch` on an object store that speaks S3, over HTTP: more keys than one answer holds, and outages."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyarrow", reason="pyarrow (extra cluster) is not installed")

from support.archive import Archive, names, no_template, table
from support.bucket import Line, running_store, without_credentials
from support.office import doubt, row, sheet
from support.processes import environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.bucket import Store

_TEXT_BATCH = Path(__file__).parents[1] / "support" / "text_batch.py"
MANY = 1050

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as store:
        scans = {f"scans/{number // 100:02d}/{number:04d}.jpg": sheet(row(number)) for number in range(MANY)}
        others = {"scans.jpg": sheet(row(1)), "scans/": b"", "scans/.hidden/a.jpg": b"x", "scans/00/text.jpg": b"text"}
        store.put({**scans, **others})
        yield store


@contextmanager
def batch(archive: Archive, store: Store, *words: str, **extra: str) -> Iterator[subprocess.Popen[str]]:
    """A running batch, on a file store's environment."""
    line = [sys.executable, str(_TEXT_BATCH), str(archive.form), *words, "--config", str(archive.config)]
    with (archive.base / "log").open("w") as log:
        process = subprocess.Popen(
            line, stdout=log, stderr=log, text=True, env=environment({**store.environment, **extra})
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run(archive: Archive, store: Store, *words: str, code: int = 0, extra: Mapping[str, str] | None = None) -> str:
    """A whole run; returns what it says."""
    with batch(archive, store, *words, "--out", str(archive.out), **(extra or {})) as process:
        found = process.wait(300)
    said = (archive.base / "log").read_text()
    assert found == code, said
    assert "Traceback" not in said
    return said


def test_every_object_below_a_prefix_is_a_row_once(tmp_path: Path, store: Store) -> None:
    archive = Archive(tmp_path)
    said = run(archive, store, "s3://archive/scans")
    assert f"{MANY + 1:,} pages of {MANY + 1:,} scans = {MANY:,} accepted" in said
    rows = table(archive.out)
    assert [one["roll"] for one in rows] == [f"{number:04d}" for number in range(MANY)]
    assert rows[0]["source"] == "s3://archive/scans/00/0000.jpg"
    assert names(no_template(archive.out)) == ["text.jpg"]
    before = store.requests("GET /archive/scans/")
    run(archive, store, "s3://archive/scans")
    assert store.requests("GET /archive/scans/") == before, "nothing is fetched twice"
    assert not list((archive.out / "_batch" / "fetched").iterdir())


def test_objects_patterns_and_lists(tmp_path: Path, store: Store) -> None:
    archive = Archive(tmp_path)
    listed = tmp_path / "list.txt"
    listed.write_text("s3://archive/scans/09/0999.jpg\ns3://archive/scans/09/nowhere.jpg\n")
    run(archive, store, "s3://archive/scans.jpg", "s3://archive/scans/0[34]/*1.jpg", f"@{listed}")
    expected = [f"03{number}1" for number in range(10)] + [f"04{number}1" for number in range(10)] + ["0999"]
    assert sorted(one["roll"] for one in table(archive.out)) == sorted(["0001", *expected])
    (missing,) = no_template(archive.out)
    assert missing["reasons"][0]["detail"] == "there is no such object"


def test_an_object_that_is_too_large_is_not_fetched(tmp_path: Path, store: Store) -> None:
    archive = Archive(tmp_path)
    store.put({"large/a.jpg": sheet(row(1)), "large/b.jpg": b"x" * 3000, "large/empty.jpg": b""}, "sizes")
    config = archive.config
    config.write_text(config.read_text() + "limits: {file_mb: 0.002}\n")
    line = [sys.executable, str(_TEXT_BATCH), str(archive.form), "s3://sizes/large", "--config", str(config)]
    subprocess.run([*line, "--out", str(archive.out)], env=environment(store.environment), check=True)
    assert names(table(archive.out)) == ["a.jpg"]
    large, empty = no_template(archive.out)
    assert large["reasons"][0]["code"] == "too-large"
    assert "not fetched" in large["reasons"][0]["detail"]
    assert empty["reasons"][0]["code"] == "unreadable-file"
    assert store.requests("GET /sizes/large/b.jpg") == 0


@pytest.mark.parametrize("patience_s", ["300", "1"])
def test_an_outage_is_outlasted_or_told_and_then_gone_on_from(tmp_path: Path, store: Store, patience_s: str) -> None:
    archive, line = Archive(tmp_path), Line(store)
    bucket = f"outage-{patience_s}"
    store.put({f"{number:03d}.jpg": sheet(row(number), doubt(number)) for number in range(60)}, bucket)
    words = (f"s3://{bucket}", "--out", str(archive.out), "--patience", patience_s)
    line.connect()
    try:
        there = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}"}
        with batch(archive, store, *words, SLOW_S="0.1", **there) as process:
            wait_until(lambda: store.requests(f"GET /{bucket}/") > 20)
            line.cut()
            if patience_s == "1":
                assert process.wait(300) == 75
                assert "the same command goes on where this one stopped" in log(archive)
                line.connect()
                run(archive, store, f"s3://{bucket}", extra=there)
            else:
                wait_until(lambda: "waiting: s3://" in log(archive), timeout_s=120)
                line.connect()
                assert process.wait(300) == 0, log(archive)
    finally:
        line.cut()
    assert [(one["roll"], one["page"]) for one in table(archive.out)] == [
        (f"{number:04d}", page) for number in range(60) for page in (0, 1)
    ]
    assert no_template(archive.out) == []


def log(archive: Archive) -> str:
    return (archive.base / "log").read_text()


def test_what_cannot_be_reached_is_told_in_a_line(tmp_path: Path, store: Store) -> None:
    archive = Archive(tmp_path)
    for address, code, why in (
        ("s3://nowhere/a", 64, "The specified bucket does not exist"),
        ("s3://archive/nothing", 64, "there is nothing"),
        ("s3://archive/scans/*.pdf", 64, "no scan was found there"),
        ("nothing://archive", 64, "Protocol not known"),
    ):
        said = run(archive, store, address, code=code)
        assert why in said
        assert len(said.splitlines()) == 1
    line = [sys.executable, str(_TEXT_BATCH), str(archive.form), "s3://archive/scans", "--out", str(archive.out)]
    nobody = {
        **without_credentials(os.environ),
        "AWS_ENDPOINT_URL": store.address,
        "PYTHONPATH": environment()["PYTHONPATH"],
    }
    done = subprocess.run(line, env=nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 75
    assert "Unable to locate credentials" in done.stderr
