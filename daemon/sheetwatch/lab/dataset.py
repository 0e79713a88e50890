"""The real handwriting that training and calibration draw from, split so that no hand is on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.broken_samples import MISLABELLED
from sheetwatch.lab.strokes import load_strokes
from sheetwatch.reader.manifest import TrainingSet

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

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


# Files, and how often each is drawn from. Held out: every seventh UNIPEN writer, MNIST's and optdigits' test parts, and
# every seventh picture of the small collections.
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
TRAINING_DATA = (
    TrainingSet(name="MNIST, training part", licence="CC BY-SA 3.0"),
    TrainingSet(name="UNIPEN train_r01_v07: digits, letters, symbols", licence="CC BY 4.0"),
    TrainingSet(name="UCI optdigits, training part", licence="CC BY 4.0"),
    TrainingSet(name="UCI semeion", licence="CC BY 4.0"),
    TrainingSet(name="NSYSU digits", licence="ODbL 1.0"),
    TrainingSet(name="hwd1000", licence="MIT"),
)
_UNSPLIT = frozenset({"nsysu_digits", "semeion", "hwd1000"})


def load_sources(folder: Path, *, held_out: bool = False) -> Sources:
    """The training side of the data folder, or its held-out side. Raises UsageError when a file is missing."""
    names = ["unipen_digits", "unipen_letters", "unipen_symbols", *(name for name, _ in _TRAINING + _HELD_OUT)]
    missing = [name for name in names if not (folder / f"{name}.npz").is_file()]
    if missing:
        raise UsageError(f"{folder} lacks {missing[0]}.npz; point --data at the folder with the training data")
    strokes = [
        load_strokes(folder / f"unipen_{name}.npz", held_out=held_out) for name in ("digits", "letters", "symbols")
    ]
    table = _HELD_OUT if held_out else _TRAINING
    return Sources(
        digits=strokes[0],
        letters=strokes[1],
        symbols=strokes[2],
        glyphs=tuple(_load_glyphs(folder, name, share, held_out=held_out) for name, share in table),
    )


def _load_glyphs(folder: Path, name: str, share: float, *, held_out: bool) -> Glyphs:
    data = np.load(folder / f"{name}.npz", allow_pickle=False)
    images, labels = data["images"], data["labels"]
    mine = ~np.isin(np.arange(len(images)), list(MISLABELLED.get(name, ())))
    if name in _UNSPLIT:
        mine &= (np.arange(len(images)) % 7 == 0) == held_out
    images, labels = images[mine], labels[mine]
    if name == "hwd1000":  # dark on light
        images = 255 - images
    return Glyphs(
        name=name,
        images=tuple(_full_ink(_cropped(image)) for image in images),
        labels=tuple(str(label) for label in labels),
        share=share,
    )


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
