"""The classic baseline at work: one digit a cell, found by one threshold, centred by mass, read by LeNet-5.

It takes each cell for one digit or for nothing, as the recipe that is told everywhere does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import msgspec
import numpy as np

from sheetwatch.domain import Alternative, ConfigError, Field, Reading, State
from sheetwatch.lab.plain_ink import ink_of
from sheetwatch.reader.calibrate import smallest_threshold
from sheetwatch.reader.manifest import RiskPoint, load_model_bytes
from sheetwatch.reader.network import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

SIDE = 32
"""Rows and columns of the network's picture: MNIST's 28 with 2 of paper around, as in LeCun et al. 1998."""

_INK_SIDE = 20  # the longer side of the ink, as MNIST was made
_ALTERNATIVES = 3
_MEND = "train it again with: sheetwatch train --arch lenet5"


class LenetManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known about a LeNet-5 file beside it. `test_accuracy`: share of the test part that is read right."""

    arch: Literal["lenet5"] = "lenet5"
    name: str
    file: str
    sha256: str
    parameters: int
    training_set: str
    training_digits: int
    test_digits: int
    test_accuracy: float
    epochs: int
    seed: int
    risk_coverage: tuple[RiskPoint, ...]
    training_command: str
    program_version: str


def picture_of(cell: Grey) -> Grey | None:
    """The digit of a cell as MNIST was made: its ink in 20 x 20, its centre of mass in the middle; None without ink.

    cell: uint8 (H, W), dark ink on light paper. Returns uint8 (32, 32), 255 = ink.
    """
    ink = ink_of(cell)
    if ink is None:
        return None
    zoom = _INK_SIDE / max(ink.shape)
    size = [max(1, round(side * zoom)) for side in reversed(ink.shape)]
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    mass = small / max(1.0, float(small.sum()))
    # MNIST has it on pixel 14 of 28 counted from 0, half a pixel beyond the middle
    down = float(np.arange(size[1]) @ mass.sum(axis=1))
    across = float(np.arange(size[0]) @ mass.sum(axis=0))
    top, left = (round(SIDE / 2 - centre) for centre in (down, across))
    top, left = min(max(top, 0), SIDE - size[1]), min(max(left, 0), SIDE - size[0])
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + size[1], left : left + size[0]] = small
    return picture


def load_lenet(model: Path) -> LenetReader:
    """The reader with this LeNet-5 (a .tflite with its .json beside it). Raises ConfigError as `load_reader` does."""
    path = model.with_suffix(".json")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=LenetManifest)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); {_MEND}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: does not describe a LeNet-5 ({error}); {_MEND}") from error
    return LenetReader(LenetNetwork(load_model_bytes(model, manifest.sha256)), manifest.name, manifest.risk_coverage)


class LenetNetwork:
    """An int8 LeNet-5, ready to run on one thread."""

    def __init__(self, content: bytes) -> None:
        self._interpreter = open_interpreter(content)
        self._interpreter.allocate_tensors()
        self._entry = self._interpreter.get_input_details()[0]["index"]
        exit_ = self._interpreter.get_output_details()[0]
        self._exit, (self._scale, self._zero) = exit_["index"], exit_["quantization"]

    def probabilities(self, picture: Grey) -> npt.NDArray[np.float64]:
        """picture: uint8 (32, 32), 255 = ink. Returns float64 (10,), the softmax of the ten logits."""
        shifted = (picture ^ np.uint8(128)).view(np.int8)  # 0..255 as -128..127
        self._interpreter.set_tensor(self._entry, shifted[None, :, :, None])
        self._interpreter.invoke()
        logits = (self._interpreter.get_tensor(self._exit)[0].astype(np.float64) - self._zero) * self._scale
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), dtype=np.float64)


class LenetReader:
    """Reads one digit a cell. Its probabilities are the network's own, not calibrated."""

    def __init__(self, network: LenetNetwork, model_id: str, risk_coverage: tuple[RiskPoint, ...]) -> None:
        self._network = network
        self._model_id = model_id
        self._risk_coverage = risk_coverage

    @property
    def model_id(self) -> str:
        """Name of the model."""
        return self._model_id

    def threshold(self, max_field_error: float) -> float:
        """The probability from which on at most this share of the digits held out was wrong; 1.0 when unproven."""
        return smallest_threshold(self._risk_coverage, max_field_error)

    def read_cells(self, cells: Sequence[Grey], fields: Field | Sequence[Field]) -> list[Reading]:
        """Read crops: uint8 (H, W), dark ink on light paper, any size. What the fields allow is not asked."""
        if not isinstance(fields, Field) and len(fields) != len(cells):
            raise ValueError(f"{len(fields)} fields for {len(cells)} cells")
        return [self._read(cell) for cell in cells]

    def _read(self, cell: Grey) -> Reading:
        picture = picture_of(cell)
        if picture is None:
            return Reading(value="", state=State.EMPTY, probability=1.0)
        sure = self._network.probabilities(picture)
        best, *others = (Alternative(value=str(digit), probability=float(sure[digit])) for digit in np.argsort(-sure))
        return Reading(
            value=best.value,
            state=State.WRITTEN,
            probability=best.probability,
            alternatives=tuple(others[:_ALTERNATIVES]),
        )
