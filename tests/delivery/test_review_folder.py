"""What lies in the review folder under our names, and is not ours to write over."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sheetwatch.delivery.review_folder import Contents, keep_late, place


def keep(folder: Path) -> str:
    return keep_late(folder / "a.review.csv", folder, "a", lambda name: f"about {name}")


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
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            keep(tmp_path)
    assert (tmp_path / "a.too-late.csv").read_text() == "an earlier one"
    assert (tmp_path / "a.review.csv").read_text() == "late"


def test_a_sheet_that_is_saved_while_a_new_one_is_placed_is_not_overwritten(tmp_path: Path) -> None:
    contents = Contents(page=None, page_name="a.png", picture=None, text="why", sheet="field,correct\n")
    came_out: list[bytes] = []

    def keep(sheet: Path) -> None:
        came_out.append(sheet.read_bytes())
        sheet.unlink()

    place(tmp_path, "a", contents, keep)
    assert not came_out
    (tmp_path / "a.review.csv").write_bytes(b"q1,7\n")
    place(tmp_path, "a", contents, keep)
    assert came_out == [b"q1,7\n"]
    assert (tmp_path / "a.review.csv").read_text() == contents.sheet
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.review.csv", "a.review.txt"]


def test_a_sheet_that_cannot_be_kept_goes_back(tmp_path: Path) -> None:
    contents = Contents(page=None, page_name="a.png", picture=None, text="why", sheet="field,correct\n")
    (tmp_path / "a.review.csv").write_bytes(b"q1,7\n")

    def fail(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        place(tmp_path, "a", contents, fail)
    assert (tmp_path / "a.review.csv").read_bytes() == b"q1,7\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.review.csv", "a.review.txt"]
