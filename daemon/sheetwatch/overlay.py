"""Draw what was read onto the sheet: the picture that an operator looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sheetwatch import __version__
from sheetwatch.domain import Box, PageReading, Reading, Reason, ReasonCode, State, Template
from sheetwatch.lettering import draw_text, text_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Colour = tuple[int, int, int]
    Rectangle = tuple[float, float, float, float]

_HEIGHT_PX = (1000, 1500)  # of the sheet within the picture
_BARE_HEIGHT_PX = 2400
_LEAST_WIDTH_PX = 700  # the band above the sheet needs room for its sentences
_MOST_ROWS = 16
_LABEL_PX, _TEXT_PX, _TITLE_PX, _PAD_PX = 15, 19, 26, 12

_INK: Colour = (32, 36, 44)
_PAPER: Colour = (255, 255, 255)
_BAND: Colour = (240, 242, 245)
_GREEN: Colour = (12, 128, 62)
_GREY: Colour = (120, 126, 134)
_BLUE: Colour = (32, 92, 200)
_AMBER: Colour = (196, 108, 0)
_RED: Colour = (196, 24, 36)
_STATE_COLOURS = {
    State.WRITTEN: _GREEN,
    State.EMPTY: _GREY,
    State.NOT_ATTEMPTED: _BLUE,
    State.UNREADABLE: _RED,
}
_LEGEND = (
    "green: read \N{MIDDLE DOT} grey: empty \N{MIDDLE DOT} blue: not attempted \N{MIDDLE DOT} "
    "amber: not certain \N{MIDDLE DOT} red: unreadable, or breaks a rule"
)
_WORDS = {
    ReasonCode.UNREADABLE_FILE: "The file cannot be read",
    ReasonCode.INCOMPLETE_FILE: "The file is incomplete",
    ReasonCode.TOO_LARGE: "The file is too large",
    ReasonCode.TIMED_OUT: "Reading took too long",
    ReasonCode.ENCRYPTED: "The file is protected by a password",
    ReasonCode.WORKER_CRASHED: "Reading this page failed",
    ReasonCode.BLANK_PAGE: "The page is blank",
    ReasonCode.NO_TEMPLATE: "The page is not a known form",
    ReasonCode.MISALIGNED: "The form does not lie flat enough to find its boxes",
    ReasonCode.LOW_CONFIDENCE: "Not read for certain",
    ReasonCode.OUT_OF_RANGE: "Not an allowed value",
    ReasonCode.MISSING_VALUE: "A value is missing",
    ReasonCode.SUM_MISMATCH: "The total does not match",
    ReasonCode.NOT_ON_ROSTER: "Not on the list",
    ReasonCode.DUPLICATE_SCAN: "This scan was here before",
    ReasonCode.DUPLICATE_KEY: "This sheet was here before",
    ReasonCode.AUDIT: "Chosen for a routine check",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Label:
    """A box and the words beside it. `quad`: float (4, 2), its corners in picture pixels."""

    name: str
    text: str
    colour: Colour
    quad: npt.NDArray[np.float64]

    @property
    def box(self) -> Rectangle:
        """Left, top, right, bottom of the quad."""
        left, top = self.quad.min(axis=0).tolist()
        right, bottom = self.quad.max(axis=0).tolist()
        return left, top, right, bottom


def draw_overlay(grey: Grey, template: Template | None, reading: PageReading) -> npt.NDArray[np.uint8]:
    """The sheet as it was read, for people.

    grey: uint8 (H, W), the page as decoded. Returns uint8 (H', W', 3), BGR: with an alignment the page warped onto
    the template, each box coloured by what it holds; without one, the page as it came. The verdict and its reasons
    stand above, what made the picture below.
    """
    if template is None or reading.alignment is None:
        sheet = Image.fromarray(_fitted(grey)).convert("RGB")
    else:
        sheet = _aligned_sheet(grey, template, reading)
    width = max(sheet.width, _LEAST_WIDTH_PX)
    head, foot = _header(width, template, reading), _footer(width, reading)
    picture = Image.new("RGB", (width, head.height + sheet.height + foot.height), _BAND)
    picture.paste(head, (0, 0))
    picture.paste(sheet, ((width - sheet.width) // 2, head.height))
    picture.paste(foot, (0, head.height + sheet.height))
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BareSheet:
    """A sheet without anything drawn on it. `picture`: uint8 (H, W), 0 = black; `boxes`: as in `SheetPicture`."""

    picture: Grey
    boxes: tuple[tuple[int, int, int, int], ...] = ()


def bare_sheet(grey: Grey, template: Template | None, reading: PageReading) -> BareSheet:
    """The sheet for a program that draws on it itself: warped onto the template, or as it came where none fits.

    grey: uint8 (H, W), the page as decoded. The picture is as fine as the template's reference, up to 2400 px high.
    """
    alignment = reading.alignment
    if template is None or alignment is None:
        return BareSheet(picture=_fitted(grey))
    scale = min(1.0, _BARE_HEIGHT_PX / template.reference.shape[0])
    to_picture = np.diag([scale, scale, 1.0]) @ alignment.page_to_template
    picture = _warped(grey, to_picture, _scaled(template.reference.shape, scale))
    quads = cv2.perspectiveTransform(alignment.quads.reshape(1, -1, 2), to_picture).reshape(-1, 4, 2)
    return BareSheet(picture=picture, boxes=tuple(_around(quad, picture.shape) for quad in quads))


def _around(quad: npt.NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The rectangle round a quad, within a picture of that shape."""
    bounds = np.array([shape[1] - 1, shape[0] - 1])
    left, top = np.clip(np.floor(quad.min(axis=0)), 0, bounds - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(quad.max(axis=0)), (left + 1, top + 1), bounds).astype(int).tolist()
    return left, top, right, bottom


