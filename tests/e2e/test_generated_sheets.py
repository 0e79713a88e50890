"""Three hundred generated sheets of mixed difficulty: nearly every field right, and no wrong field accepted.

SHEETWATCH_SHEETS=2000 pytest tests/e2e/test_generated_sheets.py -s     more of them
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from dataclasses import dataclass

import pytest

SHEETS = int(os.environ.get("SHEETWATCH_SHEETS", "300"))
FIRST_SEED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One generated sheet after reading: how many fields it has, which were read wrong, and the verdict."""

    seed: int
    fields: int
    wrong: tuple[str, ...]
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
    page = sheetwatch.read_page(sheet.grey, templates, sheetwatch.load_reader())
    wrong = tuple(
        f"{name}={truth.value!r} read as {page.fields[name].value if name in page.fields else None!r}"
        for name, truth in sheet.truth.items()
        if name not in page.fields or page.fields[name].value != truth.value
    )
    codes = tuple(str(reason.code) for reason in page.verdict.reasons)
    return Outcome(seed=seed, fields=len(sheet.truth), wrong=wrong, accepted=page.verdict.accepted, codes=codes)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_generated_sheets_are_read_right_and_never_accepted_wrong() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        outcomes = pool.map(read_generated, range(FIRST_SEED, FIRST_SEED + SHEETS), chunksize=10)
    fields = sum(outcome.fields for outcome in outcomes)
    wrong = sum(len(outcome.wrong) for outcome in outcomes)
    accepted = [outcome for outcome in outcomes if outcome.accepted]
    print(
        f"\n{SHEETS} sheets, {fields} fields, {100 * (1 - wrong / fields):.2f} % right, {len(accepted)} pages accepted"
    )
    print("review:", Counter(code for outcome in outcomes for code in set(outcome.codes)).most_common())
    assert len(outcomes) == SHEETS
    assert not [outcome for outcome in accepted if outcome.wrong]
    assert wrong <= 0.02 * fields
