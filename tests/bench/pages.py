"""The scans that are timed, each beside its floor: the least that a program must do to see the page in grey."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from sheetwatch.lab.device import Device, draw_device
from sheetwatch.lab.device_files import write_jpeg, write_pdf, write_png, write_tiff
from sheetwatch.lab.sheets import Sheet, generate_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.domain import Template
    from sheetwatch.lab.pen_values import Truth

    Grey = npt.NDArray[np.uint8]

SCANNER = Device(name="scanner", dpi=300, angle_deg=0.7, noise=3, blur_px=0.6)
SCANNER_1BIT = replace(SCANNER, name="scanner-1bit", mode="1-bit")
_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A file, what its floor is, and what was written on the page."""

    path: Path
    floor: Callable[[], Grey]
    template: str
    truth: Mapping[str, Truth]


KINDS = ("colour JPEG", "grey JPEG", "grey PNG", "PDF of a JPEG", "1-bit G4 TIFF")


def write_kinds(template: Template, folder: Path, *, seed: int = 7) -> dict[str, Scan]:
    """One sheet at 300 dpi in every kind of file."""
    sheet = generate_sheet(template, seed, difficulty="easy", device=SCANNER)
    grey = replace(sheet, image=sheet.grey, mode="grey")
    binary = generate_sheet(template, seed, difficulty="easy", device=SCANNER_1BIT)
    colour_jpeg, grey_jpeg, png, pdf, tiff = (folder / f"page.{it}" for it in ("jpg", "grey.jpg", "png", "pdf", "tif"))
    write_jpeg(colour_jpeg, sheet, quality=_QUALITY)
    write_jpeg(grey_jpeg, grey, quality=_QUALITY)
    write_png(png, grey)
    write_pdf(pdf, [sheet])
    write_tiff(tiff, [binary])
    shown = zip(KINDS, (colour_jpeg, grey_jpeg, png, pdf, tiff), (sheet, sheet, sheet, sheet, binary), strict=True)
    return {kind: _scan(path, of) for kind, path, of in shown}


def write_scan(template: Template, path: Path, *, seed: int = 7, device: Device = SCANNER) -> Scan:
    """One sheet as a colour JPEG."""
    sheet = generate_sheet(template, seed, difficulty="easy", device=device)
    write_jpeg(path, sheet, quality=_QUALITY)
    return _scan(path, sheet)


def telephone(seed: int) -> Device:
    """A photograph's settings: light, bend, perspective and turn drawn anew for each seed."""
    return draw_device("phone", np.random.default_rng(seed))


def _scan(path: Path, sheet: Sheet) -> Scan:
    open_it = open_embedded if path.suffix == ".pdf" else open_picture
    return Scan(path=path, floor=lambda: open_it(path), template=sheet.template or "", truth=sheet.truth)


def open_picture(path: Path) -> Grey:
    """The floor of a picture."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def open_embedded(path: Path) -> Grey:
    """The floor of a PDF: take its one JPEG out and decode it."""
    document = pdfium.PdfDocument(path)
    try:
        page = document[0]
        (image,) = page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE])
        data = np.array(image.get_data(decode_simple=True), np.uint8)
        page.close()
    finally:
        document.close()
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
