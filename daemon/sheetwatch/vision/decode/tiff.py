"""TIFF, several pages too: the chain of directories is checked first, because a cut file only looks shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import UnidentifiedImageError

from sheetwatch.domain import Limits, Page, ReasonCode, ScanError
from sheetwatch.vision.decode import tags
from sheetwatch.vision.decode.native import no_damage
from sheetwatch.vision.decode.pages import check_size, incomplete, unreadable
from sheetwatch.vision.decode.pixels import open_image, to_grey

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from sheetwatch.vision.decode.tags import Directory

    Grey = npt.NDArray[np.uint8]

_THUMBNAIL, _MASK = 1, 4
_WHITE_IS_ZERO = 0
_SEPARATE_PLANES = 2
_PACKED_BY_OPENCV = {1, 5, 8, 32773, 32946}  # none, LZW, Deflate, PackBits; of others it hands out white, and no error
_OLD_JPEG = 6  # its writers agreed on nothing, also not on strips
_GROUP_4 = 4  # no code of ITU-T T.6 holds more than ten zero bits but the end mark, at which decoders stop silently


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tiff:
    """`images`: place in the chain, and directory, of each real page. `image`: None for a kind unknown to Pillow."""

    data: bytes
    image: Image.Image | None
    images: tuple[tuple[int, Directory], ...]

    @property
    def count(self) -> int:
        """How many pages there are, thumbnails and masks left out."""
        return len(self.images)

    def decode(self, index: int) -> Page:
        """Decode one page."""
        place, directory = self.images[index]
        with no_damage():
            if self.image is None or _is_planar_16_bit(directory):
                grey = _by_opencv(self.data, place, directory)
            else:
                grey = _by_pillow(self.image, place, directory)
        return Page(grey=grey, index=index, dpi=directory.dpi)

    def close(self) -> None:
        """Close the image."""
        if self.image is not None:
            self.image.close()


def open_pages(data: bytes, limits: Limits) -> _Tiff:
    """Check every directory, then open the image."""
    images = _real_pages(data, limits)
    try:
        image = open_image(data, "TIFF")
    except UnidentifiedImageError:
        image = None
    return _Tiff(data=data, image=image, images=images)


def _by_pillow(image: Image.Image, place: int, directory: Directory) -> Grey:
    image.seek(place)
    image.load()  # Pillow applies the orientation here
    grey = to_grey(image)
    if image.mode.startswith("I;16") and directory.first(tags.PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        np.invert(grey, out=grey)  # Pillow inverts 1 and 8 bits, not 16
    return grey


def _is_planar_16_bit(directory: Directory) -> bool:
    """Pillow reads the planes of such a page as bytes, and says nothing."""
    return directory.first(tags.PLANAR, 1) == _SEPARATE_PLANES and directory.first(tags.BITS, 1) > 8


def _by_opencv(data: bytes, place: int, directory: Directory) -> Grey:
    """The kinds that Pillow does not know, such as 16 bits in planes; OpenCV would ignore alpha and orientation."""
    known = directory.first(tags.COMPRESSION) in _PACKED_BY_OPENCV and directory.first(tags.ORIENTATION, 1) == 1
    if len(directory.tags.get(tags.BITS, (1,))) not in {1, 3} or not known:
        raise unreadable("this kind of TIFF is not supported; save it as PNG")
    read, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE, range=(place, place + 1))
    if not read or len(pages) != 1:
        raise unreadable("this kind of TIFF is not supported; save it as PNG")
    return np.asarray(pages[0], dtype=np.uint8)


def _real_pages(data: bytes, limits: Limits) -> tuple[tuple[int, Directory], ...]:
    images = []
    for place, directory in enumerate(_directories(data, limits)):
        if directory.first(tags.SUBFILE_TYPE) & (_THUMBNAIL | _MASK):
            continue
        check_size(directory.first(tags.WIDTH), directory.first(tags.HEIGHT), limits)
        _check_pixels_inside(directory, data)
        images.append((place, directory))
        if len(images) > limits.pages:
            raise ScanError(ReasonCode.TOO_LARGE, f"more than {limits.pages} pages (limits.pages)")
    if not images:
        raise unreadable("the TIFF holds no page")
    return tuple(images)


def _directories(data: bytes, limits: Limits) -> list[Directory]:
    """The chain of directories; bounded, because a hostile one is endless."""
    reader = tags.tag_reader(data)
    offset = reader.first_offset()
    if not offset:
        raise incomplete("the TIFF has no page directory yet")
    seen: set[int] = set()
    directories = []
    while offset:
        if offset in seen:
            raise unreadable("the TIFF's page directories form a circle")
        if len(seen) > 2 * limits.pages + 16:
            raise ScanError(ReasonCode.TOO_LARGE, f"more than {limits.pages} pages (limits.pages)")
        seen.add(offset)
        directories.append(reader.directory(offset))
        offset = directories[-1].next_offset
    return directories


def _check_pixels_inside(directory: Directory, data: bytes) -> None:
    """Every strip or tile must lie inside the file, and fax rows must not stop half-way."""
    offsets = directory.tags.get(tags.STRIP_OFFSETS) or directory.tags.get(tags.TILE_OFFSETS) or ()
    lengths = directory.tags.get(tags.STRIP_BYTES) or directory.tags.get(tags.TILE_BYTES) or ()
    if not offsets:
        raise unreadable("a page of the TIFF has no pixels")
    if lengths and len(lengths) != len(offsets):
        raise unreadable("a page of the TIFF contradicts itself about its strips")
    if len(offsets) < _parts_needed(directory) and directory.first(tags.COMPRESSION) != _OLD_JPEG:
        raise incomplete("a part of a page is missing: it has fewer strips than rows to fill")
    lengths = lengths or (1,) * len(offsets)
    for offset, length in zip(offsets, lengths, strict=True):
        if not offset or not length:
            raise incomplete("a part of a page is not written yet")
        if offset + length > len(data):
            raise incomplete("the file ends within a page")
        if directory.first(tags.COMPRESSION) == _GROUP_4 and data.find(b"\0\0", offset, offset + length - 8) >= 0:
            raise incomplete("a part of a page is missing: its rows end half-way")


def _parts_needed(directory: Directory) -> int:
    """How many strips or tiles a page of this size has; where some are missing, decoders leave black or white."""
    width, height = directory.first(tags.WIDTH), directory.first(tags.HEIGHT)
    planes = directory.first(tags.SAMPLES, 1) if directory.first(tags.PLANAR, 1) == _SEPARATE_PLANES else 1
    if tags.STRIP_OFFSETS in directory.tags:
        across, down = width, directory.first(tags.STRIP_ROWS)
    else:
        across, down = directory.first(tags.TILE_WIDTH), directory.first(tags.TILE_HEIGHT)
    return planes * -(-width // (across or width)) * -(-height // (down or height))
