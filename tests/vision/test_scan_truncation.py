"""A file that was cut short anywhere is an error, or it lacks nothing: never a grey half-page, never fewer pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import ReasonCode, ScanError
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    import numpy.typing as npt

KINDS = [
    "jpeg", "jpeg progressive", "jpeg grey", "jpeg cmyk", "jpeg restarts", "png", "png grey 16", "png colour 16",
    "png 1", "png palette", "png alpha", "tiff", "tiff lzw", "tiff deflate", "tiff packbits", "tiff jpeg",
    "tiff group 4", "tiff group 3", "tiff grey 16", "tiff big", "tiff pages", "tiff pages group 4", "webp", "bmp",
    "pdf", "pdf linearised", "pdf object streams",
]  # fmt: skip

ZEROS_ARE_BLACK = {"tiff", "tiff big", "tiff pages", "bmp"}
"""Uncompressed: only the intake can tell missing blocks from black paper, by what the file system has allocated."""


def pages_of(data: bytes) -> list[npt.NDArray[np.uint8]]:
    with open_scan(data) as scan:
        return [scan.page(index).grey for index in range(scan.page_count)]


def assert_error_or_whole(data: bytes, length: int, whole: list[npt.NDArray[np.uint8]]) -> None:
    try:
        pages = pages_of(data[:length])
    except ScanError as error:
        code = error.code
    else:
        assert_same(pages, whole, f"cut to {length} of {len(data)} bytes")
        return
    assert code is ReasonCode.INCOMPLETE_FILE, f"cut to {length} of {len(data)} bytes"


def assert_same(pages: list[npt.NDArray[np.uint8]], whole: list[npt.NDArray[np.uint8]], what: str) -> None:
    assert len(pages) == len(whole), what
    assert all(np.array_equal(page, other) for page, other in zip(pages, whole, strict=True)), what


def test_every_kind_is_cut(scans: dict[str, bytes]) -> None:
    assert sorted(scans) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_near_both_ends_and_in_between(scans: dict[str, bytes], kind: str) -> None:
    data = scans[kind]
    whole = pages_of(data)
    lengths = {*range(64), *range(len(data) - 64, len(data)), *range(64, len(data), max(1, len(data) // 97))}
    for length in sorted(lengths):
        assert_error_or_whole(data, length, whole)


@settings(max_examples=300)
@given(kind=st.sampled_from(KINDS), share=st.floats(0, 1, exclude_max=True))
def test_cut_anywhere(scans: dict[str, bytes], kind: str, share: float) -> None:
    data = scans[kind]
    assert_error_or_whole(data, int(share * len(data)), pages_of(data))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ZEROS_ARE_BLACK])
def test_size_set_before_the_content_came(scans: dict[str, bytes], kind: str) -> None:
    # Some clients of a share set the final size first: the rest reads as zeros.
    data = scans[kind]
    for share in (0.0, 0.3, 0.7, 0.95):
        written = int(share * len(data))
        with pytest.raises(ScanError):
            pages_of(data[:written] + bytes(len(data) - written))


@pytest.mark.parametrize("kind", KINDS)
def test_trailing_zeros_and_line_ends_do_no_harm(scans: dict[str, bytes], kind: str) -> None:
    whole = pages_of(scans[kind])
    for tail in (b"\n", b"\r\n\r\n", bytes(512)):
        assert_same(pages_of(scans[kind] + tail), whole, f"with {len(tail)} bytes more")


@settings(max_examples=300)
@given(kind=st.sampled_from(KINDS), position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_damage_raises_nothing_but_scan_errors(scans: dict[str, bytes], kind: str, position: float, value: int) -> None:
    data = bytearray(scans[kind])
    data[int(position * len(data))] = value
    try:
        pages = pages_of(bytes(data))
    except ScanError:
        return
    assert all(page.dtype == np.uint8 and page.ndim == 2 for page in pages)


@given(data=st.binary(max_size=200))
def test_noise_raises_nothing_but_scan_errors(data: bytes) -> None:
    with pytest.raises(ScanError):
        pages_of(data)


@pytest.mark.parametrize("kind", ["tiff deflate", "png", "png grey 16", "png palette"])
def test_what_has_a_checksum_is_never_other_pixels(scans: dict[str, bytes], kind: str) -> None:
    data = scans[kind]
    whole, seen = pages_of(data), 0
    middle = range(len(data) // 4, len(data) // 2)  # pixels; the numbers of a TIFF's directory have no checksum
    for at in middle[:: max(1, len(middle) // 200)]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            pages = pages_of(bytes(damaged))
        except ScanError:
            seen += 1
        else:
            assert_same(pages, whole, f"byte {at} of {len(data)} damaged")
    assert seen
