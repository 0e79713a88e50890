"""One place where whatever a decoding library throws becomes a ScanError."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode, ScanError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CUT_SHORT = ("truncat", "incomplete", "unexpected end", "eof", "not enough data", "broken data stream")


@contextmanager
def guard() -> Iterator[None]:
    """Run decoding code: its exceptions become ScanError, its warnings (broken EXIF and the like) are dropped."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ScanError:
        raise
    except MemoryError as error:
        raise ScanError(ReasonCode.TOO_LARGE, "decoding needs more memory than a worker may have") from error
    except Exception as error:
        raise _as_scan_error(error) from error


def _as_scan_error(error: Exception) -> ScanError:
    text = " ".join(str(error).split())[:200] or type(error).__name__
    lowered = text.lower()
    if "insufficient memory" in lowered or "bomb" in type(error).__name__.lower():
        return ScanError(ReasonCode.TOO_LARGE, f"decoding needs too much memory: {text}")
    if any(sign in lowered for sign in _CUT_SHORT):
        return ScanError(ReasonCode.INCOMPLETE_FILE, f"a part of the image is missing: {text}")
    return ScanError(ReasonCode.UNREADABLE_FILE, f"the image is damaged: {text}")
