"""Pictures of an evaluation: confusion matrix, reliability diagram, risk-coverage curve, the worst mistakes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sheetwatch.lab.evaluate_columns import LISTED_MISTAKES, written_probability
from sheetwatch.lab.train_calibrate import upper_bound
from sheetwatch.lettering import draw_text, text_width
from sheetwatch.names import plain_text, safe_stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sheetwatch.lab.evaluate import Evaluation, Mistake, Scored
    from sheetwatch.lab.evaluate_metrics import Bin, Confusion, RiskCurve

    Grey = npt.NDArray[np.uint8]

_FEWEST_CELLS = 20  # of fewer, a diagram says nothing
_DPI = 110
_BLUE, _ORANGE, _GREY = "#1f6fb4", "#c8501e", "#777777"
_THUMBNAIL = (132, 92)
_TILE = (148, 136)
_TILES_A_ROW = 8
_RED, _BLACK = (176, 32, 32), (30, 30, 30)


class Subject(StrEnum):
    """What a picture shows."""

    CONFUSION = "confusion"
    RELIABILITY = "reliability"
    RISK_COVERAGE = "risk-coverage"
    MISTAKES = "mistakes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A PNG about one set. `alt`: what it shows, in words."""

    set_name: str
    subject: Subject
    alt: str
    png: bytes


def file_name(set_name: str, subject: Subject) -> str:
    """The name of a picture, safe in any folder."""
    stem = safe_stem(f"{set_name}.png").replace(" ", "-")
    return f"{stem}-{subject}.png"


def diagrams(scored: Scored) -> Iterator[Picture]:
    """Confusion matrix, reliability diagram and risk-coverage curve, as far as they say something about the set."""
    if scored.measures.cells < _FEWEST_CELLS:
        return
    if scored.confusion is not None and len(scored.confusion.truths) > 1:
        alt = f"Confusion matrix of {scored.name}: rows are what stands there, columns what was read"
        yield _picture(scored, Subject.CONFUSION, alt, _confusion(scored.name, scored.confusion))
    error = scored.measures.calibration_error
    alt = f"Reliability diagram of {scored.name}: share read right against probability, calibration error {error:.4f}"
    yield _picture(scored, Subject.RELIABILITY, alt, _reliability(scored))
    if scored.curve:
        alt = (
            f"Risk-coverage curve of {scored.name}: share wrong among the surest readings, mean {scored.curve.area:.4f}"
        )
        yield _picture(scored, Subject.RISK_COVERAGE, alt, _risk_coverage(scored, scored.curve))