def draw_template(template: Template, others: Iterable[Box] = ()) -> npt.NDArray[np.uint8]:
    """A template's reference with its boxes and their names, and other boxes in grey: uint8 (H', W', 3), BGR."""
    scale = _scale(template.reference.shape[0])
    sheet = _warped(template.reference, np.diag([scale, scale, 1.0]), _scaled(template.reference.shape, scale))
    labels = [_Label(name="left out", text="", colour=_GREY, quad=_corners(box) * scale) for box in others]
    for field in template.fields:
        if field.box is not None:
            colour = _GREEN if field.required else _BLUE
            labels.append(_Label(name=field.name, text="", colour=colour, quad=_corners(field.box) * scale))
    return np.ascontiguousarray(np.asarray(_with_labels(sheet, labels))[:, :, ::-1])


def _corners(box: Box) -> npt.NDArray[np.float64]:
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    return np.array(corners, dtype=np.float64)


def as_png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture, grey (H, W) or BGR (H, W, 3), as PNG."""
    written, data = cv2.imencode(".png", picture)
    if not written:
        raise ValueError(f"no picture: {picture.dtype} {picture.shape}")
    return bytes(data)


def plain_words(reasons: Iterable[Reason]) -> list[str]:
    """The reasons as sentences for an operator, one per kind: "Not read for certain: q7: 7 (0.62) or 1 (0.31)"."""
    details: dict[ReasonCode, list[str]] = {}
    for reason in reasons:
        detail = f"{reason.field}: {reason.detail}" if reason.field else reason.detail
        details.setdefault(reason.code, []).append(detail)
    return [f"{_WORDS[code]}: {'; '.join(found)}" for code, found in details.items()]


def _aligned_sheet(grey: Grey, template: Template, reading: PageReading) -> Image.Image:
    """The page warped onto the template, with its boxes and labels."""
    alignment = reading.alignment
    if alignment is None:
        raise ValueError("a sheet without an alignment cannot be warped")
    scale = _scale(template.reference.shape[0])
    to_picture = np.diag([scale, scale, 1.0]) @ alignment.page_to_template
    warped = _warped(grey, to_picture, _scaled(template.reference.shape, scale))
    quads = cv2.perspectiveTransform(alignment.quads.reshape(1, -1, 2), to_picture).reshape(-1, 4, 2)
    broken = {reason.field: reason.code for reason in reading.verdict.reasons if reason.field}
    labels = []
    for field, quad in zip(template.fields, quads, strict=True):
        found = reading.fields.get(field.name)
        colour = _colour(found, broken.get(field.name))
        labels.append(_Label(name=field.name, text=_label(found), colour=colour, quad=quad))
    return _with_labels(warped, labels)


def _with_labels(sheet: Grey, labels: Sequence[_Label]) -> Image.Image:
    """A grey sheet in colour, with boxes and the words beside them."""
    picture = Image.fromarray(sheet).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for label in labels:
        draw.polygon([(float(x), float(y)) for x, y in label.quad], outline=label.colour, width=3)
    _place_labels(draw, labels, sheet)
    return picture


def _scale(height: int) -> float:
    low, high = _HEIGHT_PX
    return float(min(max(height, low), high) / height)


def _scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Width and height of an array's shape, scaled; at least one pixel each."""
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _fitted(grey: Grey) -> Grey:
    """The page at a height that fits a screen, and no wider than high by much."""
    size = _scaled(grey.shape, _scale(max(grey.shape)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _warped(grey: Grey, to_picture: npt.NDArray[np.float64], size: tuple[int, int]) -> Grey:
    """Warp without aliasing: a page much larger than the picture is shrunk by areas first."""
    shrink = min(1.0, 1.5 * max(size) / max(grey.shape))
    if shrink < 1:
        grey = np.asarray(cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    matrix = to_picture @ np.diag([1 / shrink, 1 / shrink, 1.0])
    warped = cv2.warpPerspective(grey, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(225,))
    return np.asarray(warped, dtype=np.uint8)


def _colour(reading: Reading | None, code: ReasonCode | None) -> Colour:
    if reading is None:
        return _GREY
    if code is ReasonCode.LOW_CONFIDENCE and reading.state is not State.UNREADABLE:
        return _AMBER
    return _STATE_COLOURS[reading.state] if code is None else _RED


def _label(reading: Reading | None) -> str:
    """What a box holds, short enough to stand inside it. The probability is cut, not rounded: 0.9996 is no 1."""
    if reading is None:
        return ""
    words = {State.EMPTY: "empty", State.NOT_ATTEMPTED: "\N{EN DASH}", State.UNREADABLE: "?"}
    value = words.get(reading.state) or reading.value or "empty"
    return f"{value}  {int(reading.probability * 1000) / 1000:.3f}"


def _place_labels(draw: ImageDraw.ImageDraw, labels: Sequence[_Label], sheet: Grey) -> None:
    """Put each label beside its box where it covers no other box; where there is no room, where the least ink is."""
    taken: list[Rectangle] = [label.box for label in labels]
    for label in labels:
        text = f"{label.name}: {label.text}" if label.text else label.name
        size = _label_size(text)
        spot = next((spot for spot in _beside(label.box, *size) if _is_free(spot, taken, sheet.shape)), None)
        if spot is None:
            text = label.text or label.name
            spot = min(_inside(label.box, *_label_size(text)), key=lambda corner: _ink(sheet, corner))
        taken.append(spot)
        draw.rounded_rectangle(spot, radius=3, fill=label.colour)
        draw_text(draw, (spot[0] + 4, (spot[1] + spot[3]) / 2), text, size_px=_LABEL_PX, colour=_PAPER)


def _label_size(text: str) -> tuple[float, float]:
    return text_width(text, _LABEL_PX) + 8, _LABEL_PX + 3


def _beside(box: Rectangle, width: float, height: float) -> list[Rectangle]:
    """Where a label may stand, best first: right, below, above, left."""
    left, top, right, bottom = box
    middle = (top + bottom - height) / 2
    corners = [(right + 4, middle), (left, bottom + 3), (left, top - height - 3), (left - width - 4, middle)]
    return [(x, y, x + width, y + height) for x, y in corners]


def _inside(box: Rectangle, width: float, height: float) -> list[Rectangle]:
    """The corners of a box, for a label that finds no room beside it."""
    left, top, right, bottom = box
    corners = [(x, y) for x in (right - width, left) for y in (top, bottom - height)]
    return [(x, y, x + width, y + height) for x, y in corners]


def _ink(sheet: Grey, spot: Rectangle) -> float:
    """How dark the darkest tenth under a label is: 0 for bare paper."""
    left, top, right, bottom = (max(0, round(edge)) for edge in spot)
    under = sheet[top:bottom, left:right]
    return float(np.median(under) - np.percentile(under, 5)) if under.size else 0.0


def _is_free(spot: Rectangle, taken: Sequence[Rectangle], shape: tuple[int, ...]) -> bool:
    left, top, right, bottom = spot
    if left < 0 or top < 0 or right > shape[1] or bottom > shape[0]:
        return False
    return not any(left < r and l < right and top < b and t < bottom for l, t, r, b in taken)  # noqa: E741 - edges


def _header(width: int, template: Template | None, reading: PageReading) -> Image.Image:
    title = template.title if template else "No form recognised"
    accepted = reading.verdict.accepted
    verdict = "Accepted" if accepted else "Review: please look at this sheet"
    lines = [(title, _TITLE_PX, _INK), (verdict, _TITLE_PX, _GREEN if accepted else _RED)]
    lines += [(words, _TEXT_PX, _INK) for words in plain_words(reading.verdict.reasons)]
    return _band(width, lines)


def _footer(width: int, reading: PageReading) -> Image.Image:
    parts = [f"sheetwatch {__version__}"]
    if reading.model:
        parts.append(f"model {reading.model}")
    if reading.template:
        parts.append(f"template {reading.template}, revision {reading.template_revision}")
    if reading.alignment is not None:
        parts.append(
            f"fit {reading.alignment.rms_error_px:.1f} px, worst field {reading.alignment.worst_field_px:.1f} px"
        )
    lines = [(" \N{MIDDLE DOT} ".join(parts), _LABEL_PX, _GREY)]
    if reading.fields:
        lines.insert(0, (_LEGEND, _LABEL_PX, _INK))
    return _band(width, lines)


def _band(width: int, lines: Sequence[tuple[str, int, Colour]]) -> Image.Image:
    """Lines of text, wrapped to the width, on a light ground."""
    rows = [(row, size, colour) for text, size, colour in lines for row in wrapped(text, size, width - 2 * _PAD_PX)]
    if len(rows) > _MOST_ROWS:
        rows[_MOST_ROWS - 1 :] = [("... and more", _TEXT_PX, _INK)]
    heights = [round(size * 1.35) for _, size, _ in rows]
    band = Image.new("RGB", (width, sum(heights) + 2 * _PAD_PX), _BAND)
    draw = ImageDraw.Draw(band)
    top = _PAD_PX
    for (row, size, colour), height in zip(rows, heights, strict=True):
        draw_text(draw, (_PAD_PX, top + height / 2), row, size_px=size, colour=colour)
        top += height
    return band
