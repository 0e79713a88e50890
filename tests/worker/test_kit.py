"""What travels to the workers of a cluster, and who may have it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from sheetwatch.domain import Accept, Field, FieldKind, Limits, Pages, Roster, Settings, Template
from sheetwatch.worker.kit import Badge, Kit
from sheetwatch.worker.orders import carry_out, sealed

BADGE = Badge(model="digits 6", model_sha256="ab" * 32, program="1.2.3")


def form(revision: str = "abc", numbers: frozenset[str] = frozenset({"1", "2"})) -> Template:
    roster = Roster(source="students.csv", column="roll", values=numbers)
    field = Field(name="roll", kind=FieldKind.DIGITS, length=4, roster=roster)
    blank = np.full((1000, 700), 255, np.uint8)
    return Template(name="exam", title="Exam", reference=blank, fields=(field,), revision=revision)


def test_a_badge_is_found_again_among_other_resources() -> None:
    assert Badge.among(["GPU", str(BADGE)]) == BADGE
    assert Badge.among(["GPU", "sheetwatch", ""]) is None


@pytest.mark.parametrize(
    ("theirs", "why", "mend"),
    [
        (None, "plain Dask worker", "start `sheetwatch worker` there"),
        (replace(BADGE, program="1.2.4"), r"runs Sheetwatch 1\.2\.4 .* this daemon 1\.2\.3", "the same version"),
        (replace(BADGE, protocol=2), r"protocol 2", "the same version"),
        (replace(BADGE, model_sha256="cd" * 32, model="own"), r"has the model own \(cdcdcdcdcdcd\)", "--model FILE"),
    ],
)
def test_who_is_different_is_told_why_and_what_to_do(theirs: Badge | None, why: str, mend: str) -> None:
    lacks = BADGE.lacks(theirs)
    assert lacks is not None
    assert mend in lacks[1]
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(lacks[0])


def test_who_is_the_same_lacks_nothing() -> None:
    assert BADGE.lacks(replace(BADGE)) is None


def test_a_kit_is_named_by_its_content_and_nothing_else() -> None:
    settings, templates = Settings(), (form(),)
    kit = Kit.of(settings, templates)
    assert Kit.of(replace(settings, workers=7), (form(),)).key == kit.key
    others = [
        Kit.of(settings, (form("abd"),)),
        Kit.of(settings, (form(numbers=frozenset({"1", "3"})),)),
        Kit.of(replace(settings, accept=Accept(max_field_error=0.01)), templates),
        Kit.of(replace(settings, limits=Limits(megapixels=7)), templates),
        Kit.of(replace(settings, pages=Pages(blank="review")), templates),
    ]
    assert len({kit.key, *(other.key for other in others)}) == 1 + len(others)


def test_a_kit_arrives_as_it_was_sent_and_much_smaller() -> None:
    sent = Kit.of(Settings(accept=Accept(examiner_slip=0.02)), (form(),))
    assert len(pickle.dumps(sent)) < 20_000
    (template,) = sent.packed.templates()
    assert (template.name, template.revision, template.fields) == ("exam", "abc", form().fields)
    assert np.array_equal(template.reference, form().reference)
    assert not template.reference.flags.writeable
    assert sent.settings(workers=3, model=None).accept.examiner_slip == 0.02


def test_an_order_is_carried_out_by_whoever_opens_it() -> None:
    order = sealed(bytes.fromhex, "0f")
    assert isinstance(order, bytes)
    assert carry_out(order) == b"\x0f"
