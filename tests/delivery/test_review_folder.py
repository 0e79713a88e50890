"""What lies in the review folder under our names, and is not ours to write over."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sheetwatch.delivery.review_folder import keep_late


def keep(folder: Path) -> str:
    return keep_late(folder, folder, "a", lambda name: f"about {name}")


def test_late_answers_are_numbered(tmp_path: Path) -> None:
    for number in ("1", "2", "3"):
        (tmp_path / "a.review.csv").write_text(number)
        kept = tmp_path / keep(tmp_path)
        assert kept.read_text() == number
        assert kept.with_suffix(".txt").read_text() == f"about {kept.name}"
    assert kept.name == "a.too-late-3.csv"


def test_a_name_that_cannot_be_looked_at_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.too-late.csv").write_text("an earlier one")
    (tmp_path / "a.review.csv").write_text("late")

    def refuse(*_: object, **__: object) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", refuse)
        patch.setattr(Path, "lstat", refuse)
        with pytest.raises(OSError, match="I/O"):
            keep(tmp_path)
    assert (tmp_path / "a.too-late.csv").read_text() == "an earlier one"
    assert (tmp_path / "a.review.csv").read_text() == "late"
