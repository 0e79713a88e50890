"""Generated sheets as the files that scanners write: JPEG, PNG, TIFF and PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sheetwatch.lab.sheets import Sheet

# EXIF orientation: how many clockwise quarter turns a viewer makes before showing the stored picture.
_QUARTERS_TO_SHOW = {1: 0, 6: 1, 3: 2, 8: 3}


def write_jpeg(path: Path, sheet: Sheet, *, quality: int = 90, orientation: int = 1) -> None:
    """One page. `orientation` (1, 3, 6 or 8): stored turned, with the EXIF entry that shows it upright again."""
    stored = np.rot90(sheet.image, _QUARTERS_TO_SHOW[orientation])
    picture = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    picture.save(path, "JPEG", quality=quality, dpi=_dpi(sheet), exif=exif)


def write_png(path: Path, sheet: Sheet) -> None:
    """One page, without loss."""
    _picture(sheet).save(path, "PNG", dpi=_dpi(sheet), compress_level=3)


def write_tiff(path: Path, sheets: Sequence[Sheet]) -> None:
    """Any number of pages: CCITT group 4 where all are 1-bit, else LZW."""
    compression = "group4" if all(sheet.mode == "1-bit" for sheet in sheets) else "tiff_lzw"
    first, *others = [_picture(sheet) for sheet in sheets]
    first.save(path, "TIFF", compression=compression, dpi=_dpi(sheets[0]), save_all=bool(others), append_images=others)


def write_pdf(path: Path, sheets: Sequence[Sheet]) -> None:
    """Any number of pages, each one embedded image: CCITT for 1-bit, JPEG for the rest."""
    first, *others = [_picture(sheet) for sheet in sheets]
    first.save(path, "PDF", resolution=sheets[0].dpi, save_all=bool(others), append_images=others)


def write_scan(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write by the name's ending: .jpg, .png (one page), .tif, .tiff, .pdf. Raises ValueError for another."""
    ending = path.suffix.lower()
    if ending in {".jpg", ".jpeg"}:
        write_jpeg(path, _only(path, sheets))
    elif ending == ".png":
        write_png(path, _only(path, sheets))
    elif ending in {".tif", ".tiff"}:
        write_tiff(path, sheets)
    elif ending == ".pdf":
        write_pdf(path, sheets)
    else:
        raise ValueError(f"{path.name}: no way to write a scan of this ending; use .jpg, .png, .tif or .pdf")


def _only(path: Path, sheets: Sequence[Sheet]) -> Sheet:
    if len(sheets) != 1:
        raise ValueError(f"{path.name}: {len(sheets)} pages do not fit this format; use .tif or .pdf")
    return sheets[0]


def _picture(sheet: Sheet) -> Image.Image:
    picture = Image.fromarray(sheet.image)
    return picture.convert("1", dither=Image.Dither.NONE) if sheet.mode == "1-bit" else picture


def _dpi(sheet: Sheet) -> tuple[int, int]:
    return round(sheet.dpi), round(sheet.dpi)
