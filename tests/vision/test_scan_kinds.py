"""Every kind of pixel that offices send comes out as the same grey picture, the right way up."""

from __future__ import annotations

import io
import zlib
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from sheetwatch.domain import ReasonCode, ScanError
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from vision.conftest import WriteTiff

    Grey = npt.NDArray[np.uint8]

EXACT = ["png", "png grey 16", "png alpha", "png palette", "tiff", "tiff lzw", "tiff deflate", "tiff packbits", "bmp"]
EXACT += ["tiff grey 16", "tiff big", "tiff pages", "png colour 16"]
LOSSY = ["jpeg", "jpeg progressive", "jpeg grey", "jpeg cmyk", "jpeg restarts", "tiff jpeg", "webp", "pdf"]
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
ONE_BIT = ["png 1", "tiff group 4", "tiff group 3", "tiff pages group 4"]


def first_page(data: bytes) -> Grey:
    with open_scan(data) as scan:
        return scan.page(0).grey


@pytest.mark.parametrize("kind", EXACT)
def test_exact_kinds(scans: dict[str, bytes], grey: Grey, kind: str) -> None:
    found = first_page(scans[kind])
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - grey).max() <= 1


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_kinds(scans: dict[str, bytes], grey: Grey, kind: str) -> None:
    assert np.abs(first_page(scans[kind]).astype(int) - grey).mean() < 3


@pytest.mark.parametrize("kind", ONE_BIT)
def test_one_bit(scans: dict[str, bytes], colour: Image.Image, kind: str) -> None:
    assert np.array_equal(first_page(scans[kind]), np.asarray(colour.convert("1").convert("L")))


def test_pages_of_a_tiff_in_order(write_tiff: WriteTiff, grey: Grey) -> None:
    height, width = grey.shape
    pages = [grey, 255 - grey, grey // 2]
    data = write_tiff(*(page.tobytes() for page in pages), width=width, height=height, bits=8, photometric=1, samples=1)
    with open_scan(data) as scan:
        assert scan.page_count == 3
        for index in (2, 0, 1):
            assert np.array_equal(scan.page(index).grey, pages[index])
            assert scan.page(index).index == index
        with pytest.raises(IndexError):
            scan.page(3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_grey_tiff(write_tiff: WriteTiff, grey: Grey, order: str, bits: int, photometric: int, *, big: bool) -> None:
    height, width = grey.shape
    pixels = (grey if photometric else 255 - grey).astype(f"{order}u{bits // 8}") * (257 if bits == 16 else 1)
    data = write_tiff(
        pixels.astype(f"{order}u{bits // 8}").tobytes(),
        order=order, big=big, width=width, height=height, bits=bits, photometric=photometric, samples=1,
    )  # fmt: skip
    assert np.array_equal(first_page(data), grey)


@pytest.mark.parametrize("photometric", [0, 1], ids=["white is zero", "black is zero"])
def test_four_bits(write_tiff: WriteTiff, grey: Grey, photometric: int) -> None:
    height, width = grey.shape
    packed = (grey[:, 0::2] & 0xF0) | (grey[:, 1::2] >> 4)
    pixels = (packed if photometric else 255 - packed).tobytes()
    data = write_tiff(pixels, width=width, height=height, bits=4, photometric=photometric, samples=1)
    assert np.array_equal(first_page(data), (grey >> 4) * 17)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [1, 2], ids=["interleaved", "in planes"])
def test_colour_tiff(write_tiff: WriteTiff, colour: Image.Image, grey: Grey, bits: int, planar: int) -> None:
    height, width = grey.shape
    pixels = np.asarray(colour).astype("<u2") * 257 if bits == 16 else np.asarray(colour)
    ordered = pixels if planar == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
    data = write_tiff(
        ordered.tobytes(), width=width, height=height, bits=(bits,) * 3, photometric=2, samples=3, planar=planar,
        strips=1 if planar == 1 else 3,
    )  # fmt: skip
    assert np.abs(first_page(data).astype(int) - grey).max() <= 1


def test_tiles(write_tiff: WriteTiff) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (160, 128), dtype=np.uint8)
    tiles = [pixels[top : top + 80, left : left + 64].tobytes() for top in (0, 80) for left in (0, 64)]
    data = write_tiff(
        b"".join(tiles),
        width=128,
        height=160,
        bits=8,
        photometric=1,
        samples=1,
        tile_width=64,
        tile_height=80,
        strips=4,
    )
    assert np.array_equal(first_page(data), pixels)


