"""Which parts and words of a page may be writing, and which are rests of ruled lines, specks, the other side's ink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.vision.written.parts import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.vision.written.ink import PageInk
    from sheetwatch.vision.written.parts import Parts
    from sheetwatch.vision.written.words import Word

    Real = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

_MOSTLY = 0.7  # of a single stroke's ink on ruled lines; a 1 on a line has its ends beside it
_NEARLY_ALL = 0.97  # of any other part's; among narrow squares lines are everywhere
_DARKER = 1.4  # so many times as dark as the lines is no rest of them
_NARROW = 0.4  # of its height; what is so narrow is a single stroke
_FLAT = 0.4  # of the usual height around
_LOWEST = 0.3  # of the page's usual height of writing
_FAINTEST = 0.35  # of the page's usual darkness


def without_rests(ink: PageInk, parts: Parts) -> Parts:
    """The parts without faint ones and those that lie on ruled lines."""
    if not len(parts.label):
        return parts
    on_lines, dark = _by_part(ink, parts)
    clear = dark > _FAINTEST * median(dark, parts.area * dark**2)  # faint noise may cover more than the writing
    stroke = (parts.width < _NARROW * parts.height) | (parts.height < _FLAT * parts.usual)
    rest = parts.body & (on_lines > np.where(stroke, _MOSTLY, _NEARLY_ALL))
    rest &= dark < _DARKER * _line_darkness(ink)  # a pen that is darker than the lines wrote it
    return parts.only(clear & ~rest)


def _line_darkness(ink: PageInk) -> float:
    """How dark the ruled lines were that are gone."""
    if ink.ruling is None:
        return 0.0
    gone = ink.dark[(ink.ruling > 0) & (ink.mask == 0)]
    return float(np.percentile(gone, 75)) if gone.size else 0.0


def worth_reading(parts: Parts, words: Sequence[Word]) -> Flags:
    """For each word whether it may be writing: whether it is not far lower than what is written on this page."""
    if not words:
        return np.zeros(0, np.bool_)
    area = np.array([parts.area[word.parts].sum() for word in words])
    tall = np.array([word.tall for word in words])
    return np.asarray(tall > _LOWEST * median(tall, area), dtype=np.bool_)


def _by_part(ink: PageInk, parts: Parts) -> tuple[Real, Real]:
    """For each part the share of its pixels on ruled lines, and its mean darkness."""
    rows, columns = np.nonzero(ink.mask)
    labels = parts.labels[rows, columns]
    count = int(parts.labels.max()) + 1
    dark = np.bincount(labels, ink.dark[rows, columns], count)
    lined = np.zeros(count) if ink.ruling is None else np.bincount(labels, ink.ruling[rows, columns], count)
    return lined[parts.label] / parts.area, dark[parts.label] / parts.area
