"""The real daemon with the real reader: the team's sheets, and every kind of bad input, dropped into its inbox."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from typing import TYPE_CHECKING

import pikepdf
import pytest
from PIL import Image

from sheetwatch.lab.device_files import write_jpeg
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from support.processes import Installation

if TYPE_CHECKING:
    from pathlib import Path

QUICK = "watch: {settle_s: 0.3, rescan_s: 0.5, incomplete_after_s: 2}\nlog: {format: json}\nworkers: 1\n"


def installation(folder: Path, templates: Path, extra: str = "") -> Installation:
    return Installation(folder, f"version: 1\ntemplates: ['{templates}']\n{QUICK}{extra}")


def read_in_terminal(place: Installation, file: Path) -> list[dict[str, object]]:
    done = place.command("read", "--json", str(file))
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_the_daemon_reads_what_the_command_reads(tmp_path: Path, shared_data: Path) -> None:
    sheets = shared_data / "sheets"
    place = installation(tmp_path, sheets)
    files = [sheets / "crescent" / "filled.jpg", *sorted((sheets / "markus").glob("test-auto-parse-*.pdf"))]
    for file in files:
        place.drop(file.name, file.read_bytes())
    assert place.command("run", "--once").returncode == 0

    told = [page for file in files for page in read_in_terminal(place, file)]
    counts = place.status()["accounting"]
    accepted = sum(page["verdict"] == "accepted" for page in told)
    print(f"\n{len(told)} pages: {accepted} accepted by the command; the daemon's accounting: {counts}")
    assert counts["pages_in"] == len(told) == 13
    assert counts["rows"] == accepted == len(place.csv_lines())
    assert counts["review"] == len(told) - accepted == len([n for n in place.names("review") if n.endswith(".txt")])
    assert counts["in_work"] == counts["dropped"] == 0
    reviewed = "\n".join(
        (place.base / "review" / name).read_text() for name in place.names("review") if name.endswith(".csv")
    )
    assert "student_number" in reviewed or accepted


def huge_png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compressobj(9)
    line = bytes(1 + 30_000 // 8)
    body = b"".join(rows.compress(line) for _ in range(30_000)) + rows.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def many_pages() -> bytes:
    out = io.BytesIO()
    page = Image.new("1", (8, 8), 1)
    page.save(out, "TIFF", save_all=True, append_images=[page] * 9_999)
    return out.getvalue()


def encrypted_pdf() -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(out, encryption=pikepdf.Encryption(owner="o", user="u"))
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bad_input_of_every_kind_goes_to_review_and_the_daemon_goes_on(tmp_path: Path) -> None:
    templates = shipped_folder("config") / "templates"
    place = installation(tmp_path / "place", templates)
    good = tmp_path / "good.jpg"
    sheet = generate_sheet(load_templates([templates])[0], 3, difficulty="easy", device="clean")
    write_jpeg(good, sheet)
    whole = good.read_bytes()
    bad = {
        "empty.jpg": b"",
        "text.jpg": b"this is no picture at all, only words\n" * 40,
        "encrypted.pdf": encrypted_pdf(),
        "huge.png": huge_png(),
        "pages.tiff": many_pages(),
        "noise.tif": os.urandom(5000),
        **{f"cut-{share}.jpg": whole[: len(whole) * share // 100] for share in (1, 20, 50, 90, 99)},
    }
    odd_names = ("new\nline.jpg", "-rf.jpg", "=cmd().jpg", "\U0001f600.jpg")
    for name, data in bad.items():
        place.drop(name, data)
    for number, name in enumerate(odd_names):
        place.drop(name, whole + bytes(number))
    (place.base / "inbox" / "folder.jpg").mkdir()
    (place.base / "inbox" / "link.jpg").symlink_to(good)
    locked = place.base / "inbox" / "locked.jpg"
    locked.write_bytes(whole + b"\0" * 99)
    locked.chmod(0)

    assert place.command("run", "--once").returncode == 0
    counts = place.status()["accounting"]
    print(f"\n{counts}")
    readable_anyway = os.access(locked, os.R_OK) or not locked.exists()
    assert counts["pages_in"] == len(bad) + len(odd_names) + readable_anyway
    assert counts["in_work"] == 0
    assert counts["pages_in"] == counts["rows"] + counts["review"] + counts["dropped"]
    reasons = {
        name: (place.base / "review" / name).read_text() for name in place.names("review") if name.endswith(".txt")
    }
    for name in bad:
        assert any(f'"{name}"' in text for text in reasons.values()), f"{name} is not in review"
    assert (place.base / "inbox" / "folder.jpg").is_dir()
    assert (place.base / "inbox" / "link.jpg").is_symlink()
