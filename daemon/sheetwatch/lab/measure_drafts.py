"""Measures what `template draft` finds on random forms: python -m sheetwatch.lab.measure_drafts --seeds 1000:1100.

A box is found when a proposed one overlaps the true one with an intersection over union of 0.8, a comb when its number
of teeth is right too. Whatever else is proposed is false.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box, Field, FieldKind, Template
from sheetwatch.lab.device import Device, capture, draw_device
from sheetwatch.lab.form_canvas import FORM_DPI
from sheetwatch.lab.form_random import random_form
from sheetwatch.lab.pen import box_quads, printed
from sheetwatch.vision.draft.proposal import Proposal, propose
from sheetwatch.vision.geometry import map_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Quads = npt.NDArray[np.float64]

FOUND_IOU = 0.8
_MOST_TURN_DEG = 3.0
DEVICES = ("clean", "scanner", "office-1bit", "copier", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one form fared: true boxes and combs, how many of each were found, and what was proposed besides."""

    seed: int
    device: str
    boxes: int
    boxes_found: int
    combs: int
    combs_found: int
    false: int

    @property
    def perfect(self) -> bool:
        """Whether nobody would have to change a box."""
        return self.boxes == self.boxes_found and self.combs == self.combs_found and not self.false


def measure(seed: int, device: str) -> tuple[Tally, Proposal]:
    """Draw one form, take its picture, propose and compare. The same arguments give the same result."""
    form = random_form(seed)
    rng = np.random.default_rng((seed, DEVICES.index(device)))
    picture = capture(printed(form.reference, 1.0), FORM_DPI, upright_device(device, rng), rng)
    grey = picture.image if picture.image.ndim == 2 else cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY)
    proposal = propose(np.asarray(grey, np.uint8), None if device == "phone" else picture.dpi)
    true_quads = map_points(picture.warp.points(box_quads(form)), proposal.page_to_reference)
    return compare(form, true_quads, proposal, seed=seed, device=device), proposal


def upright_device(name: str, rng: np.random.Generator) -> Device:
    """A device of that kind; the sheet lies upright, turned by up to 3 degrees."""
    device = replace(draw_device(name, rng), turn=0)
    if name in {"clean", "phone"}:
        return device
    return replace(device, angle_deg=float(rng.uniform(-_MOST_TURN_DEG, _MOST_TURN_DEG)))


def compare(form: Template, true_quads: Quads, proposal: Proposal, *, seed: int, device: str) -> Tally:
    """Match proposed fields with true ones; true_quads: float64 (N, 4, 2), in reference pixels."""
    used: set[int] = set()
    found: Counter[bool] = Counter()
    for true, quad in zip(form.fields, true_quads, strict=True):
        for index, field in enumerate(proposal.fields):
            if index not in used and _is_same(true, field) and iou(quad, field.box) >= FOUND_IOU:
                used.add(index)
                found[true.kind is FieldKind.DIGITS] += 1
                break
    combs = sum(field.kind is FieldKind.DIGITS for field in form.fields)
    return Tally(
        seed=seed,
        device=device,
        boxes=len(form.fields) - combs,
        boxes_found=found[False],
        combs=combs,
        combs_found=found[True],
        false=len(proposal.fields) - len(used),
    )


def iou(quad: Quads, box: Box | None) -> float:
    """Intersection over union of a quadrilateral, float64 (4, 2), and a box."""
    if box is None:
        return 0.0
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    shared = cv2.intersectConvexConvex(quad.astype(np.float32), np.array(corners, np.float32))[0]
    whole = abs(cv2.contourArea(quad.astype(np.float32))) + box.width * box.height - shared
    return float(shared / whole) if whole else 0.0


def _is_same(true: Field, proposed: Field) -> bool:
    return true.kind is proposed.kind and true.comb == proposed.comb


def lines(tallies: list[Tally]) -> Iterator[str]:
    """One line of figures for each device, and one for all."""
    yield f"{'device':<12} {'forms':>6} {'boxes':>6} {'found':>8} {'combs':>6} {'found':>8} {'false':>6} {'perfect':>8}"
    for device in (*DEVICES, "all"):
        some = [tally for tally in tallies if device in {tally.device, "all"}]
        boxes, combs = sum(tally.boxes for tally in some), sum(tally.combs for tally in some)
        box_share = sum(tally.boxes_found for tally in some) / max(1, boxes)
        comb_share = sum(tally.combs_found for tally in some) / max(1, combs)
        false, perfect = sum(tally.false for tally in some), sum(tally.perfect for tally in some)
        yield (
            f"{device:<12} {len(some):>6} {boxes:>6} {box_share:>8.2%} {combs:>6} {comb_share:>8.2%} {false:>6} "
            f"{perfect / max(1, len(some)):>8.0%}"
        )


def main() -> None:
    """Measure the seeds that the command line names; each form is pictured by one device, in turn."""
    parser = argparse.ArgumentParser(description="Measure what `template draft` finds on random forms.")
    parser.add_argument("--seeds", default="1000:1100", metavar="FIRST:END", help="(default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="also list the forms on which a box was missed or false")
    args = parser.parse_args()
    first, end = (int(part) for part in args.seeds.split(":"))
    tallies = []
    for seed in range(first, end):
        tally, _ = measure(seed, DEVICES[seed % len(DEVICES)])
        tallies.append(tally)
        if args.list and not tally.perfect:
            print(tally, flush=True)  # noqa: T201 - a command prints
    print(*lines(tallies), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
