"""Rows as text, and files that always say what the ledger says."""

from __future__ import annotations

import csv
import ctypes
import errno
import io
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch import files
from sheetwatch.delivery import rolling
from sheetwatch.delivery.rolling import Delivered, Known, Surprise, deliver
from sheetwatch.delivery.rows import SheetRow, confidence_text, csv_line, harmless, header_line, row_line
from sheetwatch.domain import Field, FieldKind
from sheetwatch.files import DurabilityError, free_names, move_new, move_to_free, sweep, write_atomically
from sheetwatch.names import plain_text, safe_stem, safe_suffix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = "h\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")), min_size=2))
def test_cells_come_back_from_a_csv(cells: list[str]) -> None:
    (back,) = csv.reader(io.StringIO(csv_line(cells)))
    assert back == [harmless(cell) for cell in cells]
    assert [cell.removeprefix("'") for cell in back] == [cell.removeprefix("'") for cell in cells]


@given(st.text(), st.floats(0, 1))
def test_no_source_name_makes_a_formula_or_a_second_line(name: str, confidence: float) -> None:
    row = SheetRow(
        sheet_id="1-p0", read_at=datetime(2026, 3, 2, tzinfo=UTC), source=plain_text(name), page=0, status="auto",
        values=("7",), confidence=confidence,
    )  # fmt: skip
    line = row_line(row)
    assert line.count("\n") == 1
    (cells,) = csv.reader([line])
    assert len(cells) == 7
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_the_header_names_the_columns() -> None:
    fields = [Field(name="q1", kind=FieldKind.MARK), Field(name="total", kind=FieldKind.MARK)]
    assert header_line(fields) == "sheet_id,read_at,source,page,status,q1,total,confidence\n"


@given(st.floats(0, 1))
def test_confidence_is_never_rounded_up(probability: float) -> None:
    assert 0 <= probability - float(confidence_text(probability)) < 0.0001 + 1e-9


@given(st.text())
def test_safe_names_are_safe(name: str) -> None:
    stem = safe_stem(name)
    assert stem
    assert len(stem.encode()) <= 90
    assert stem[0] not in "-.=~ "
    assert not set(stem) & set('/\\:*?"<>|\n\0')
    assert safe_suffix(name) == "" or safe_suffix(name)[1:].isalnum()


@pytest.mark.parametrize(
    ("name", "text"), [("a\nb", r"a\nb"), ("\udcff", r"\xff"), ("\x1b[2J", r"\x1b[2J"), ("ü😀", "ü😀")]
)
def test_names_for_people_are_one_harmless_line(name: str, text: str) -> None:
    assert plain_text(name) == text


