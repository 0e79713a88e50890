"""What native libraries write to stderr, taken in for the time of a call."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDERR = 2
_MOST_BYTES = 10_000


@dataclass(slots=True)
class Heard:
    """The words, once the call is over."""

    words: str = ""


@contextmanager
def taken_in() -> Iterator[Heard]:
    """Take in whatever the process writes to stderr meanwhile: one thread only."""
    heard = Heard()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # no stderr: nothing can be heard
        yield heard
        return
    memory = os.memfd_create("sheetwatch-stderr")
    try:
        os.dup2(memory, _STDERR)
        try:
            yield heard
        finally:
            os.dup2(kept, _STDERR)
        heard.words = os.pread(memory, _MOST_BYTES, 0).decode(errors="replace")
    finally:
        os.close(kept)
        os.close(memory)
