"""The network through either library: nearly the same logits, the same readings."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import ConfigError
from sheetwatch.reader import network
from sheetwatch.reader.network import LIBRARIES, Network
from sheetwatch.reader.normalise import WIDTHS
from sheetwatch.reader.reader import SHIPPED
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    import numpy.typing as npt

MODEL = shipped_folder("models") / f"{SHIPPED}.tflite"
MOST_APART = 1.2  # two steps of 8 bits


def number(width: int) -> npt.NDArray[np.uint8]:
    picture = np.zeros((32, width), np.uint8)
    cv2.putText(picture, "7" * max(1, width // 40), (6, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    return picture


@pytest.mark.skipif(not all(map(find_spec, LIBRARIES)), reason="tflite-runtime exists for Python 3.11 only")
@pytest.mark.parametrize("width", WIDTHS)
def test_both_libraries_see_the_same(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for library in LIBRARIES:
        monkeypatch.setattr(network, "LIBRARIES", (library,))
        seen.append(Network(MODEL.read_bytes(), MODEL).logits(number(width)))
    assert np.abs(seen[0] - seen[1]).max() < MOST_APART
    assert (seen[0].argmax(axis=1) == seen[1].argmax(axis=1)).mean() > 0.9


def test_the_interpreter_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    Network(MODEL.read_bytes(), MODEL).logits(number(48))
    assert capfd.readouterr() == ("", "")


def test_without_any_library_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LIBRARIES", ("no_such_runtime",))
    with pytest.raises(ConfigError, match="install Sheetwatch again"):
        Network(MODEL.read_bytes(), MODEL).logits(number(32))