class Book:
    """A CSV with the ledger's side of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.state = Delivered(size_bytes=0, fingerprint="")

    @property
    def known(self) -> Known:
        return Known(
            header=HEADER,
            delivered_bytes=self.state.size_bytes,
            fingerprint=self.state.fingerprint or None,
            lines=lambda: self.lines,
        )

    def add(self, *lines: str) -> Delivered:
        self.state = deliver(self.path, self.known, lines)
        self.lines += lines
        assert self.path.read_text() == HEADER + "".join(self.lines)
        assert self.state.size_bytes == self.path.stat().st_size
        return self.state


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "exam.csv")


def test_lines_are_appended_in_place(book: Book) -> None:
    book.add("1\n")
    inode = book.path.stat().st_ino
    book.add("2\n", "3\n")
    assert book.path.stat().st_ino == inode


@pytest.mark.parametrize("torn", ["", "2", "2\n", "2\n3", "2\n3\n"])
def test_a_tail_of_ours_is_cut_and_written_again(book: Book, torn: str) -> None:
    book.add("1\n")
    with book.path.open("a") as file:
        file.write(torn)
    done = book.add("2\n", "3\n")
    assert done.surprise is None
    assert not list(book.path.parent.glob("*altered*"))


@pytest.mark.parametrize("found", ["", "h\n", "h\nX\n", "h\n1\nhello\n", "h\n1\n2\n3\n4\n"])
def test_what_somebody_altered_is_kept_aside(book: Book, found: str) -> None:
    book.add("1\n")
    book.path.write_text(found)
    done = book.add("2\n", "3\n")
    assert done.surprise is Surprise.ALTERED
    (aside,) = done.kept_aside
    assert aside.read_text() == found


def test_a_file_too_large_for_any_memory_is_kept_aside_unread(book: Book) -> None:
    book.add("1\n")
    os.truncate(book.path, 1 << 42)
    (aside,) = book.add("2\n").kept_aside
    assert aside.stat().st_size == 1 << 42


def test_every_altered_state_is_kept(book: Book) -> None:
    book.add("1\n")
    for number in (1, 2, 3):
        book.path.write_text(f"mine {number}")
        book.add()
        assert (book.path.parent / f"exam.altered-{number}.csv").read_text() == f"mine {number}"


def test_a_missing_file_is_made_again(book: Book) -> None:
    book.add("1\n")
    book.path.unlink()
    assert book.add("2\n").surprise is Surprise.MISSING


def test_a_touched_file_is_only_compared(book: Book) -> None:
    book.add("1\n")
    book.path.touch()
    assert book.add("2\n").surprise is None


def test_a_first_delivery_cut_off_before_it_was_noted_is_taken_over(book: Book) -> None:
    book.path.write_text("h\n1\n")
    assert book.add("1\n").surprise is None


def test_a_stranger_under_the_name_of_a_new_file_is_kept(book: Book) -> None:
    book.path.write_text("somebody's notes")
    assert book.add("1\n").surprise is Surprise.ALTERED


def put_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("x")


def put_link(path: Path) -> None:
    moved = path.with_name("moved elsewhere")
    moved.write_text("h\n1\n")
    path.symlink_to(moved)


def put_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("put", [put_folder, put_link, put_dangling_link, os.mkfifo])
def test_what_lies_in_the_place_of_a_csv_is_kept_aside(book: Book, put: Callable[[Path], None]) -> None:
    book.add("1\n")
    book.path.unlink()
    put(book.path)
    kind = stat.S_IFMT(book.path.lstat().st_mode)
    done = book.add("2\n")
    assert done.surprise is Surprise.ALTERED
    (aside,) = done.kept_aside
    assert stat.S_IFMT(aside.lstat().st_mode) == kind
    assert not book.path.is_symlink()


def test_a_dangling_link_under_the_name_for_what_is_kept_is_somebodys(book: Book) -> None:
    book.add("1\n")
    taken = book.path.with_name("exam.altered-1.csv")
    taken.symlink_to("nowhere")
    book.path.write_text("mine")
    assert book.add("2\n").kept_aside == (book.path.with_name("exam.altered-2.csv"),)
    assert taken.is_symlink()


@pytest.mark.parametrize("saved", [b"mine", b"h\n2\n1\n"], ids=["shorter", "sorted, as long as before"])
@pytest.mark.parametrize("at", ["before", "during", "making", "made again"])
def test_what_is_saved_at_the_same_instant_is_noticed(
    book: Book, monkeypatch: pytest.MonkeyPatch, at: str, saved: bytes
) -> None:
    """A spreadsheet saves between our look at the file and our writing, or while the fsync takes its time."""
    book.add("1\n")
    with monkeypatch.context() as patch:
        if at == "before":
            patch.setattr(rolling, "looks_untouched", lambda *_: replace_with(book.path, saved))
        elif at == "during":
            patch.setattr(rolling, "fsync", lambda *_: overwrite_with(book.path, saved))
        elif at == "making":
            book.path.unlink()
            saves = iter([saved])
            patch.setattr(files, "fsync", lambda *_: [book.path.write_bytes(data) for data in saves])
        else:
            book.path.unlink()
            patch.setattr(files, "fsync_folder", lambda *_: overwrite_with(book.path, saved))
        book.state = deliver(book.path, book.known, ["2\n"])
    book.lines.append("2\n")
    kept = [path.read_bytes() for path in book.path.parent.glob("*.altered-*")]
    book.add()
    kept += [path.read_bytes() for path in book.path.parent.glob("*.altered-*")]
    assert saved in kept


def test_a_program_that_saves_all_the_time_is_met_later(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add("1\n")
    book.path.write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(files, "fsync", lambda *_: book.path.write_bytes(b"mine again"))
        with pytest.raises(FileExistsError):
            deliver(book.path, book.known, ["2\n"])
    book.add("2\n")
    kept = [path.read_bytes() for path in sorted(book.path.parent.glob("*.altered-*"))]
    assert kept == [b"mine again"] * 6


def test_what_was_found_is_told_after_a_full_disk_too(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    book.add("1\n")
    book.path.write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(OSError, match="No space"):
            book.add("2\n")
    assert book.path.read_bytes() == b"mine"
    done = book.add("2\n")
    assert done.surprise is Surprise.ALTERED
    assert [path.read_bytes() for path in done.kept_aside] == [b"mine"]


def replace_with(path: Path, data: bytes) -> bool:
    path.unlink()
    path.write_bytes(data)
    return True


def overwrite_with(path: Path, data: bytes) -> None:
    wait_for_another_tick(path)
    path.write_bytes(data)


def wait_for_another_tick(path: Path) -> None:
    """File times count in ticks of up to 10 ms; nobody saves twice in one."""
    probe, before_ns = path.with_name("probe"), path.stat().st_mtime_ns
    while True:
        probe.write_bytes(b"")
        probe.write_bytes(b"x")
        if probe.stat().st_mtime_ns > before_ns:
            return


class OldKernel:
    """One that cannot refuse to rename over a file, as NFS cannot."""

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


@pytest.mark.parametrize("kernel", [files._KERNEL, OldKernel()], ids=["new", "old"])
def test_nothing_is_ever_moved_over_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: object) -> None:
    monkeypatch.setattr(files, "_KERNEL", kernel)
    for name in ("a.csv", "b.csv", "link.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link.csv").unlink()
    (tmp_path / "link.csv").symlink_to("nowhere")
    for taken in ("b.csv", "link.csv"):
        with pytest.raises(FileExistsError):
            move_new(tmp_path / "a.csv", tmp_path / taken)
    assert move_to_free(tmp_path / "a.csv", free_names(tmp_path / "b.csv")).name == "b-2.csv"
    assert {path.name for path in tmp_path.iterdir()} == {"b.csv", "b-2.csv", "link.csv"}
    assert (tmp_path / "b.csv").read_text() == "b.csv"


@pytest.mark.parametrize("name", ["n" * 251 + ".jpg", "ü" * 125 + ".jpg", "😀" * 62 + ".jpeg", "x." + "ü" * 126])
def test_numbers_are_put_behind_whole_characters(tmp_path: Path, name: str) -> None:
    for number, place in zip(range(2, 13), free_names(tmp_path / name), strict=False):
        place.name.encode()
        write_atomically(place, b"x")
        assert number == 2 or place.stem.endswith(f"-{number - 1}")


def test_a_folder_under_a_temporary_name_is_somebodys(tmp_path: Path) -> None:
    (tmp_path / ".sheetwatch-a.txt").mkdir()
    (tmp_path / ".sheetwatch-old").write_text("x")
    write_atomically(tmp_path / "a.txt", b"x")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".sheetwatch-a.txt", "a.txt"]


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "I/O error")

    write_atomically(tmp_path / "a", b"before")
    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(DurabilityError, match="fsync failed"):
        write_atomically(tmp_path / "a", b"after")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"before"
