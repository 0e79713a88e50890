"""Train the digit network of the lattice: compose cells, label their candidates, fit, quantise.

python -m sheetwatch.lab.lattice_train --data ../shared/data/train --out build/lattice
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sheetwatch.lab.dataset import load_sources
from sheetwatch.lab.lattice_cells import LatticeComposer
from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL
from sheetwatch.lab.lattice_segments import PLACES
from sheetwatch.lab.quantise import quantised

if TYPE_CHECKING:
    import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

MODEL = "lattice.tflite"
_BATCH = 256
_NO_SYMBOLS_KEPT = 0.45  # most candidates of a lattice are no symbols


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """`rows`: uint8 (N, 1572); `classes`: uint8 (N,)."""

    rows: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.uint8]


def main(arguments: list[str] | None = None) -> int:
    """Train and write the model."""
    options = _parser().parse_args(arguments)
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(options.seed)
    began_s = time.monotonic()
    examples = composed(options.data, options.cells, options.seed)
    _say(f"{len(examples.classes):,} candidates of {options.cells:,} cells in {time.monotonic() - began_s:.0f} s")
    model = fit(examples, options.epochs, options.rate)
    options.out.mkdir(parents=True, exist_ok=True)
    content = quantised(model, examples.rows[:500])
    (options.out / MODEL).write_bytes(content)
    _say(f"{model.count_params():,} parameters, {len(content):,} bytes, {time.monotonic() - began_s:.0f} s in all")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sheetwatch.lab.lattice_train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the training data")
    parser.add_argument("--out", type=Path, default=Path("build/lattice"), help="folder for the model")
    parser.add_argument("--cells", type=int, default=40_000, help="how many cells to compose")
    parser.add_argument("--epochs", type=int, default=4, help="how often each candidate is seen")
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def composed(folder: Path, cells: int, seed: int) -> Examples:
    """The candidates of so many composed cells; of those that are no symbols only a part."""
    cv2.setNumThreads(1)
    composer, rng = LatticeComposer(load_sources(folder)), np.random.default_rng([seed, 17])
    kept = [
        (candidate, class_)
        for _ in range(cells)
        for candidate, class_ in composer.candidates(rng)
        if class_ != NOT_A_SYMBOL or rng.random() < _NO_SYMBOLS_KEPT
    ]
    return Examples(
        rows=np.stack([candidate.row for candidate, _ in kept]),
        classes=np.array([class_ for _, class_ in kept], np.uint8),
    )


def fit(examples: Examples, epochs: int, rate: float) -> Any:
    """Fit a network; the rate falls along a cosine, the running average of the weights is kept."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    from sheetwatch.lab.lattice_network import build_network  # noqa: PLC0415 - needs TensorFlow

    model = build_network()
    steps = epochs * -(-len(examples.classes) // _BATCH)
    schedule = tf.keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.01)
    optimizer = tf.keras.optimizers.Adam(schedule, global_clipnorm=5.0, use_ema=True, ema_momentum=0.995)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    pairs = tf.data.Dataset.from_tensor_slices((examples.rows, examples.classes))
    batches = pairs.shuffle(len(examples.classes), seed=1).batch(_BATCH).map(_as_input, deterministic=True)
    model.fit(batches, epochs=epochs, verbose=2)
    optimizer.finalize_variable_values(model.trainable_variables)
    return model


def _as_input(rows: Any, classes: Any) -> Any:
    """As the network takes them, the ink of each a little fainter or thicker."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    gain = tf.exp(tf.random.normal((tf.shape(rows)[0], 1), 0.0, 0.15))
    ink = tf.cast(rows[:, :-PLACES], tf.float32) * gain
    return tf.minimum(1.0, tf.concat([ink, tf.cast(rows[:, -PLACES:], tf.float32)], axis=1) / 255.0), classes


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
