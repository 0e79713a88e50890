"""Hostile and foreign files: refused from their headers, in little time and memory, with the right reason."""

from __future__ import annotations

import os
import resource
import struct
import time
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sheetwatch.domain import Limits, ReasonCode, ScanError
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    from pathlib import Path

    from vision.conftest import WriteTiff


def reason_of(source: Path | bytes, limits: Limits | None = None) -> ReasonCode:
    with pytest.raises(ScanError) as caught, open_scan(source, limits) as scan:
        scan.page(0)
    assert caught.value.detail
    return caught.value.code


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(width: int, height: int, rows: int) -> bytes:
    """A valid grey PNG of that size in its header, with only some of its rows."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_huge_png_is_refused_without_decoding() -> None:
    data = png_of(30_000, 30_000, 30_000)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.perf_counter()
    assert reason_of(data) is ReasonCode.TOO_LARGE
    assert time.perf_counter() - began_s < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 50_000


def test_png_with_too_few_rows() -> None:
    assert reason_of(png_of(200, 300, 100)) is ReasonCode.INCOMPLETE_FILE


def test_png_with_a_wrong_checksum(scans: dict[str, bytes]) -> None:
    data = bytearray(scans["png"])
    data[len(data) // 2] ^= 1
    assert reason_of(bytes(data)) is ReasonCode.UNREADABLE_FILE


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp", "bmp", "pdf"])
def test_megapixels(scans: dict[str, bytes], kind: str) -> None:
    assert reason_of(scans[kind], Limits(megapixels=0.01)) is ReasonCode.TOO_LARGE
    with open_scan(scans[kind], Limits(megapixels=0.02)) as scan:
        assert scan.page(0).grey.size == 120 * 160


def test_bytes(scans: dict[str, bytes], tmp_path: Path) -> None:
    size_mb = len(scans["png"]) / 1e6
    path = tmp_path / "scan.png"
    path.write_bytes(scans["png"])
    for source in (scans["png"], path):
        assert reason_of(source, Limits(file_mb=size_mb * 0.99)) is ReasonCode.TOO_LARGE
        with open_scan(source, Limits(file_mb=size_mb * 1.01)) as scan:
            assert scan.page_count == 1


def test_ten_thousand_pages(write_tiff: WriteTiff) -> None:
    pages = [bytes(64)] * 10_000
    data = write_tiff(*pages, width=8, height=8, bits=8, photometric=1, samples=1)
    began_s = time.perf_counter()
    assert reason_of(data) is ReasonCode.TOO_LARGE
    assert time.perf_counter() - began_s < 1
    with open_scan(data, Limits(pages=10_000)) as scan:
        assert scan.page_count == 10_000


def test_pages_in_a_circle(write_tiff: WriteTiff) -> None:
    data = write_tiff(bytes(64), width=8, height=8, bits=8, photometric=1, samples=1)
    entries = struct.unpack_from("<H", data, 8)[0]
    next_at = 8 + 2 + 12 * entries
    circle = data[:next_at] + struct.pack("<I", 8) + data[next_at + 4 :]
    assert reason_of(circle) is ReasonCode.UNREADABLE_FILE


def test_a_tag_with_a_monstrous_count(write_tiff: WriteTiff) -> None:
    data = bytearray(write_tiff(bytes(64), width=8, height=8, bits=8, photometric=1, samples=1))
    at = data.index(struct.pack("<HH", 273, 4))
    struct.pack_into("<I", data, at + 4, 0xFFFF_FFFF)
    assert reason_of(bytes(data)) is ReasonCode.INCOMPLETE_FILE


def test_a_tag_with_more_strips_than_a_page_has_rows(write_tiff: WriteTiff) -> None:
    data = bytearray(write_tiff(bytes(8_000_064), width=8, height=8, bits=8, photometric=1, samples=1))
    at = data.index(struct.pack("<HH", 273, 4))
    struct.pack_into("<II", data, at + 4, 1_900_000, 200)
    assert reason_of(bytes(data)) is ReasonCode.UNREADABLE_FILE


def test_a_tiff_with_fewer_strips_or_tiles_than_its_page_needs(write_tiff: WriteTiff) -> None:
    strips = write_tiff(bytes(64), width=8, height=8, bits=8, photometric=1, samples=1, rows=1)
    tiles = write_tiff(bytes(64), width=8, height=8, bits=8, photometric=1, samples=1, tile_width=4, tile_height=4)
    assert reason_of(strips) is reason_of(tiles) is ReasonCode.INCOMPLETE_FILE


def test_a_tiff_packed_in_a_way_that_nobody_knows_is_no_white_page(write_tiff: WriteTiff) -> None:
    data = write_tiff(bytes(64), width=8, height=8, bits=8, photometric=0, samples=1, compression=0)
    assert reason_of(data) is ReasonCode.UNREADABLE_FILE


def test_a_side_longer_than_the_decoder_takes() -> None:
    assert reason_of(png_of(1, 2_000_000, 1)) is ReasonCode.TOO_LARGE


def test_a_tiff_that_is_still_written(write_tiff: WriteTiff) -> None:
    data = write_tiff(bytes(64), width=8, height=8, bits=8, photometric=1, samples=1)
    assert reason_of(data[:4] + bytes(4) + data[8:]) is ReasonCode.INCOMPLETE_FILE
    at = data.index(struct.pack("<HH", 279, 4))
    assert reason_of(data[: at + 8] + bytes(4) + data[at + 12 :]) is ReasonCode.INCOMPLETE_FILE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ReasonCode.INCOMPLETE_FILE),
        (bytes(5000), ReasonCode.INCOMPLETE_FILE),
        (b"\xff\xd8", ReasonCode.INCOMPLETE_FILE),
        (b"this is a text, not a photograph\n" * 9, ReasonCode.UNREADABLE_FILE),
        (b"GIF89a" + bytes(100), ReasonCode.UNREADABLE_FILE),
        (b"PK\x03\x04" + bytes(100), ReasonCode.UNREADABLE_FILE),
        (b"\xff\xd8\xff\xd9", ReasonCode.UNREADABLE_FILE),
        (b"%PDF-1.4\n", ReasonCode.INCOMPLETE_FILE),
        (b"\0\0\0\x18ftypheic" + bytes(64), ReasonCode.UNREADABLE_FILE),
    ],
)
def test_what_is_no_scan(data: bytes, code: ReasonCode) -> None:
    assert reason_of(data) is code


def test_things_that_are_no_files(tmp_path: Path) -> None:
    folder, pipe, missing = tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.jpg"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe, missing):
        assert reason_of(path) is ReasonCode.UNREADABLE_FILE


def test_a_jpeg_of_no_size(scans: dict[str, bytes]) -> None:
    data = bytearray(scans["jpeg"])
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = bytes(4)
    assert reason_of(bytes(data)) is ReasonCode.UNREADABLE_FILE


def test_a_jpeg_whose_first_warning_would_hide_the_others(scans: dict[str, bytes]) -> None:
    data = scans["jpeg restarts"]
    marks = [at for at in range(len(data) - 1) if data[at] == 0xFF and data[at + 1] in range(0xD0, 0xD8)]
    middle = marks[len(marks) // 2]
    assert reason_of(data[:middle] + b"\x12\x34" * 40 + data[middle:]) is ReasonCode.UNREADABLE_FILE


def test_nothing_is_printed(scans: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    for kind, data in scans.items():
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 0x55
        try:
            with open_scan(bytes(damaged)) as scan:
                assert scan.page(0).grey.dtype == np.uint8, kind
        except ScanError:
            continue
    assert capfd.readouterr().err == ""
