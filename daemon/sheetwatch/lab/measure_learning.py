"""Measures what `template learn` learns: python -m sheetwatch.lab.measure_learning --seeds 1000:1006.

Each seed is one form, filled by as many hands as there are sheets and pictured by devices of all kinds, some upside
down; one sheet of another form lies among them. The learned blank is compared with the printed one pixel by pixel, its
proposal with the true boxes, and other filled sheets are aligned to it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Field, Template
from sheetwatch.lab.form_answer_book import answer_book
from sheetwatch.lab.form_random import random_form
from sheetwatch.lab.measure_drafts import Tally, compare
from sheetwatch.lab.pen import box_quads
from sheetwatch.lab.sheets import generate_foreign, generate_sheet
from sheetwatch.vision.align import Misfit, align
from sheetwatch.vision.draft.contrast import contrast_of
from sheetwatch.vision.draft.learning import Learned, learn
from sheetwatch.vision.draft.proposal import Proposal, propose
from sheetwatch.vision.draft.rulings import pixels_per_mm_of
from sheetwatch.vision.draft.sheets import find_fit, ground_of, lay
from sheetwatch.vision.features import find_features
from sheetwatch.vision.geometry import map_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_DARK = 80
"""Contrast that counts as ink; the other picture may be darker or lighter by half and off by a pixel."""

_ALIGNED_SHEETS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one form fared.

    `missing`, `extra`: share of the print's dark pixels that are not in the learned blank, and of the learned blank's
    that are not in print. `aligned` of `tried` other sheets align to the drafted template, `aligned_to_print` to the
    form as it was printed.
    """

    seed: int
    used: int
    left_out: tuple[int, ...]
    doubtful: int
    missing: float
    extra: float
    tally: Tally
    aligned: int
    aligned_to_print: int
    tried: int


def measure(seed: int, sheets: int) -> tuple[Outcome, Learned, Proposal]:
    """Learn from that many sheets of one form, with one of another form among them at index 2."""
    form = answer_book() if seed % 3 == 0 else random_form(seed)
    pages = [generate_sheet(form, 1000 * seed + index).grey for index in range(sheets)]
    pages.insert(2, generate_foreign(seed).grey)
    learned = learn(pages)
    proposal = propose(learned.blank)
    to_reference = _true_to_reference(form, proposal)
    missing, extra = _differences(form.reference, proposal.reference)
    drafted = Template(name="drafted", title="", reference=_frozen(proposal.reference), fields=proposal.fields)
    others = [generate_sheet(form, 1000 * seed + 500 + index).grey for index in range(_ALIGNED_SHEETS)]
    outcome = Outcome(
        seed=seed,
        used=len(learned.used),
        left_out=tuple(unfit.index for unfit in learned.left_out),
        doubtful=len(learned.doubtful),
        missing=missing,
        extra=extra,
        tally=compare(
            as_drafted(form), map_points(box_quads(form), to_reference), proposal, seed=seed, device="learned"
        ),
        aligned=sum(_aligns(other, drafted) for other in others),
        aligned_to_print=sum(_aligns(other, form) for other in others),
        tried=_ALIGNED_SHEETS,
    )
    return outcome, learned, proposal


def _true_to_reference(form: Template, proposal: Proposal) -> npt.NDArray[np.float64]:
    """Homography from the printed form to the drafted reference, found from their features."""
    fit = find_fit(find_features(form.reference), form.reference.shape, ground_of(proposal.reference))
    if fit is None:
        raise ValueError(f"{form.name}: the learned blank does not look like the form")
    return fit.homography


def _differences(printed: Grey, learned: Grey) -> tuple[float, float]:
    """Shares of dark pixels that have no dark pixel within two pixels in the other: of the printed, of the learned."""
    ground = ground_of(learned)
    fit = find_fit(find_features(printed), printed.shape, ground)
    there = 255 - lay(printed, fit, ground)[0] if fit else np.zeros_like(learned)
    here = contrast_of(learned, pixels_per_mm_of(learned, None))
    near = np.ones((5, 5), np.uint8)
    missing = (there > _DARK) & (cv2.dilate(here, near) < _DARK / 2)
    extra = (here > _DARK) & (cv2.dilate(there, near) < _DARK / 2)
    return float(missing.sum() / max(1, (there > _DARK).sum())), float(extra.sum() / max(1, (here > _DARK).sum()))


def as_drafted(form: Template) -> Template:
    """The form with the kinds that can be told from print: integers are drafted as marks."""
    fields = tuple(
        field if field.comb else Field(name=field.name, kind="mark", box=field.box)  # type: ignore[arg-type]
        for field in form.fields
    )
    return Template(name=form.name, title=form.title, reference=form.reference, fields=fields)


def _aligns(grey: Grey, template: Template) -> bool:
    try:
        align(grey, [template])
    except Misfit:
        return False
    return True


def _frozen(grey: Grey) -> Grey:
    grey.setflags(write=False)
    return grey


def _lines(outcomes: list[Outcome]) -> Iterator[str]:
    for o in outcomes:
        t = o.tally
        yield (
            f"seed {o.seed}: {o.used} sheets used, left out {list(o.left_out)}, {o.doubtful} doubtful places, "
            f"print missing {o.missing:.2%}, extra {o.extra:.2%}; boxes {t.boxes_found}/{t.boxes}, "
            f"combs {t.combs_found}/{t.combs}, false {t.false}; other sheets aligned {o.aligned}/{o.tried} "
            f"(to the print itself {o.aligned_to_print})"
        )


def main() -> None:
    """Measure the seeds that the command line names."""
    parser = argparse.ArgumentParser(description="Measure what `template learn` learns from filled sheets.")
    parser.add_argument("--seeds", default="1000:1006", metavar="FIRST:END", help="(default: %(default)s)")
    parser.add_argument("--sheets", type=int, default=12, help="filled sheets of each form (default: %(default)s)")
    args = parser.parse_args()
    first, end = (int(part) for part in args.seeds.split(":"))
    for seed in range(first, end):
        print(*_lines([measure(seed, args.sheets)[0]]), sep="\n", flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    main()