def contact_sheet(scored: Scored) -> Picture:
    """The worst mistakes, the surest wrong value first, each with what was read, how sure, and what stands there."""
    shown = scored.mistakes[:LISTED_MISTAKES]
    rows = -(-len(shown) // _TILES_A_ROW)
    sheet = Image.new("RGB", (_TILES_A_ROW * _TILE[0], 30 + rows * _TILE[1]), "white")
    title = f"{scored.name}: {len(shown)} of {len(scored.mistakes)} mistakes, the surest first"
    draw_text(ImageDraw.Draw(sheet), (8, 15), title, size_px=15, colour=_BLACK)
    for number, mistake in enumerate(shown):
        row, column = divmod(number, _TILES_A_ROW)
        sheet.paste(_tile(mistake), (column * _TILE[0], 30 + row * _TILE[1]))
    return Picture(set_name=scored.name, subject=Subject.MISTAKES, alt=title, png=_png(sheet))


def pictures_of(evaluation: Evaluation) -> Iterator[Picture]:
    """Every picture, set by set."""
    for scored in evaluation.scored:
        yield from diagrams(scored)
        if scored.mistakes:
            yield contact_sheet(scored)


def thumbnail(cell: Grey) -> bytes:
    """A cell as a small PNG, its shape kept. cell: uint8 (H, W), nothing of it left out."""
    return _png(Image.fromarray(_shrunk(cell)))


def caption(mistake: Mistake) -> tuple[str, str]:
    """What stands there and what was read; how sure, and whether it would have entered the CSV unseen."""
    sure = written_probability(mistake.probability)
    return f"{mistake.truth} read as {mistake.read}", f"{sure}, accepted" if mistake.accepted else sure


def _tile(mistake: Mistake) -> Image.Image:
    tile = Image.new("RGB", _TILE, "white")
    cell = Image.fromarray(_shrunk(mistake.cell))
    tile.paste(cell, ((_TILE[0] - cell.width) // 2, 2 + (_THUMBNAIL[1] - cell.height) // 2))
    draw = ImageDraw.Draw(tile)
    for line, (text, size_px) in enumerate(zip(caption(mistake), (13, 12), strict=True)):
        colour = _RED if line and mistake.accepted else _BLACK
        while text_width(text, size_px) > _TILE[0] - 4 and size_px > 7:
            size_px -= 1  # noqa: PLW2901 - the size that fits
        draw_text(draw, (4, _THUMBNAIL[1] + 12 + 16 * line), text, size_px=size_px, colour=colour)
    return tile


def _shrunk(cell: Grey) -> Grey:
    """A cell as large as a thumbnail allows. A cell without pixels becomes a white dot."""
    if not cell.size:
        return np.full((1, 1), 255, np.uint8)
    rows, columns = cell.shape
    zoom = min(_THUMBNAIL[0] / columns, _THUMBNAIL[1] / rows)
    size = max(1, round(columns * zoom)), max(1, round(rows * zoom))
    resized: Grey = cv2.resize(cell, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    return resized


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _picture(scored: Scored, subject: Subject, alt: str, figure: Any) -> Picture:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI)
    return Picture(set_name=scored.name, subject=subject, alt=alt, png=out.getvalue())


def _figure(width_in: float, height_in: float, title: str) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415 - costs 300 ms, and is not installed everywhere

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    figure.suptitle(_drawable(title), fontsize=11, parse_math=False)
    return figure


def _drawable(title: str) -> str:
    """What a diagram's font has for certain; the full name stands in the page and in the file's name."""
    return plain_text(title).encode("ascii", "replace").decode("ascii")


def _confusion(name: str, confusion: Confusion) -> Any:
    """Counts as numbers, each row's shares as shades: a rare mistake must still be seen."""
    from matplotlib.colors import PowerNorm  # noqa: PLC0415

    counts = confusion.counts
    shares = counts / counts.sum(axis=1, keepdims=True)
    figure = _figure(2.2 + 0.5 * counts.shape[1], 1.8 + 0.42 * counts.shape[0], f"{name}: counts")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.3, vmin=0, vmax=1), aspect="auto")
    axes.set_xticks(range(counts.shape[1]), confusion.reads, rotation=45, ha="right", fontsize=9)
    axes.set_yticks(range(counts.shape[0]), confusion.truths, fontsize=9)
    axes.set_xlabel("read as")
    axes.set_ylabel("is")
    for row, column in np.argwhere(counts):
        light = shares[row, column] > 0.2
        axes.text(
            column,
            row,
            counts[row, column],
            ha="center",
            va="center",
            fontsize=8,
            color="white" if light else "black",
        )
    return figure


def _reliability(scored: Scored) -> Any:
    """Above: share right against mean probability. Below: how many readings stand behind each point."""
    figure = _figure(5.2, 5.0, f"{scored.name}: ECE {scored.measures.calibration_error:.4f}")
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    means = [one.mean_probability for one in scored.bins]
    shares = np.array([one.right_share for one in scored.bins])
    intervals = np.abs(np.array([_interval(one) for one in scored.bins]).T - shares)
    upper.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="what should hold")
    upper.errorbar(
        means, shares, intervals, color=_BLUE, marker="o", linestyle="none", label="this reader, 90 % interval"
    )
    upper.set_ylabel("share right")
    upper.set_ylim(-0.03, 1.03)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    width = scored.bins[0].high - scored.bins[0].low
    bars = lower.bar([one.low for one in scored.bins], [one.cells for one in scored.bins], width, align="edge")
    lower.bar_label(bars, fontsize=7)
    lower.set_yscale("log")
    lower.set_ylim(0.5, 8 * max(one.cells for one in scored.bins))
    lower.set_xlabel("probability")
    lower.set_ylabel("readings")
    return figure


def _interval(one: Bin) -> tuple[float, float]:
    """Where the true share of right readings lies: 95 % certain at each end."""
    right = round(one.right_share * one.cells)
    return 1 - upper_bound(one.cells - right, one.cells), upper_bound(right, one.cells)


def _risk_coverage(scored: Scored, curve: RiskCurve) -> Any:
    """The share wrong among the surest readings; a ring where the threshold cuts."""
    measures = scored.measures
    figure = _figure(5.2, 3.6, f"{scored.name}: area {curve.area:.4f}")
    axes = figure.subplots()
    axes.plot(100 * curve.coverage, 100 * curve.risk, color=_BLUE, drawstyle="steps-post")
    if measures.accepted:
        x, y = 100 * measures.coverage, 100 * measures.accepted_wrong / measures.accepted
        axes.plot([x], [y], color=_ORANGE, marker="o", fillstyle="none", markersize=9, linestyle="none", clip_on=False)
        axes.annotate(
            f"accepted: {x:.1f} %, {measures.accepted_wrong} wrong",
            (x, y),
            xytext=(0, 16),
            textcoords="offset points",
            color=_ORANGE,
            fontsize=9,
            ha="left" if x < 50 else "right",
        )
    axes.set_xlim(0, 101)
    axes.set_ylim(bottom=0, top=max(0.1, 110 * float(curve.risk.max())))
    axes.set_xlabel("readings accepted, surest first, %")
    axes.set_ylabel("wrong among them, %")
    axes.grid(visible=True, alpha=0.3)
    return figure
