"""Three hundred generated sheets of mixed difficulty: nearly every field right, and no wrong field accepted.

A field counts as right when its value is the true one. Some fields are made so that nobody is asked to read them for
certain (struck out, overwritten, a tick or a unit beside the value, half out of the box: `Truth.reviewable`); there it
is right as well to refuse, with a probability below the threshold or as unreadable. Both counts are printed.

SHEETWATCH_SHEETS=2000 pytest tests/e2e/test_generated_sheets.py -s     more of them
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from dataclasses import dataclass

import pytest

from sheetwatch.domain import Accept, State

SHEETS = int(os.environ.get("SHEETWATCH_SHEETS", "300"))
FIRST_SEED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One generated sheet after reading: how many fields it has, which were read wrong or refused, and the verdict."""

    seed: int
    fields: int
    wrong: tuple[str, ...]
    refused: tuple[str, ...]
    accepted: bool
    codes: tuple[str, ...]


def read_generated(seed: int) -> Outcome:
    import cv2  # noqa: PLC0415 - runs in a child process

    import sheetwatch  # noqa: PLC0415
    from sheetwatch.lab.sheets import generate_sheet  # noqa: PLC0415
    from sheetwatch.shipped import shipped_folder  # noqa: PLC0415
    from sheetwatch.templates import load_templates  # noqa: PLC0415

    cv2.setNumThreads(1)
    templates = load_templates([shipped_folder("config") / "templates"])
    sheet = generate_sheet(templates[seed % len(templates)], seed)
    reader = sheetwatch.load_reader()
    page = sheetwatch.read_page(sheet.grey, templates, reader)
    threshold = reader.threshold(Accept().max_field_error)
    wrong: list[str] = []
    refused: list[str] = []
    for name, truth in sheet.truth.items():
        reading = page.fields.get(name)
        if reading is not None and reading.value == truth.value:
            continue
        unsure = reading is not None and (reading.state is State.UNREADABLE or reading.probability < threshold)
        (refused if truth.reviewable and unsure else wrong).append(f"{name}: {truth}, read as {reading}")
    return Outcome(
        seed=seed,
        fields=len(sheet.truth),
        wrong=tuple(wrong),
        refused=tuple(refused),
        accepted=page.verdict.accepted,
        codes=tuple(str(reason.code) for reason in page.verdict.reasons),
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_generated_sheets_are_read_right_and_never_accepted_wrong() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        outcomes = pool.map(read_generated, range(FIRST_SEED, FIRST_SEED + SHEETS), chunksize=10)
    fields = sum(outcome.fields for outcome in outcomes)
    wrong, refused = (
        sum(len(many) for many in counts) for counts in zip(*((o.wrong, o.refused) for o in outcomes), strict=True)
    )
    accepted = [outcome for outcome in outcomes if outcome.accepted]
    right = 100 * (1 - (wrong + refused) / fields)
    print(f"\n{SHEETS} sheets, {fields} fields: {right:.2f} % right, {100 * refused / fields:.2f} % rightly refused")
    print(f"{100 * wrong / fields:.2f} % wrong or needlessly unreadable; {len(accepted)} pages accepted")
    print("review:", Counter(code for outcome in outcomes for code in set(outcome.codes)).most_common())
    assert len(outcomes) == SHEETS
    assert not [outcome for outcome in accepted if outcome.wrong or outcome.refused]
    assert wrong <= 0.02 * fields
