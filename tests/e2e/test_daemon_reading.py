"""The daemon with its real workers says of scans what `sheetwatch read` says, within its memory."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image

from sheetwatch.lab.sheets import generate_blank, generate_foreign, generate_sheet
from sheetwatch.templates import load_templates
from support.processes import Installation, wait_until

if TYPE_CHECKING:
    import subprocess

TEMPLATES = Path(__file__).resolve().parents[2] / "config" / "templates"
MOST_MEMORY_MIB = 400
SETTINGS = (
    "version: 1\nworkers: 1\nlog: {{format: json}}\n"
    "watch: {{settle_s: 0.5, rescan_s: 2, incomplete_after_s: 3}}\ntemplates: {templates}\n"
)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans of every kind: (pages) 1 + 1 + 3 + 1 + 1 + 1 + 1 + 1."""
    folder = tmp_path_factory.mktemp("scans")
    templates = load_templates([TEMPLATES])
    images = [
        Image.fromarray(generate_sheet(templates[index % 2], 500 + index, difficulty="easy", device="scanner").image)
        for index in range(3)
    ]
    images[0].save(folder / "first.jpg", quality=90)
    images[1].rotate(180).save(folder / "upside down.png")
    pages = [image.convert("L") for image in images]
    pages[0].save(folder / "three.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    Image.fromarray(generate_blank(1).image).save(folder / "back.png")
    Image.fromarray(generate_foreign(1).image).save(folder / "foreign.jpg")
    whole = (folder / "first.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("hello")
    (folder / "empty.pdf").write_bytes(b"")
    return folder


def read_json(place: Installation, folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What `sheetwatch read` says, by file and page."""
    done = place.command("read", "--json", *map(str, sorted(folder.iterdir())))
    pages = [json.loads(line) for line in done.stdout.splitlines()]
    return {(Path(page["source"]).name, page["page"]): page for page in pages}


def values_in_review(place: Installation) -> dict[str, dict[str, str]]:
    """The column `read` of every answer sheet, by the page's stem."""
    sheets = {}
    for path in (place.base / "review").glob("*.review.csv"):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["field"] != "(whole sheet)"]
        sheets[path.name.removesuffix(".review.csv")] = {row["field"]: row["read"] for row in rows}
    return sheets


def peak_mib(process: subprocess.Popen[str]) -> float:
    """The most memory that the daemon and its children ever held, added up."""
    total_kib = 0
    for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        status = Path(f"/proc/{member.pid}/status").read_text()
        total_kib += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return total_kib / 1024


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path, SETTINGS.format(templates=json.dumps([str(TEMPLATES)])))


def settled(place: Installation, pages_in: int) -> bool:
    counts = place.status()["accounting"]
    return bool(counts) and counts["pages_in"] == pages_in and not counts["in_work"]


@pytest.mark.slow
def test_the_daemon_says_what_read_says(place: Installation, scans: Path) -> None:
    expected = read_json(place, scans)
    with place.daemon("-m", "sheetwatch", "--config", str(place.config), "run") as process:
        for scan in scans.iterdir():
            place.drop(scan.name, scan.read_bytes())
        wait_until(lambda: settled(place, len(expected)), timeout_s=150)
        wait_until(lambda: not any(place.status()["owed"].values()))
        memory_mib = peak_mib(process)
    assert process.returncode == 0
    counts = place.status()["accounting"]
    assert counts["pages_in"] == counts["rows"] + counts["review"] + counts["dropped"] == len(expected) == 10
    assert counts["dropped_by"] == {"blank": 1}
    shown = values_in_review(place)
    became = {(sheet["source"], sheet["page"]): sheet for sheet in place.status()["last"]}
    for key, page in expected.items():
        _same(page, became[key], shown, place)
    print(f"peak memory of daemon, worker and tracker: {memory_mib:.0f} MiB")
    assert memory_mib < MOST_MEMORY_MIB


def _same(page: dict[str, Any], sheet: dict[str, Any], shown: dict[str, dict[str, str]], place: Installation) -> None:
    values = {name: field["value"] for name, field in (page.get("fields") or {}).items()}
    if sheet["state"] == "review":
        assert page["verdict"] == "review"
        assert sorted({reason["code"] for reason in page["reasons"]}) == sorted(set(sheet["reasons"]))
        (stem,) = [stem for stem in shown if stem.endswith(sheet["sheet_id"])]
        assert {name: value for name, value in shown[stem].items() if value} == {
            name: value for name, value in values.items() if value
        }
    elif sheet["state"] == "row":
        assert page["verdict"] == "accepted"
        with (place.base / "results" / sheet["csv"]).open(newline="") as file:
            (row,) = [row for row in csv.DictReader(file) if row["sheet_id"] == sheet["sheet_id"]]
        assert {name: row[name] for name in values} == values


@pytest.mark.slow
def test_real_office_scans_dropped_into_the_inbox(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "sheets" / "markus"
    place = Installation(tmp_path, SETTINGS.format(templates=json.dumps([str(folder)])))
    for name in ("test-auto-parse-scan-success.pdf", "test-auto-parse-scan-blank.pdf"):
        place.drop(name, (folder / name).read_bytes())
    process = place.start("-m", "sheetwatch", "--config", str(place.config), "run", "--once")
    assert process.wait(150) == 0
    became = {(sheet["source"], sheet["page"]): sheet for sheet in place.command_json("status", "--last", "20")["last"]}
    assert len(became) == 12
    for (source, page), sheet in became.items():
        if page:
            assert (sheet["state"], sheet["reasons"]) == ("review", ["no-template"]), (source, page)
    assert "missing-value" in became["test-auto-parse-scan-blank.pdf", 0]["reasons"]
    assert became["test-auto-parse-scan-success.pdf", 0]["template"] is not None
