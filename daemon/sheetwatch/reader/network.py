"""The network at work: pictures in, logits out, on one thread of the TFLite interpreter."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.domain import ConfigError
from sheetwatch.reader.vocabulary import CLASSES
from sheetwatch.stderr import taken_in

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]
    Logits = npt.NDArray[np.float32]


LIBRARIES = ("ai_edge_litert", "tflite_runtime")
"""The first that can be loaded is taken."""


class Network:
    """An int8 model, ready for every picture width; one interpreter per width, made when first needed."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content = content
        self._path = path
        self._sessions: dict[int, _Session] = {}

    def logits(self, picture: Picture) -> Logits:
        """picture: uint8 (32, W). Returns float32 (W / 2, 15). Raises ConfigError when the model will not run."""
        width = picture.shape[1]
        if width not in self._sessions:
            self._sessions[width] = self._open(picture.shape)
        return self._sessions[width].run(picture)

    def _open(self, shape: tuple[int, ...]) -> _Session:
        try:
            with taken_in():  # XNNPACK tells that it is there
                return _Session(self._content, shape)
        except (ValueError, RuntimeError, IndexError) as error:
            raise ConfigError(f"{self._path}: the interpreter refuses this model ({error}); train it again") from error


class _Session:
    """One interpreter, its input resized to one picture width."""

    def __init__(self, content: bytes, shape: tuple[int, ...]) -> None:
        self._interpreter = open_interpreter(content)
        entry = self._interpreter.get_input_details()[0]
        self._interpreter.resize_tensor_input(entry["index"], [1, *shape, 1])
        self._interpreter.allocate_tensors()
        exit_ = self._interpreter.get_output_details()[0]
        self._entry, self._exit = entry["index"], exit_["index"]
        self._scale, self._zero = exit_["quantization"]
        if entry["dtype"] is not np.int8 or exit_["dtype"] is not np.int8:
            raise ValueError("it is not an int8 model")

    def run(self, picture: Picture) -> Logits:
        shifted = (picture ^ np.uint8(128)).view(np.int8)  # 0..255 as -128..127
        self._interpreter.set_tensor(self._entry, shifted[None, :, :, None])
        self._interpreter.invoke()
        output = self._interpreter.get_tensor(self._exit)[0, 0]
        logits: Logits = (output.astype(np.float32) - self._zero) * np.float32(self._scale)
        return logits.reshape(-1, CLASSES)


def open_interpreter(content: bytes) -> Any:
    """An interpreter of ai-edge-litert, or of tflite-runtime where only that can be loaded, on one thread.

    The first comes with XNNPACK, which is seven times as fast as the kernels of tflite-runtime 2.14 on x86 and rounds
    otherwise: see the model card.
    """
    for name in LIBRARIES:
        with suppress(ImportError):
            library = import_module(f"{name}.interpreter")
            return library.Interpreter(model_content=content, num_threads=1)
    raise ConfigError("neither ai-edge-litert nor tflite-runtime can be loaded; install Sheetwatch again")