def test_palette_and_cmyk_tiff(write_tiff: WriteTiff, colour: Image.Image, grey: Grey) -> None:
    height, width = grey.shape
    ramp = tuple(int(level) * 257 for level in range(256)) * 3
    palette = write_tiff(grey.tobytes(), width=width, height=height, bits=8, photometric=3, samples=1, colours=ramp)
    assert np.array_equal(first_page(palette), grey)
    inks = np.dstack([255 - np.asarray(colour), np.zeros_like(grey)])
    cmyk = write_tiff(inks.tobytes(), width=width, height=height, bits=(8,) * 4, photometric=5, samples=4)
    assert np.abs(first_page(cmyk).astype(int) - grey).max() <= 1


def test_alpha_lies_over_white(colour: Image.Image, grey: Grey) -> None:
    alpha = np.full(grey.shape, 255, np.uint8)
    alpha[80:] = 0
    alpha[60:80] = 128
    expected = np.round(grey.astype(float) * alpha / 255 + 255 - alpha)
    for layers in ((*colour.split(), Image.fromarray(alpha)), (colour.convert("L"), Image.fromarray(alpha))):
        stream = io.BytesIO()
        Image.merge("RGBA" if len(layers) == 4 else "LA", layers).save(stream, "PNG")
        assert np.abs(first_page(stream.getvalue()).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_one_transparent_colour(colour: Image.Image, mode: str) -> None:
    image = colour.convert("L").convert(mode)
    grey = np.asarray(image.convert("L"))
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert np.array_equal(first_page(stream.getvalue()), np.where(grey == 0, 255, grey))


def test_one_transparent_colour_of_16_bits(scans: dict[str, bytes], grey: Grey) -> None:
    data = scans["png grey 16"]
    transparent = data[:33] + chunk(b"tRNS", bytes(2)) + data[33:]
    assert np.array_equal(first_page(transparent), np.where(grey == 0, 255, grey))


def test_alpha_of_16_bits(colour: Image.Image, grey: Grey) -> None:
    pixels = np.dstack([np.asarray(colour)[:, :, ::-1], grey // 2 + 100]).astype(np.uint16) * 257
    alpha = (grey // 2 + 100).astype(float)
    expected = grey * alpha / 255 + 255 - alpha
    found = first_page(cv2.imencode(".png", pixels)[1].tobytes())
    assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize("sample_format", [2, 3], ids=["signed", "floating"])
def test_pixels_without_a_range_are_refused(write_tiff: WriteTiff, grey: Grey, sample_format: int) -> None:
    height, width = grey.shape
    data = write_tiff(
        grey.astype("<f4").tobytes(),
        width=width,
        height=height,
        bits=32,
        photometric=1,
        samples=1,
        format=sample_format,
    )
    with pytest.raises(ScanError) as caught:
        first_page(data)
    assert caught.value.code is ReasonCode.UNREADABLE_FILE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(colour: Image.Image, grey: Grey, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    colour.save(stream, kind, exif=exif, quality=95)
    expected = turned(grey, orientation)
    found = first_page(stream.getvalue())
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation(write_tiff: WriteTiff, grey: Grey, orientation: int) -> None:
    height, width = grey.shape
    data = write_tiff(
        grey.tobytes(), width=width, height=height, bits=8, photometric=1, samples=1, orientation=orientation
    )
    assert np.array_equal(first_page(data), turned(grey, orientation))


def turned(pixels: Grey, orientation: int) -> Grey:
    """The EXIF standard's table: where the stored first row and first column belong."""
    mirrored = pixels[:, ::-1]
    return {
        1: pixels,
        2: mirrored,
        3: np.rot90(pixels, 2),
        4: np.rot90(mirrored, 2),
        5: np.rot90(mirrored, 1),
        6: np.rot90(pixels, -1),
        7: np.rot90(mirrored, -1),
        8: np.rot90(pixels, 1),
    }[orientation]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_resolution(colour: Image.Image, kind: str) -> None:
    for stated, found in ((300, pytest.approx(300, abs=0.1)), (1, None)):
        stream = io.BytesIO()
        colour.save(stream, kind, dpi=(stated, stated))
        with open_scan(stream.getvalue()) as scan:
            assert scan.page(0).dpi == found


def test_thumbnails_are_no_pages(write_tiff: WriteTiff, grey: Grey) -> None:
    height, width = grey.shape
    data = write_tiff(grey.tobytes(), grey.tobytes(), width=width, height=height, bits=8, photometric=1, samples=1)
    first = data.index(grey.tobytes())
    second_directory = first + grey.size
    # In the second directory, the entry of compression (259) becomes one of the subfile type (254): a thumbnail.
    at = data.index((259).to_bytes(2, "little") + (4).to_bytes(2, "little"), second_directory)
    thumbnail = data[:at] + (254).to_bytes(2, "little") + data[at + 2 :]
    with open_scan(thumbnail) as scan:
        assert scan.page_count == 1
        assert np.array_equal(scan.page(0).grey, grey)


def test_a_broken_exif_block_is_no_reason_to_refuse(scans: dict[str, bytes], grey: Grey) -> None:
    block = b"Exif\0\0II*\0\xff\xff\xff\xff"
    data = scans["jpeg"][:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2) + block + scans["jpeg"][2:]
    assert first_page(data).shape == grey.shape


def test_missing_restart_intervals_are_noticed(grey: Grey) -> None:
    whole = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4])[1].tobytes()
    marks = [at for at in range(len(whole) - 1) if whole[at] == 0xFF and 0xD0 <= whole[at + 1] <= 0xD7]
    half = whole[: marks[len(marks) // 2]] + b"\xff\xd9"  # ends like a whole JPEG, but has only half of its rows
    with pytest.raises(ScanError) as caught:
        first_page(half)
    assert caught.value.code is ReasonCode.INCOMPLETE_FILE


@pytest.mark.parametrize("kind", ["jpeg", "jpeg progressive", "jpeg grey", "jpeg cmyk"])
def test_a_cut_jpeg_with_an_end_mark_is_noticed(scans: dict[str, bytes], kind: str) -> None:
    # Some repair tools and cameras put the end mark behind whatever there is.
    with pytest.raises(ScanError):
        first_page(scans[kind][: len(scans[kind]) // 2] + b"\xff\xd9")


def test_damaged_fax_rows_are_noticed(scans: dict[str, bytes]) -> None:
    data = bytearray(scans["tiff group 4"])
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    with pytest.raises(ScanError):
        first_page(bytes(data))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_interlaced_png(mode: str, tmp_path: Path) -> None:
    # OpenCV and Pillow cannot write interlaced files: the rows of each pass are packed here. PNG specification, 8.2.
    pixels = np.random.default_rng(5).integers(1, 256, (21, 13, 4), dtype=np.uint8)
    image = Image.fromarray(pixels, "RGBA").convert(mode)
    path = tmp_path / "interlaced.png"
    path.write_bytes(interlaced(image))
    assert np.array_equal(first_page(path.read_bytes()), first_page(plain_png(image)))
    with pytest.raises(ScanError):
        first_page(interlaced(image, rows_left_out=1))


def plain_png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def interlaced(image: Image.Image, rows_left_out: int = 0) -> bytes:
    rows: list[bytes] = []
    for left, top, across, down in PASSES:
        part = image.crop((left, top, image.width, image.height))
        width, height = -(-part.width // across), -(-part.height // down)
        if part.width > 0 and part.height > 0:
            spread = Image.new(part.mode, (width, height))
            for x, y in product(range(width), range(height)):
                spread.paste(part.crop((x * across, y * down, x * across + 1, y * down + 1)), (x, y))
            raw = spread.tobytes()
            each = len(raw) // height
            rows += [b"\0" + raw[at : at + each] for at in range(0, len(raw), each)]
    whole = plain_png(image)
    header = whole[16:28] + b"\x01"
    kept = b"".join(chunk(name, body) for name, body in chunks(whole) if name in {b"PLTE", b"tRNS"})
    packed = zlib.compress(b"".join(rows[: len(rows) - rows_left_out]))
    return whole[:8] + chunk(b"IHDR", header) + kept + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def test_a_name_says_nothing_about_the_format(scans: dict[str, bytes], grey: Grey, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scans["bmp"])
    with open_scan(path) as scan:
        assert np.array_equal(scan.page(0).grey, grey)


def test_real_sheets(shared_data: Path) -> None:
    counts = {"test-auto-parse-scan-success.pdf": 6, "midterm_scan_101.pdf": 6, "midterm_scan_102.pdf": 6}
    for name, count in counts.items():
        with open_scan(shared_data / "sheets" / "markus" / name) as scan:
            assert scan.page_count == count
            page = scan.page(0)
            assert page.dpi == pytest.approx({"test-auto-parse-scan-success.pdf": 400}.get(name, 300), abs=1)
            assert 200 < page.grey.mean() < 255
