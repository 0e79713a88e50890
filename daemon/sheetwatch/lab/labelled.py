"""Labelled digits that a user has: a folder with subfolders 0 to 9, MNIST's idx files, or an .npz.

Whether a set is dark ink on light paper or light on dark is found out for the set as a whole. There is more paper than
ink, so a picture is on light paper when more than half of its pixels are lighter than the middle between its lightest
and its darkest one; most of the pictures decide. Borders alone would not do: on scanned boxes they are printed dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.labelled_folder import DIGITS, read_folder, visible
from sheetwatch.lab.labelled_idx import GZIP_MAGIC, IDX_MAGIC, pairs_in, read_pair
from sheetwatch.lab.labelled_npz import ZIP_MAGIC, read_npz

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.labelled_sets import StoredSet

    Grey = npt.NDArray[np.uint8]

_LEAST_CONTRAST = 24  # grey levels; a picture with less shows nothing
_LOOKED_AT = 2000  # pictures, evenly over a set, that tell dark on light from light on dark
_DOUBT = 0.1  # of the pictures the other way round, and the set is mixed
_TRAINING_NAMES = frozenset({"train", "training"})
_TEST_NAMES = frozenset({"test", "testing", "t10k"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Digits with their labels. `images`: uint8 (H, W) of any size, dark ink on light paper; `labels`: "0" to "9".

    `warnings`: what of the source could not be used, and what is odd about it, for a person to read.
    """

    name: str
    images: tuple[Grey, ...]
    labels: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """A source's training part, and its test part if it keeps one apart, as MNIST does."""

    training: Labelled
    test: Labelled | None = None


def load_labelled(source: Path) -> Labelled:
    """One set of labelled digits. Raises UsageError naming the file, the reason and the mend.

    source: a folder with subfolders 0 to 9, or with one pair of idx files; an idx file of pictures with its labels
    beside it; an .npz with `images` and `labels`. Also where it holds a training and a test part: see `load_parts`.
    """
    sets = _stored_sets(source)
    if len(sets) > 1:
        names = " and ".join(one.name for one in sets)
        raise UsageError(f"{source}: holds several sets ({names}); name the file or folder of one of them")
    return _labelled(source, sets[0])


def load_parts(source: Path) -> Parts:
    """As `load_labelled`, also for sources with a training part and a test part.

    That is a folder with MNIST's four files, a folder whose subfolders `train` and `test` hold subfolders 0 to 9, or
    an .npz with `x_train`, `y_train`, `x_test` and `y_test`.
    """
    sets = _stored_sets(source)
    if len(sets) == 1:
        return Parts(training=_labelled(source, sets[0]))
    training = [one for one in sets if one.name.lower() in _TRAINING_NAMES]
    test = [one for one in sets if one.name.lower() in _TEST_NAMES]
    if len(sets) != 2 or len(training) != 1 or len(test) != 1:
        names = ", ".join(one.name for one in sets)
        raise UsageError(f"{source}: which of {names} to train on is not clear; name the file or folder of one of them")
    return Parts(training=_labelled(source, training[0]), test=_labelled(source, test[0]))


def _stored_sets(source: Path) -> list[StoredSet]:
    """Every set of a source, at least one."""
    if source.is_dir():
        return _sets_in(source)
    if not source.is_file():
        raise UsageError(f"{source}: there is no such file or folder; check the path")
    with source.open("rb") as file:
        start = file.read(4)
    if start == ZIP_MAGIC:
        return read_npz(source)
    if start.startswith((GZIP_MAGIC, IDX_MAGIC)):
        return [read_pair(source)]
    raise UsageError(
        f"{source}: is no idx file of pictures and no .npz; give one of these, or a folder with subfolders 0 to 9"
    )


def _sets_in(folder: Path) -> list[StoredSet]:
    pairs = pairs_in(folder)
    subfolders = [path for path in visible(folder) if path.is_dir()]
    if pairs and any(path.name in DIGITS for path in subfolders):
        raise UsageError(f"{folder}: holds both idx files and subfolders of digits; move one of the two away")
    if pairs:
        return [read_pair(path) for path in pairs]
    names = {path.name.lower() for path in subfolders}
    if names & _TRAINING_NAMES and names <= _TRAINING_NAMES | _TEST_NAMES:
        return [read_folder(path) for path in subfolders]
    return [read_folder(folder)]


def _labelled(source: Path, stored: StoredSet) -> Labelled:
    """Without pictures that show nothing, all dark on light."""
    shows = [int(image.max()) - int(image.min()) >= _LEAST_CONTRAST for image in stored.images]
    images = [image for image, keep in zip(stored.images, shows, strict=True) if keep]
    if not images:
        raise UsageError(f"{source}: none of its {len(shows)} pictures shows anything; check what was saved")
    light_share = _light_paper_share(images)
    dark_ink = light_share >= 0.5
    return Labelled(
        name=stored.name,
        images=tuple(images) if dark_ink else tuple(np.invert(image) for image in images),
        labels=tuple(label for label, keep in zip(stored.labels, shows, strict=True) if keep),
        warnings=(*stored.warnings, *_warnings(source, len(shows) - len(images), light_share)),
    )


def _light_paper_share(images: Sequence[Grey]) -> float:
    """The share of pictures on light paper, of a sample of them."""
    looked_at = images[:: -(-len(images) // _LOOKED_AT)]
    return float(np.mean([_on_light_paper(image) for image in looked_at]))


def _on_light_paper(image: Grey) -> bool:
    return bool(2 * float(np.median(image)) > float(image.max()) + float(image.min()))


def _warnings(source: Path, blank: int, light_share: float) -> list[str]:
    warnings = []
    if blank:
        warnings.append(f"{source}: {blank} pictures show nothing and are left out")
    if _DOUBT < light_share < 1 - _DOUBT:
        taken, share = ("dark on light", 1 - light_share) if light_share >= 0.5 else ("light on dark", light_share)
        warnings.append(
            f"{source}: is taken for {taken}, but {share:.0%} of the pictures look the other way round;"
            " keep the two apart, and load them one by one"
        )
    return warnings
