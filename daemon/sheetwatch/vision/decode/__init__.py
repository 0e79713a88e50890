"""Decode: a scan's bytes in, grey pages out; whole or not at all.

The format is told from the content, never from the name. Limits are checked from headers before any pixel is decoded,
and a file that was cut short anywhere is an error: libraries would hand out a grey half-page.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from sheetwatch.domain import Limits, Page, ReasonCode, ScanError
from sheetwatch.vision.decode.guard import guard
from sheetwatch.vision.decode.pages import ReduciblePages, smaller
from sheetwatch.vision.decode.sniff import opener_for

if TYPE_CHECKING:
    from types import TracebackType

    from sheetwatch.vision.decode.pages import Pages

__all__ = ["Scan", "open_scan"]


class Scan:
    """An open scan; a context manager. Pages are decoded one by one, when asked for."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @property
    def page_count(self) -> int:
        """How many pages the scan holds; at least 1."""
        return self._pages.count

    def page(self, index: int, enough_px: int | None = None) -> Page:
        """Decode one page (index from 0). Raises ScanError when its pixels are damaged; other pages may be whole.

        enough_px: a longer side of so many pixels will do; then a page is halved as long as it keeps them, and
        decoded so where that is faster.
        """
        if not 0 <= index < self.page_count:
            raise IndexError(f"page {index} of {self.page_count}")
        with guard():
            if enough_px is None:
                return self._pages.decode(index)
            if isinstance(self._pages, ReduciblePages):
                return smaller(self._pages.decode_reduced(index, enough_px), enough_px)
            return smaller(self._pages.decode(index), enough_px)

    def close(self) -> None:
        """Give back the memory; no page can be decoded any more."""
        self._pages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_scan(source: Path | bytes, limits: Limits | None = None) -> Scan:
    """Open a scan and check its structure from end to end, without decoding pixels.

    Raises ScanError: incomplete-file, unreadable-file, too-large or encrypted.
    """
    limits = limits or Limits()
    data = _read(source, limits) if isinstance(source, Path) else source
    if len(data) > limits.file_mb * 1e6:
        raise _too_many_bytes(len(data), limits)
    opener = opener_for(data)
    with guard():
        pages = opener(data, limits)
    if (count := pages.count) > limits.pages:
        pages.close()
        raise ScanError(ReasonCode.TOO_LARGE, f"{count} pages, allowed are {limits.pages} (limits.pages)")
    return Scan(pages)


def _read(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file; a pipe or device is refused instead of waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            _check_file(status, limits)
            with open(descriptor, "rb", closefd=False) as stream:
                return _all_of(stream, status.st_size, int(limits.file_mb * 1e6))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScanError(ReasonCode.UNREADABLE_FILE, f"the file cannot be opened: {reason}") from error
    except MemoryError as error:
        raise ScanError(ReasonCode.TOO_LARGE, "the file does not fit into the memory allowed for a worker") from error


def _all_of(stream: BinaryIO, size_bytes: int, most_bytes: int) -> bytes:
    """A file to its end, even if it has grown meanwhile; of one that is too large, a byte more than is allowed.

    Asked for all that is allowed, Python first makes room for so much: 0.5 ms, as much as all other checks of a JPEG.
    """
    data = stream.read(size_bytes + 1)
    return data if len(data) <= size_bytes else data + stream.read(most_bytes - size_bytes)


def _check_file(status: os.stat_result, limits: Limits) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ScanError(ReasonCode.UNREADABLE_FILE, f"this is {kind}")
    if status.st_size > limits.file_mb * 1e6:
        raise _too_many_bytes(status.st_size, limits)


def _too_many_bytes(size_bytes: int, limits: Limits) -> ScanError:
    return ScanError(
        ReasonCode.TOO_LARGE, f"{size_bytes / 1e6:.1f} MB, allowed are {limits.file_mb:g} (limits.file_mb)"
    )
