"""The real handwriting that training and calibration draw from, split so that no hand is on both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.broken_samples import MISLABELLED
from sheetwatch.lab.labelled import load_parts
from sheetwatch.lab.labelled_idx import read_pair
from sheetwatch.lab.plain_ink import ink_of
from sheetwatch.lab.strokes import load_strokes
from sheetwatch.reader.manifest import TrainingSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.labelled import Labelled
    from sheetwatch.lab.strokes import StrokeSet

    Grey = npt.NDArray[np.uint8]
    Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glyphs:
    """A collection of digit pictures. `images`: uint8 (h, w) each, 255 = ink; `share`: how often it is drawn from."""

    name: str
    images: tuple[Grey, ...]
    labels: tuple[str, ...]
    share: float

    def pick(self, rng: Rng) -> tuple[Grey, str]:
        """One picture, cropped to its ink, and its digit."""
        index = int(rng.integers(len(self.images)))
        return self.images[index], self.labels[index]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """Everything that cells are composed from."""

    digits: StrokeSet
    letters: StrokeSet
    symbols: StrokeSet
    glyphs: tuple[Glyphs, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDigits:
    """A user's digits (see `lab.labelled`), and their share of the cells that are composed of digit pictures."""

    source: Path
    share: float = 0.3


# Files, and how often each is drawn from. Held out: every seventh UNIPEN writer, MNIST's and optdigits' test parts, and
# every seventh picture of the small collections and of a user's own digits.
_TRAINING = (
    ("mnist_train", 0.62),
    ("nsysu_digits", 0.16),
    ("optdigits_train", 0.08),
    ("semeion", 0.07),
    ("hwd1000", 0.07),
)
_HELD_OUT = (
    ("mnist_test", 0.62),
    ("nsysu_digits", 0.16),
    ("optdigits_test", 0.08),
    ("semeion", 0.07),
    ("hwd1000", 0.07),
)
_TRAINING_DATA = (
    TrainingSet(name="MNIST, training part", licence="CC BY-SA 3.0"),
    TrainingSet(name="UNIPEN train_r01_v07: digits, letters, symbols", licence="CC BY 4.0"),
    TrainingSet(name="UCI optdigits, training part", licence="CC BY 4.0"),
    TrainingSet(name="UCI semeion", licence="CC BY 4.0"),
    TrainingSet(name="NSYSU digits", licence="ODbL 1.0"),
    TrainingSet(name="hwd1000", licence="MIT"),
)
_UNSPLIT = frozenset({"nsysu_digits", "semeion", "hwd1000"})
_HELD_OUT_EVERY = 7
_FEWEST_OWN = 20
_AS_IDX = {"mnist_train": "train-images-idx3-ubyte", "mnist_test": "t10k-images-idx3-ubyte"}


def load_sources(folder: Path, *, held_out: bool = False, own: OwnDigits | None = None) -> Sources:
    """The training side of the data folder, or its held-out side; `own`: with a user's digits.

    Raises UsageError when a file is missing or cannot be read.
    """
    names = ["unipen_digits", "unipen_letters", "unipen_symbols", *(name for name, _ in _TRAINING + _HELD_OUT)]
    missing = [name for name in names if _file_of(folder, name) is None]
    if missing:
        raise UsageError(f"{folder} lacks {missing[0]}.npz; point --data at the folder with the training data")
    strokes = [
        load_strokes(folder / f"unipen_{name}.npz", held_out=held_out) for name in ("digits", "letters", "symbols")
    ]
    table = _HELD_OUT if held_out else _TRAINING
    glyphs = tuple(_load_glyphs(folder, name, share, held_out=held_out) for name, share in table)
    return Sources(
        digits=strokes[0],
        letters=strokes[1],
        symbols=strokes[2],
        glyphs=glyphs if own is None else _with_own(glyphs, own, held_out=held_out),
    )


def training_data(own: OwnDigits | None) -> tuple[TrainingSet, ...]:
    """What a model is trained on, for its manifest."""
    if own is None:
        return _TRAINING_DATA
    return (*_TRAINING_DATA, TrainingSet(name=f"digits of the user's own: {own.source.name}", licence="the user's own"))


def _file_of(folder: Path, name: str) -> Path | None:
    """The file of a set: an .npz, or of MNIST its idx files as they are fetched."""
    candidates = [folder / f"{name}.npz"]
    if name in _AS_IDX:
        candidates += [folder / _AS_IDX[name], folder / f"{_AS_IDX[name]}.gz"]
    return next((path for path in candidates if path.is_file()), None)


def _with_own(others: Sequence[Glyphs], own: OwnDigits, *, held_out: bool) -> tuple[Glyphs, ...]:
    """The user's digits beside the others, whose shares shrink to make room."""
    shrunk = [replace(one, share=one.share * (1.0 - own.share)) for one in others]
    return (*shrunk, _own_glyphs(own, held_out=held_out))


def _own_glyphs(own: OwnDigits, *, held_out: bool) -> Glyphs:
    """The user's test part is held out, or, where the source has none, every seventh of the digits."""
    parts = load_parts(own.source)
    mine = parts.test if held_out and parts.test else parts.training
    chosen = [
        (ink, label)
        for number, (ink, label) in enumerate(zip(_inks(mine), mine.labels, strict=True))
        if ink is not None and (parts.test is not None or (number % _HELD_OUT_EVERY == 0) == held_out)
    ]
    if not chosen or len(parts.training.images) < _FEWEST_OWN:
        raise UsageError(f"{own.source}: holds too few digits to train on; give at least {_FEWEST_OWN}, some of each")
    return Glyphs(
        name=parts.training.name,
        images=tuple(_full_ink(ink) for ink, _ in chosen),
        labels=tuple(label for _, label in chosen),
        share=own.share,
    )


def _inks(labelled: Labelled) -> list[Grey | None]:
    return [ink_of(image) for image in labelled.images]


def _load_glyphs(folder: Path, name: str, share: float, *, held_out: bool) -> Glyphs:
    images, labels = _arrays(folder, name)
    mine = ~np.isin(np.arange(len(images)), list(MISLABELLED.get(name, ())))
    if name in _UNSPLIT:
        mine &= (np.arange(len(images)) % _HELD_OUT_EVERY == 0) == held_out
    images, labels = images[mine], labels[mine]
    if name == "hwd1000":  # dark on light
        images = np.invert(images)
    return Glyphs(
        name=name,
        images=tuple(_full_ink(_cropped(image)) for image in images),
        labels=tuple(str(label) for label in labels),
        share=share,
    )


def _arrays(folder: Path, name: str) -> tuple[Grey, npt.NDArray[Any]]:
    """uint8 (N, H, W) as stored, and the labels."""
    path = _file_of(folder, name)
    assert path is not None  # noqa: S101 - load_sources has looked
    if path.suffix != ".npz":
        stored = read_pair(path)
        return np.stack(stored.images), np.array(stored.labels)
    with np.load(path, allow_pickle=False) as data:
        return data["images"], data["labels"]


def _cropped(image: Grey) -> Grey:
    ink = image > 0.25 * max(1, int(image.max()))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return image
    return np.ascontiguousarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _full_ink(image: Grey) -> Grey:
    """Brightest ink 255; binary pictures softened, so that they can be scaled."""
    scaled = cv2.convertScaleAbs(image, alpha=255.0 / max(1, int(image.max())))
    if np.unique(scaled).size <= 2:
        scaled = cv2.GaussianBlur(cv2.copyMakeBorder(scaled, 1, 1, 1, 1, cv2.BORDER_CONSTANT), (3, 3), 0)
    return np.asarray(scaled, dtype=np.uint8)
