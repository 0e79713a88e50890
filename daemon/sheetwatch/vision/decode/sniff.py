"""Tell a scan's format from its first bytes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sheetwatch.vision.decode.pages import incomplete, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Limits
    from sheetwatch.vision.decode.pages import Pages

_MAGIC = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"%PDF-": "pdf",
    b"BM": "other",
}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"}
_PDF_HEADER_WITHIN = 1024  # ISO 32000-1, annex H, note 13: junk before the header is common


def opener_for(data: bytes) -> Callable[[bytes, Limits], Pages]:
    """The function that opens this kind of file. Raises ScanError for kinds that are not known."""
    name = _format(data)
    module = import_module(f"sheetwatch.vision.decode.{name}")
    opener: Callable[[bytes, Limits], Pages] = module.open_pages
    return opener


def _format(data: bytes) -> str:
    if not data:
        raise incomplete("the file is empty")
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return name
    if (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or (data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS):
        return "other"
    if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
        return "pdf"
    if not data.strip(b"\0"):
        raise incomplete("the file holds only zeros so far")
    if any(magic.startswith(data) for magic in _MAGIC) or (len(data) < 12 and _may_become_webp_or_heic(data)):
        raise incomplete("the file ends within its first bytes")
    raise unreadable("this is no JPEG, PNG, TIFF, PDF, HEIC, WebP or BMP")


def _may_become_webp_or_heic(data: bytes) -> bool:
    return b"RIFF".startswith(data[:4]) or (data.startswith(b"\0\0\0") and b"ftyp".startswith(data[4:8]))
