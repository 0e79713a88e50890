"""What C libraries say on stderr while they decode: the only place where libjpeg and libtiff admit to damage.

Both go on after damaged data and fill the rest with grey or white; Pillow and OpenCV hand that out as a whole page.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sheetwatch.stderr import taken_in
from sheetwatch.vision.decode.pages import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Run native decoding code; raises ScanError when it said that the pixels are damaged. One thread only."""
    with taken_in() as heard:
        yield
    if _DAMAGE.search(heard.words):
        raise unreadable(f"the image is damaged: {heard.words.strip().splitlines()[0][:120]}")
