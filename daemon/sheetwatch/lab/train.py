"""Train the reader: compose cells, fit the network, quantise, calibrate, write model and manifest.

python -m sheetwatch.lab.train --data ../shared/data/train --out models
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

import sheetwatch
from sheetwatch.lab.dataset import TRAINING_DATA
from sheetwatch.lab.train_calibrate import calibrate, held_out_cells
from sheetwatch.lab.train_cells import Batch, batches
from sheetwatch.reader.manifest import Input, Manifest
from sheetwatch.reader.network import Network
from sheetwatch.reader.normalise import HEIGHT, VERSION, WIDTHS
from sheetwatch.reader.vocabulary import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_REPORT_EVERY = 100  # steps


def main(arguments: list[str] | None = None) -> int:
    """Train and write the model."""
    options = _parser().parse_args(arguments)
    options.recipe = options.recipe or shlex.join(
        ["python", "-m", "sheetwatch.lab.train", *(arguments or sys.argv[1:])]
    )
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    tf.keras.utils.set_random_seed(options.seed)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    weights = options.work / "weights.h5"
    if options.cells:
        options.work.mkdir(parents=True, exist_ok=True)
        stream = batches(options.data, cells=options.cells, seed=options.seed, processes=options.processes)
        fit(stream, cells=options.cells, rate=options.rate, weights=weights, start=options.start)
    options.out.mkdir(parents=True, exist_ok=True)
    write_model(options, weights)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sheetwatch.lab.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the training data")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder for the model and its manifest")
    parser.add_argument("--work", type=Path, default=Path("build/train"), help="folder for weights in between")
    parser.add_argument("--name", default="digits-1", help="the model's name")
    parser.add_argument(
        "--cells", type=int, default=1_500_000, help="how many cells to compose; 0: convert the weights"
    )
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--recipe", default="", help="the command to record in the manifest; default: this one")
    parser.add_argument("--trained-cells", type=int, default=0, help="how many cells the weights of --start have seen")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--held-out", type=int, default=30_000, help="how many held-out cells to calibrate on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="processes that compose cells")
    parser.add_argument("--threads", type=int, default=2, help="threads that fit the network")
    return parser


def fit(stream: Iterable[Batch], *, cells: int, rate: float, weights: Path, start: Path | None = None) -> Any:
    """Fit a network to the stream; the rate rises for 2 % of the cells and then falls along a cosine."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    from sheetwatch.lab.network import build_network  # noqa: PLC0415 - needs TensorFlow

    model = build_network()
    if start:
        model.load_weights(start)
    optimizer = tf.keras.optimizers.Adam(rate, global_clipnorm=5.0, use_ema=True, ema_momentum=0.999)
    step = _step(model, optimizer)
    seen, losses, began_s = 0, [], time.monotonic()
    for number, batch in enumerate(stream, 1):
        optimizer.learning_rate.assign(_rate(seen / cells, rate))
        losses.append(float(step(batch.pictures, batch.labels, batch.lengths)))
        seen += len(batch.pictures)
        if number % _REPORT_EVERY == 0:
            pace = seen / (time.monotonic() - began_s)
            _say(f"{seen:>9,} of {cells:,} cells, loss {np.mean(losses[-_REPORT_EVERY:]):.4f}, {pace:.0f} cells/s")
        if number % (10 * _REPORT_EVERY) == 0:
            _save(model, optimizer, weights)
    _save(model, optimizer, weights)
    return model


def write_model(options: argparse.Namespace, weights: Path) -> None:
    """Quantise the weights, calibrate the quantised model, and write it with its manifest."""
    from sheetwatch.lab.network import build_network, quantised  # noqa: PLC0415 - needs TensorFlow

    model = build_network()
    model.load_weights(weights)
    content = quantised(model, _samples(options.data, options.seed))
    path = options.out / f"{options.name}.tflite"
    path.write_bytes(content)
    _say(f"{path}: {len(content):,} bytes; calibrating on {options.held_out:,} held-out cells")
    run = Network(content, path).logits
    calibration, box_calibration, table = calibrate(held_out_cells(options.data, options.held_out, options.seed, run))
    manifest = Manifest(
        name=options.name,
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=model.count_params(),
        input=Input(height=HEIGHT, widths=WIDTHS, normalisation=VERSION),
        symbols=SYMBOLS,
        calibration=calibration,
        box_calibration=box_calibration,
        risk_coverage=table,
        held_out_cells=options.held_out,
        training_cells=options.cells + options.trained_cells,
        training_command=options.recipe,
        training_data=TRAINING_DATA,
        program_version=sheetwatch.__version__,
    )
    packed = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    path.with_suffix(".json").write_bytes(packed + b"\n")


def _samples(folder: Path, seed: int) -> npt.NDArray[np.uint8]:
    """Pictures of the commonest width, to measure the ranges of the activations on."""
    made = (batch.pictures for batch in batches(folder, cells=2048, seed=seed + 1))
    return np.concatenate([pictures for pictures in made if pictures.shape[2] == WIDTHS[0]])[:600]


def _step(model: Any, optimizer: Any) -> Any:
    """One step of the optimizer on the CTC loss, compiled."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    def step(pictures: Any, labels: Any, lengths: Any) -> Any:
        x = tf.cast(pictures, tf.float32)[..., None] / 255.0
        with tf.GradientTape() as tape:
            logits = model(x, training=True)[:, 0]
            steps = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
            losses = tf.nn.ctc_loss(labels, logits, lengths, steps, logits_time_major=False, blank_index=-1)
            loss = tf.reduce_mean(tf.minimum(losses, 50.0))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return tf.function(step, reduce_retracing=True)


def _rate(done: float, highest: float) -> float:
    if done < 0.02:
        return highest * (0.05 + 0.95 * done / 0.02)
    return highest * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done)))))


def _save(model: Any, optimizer: Any, weights: Path) -> None:
    """The running average of the weights, which reads better than the last ones."""
    last = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    model.save_weights(weights)
    for variable, value in zip(model.trainable_variables, last, strict=True):
        variable.assign(value)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
