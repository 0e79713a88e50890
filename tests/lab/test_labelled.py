"""Digits that users bring: what is taken, what is refused and how it is said."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sheetwatch.domain import UsageError
from sheetwatch.lab import labelled_sets
from sheetwatch.lab.labelled import load_labelled, load_parts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]


def digit(text: str, side: int = 28) -> Grey:
    """A digit in ink on black, as MNIST stores them."""
    image = np.zeros((56, 56), np.uint8)
    cv2.putText(image, text, (12, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, 4)
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def digits(count: int) -> tuple[Grey, npt.NDArray[np.uint8]]:
    return np.stack([digit(str(number % 10)) for number in range(count)]), (np.arange(count) % 10).astype(np.uint8)


def idx(values: npt.NDArray[np.uint8]) -> bytes:
    return struct.pack(f">I{values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


def write_pair(folder: Path, start: str, count: int = 20) -> Path:
    folder.mkdir(exist_ok=True)
    images, labels = digits(count)
    (folder / f"{start}-images-idx3-ubyte").write_bytes(idx(images))
    (folder / f"{start}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder / f"{start}-images-idx3-ubyte"


def write_folder(folder: Path, *, ink_on_black: bool = False) -> Path:
    for number in range(10):
        (folder / str(number)).mkdir(parents=True)
        image = digit(str(number))
        Image.fromarray(image if ink_on_black else 255 - image).save(folder / str(number) / "one.png")
    return folder


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


# --- a folder with subfolders 0 to 9 ---


@pytest.mark.parametrize("ink_on_black", [False, True])
def test_a_folder_comes_out_dark_on_light(tmp_path: Path, *, ink_on_black: bool) -> None:
    labelled = load_labelled(write_folder(tmp_path / "mine", ink_on_black=ink_on_black))
    assert labelled.name == "mine"
    assert labelled.labels == tuple("0123456789")
    assert labelled.warnings == ()
    for number, image in enumerate(labelled.images):
        assert np.array_equal(image, 255 - digit(str(number)))


def test_every_kind_of_picture_is_taken(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    paper = Image.fromarray(255 - digit("3"))
    transparent = Image.new("LA", paper.size, (0, 0))
    transparent.putalpha(Image.fromarray(digit("3")))
    for name, image in {
        "a.jpg": paper,
        "b.bmp": paper,
        "c.tif": paper.convert("1"),
        "d.webp": paper.convert("RGB"),
        "e.png": paper.convert("P"),
        "f.png": transparent,
        "g.png": paper.resize((300, 200)),
    }.items():
        image.save(folder / "3" / name)
    labelled = load_labelled(folder)
    assert labelled.labels.count("3") == 8
    assert labelled.warnings == ()
    assert max(max(image.shape) for image in labelled.images) == 128
    for grey, label in zip(labelled.images, labelled.labels, strict=True):
        assert label != "3" or (grey[0].min() > 200 and grey.min() < 60)


def test_what_windows_and_macs_leave_behind_is_ignored(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    (folder / ".git").mkdir()
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "4" / "Thumbs.db").write_bytes(b"x")
    (folder / "4" / "desktop.ini").write_bytes(b"x")
    (folder / "4" / "._one.png").write_bytes(b"x")
    assert load_labelled(folder).warnings == ()


def test_unreadable_files_are_counted_and_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    whole = (folder / "5" / "one.png").read_bytes()
    (folder / "5" / "cut.png").write_bytes(whole[:-30])
    (folder / "5" / "notes.txt").write_text("nothing")
    (folder / "6" / "empty.png").write_bytes(b"")
    Image.new("L", (4, 4)).save(folder / "7" / "tiny.png")
    pages = [Image.fromarray(255 - digit("7"))] * 2
    pages[0].save(folder / "7" / "two.tif", save_all=True, append_images=pages[1:])
    labelled = load_labelled(folder)
    assert len(labelled.images) == 10
    (warning,) = labelled.warnings
    assert "5 of 15 files cannot be read" in warning
    assert "5/cut.png" in warning
    assert "and 2 more" in warning


def test_a_huge_picture_is_never_decoded(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    png = (folder / "1" / "one.png").read_bytes()
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (folder / "1" / "bomb.png").write_bytes(png[:16] + header + checksum + png[33:])
    (warning,) = load_labelled(folder).warnings
    assert "1/bomb.png" in warning
    assert "megapixels" in warning


def test_blank_pictures_missing_digits_and_loose_files_are_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    Image.new("L", (30, 30), 240).save(folder / "2" / "blank.png")
    (folder / "8" / "one.png").unlink()
    (folder / "readme.txt").write_text("mine")
    labelled = load_labelled(folder)
    assert len(labelled.images) == 9
    said = " | ".join(labelled.warnings)
    assert "1 pictures show nothing" in said
    assert "no picture of 8" in said
    assert "readme.txt" in said


def test_both_ways_round_in_one_set_is_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mine")
    for number in range(4):
        Image.fromarray(digit(str(number))).save(folder / str(number) / "other.png")
    (warning,) = load_labelled(folder).warnings
    assert "taken for dark on light, but 29%" in warning


def test_printed_borders_do_not_turn_a_set_round(tmp_path: Path) -> None:
    images, labels = digits(20)
    paper = 255 - images
    paper[:, [0, -1], :] = 0
    paper[:, :, [0, -1]] = 0
    labelled = load_labelled(npz(tmp_path / "boxed.npz", images=paper, labels=labels))
    assert np.array_equal(np.stack(labelled.images), paper)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "letters").mkdir(), "letters: this subfolder is not a digit"),
        (lambda folder: (folder / "10").mkdir(), "10: this subfolder is not a digit"),
        (lambda folder: (folder / "3" / "writer").mkdir(), "a folder within a digit's folder"),
    ],
)
def test_another_folder_is_an_error_that_says_what_is_expected(tmp_path: Path, spoil: Any, reason: str) -> None:
    folder = write_folder(tmp_path / "mine")
    spoil(folder)
    with pytest.raises(UsageError, match="expected are subfolders 0, 1") as caught:
        load_labelled(folder)
    assert reason in str(caught.value)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "4").mkdir()
    with pytest.raises(UsageError, match="holds no pictures; expected are subfolders"):
        load_labelled(tmp_path)
    (tmp_path / "4" / "x.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="none of the 1 files is a readable picture") as caught:
        load_labelled(tmp_path)
    assert "4/x.png" in str(caught.value)
    with pytest.raises(UsageError, match="no such file or folder"):
        load_labelled(tmp_path / "gone")


# --- MNIST's idx files ---


def test_idx_files_plain_and_packed(tmp_path: Path) -> None:
    path = write_pair(tmp_path / "mnist", "train")
    labelled = load_labelled(path)
    assert (labelled.name, len(labelled.images), labelled.labels[:3]) == ("train", 20, ("0", "1", "2"))
    assert np.array_equal(labelled.images[7], 255 - digit("7"))
    for file in list(path.parent.iterdir()):
        (path.parent / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    again = load_labelled(path.with_name(f"{path.name}.gz"))
    assert np.array_equal(np.stack(again.images), np.stack(labelled.images))
    assert np.array_equal(np.stack(load_labelled(path.parent).images), np.stack(labelled.images))


def test_a_folder_with_both_parts_asks_which(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", 20)
    test = write_pair(tmp_path, "t10k", 10)
    (tmp_path / f"{test.name}.gz").write_bytes(gzip.compress(test.read_bytes()))
    with pytest.raises(UsageError, match="holds several sets"):
        load_labelled(tmp_path)
    parts = load_parts(tmp_path)
    assert parts.test is not None
    assert (len(parts.training.images), len(parts.test.images)) == (20, 10)


def test_parts_of_a_folder_and_of_an_npz(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine" / "train")
    write_folder(tmp_path / "mine" / "test", ink_on_black=True)
    parts = load_parts(tmp_path / "mine")
    assert parts.test is not None
    assert np.array_equal(parts.training.images[4], parts.test.images[4])
    images, labels = digits(20)
    path = npz(tmp_path / "keras.npz", x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])
    parts = load_parts(path)
    assert parts.test is not None
    assert (len(parts.training.images), len(parts.test.images)) == (20, 10)
    assert load_parts(write_folder(tmp_path / "whole")).test is None


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("images-idx3", lambda raw: raw[:-1], "is cut short: 15679 of 15680"),
        ("images-idx3", lambda raw: raw + b"\0", "is longer than its header says"),
        ("images-idx3", lambda raw: raw[:9], "ends within its header"),
        ("images-idx3", lambda raw: b"\0\0\x08\x01" + raw[4:], "begins with 00 00 08 01, not 00 00 08 03"),
        ("images-idx3", lambda raw: gzip.compress(raw)[:-20], "the gzip file is cut short or damaged"),
        ("images-idx3", lambda raw: struct.pack(">4I", 0x803, 0, 28, 28) + raw[:0], "holds no pictures"),
        ("images-idx3", lambda raw: struct.pack(">4I", 0x803, 2**31, 999, 999) + raw[16:], "are more than the 2 GB"),
        ("images-idx3", lambda raw: struct.pack(">4I", 0x803, 20, 2, 2) + raw[16:96], "hold no readable digit"),
        ("images-idx3", lambda raw: raw[:16] + bytes(len(raw) - 16), "none of its 20 pictures shows anything"),
        ("images-idx3", lambda _: b"hello, world", "is no idx file of pictures and no .npz"),
        ("labels-idx1", lambda raw: struct.pack(">2I", 0x801, 19) + raw[9:], "holds 20 pictures, but"),
        ("labels-idx1", lambda raw: raw[:-1] + b"\x0a", "label 20 is '10', which is no digit 0 to 9"),
        ("labels-idx1", lambda _: b"", "begins with nothing"),
        ("labels-idx1", lambda raw: struct.pack(">2I", 0x801, 2**32 - 1) + raw[8:], "allowed are 2000000"),
    ],
)
def test_a_broken_idx_file_is_named(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    path = write_pair(tmp_path / "mnist", "train")
    broken = path.parent / f"train-{name}-ubyte"
    broken.write_bytes(content(broken.read_bytes()))
    with pytest.raises(UsageError) as caught:
        load_labelled(path)
    assert reason in str(caught.value)
    assert str(broken) in str(caught.value)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write_pair(tmp_path / "mnist", "train")
    path.write_bytes(gzip.compress(idx(digits(20)[0]) + bytes(200_000_000)))
    with pytest.raises(UsageError, match="is longer than its header says"):
        load_labelled(path)


def test_missing_labels_are_asked_for(tmp_path: Path) -> None:
    path = write_pair(tmp_path / "mnist", "t10k")
    (path.parent / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match=r"put t10k-labels-idx1-ubyte \(or t10k-labels-idx1-ubyte.gz\) beside it"):
        load_labelled(path)
    renamed = path.rename(path.with_name("digits.idx"))
    with pytest.raises(UsageError, match="is not named like a file of pictures"):
        load_labelled(renamed)


# --- .npz ---


@pytest.mark.parametrize("kind", ["uint8", "int64", "U1", "S1"])
def test_an_npz_with_labels_of_any_kind(tmp_path: Path, kind: str) -> None:
    images, labels = digits(20)
    path = npz(tmp_path / "mine.npz", images=images[..., None], labels=labels.astype(kind))
    labelled = load_labelled(path)
    assert (labelled.name, labelled.labels) == ("mine", tuple(str(number % 10) for number in range(20)))
    assert np.array_equal(np.stack(labelled.images), 255 - images)


IMAGES, LABELS = digits(20)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": IMAGES, "labels": LABELS}, "holds labels, pictures; save the pictures as `images`"),
        ({"images": IMAGES}, "holds 'images' but no 'labels'"),
        (
            {"images": IMAGES / 255, "labels": LABELS},
            "'images' is float64 of shape (20, 28, 28); save pictures as uint8",
        ),
        ({"images": np.stack([IMAGES] * 3, -1), "labels": LABELS}, "of shape (20, 28, 28, 3)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "holds no pictures"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "holds 20 pictures, but its 'labels' holds 19 labels"),
        ({"images": IMAGES, "labels": LABELS + 1}, "label 10 is '10', which is no digit 0 to 9 (2 of 20 are not)"),
        ({"images": IMAGES, "labels": np.eye(10)[LABELS]}, "save the digits as one row"),
        ({"images": IMAGES, "labels": LABELS / 1}, "labels of type float64"),
        ({"images": IMAGES, "labels": np.array(["½"] * 20)}, "label 1 is '½'"),
    ],
)
def test_a_wrong_npz_is_explained(tmp_path: Path, arrays: dict[str, Any], reason: str) -> None:
    path = npz(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UsageError) as caught:
        load_labelled(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("the pickle was run",))

    path = npz(tmp_path / "mine.npz", images=np.array([Trap()] * 3, object), labels=LABELS[:3])
    with pytest.raises(UsageError, match="Python objects, which could run code"):
        load_labelled(path)


def test_an_npz_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(  # type: ignore[no-untyped-call]
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 1000, 1000)}
    )
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())
        archive.writestr("labels.npy", b"")
    with pytest.raises(UsageError, match="more than the 2 GB"):
        load_labelled(path)


def test_the_limit_holds_for_folders_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "mine")
    monkeypatch.setattr("sheetwatch.lab.labelled_folder.MOST_BYTES", 3000)
    with pytest.raises(UsageError, match="GB of pixels"):
        load_labelled(folder)
    assert labelled_sets.MOST_BYTES == 2_000_000_000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans(), kind=st.integers(0, 2))
def test_damage_anywhere_is_an_error_or_harmless(
    tmp_path: Path, position: float, value: int, kind: int, *, cut: bool
) -> None:
    """A byte changed or the end missing: a UsageError or digits, never another exception."""
    images, labels = digits(6)
    path = tmp_path / "mine.npz"
    if kind == 0:
        np.savez(path, images=images, labels=labels)
    elif kind == 1:
        np.savez_compressed(path, images=images, labels=labels)
    else:
        path = write_pair(tmp_path, "train", 6).with_name("train-images-idx3-ubyte.gz")
        path.write_bytes(gzip.compress(idx(images)))
    content = bytearray(path.read_bytes())
    place = int(position * len(content))
    content[place] = value
    path.write_bytes(content[:place] if cut else content)
    try:
        labelled = load_labelled(path)
    except UsageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right, and the error must name the file
    else:
        assert set(labelled.labels) <= set("0123456789")
        assert len(labelled.labels) == len(labelled.images)
