"""The checksums of deflated strips and tiles (RFC 1950), which libtiff does not look at."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sheetwatch.vision.decode import tags
from sheetwatch.vision.decode.pages import unreadable

if TYPE_CHECKING:
    from sheetwatch.vision.decode.tags import Directory

_DEFLATE = {8, 32946}
_AT_ONCE_BYTES = 1 << 20


def check_sums(data: bytes, directory: Directory) -> None:
    """Raise ScanError when the pixels of a deflated page are not what was written.

    One damaged bit shifts or changes what follows, and decoders go on. No more is unpacked than the page has pixels.
    """
    if directory.first(tags.COMPRESSION) not in _DEFLATE:
        return
    left = _unpacked_bytes(directory)
    for offset, length in directory.parts:
        left -= _check_part(data[offset : offset + length], left)
        if left <= 0:
            return


def _check_part(part: bytes, most: int) -> int:
    """How many bytes a part holds, up to about `most`. Without an end it has no checksum; that is no error here."""
    unpacked, inflating = 0, zlib.decompressobj()
    try:
        while part and not inflating.eof and unpacked <= most:
            unpacked += len(inflating.decompress(part, _AT_ONCE_BYTES))
            part = inflating.unconsumed_tail
    except zlib.error as error:
        raise unreadable("a page of the TIFF is damaged: its data does not fit its checksum") from error
    return unpacked


def _unpacked_bytes(directory: Directory) -> int:
    """A bound for the bytes of a page's pixels, the fill of its last tiles included."""
    width, height = directory.first(tags.WIDTH), directory.first(tags.HEIGHT)
    width += directory.first(tags.TILE_WIDTH)
    height += directory.first(tags.TILE_HEIGHT)
    bits = sum(directory.tags.get(tags.BITS, (1,)))
    return height * (width * max(bits, directory.first(tags.SAMPLES, 1)) // 8 + 8) + _AT_ONCE_BYTES
