"""A model's manifest: what the file holds, how it is read, and how far its probabilities can be trusted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import ConfigError
from sheetwatch.reader import normalise
from sheetwatch.reader.vocabulary import SYMBOLS

if TYPE_CHECKING:
    from pathlib import Path


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pictures that the network takes: `height` rows, one of `widths` columns, int8."""

    height: int
    widths: tuple[int, ...]
    normalisation: int


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From the network's output to probabilities that hold.

    `temperature` divides the logits; then the log-odds of a reading become `slope` times themselves plus `offset`,
    and the whole is scaled so that no reading is surer than `ceiling`. `empty` is the probability that a cell in
    which no ink was found is empty, `doubtful_empty` the same where a long stroke was taken for a border's rest or a
    neighbour's; readings beside such a stroke are multiplied by `doubtful`.
    """

    temperature: float
    slope: float
    offset: float
    ceiling: float
    empty: float
    doubtful_empty: float
    doubtful: float


class RiskPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the held-out cells, `accepted` had at least `threshold`, `wrong` of them wrongly.

    `error_bound`: the upper end of the exact 95 % confidence interval of their share (Clopper and Pearson 1934).
    """

    threshold: float
    accepted: int
    wrong: int
    error_bound: float


class TrainingSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data set that the model was trained on."""

    name: str
    licence: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that the reader needs to know about a model file beside it."""

    name: str
    file: str
    sha256: str
    parameters: int
    input: Input
    symbols: str
    calibration: Calibration
    fine_calibration: Calibration  # of marks in steps finer than a half, where a point that is overlooked passes
    box_calibration: Calibration  # of single boxes of a comb
    risk_coverage: tuple[RiskPoint, ...]
    held_out_cells: int
    training_cells: int
    training_command: str
    training_data: tuple[TrainingSet, ...]
    program_version: str


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises ConfigError naming the file, the reason and the mend."""
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ConfigError(f"{path}: the model's manifest cannot be read ({error.strerror}); {_MEND}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: the model's manifest is damaged ({error}); {_MEND}") from error
    fits = (manifest.input.height, manifest.input.normalisation) == (normalise.HEIGHT, normalise.VERSION)
    if manifest.symbols != SYMBOLS or not fits or set(manifest.input.widths) - set(normalise.WIDTHS):
        raise ConfigError(f"{path}: the model was made for another version of Sheetwatch; {_MEND}")
    return manifest


def load_model_bytes(path: Path, sha256: str) -> bytes:
    """Read a model file and compare its checksum. Raises ConfigError as `load_manifest` does."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the model cannot be read ({error.strerror}); {_MEND}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(
            f"{path}: the model is not the one its manifest describes "
            f"(sha256 {found[:12]}…, not {sha256[:12]}…); {_MEND}",
        )
    return content


_MEND = "set `model: null` for the shipped one, or train again"
