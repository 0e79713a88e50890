"""Train the reader: compose cells, fit the network, quantise, calibrate, write model and manifest."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

import sheetwatch
from sheetwatch.files import write_atomically
from sheetwatch.lab.dataset import training_data
from sheetwatch.lab.quantise import quantised
from sheetwatch.lab.train_calibrate import calibrate
from sheetwatch.lab.train_cells import Batch, batches
from sheetwatch.lab.train_held_out import held_out_cells
from sheetwatch.reader.manifest import Input, Manifest
from sheetwatch.reader.normalise import HEIGHT, VERSION, WIDTHS
from sheetwatch.reader.vocabulary import CLASSES, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.dataset import OwnDigits
    from sheetwatch.lab.recipe import Recipe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_SAVE_EVERY = 1000  # steps
_AVERAGED_LOSSES = 100
_SAMPLES = 600  # at least, and fewer than twice as many
_SAMPLE_WIDTH = 64
_MOST_LOSS = 400.0  # of a cell; a label with no room in its frames has an infinite one


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where training reads and writes.

    `data`: the training sets; `work`: weights on the way; `out`: the model; `own`: a user's digits besides.
    """

    data: Path
    work: Path
    out: Path
    own: OwnDigits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How far fitting is: cells shown of all, and the mean loss of the last hundred batches."""

    cells: int
    of: int
    loss: float


def fit(
    recipe: Recipe,
    place: Place,
    *,
    start: Path | None = None,
    processes: int = 1,
    threads: int = 2,
    report: Callable[[Fitting], None],
) -> Path:
    """Fit the network, from the weights of `start` where given; returns its weights' file (see `weights_file`).

    They are also written on the way, every 1000 steps and when interrupted.
    """
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    tf.keras.utils.set_random_seed(recipe.seed)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    place.work.mkdir(parents=True, exist_ok=True)
    weights = weights_file(recipe, place)
    stream = batches(
        place.data, cells=recipe.cells, seed=recipe.seed, views=recipe.views, processes=processes, own=place.own
    )
    _fit(recipe, stream, weights, start, report)
    return weights


def weights_file(recipe: Recipe, place: Place) -> Path:
    """Where `fit` keeps the weights."""
    return place.work / f"{recipe.name}.weights.h5"


def write_model(recipe: Recipe, place: Place, weights: Path, *, command: str, processes: int = 1) -> Path:
    """Quantise the weights, calibrate the quantised model, write it with its manifest; returns the model's file."""
    from sheetwatch.lab.network import build_network  # noqa: PLC0415 - needs TensorFlow

    model = build_network()
    model.load_weights(weights)
    content = quantised(model, _samples(place, recipe.seed)[..., None])
    path = place.out / f"{recipe.name}.tflite"
    held_out = held_out_cells(place.data, recipe.held_out, recipe.seed, content, place.own, processes=processes)
    calibrated = calibrate(held_out)
    manifest = Manifest(
        name=recipe.name,
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=model.count_params(),
        input=Input(height=HEIGHT, widths=WIDTHS, normalisation=VERSION),
        symbols=SYMBOLS,
        calibration=calibrated.marks,
        fine_calibration=calibrated.fine_marks,
        box_calibration=calibrated.boxes,
        risk_coverage=calibrated.risk_coverage,
        held_out_cells=recipe.held_out,
        training_cells=recipe.cells,
        training_command=command,
        training_data=training_data(place.own),
        program_version=sheetwatch.__version__,
    )
    place.out.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    packed = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write_atomically(path.with_suffix(".json"), packed + b"\n")
    return path


def _fit(
    recipe: Recipe, stream: Iterable[Batch], weights: Path, start: Path | None, report: Callable[[Fitting], None]
) -> None:
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    from sheetwatch.lab.network import build_network  # noqa: PLC0415 - needs TensorFlow

    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16" if recipe.precision == "bfloat16" else "float32")
    model = build_network()
    tf.keras.mixed_precision.set_global_policy("float32")
    if start:
        model.load_weights(start)
    optimizer = tf.keras.optimizers.Adam(recipe.rate, global_clipnorm=5.0, use_ema=True, ema_momentum=0.999)
    own, fixed = (_step(model, optimizer, own_statistics=which) for which in (True, False))
    seen, losses = 0, []
    try:
        for number, batch in enumerate(stream, 1):
            optimizer.learning_rate.assign(_rate(seen / recipe.cells, recipe.rate))
            step = own if seen < recipe.fixed_from * recipe.cells else fixed
            losses.append(float(step(batch.pictures, batch.labels, batch.lengths)))
            seen += len(batch.pictures)
            report(Fitting(cells=seen, of=recipe.cells, loss=float(np.mean(losses[-_AVERAGED_LOSSES:]))))
            if number % _SAVE_EVERY == 0:
                _save(model, optimizer, weights)
    finally:  # also when interrupted
        if losses:
            _save(model, optimizer, weights)


def _samples(place: Place, seed: int) -> npt.NDArray[np.uint8]:
    """Pictures of one width, the narrower ones with paper around, to measure the ranges of the activations on."""
    made = (batch.pictures for batch in batches(place.data, cells=2048, seed=seed + 1, own=place.own))
    every = np.concatenate([_widened(pictures) for pictures in made if pictures.shape[2] <= _SAMPLE_WIDTH])
    return every[:: max(1, len(every) // _SAMPLES)]


def _widened(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    spare = (_SAMPLE_WIDTH - pictures.shape[2]) // 2
    return np.pad(pictures, ((0, 0), (0, 0), (spare, spare)))


def _step(model: Any, optimizer: Any, *, own_statistics: bool) -> Any:
    """One step of the optimizer on the CTC loss, compiled.

    own_statistics: each batch is normalised by its own mean and variance, else by the running ones, as in reading.
    """
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    def step(pictures: Any, labels: Any, lengths: Any) -> Any:
        x = tf.cast(pictures, tf.float32)[..., None] / 255.0
        with tf.GradientTape() as tape:
            columns = model(x, training=own_statistics)
            logits = tf.reshape(columns, (tf.shape(columns)[0], -1, CLASSES))
            frames = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
            losses = tf.nn.ctc_loss(labels, logits, lengths, frames, logits_time_major=False, blank_index=-1)
            loss = tf.reduce_mean(tf.minimum(losses, _MOST_LOSS))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return tf.function(step, reduce_retracing=True)


def _rate(done: float, highest: float) -> float:
    """Rises for 2 % of the cells and then falls along a cosine."""
    if done < 0.02:
        return highest * (0.05 + 0.95 * done / 0.02)
    return highest * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, done)))))


def _save(model: Any, optimizer: Any, weights: Path) -> None:
    """The running average of the weights, which reads better than the last ones."""
    last = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    fresh = weights.with_name(f"new-{weights.name}")
    model.save_weights(fresh)
    fresh.replace(weights)
    for variable, value in zip(model.trainable_variables, last, strict=True):
        variable.assign(value)
