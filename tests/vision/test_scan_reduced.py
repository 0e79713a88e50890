"""Pages decoded no finer than they need be: smaller, and otherwise the same."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from sheetwatch.domain import Box, ReasonCode, ScanError
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.pipeline import read_page, read_scan_page
from sheetwatch.reader import load_reader
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from sheetwatch.vision.cells import enough_px
from sheetwatch.vision.decode import open_scan
from support.pdf_by_hand import PdfImage, image_page

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

TEMPLATES = load_templates([shipped_folder("config") / "templates"])
SHEET = next(template for template in TEMPLATES if template.name == "answer-book")


@pytest.fixture(scope="module")
def picture() -> Grey:
    """Soft blots: what a JPEG keeps at any size."""
    noise = np.random.default_rng(8).integers(0, 256, (1203, 901), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 9), None, 20, 240, cv2.NORM_MINMAX)


def jpeg(grey: Grey, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def smaller(grey: Grey, shape: tuple[int, ...]) -> Grey:
    return np.asarray(cv2.resize(grey, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def pdf(data: bytes, grey: Grey, colours: str = "/DeviceRGB", more: str = "") -> bytes:
    entries = f"/ColorSpace {colours} /BitsPerComponent 8 /Filter /DCTDecode {more}"
    return image_page(PdfImage(data=data, width=grey.shape[1], height=grey.shape[0], entries=entries))


def png_or_tiff(grey: Grey, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "png":
        Image.fromarray(grey).save(out, "PNG")
    else:
        Image.fromarray(grey > 128).save(out, "TIFF", compression="group4")
    return out.getvalue()


def pdf_of_pixels(grey: Grey) -> bytes:
    entries = "/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    data = zlib.compress(grey.tobytes())
    return image_page(PdfImage(data=data, width=grey.shape[1], height=grey.shape[0], entries=entries))


def scan_of(grey: Grey, kind: str) -> bytes:
    if kind in {"png", "1-bit tiff"}:
        return png_or_tiff(grey, kind)
    if kind == "pdf of pixels":
        return pdf_of_pixels(grey)
    data = jpeg(grey, {"grey jpeg": "L", "grey pdf": "L", "cmyk jpeg": "CMYK"}.get(kind, "RGB"))
    if "pdf" in kind:
        return pdf(data, grey, "/DeviceGray" if kind == "grey pdf" else "/DeviceRGB")
    return data


@pytest.mark.parametrize(
    "kind", ["jpeg", "grey jpeg", "cmyk jpeg", "pdf", "grey pdf", "png", "1-bit tiff", "pdf of pixels"]
)
@pytest.mark.parametrize(("enough", "reduced"), [(5000, 1), (1203, 1), (601, 2), (602, 1), (300, 4), (10, 4)])
def test_a_page_is_as_large_as_need_be(picture: Grey, kind: str, enough: int, reduced: int) -> None:
    with open_scan(scan_of(picture, kind)) as scan:
        whole, page = scan.page(0), scan.page(0, enough)
    assert whole.grey.shape == picture.shape
    assert page.reduced == reduced
    height, width = page.grey.shape
    assert max(abs(reduced * height - 1203), abs(reduced * width - 901)) < reduced
    seen = whole.grey[: reduced * height, : reduced * width]
    assert np.abs(page.grey.astype(int) - smaller(seen, page.grey.shape)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_smaller_page_is_turned_like_a_whole_one(picture: Grey, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with open_scan(jpeg(picture, exif=exif)) as scan:
        whole, page = scan.page(0), scan.page(0, 600)
    assert page.reduced == 2
    assert np.abs(page.grey.astype(int) - smaller(whole.grey, page.grey.shape)).mean() < 3


def test_a_pdf_shows_a_jpeg_whose_levels_it_turns_round_as_a_person_sees_it(picture: Grey) -> None:
    plain, turned = (pdf(jpeg(picture, "L"), picture, "/DeviceGray", more) for more in ("", "/Decode [1 0]"))
    with open_scan(plain) as one, open_scan(turned) as other:
        assert one.page(0, 600).reduced == 2
        page = other.page(0, 600)
        assert page.reduced == 2
        assert np.abs(page.grey.astype(int) - smaller(other.page(0).grey, page.grey.shape)).mean() < 3


@pytest.mark.parametrize("kind", ["jpeg", "pdf"])
def test_damage_is_noticed_at_every_size(picture: Grey, kind: str) -> None:
    data = jpeg(picture)
    data = data[: len(data) * 6 // 10] + b"\xff\xd9"
    whole = data if kind == "jpeg" else pdf(data, picture)
    for enough in (None, 600, 300):
        with pytest.raises(ScanError) as refused, open_scan(whole) as scan:
            scan.page(0, enough)
        assert refused.value.code in {ReasonCode.UNREADABLE_FILE, ReasonCode.INCOMPLETE_FILE}


def test_small_boxes_want_a_finer_page() -> None:
    assert enough_px([SHEET]) < 1754
    narrow = replace(SHEET.fields[0], box=Box(left=200, top=300, width=300, height=40))
    fields = (narrow, *SHEET.fields[1:])
    assert enough_px([SHEET, replace(SHEET, fields=fields)]) > 3000
    assert enough_px([]) > 0


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_small_form_on_a_large_glass_is_read_with_all_of_its_pixels(kind: str) -> None:
    sheet = generate_sheet(SHEET, 12, difficulty="easy", device="clean").grey
    height, width = sheet.shape
    glass = cv2.copyMakeBorder(sheet, 40, height - 40, 30, width - 30, cv2.BORDER_CONSTANT, value=250)
    data = jpeg(glass) if kind == "jpeg" else png_or_tiff(glass, kind)
    reader = load_reader()
    with open_scan(data) as scan:
        assert scan.page(0, enough_px(TEMPLATES)).reduced == 2
        reading, whole = read_scan_page(scan, 0, TEMPLATES, reader), read_page(scan.page(0).grey, TEMPLATES, reader)
    assert (reading.fields, reading.verdict) == (whole.fields, whole.verdict)


def test_fields_lie_in_pixels_of_the_file_however_it_was_decoded() -> None:
    sheet = generate_sheet(SHEET, 12, difficulty="easy", device="clean")
    page = cv2.resize(sheet.grey, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    reader = load_reader()
    whole = read_page(page, TEMPLATES, reader)
    with open_scan(jpeg(page)) as scan:
        assert scan.page(0, enough_px(TEMPLATES)).reduced == 2
        reading = read_scan_page(scan, 0, TEMPLATES, reader)
    assert whole.alignment is not None
    assert reading.alignment is not None
    assert np.abs(reading.alignment.quads - whole.alignment.quads).max() < 1.5
    values = [name for name, field in whole.fields.items() if field.value != reading.fields[name].value]
    assert len(values) <= 1
