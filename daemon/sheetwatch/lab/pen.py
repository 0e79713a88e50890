"""The pen: fills a template with handwriting and knows the truth of every field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box, Field, FieldKind, State, Template
from sheetwatch.lab.hand import Difficulty, Hand, Stroke, draw_hand
from sheetwatch.lab.hand_ink import lay_ink
from sheetwatch.lab.pen_incidents import befall, runs_of_neighbours
from sheetwatch.lab.pen_strokes import Writer, long_stroke, sign_for_nothing, speck, write_field
from sheetwatch.lab.pen_values import Flag, Truth, draw_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Colour = npt.NDArray[np.uint8]
    Grey = npt.NDArray[np.uint8]

REFERENCE_DPI = 200.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilledSheet:
    """A filled form before any device saw it.

    `image`: uint8 (H, W, 3) RGB; `quads`: float64 (N, 4, 2), each field's box in its pixels, template order, from
    the top left clockwise; `truth`: by field name.
    """

    image: Colour
    dpi: float
    quads: npt.NDArray[np.float64]
    truth: Mapping[str, Truth]


def fill(
    template: Template,
    rng: np.random.Generator,
    *,
    difficulty: Difficulty = Difficulty.MIXED,
    slip: bool = False,
    dpi: float = REFERENCE_DPI,
    reference_dpi: float = REFERENCE_DPI,
    values: Mapping[str, Truth] | None = None,
) -> FilledSheet:
    """Fill a template by hand.

    dpi: of the picture wanted; reference_dpi: of the template's reference, which fixes how large a hand writes in
    it. values: what to write, all fields or some; the others are drawn. Raises ValueError where `slip` does not fit.
    """
    truths = draw_values(template, rng, slip=slip) | dict(values or {})
    truths = befall(template, truths, difficulty, rng)
    zoom = dpi / reference_dpi
    image = printed(template.reference, zoom)
    candidate, examiner = (
        Writer(hand=draw_hand(rng, difficulty), pixels_per_mm=reference_dpi / 25.4, rng=rng) for _ in range(2)
    )
    for hand, groups in _strokes_by_hand(template, truths, candidate, examiner):
        for group in groups:
            lay_ink(image, [stroke.scaled(zoom) for stroke in group], hand.nib, dpi=dpi, rng=rng)
    return FilledSheet(image=image, dpi=dpi, quads=(box_quads(template) + 0.5) * zoom - 0.5, truth=truths)


def printed(reference: Grey, zoom: float) -> Colour:
    """The blank form printed on white paper: uint8 (H, W, 3), `zoom` times as large."""
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    grey = reference if zoom == 1 else cv2.resize(reference, None, fx=zoom, fy=zoom, interpolation=way)
    return np.repeat(np.asarray(grey, np.uint8)[:, :, None], 3, axis=2)


def box_quads(template: Template) -> npt.NDArray[np.float64]:
    """The corners of every field's box in reference pixels: float64 (N, 4, 2), top left first, clockwise."""
    boxes = [field.box or Box(left=0, top=0, width=0, height=0) for field in template.fields]
    corners = [[(b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)] for b in boxes]
    return np.array(corners, np.float64).reshape(-1, 4, 2)


def _strokes_by_hand(
    template: Template, truths: Mapping[str, Truth], candidate: Writer, examiner: Writer
) -> list[tuple[Hand, list[list[Stroke]]]]:
    """The candidate writes the digits, the examiner the marks; a form without marks is filled by one person."""
    one_person = all(field.kind is not FieldKind.MARK for field in template.fields)
    by_candidate: list[list[Stroke]] = []
    by_examiner: list[list[Stroke]] = []
    for field in template.fields:
        if one_person or field.kind is FieldKind.DIGITS:
            by_candidate.append(_field_strokes(field, truths[field.name], candidate))
        else:
            by_examiner.append(_field_strokes(field, truths[field.name], examiner))
    by_examiner += _long_strokes(template, truths, examiner.rng)
    return [(candidate.hand, by_candidate), (examiner.hand, by_examiner)]


def _field_strokes(field: Field, truth: Truth, writer: Writer) -> list[Stroke]:
    if field.box is None or Flag.LONG_STROKE in truth.flags:
        return []
    if truth.state is State.NOT_ATTEMPTED:
        return sign_for_nothing(field.box, truth, writer)
    if Flag.SPECK in truth.flags:
        return speck(field.box, writer.rng)
    return write_field(field, truth, writer)


def _long_strokes(template: Template, truths: Mapping[str, Truth], rng: np.random.Generator) -> list[list[Stroke]]:
    boxes = {field.name: field.box for field in template.fields if field.box is not None}
    struck = [name for name in boxes if Flag.LONG_STROKE in truths[name].flags]
    return [long_stroke([boxes[name] for name in run], rng) for run in runs_of_neighbours(boxes, struck)]
