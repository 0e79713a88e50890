"""What C libraries say on stderr while they decode: the only place where libjpeg and libtiff admit to damage.

Both go on after damaged data and fill the rest with grey or white; Pillow and OpenCV hand that out as a whole page.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sheetwatch.vision.decode.pages import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDERR = 2
_MOST_BYTES = 10_000
# libjpeg: jerror.h (JWRN_HIT_MARKER, JWRN_JPEG_EOF, JWRN_HUFF_BAD_CODE, JWRN_MUST_RESYNC, JWRN_BOGUS_PROGRESSION,
# JWRN_ARITH_BAD_CODE, and JWRN_EXTRANEOUS_DATA except before the end of the image, where many cameras leave some: it
# tells only the first of its warnings, so that this one may hide the others). libtiff: tif_fax3.c, tif_lzw.c,
# tif_zip.c, tif_packbits.c, tif_read.c.
_DAMAGE = re.compile(
    r"premature end|bad (Huffman|arithmetic) code|instead of RST|inconsistent progression"
    r"|extraneous bytes before marker 0x(?!d9)"
    r"|bad code word|premature EO|line length mismatch|uncompressed data \(not supported\)"
    r"|not enough data|corrupted|data error|read error|decoding error|invalid code|too few",
    re.IGNORECASE,
)


@contextmanager
def no_damage() -> Iterator[None]:
    """Run native decoding code; raises ScanError when it said that the pixels are damaged.

    For the time of the call, whatever the process writes to stderr is taken in: decode in one thread only.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # no stderr: nothing can be heard
        yield
        return
    heard = os.memfd_create("sheetwatch-decode")
    try:
        os.dup2(heard, _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
        words = os.pread(heard, _MOST_BYTES, 0).decode(errors="replace")
    finally:
        os.close(kept)
        os.close(heard)
    if _DAMAGE.search(words):
        raise unreadable(f"the image is damaged: {words.strip().splitlines()[0][:120]}")
