"""The row of one page: as it waits in the journal, and later stands in a Parquet file.

Whoever changes what a row holds raises the journal's version: rows that wait were packed by the program before.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import msgspec

from sheetwatch import __version__
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from sheetwatch.domain import PageReading

_PROGRAM = f"sheetwatch {__version__}"


class ReasonRow(msgspec.Struct, frozen=True, array_like=True):
    """Why a page needs a person; `field` is None where the reason is about the whole page."""

    code: str
    field: str | None
    detail: str


class FieldRow(msgspec.Struct, frozen=True, array_like=True):
    """What one field says."""

    value: str
    state: str
    probability: float


class PageRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One page. `fields` are in template order; none where the page was not read."""

    source: str
    page: int
    verdict: str
    reasons: tuple[ReasonRow, ...]
    fields: tuple[FieldRow, ...]
    confidence: float | None
    inliers: int | None
    rms_error_px: float | None
    worst_field_px: float | None
    model: str | None
    program: str
    template_revision: str | None
    sha256: str | None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(PageRow)


def packed(row: PageRow) -> bytes:
    """A row as bytes."""
    return _ENCODER.encode(row)


def unpacked(data: bytes) -> PageRow:
    """A row from its bytes."""
    return _DECODER.decode(data)


def row_of(address: str, page: int, reading: PageReading, sha256: str | None) -> PageRow:
    """The row of a page. page: 0-based; sha256: of the scan's bytes, in hex."""
    alignment = reading.alignment
    return PageRow(
        source=_as_utf8(address),
        page=page,
        verdict=str(reading.verdict),
        reasons=tuple(ReasonRow(str(one.code), one.field, plain_text(one.detail)) for one in reading.verdict.reasons),
        fields=tuple(
            FieldRow(found.value, str(found.state), float(found.probability)) for found in reading.fields.values()
        ),
        confidence=float(reading.confidence) if reading.fields else None,
        inliers=int(alignment.inliers) if alignment else None,
        rms_error_px=_finite(alignment.rms_error_px) if alignment else None,
        worst_field_px=_finite(alignment.worst_field_px) if alignment else None,
        model=reading.model or None,
        program=_PROGRAM,
        template_revision=reading.template_revision,
        sha256=sha256,
    )


def _as_utf8(address: str) -> str:
    r"""A file name's undecodable bytes as \xff: Parquet holds UTF-8 only."""
    return os.fsencode(address).decode(errors="backslashreplace")


def _finite(number: float) -> float | None:
    """An error without bound is no figure that a mean could be taken of."""
    return float(number) if math.isfinite(number) else None
