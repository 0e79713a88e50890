"""Train the classic baseline, LeNet-5, on labelled digits, to compare with.

The layers and sizes of LeCun, Bottou, Bengio and Haffner 1998, as everybody builds them today: ReLU instead of tanh,
maxima instead of averages, every map of the second convolution sees all six of the first, softmax instead of radial
basis functions, and Adam. Seeded, on one thread: the same digits and the same seed give the same file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.evaluate_metrics import Outcomes, risk_curve
from sheetwatch.lab.labelled import Labelled
from sheetwatch.lab.lenet_reader import SIDE, LenetNetwork, picture_of
from sheetwatch.lab.quantise import quantised
from sheetwatch.lab.train_calibrate import upper_bound
from sheetwatch.reader.manifest import RiskPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.labelled import Parts

    Floats = npt.NDArray[np.float64]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

PARAMETERS = 61_706
_CLASSES = 10
_BATCH = 128
_RATE = 2e-3  # highest; falls along a cosine
_TEST_EVERY = 5  # one in so many is set aside to test on, where a source has no test part
_HELD_OUT_EVERY = 10  # and of the rest to choose the threshold from
_FEWEST = 20  # digits to train on
_SAMPLES = 300  # pictures that the ranges of the activations are measured on
_POINTS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """Digits as the network takes them. `pictures`: uint8 (N, 32, 32), 255 = ink; `labels`: int64 (N,), 0 to 9."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """What is trained on, what chooses the threshold, and what tests: no digit is in two of them."""

    training: Digits
    held_out: Digits
    test: Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """How far training is: `shown` digits `of` all; `accuracies` of the ended epochs on the digits held out."""

    number: int
    shown: int
    of: int
    accuracies: tuple[float, ...]


def split(parts: Parts) -> Split:
    """Set aside. The test part is the source's own, or every fifth of its digits. Raises UsageError for too few."""
    if parts.test is None:
        test, rest = _every(parts.training, _TEST_EVERY)
    else:
        test, rest = parts.test, parts.training
    held_out, training = _every(rest, _HELD_OUT_EVERY)
    if len(training.images) < _FEWEST:
        raise UsageError(
            f"{parts.training.name}: {len(training.images)} digits are left to train on after setting some aside to"
            f" test with, and {_FEWEST} are the least; give more, some of each digit"
        )
    return Split(training=_digits(training), held_out=_digits(held_out), test=test)


def fit_lenet(data: Split, weights: Path, *, epochs: int, seed: int, report: Callable[[Epoch], None]) -> None:
    """Fit LeNet-5; its weights are written after each epoch, and when interrupted."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    weights.parent.mkdir(parents=True, exist_ok=True)
    model = build_lenet()
    try:
        for epoch in _epochs(model, data, epochs, np.random.default_rng(seed)):
            report(epoch)
            if epoch.shown == epoch.number * len(data.training.labels):
                _save(model, weights)
    except KeyboardInterrupt:
        _save(model, weights)
        raise


def quantised_lenet(weights: Path, data: Split) -> bytes:
    """The weights as int8 TFLite. Raises UsageError when the file does not hold LeNet-5's weights."""
    model = build_lenet()
    try:
        model.load_weights(weights)
    except (OSError, ValueError) as error:
        raise UsageError(f"{weights}: does not hold the weights of a LeNet-5 ({error}); leave out --weights") from error
    return quantised(model, data.training.pictures[:_SAMPLES, :, :, None])


def risk_table(network: LenetNetwork, held_out: Digits) -> tuple[RiskPoint, ...]:
    """How much risk goes with how much coverage, on the digits that were held out; what is alike sure counts as one."""
    sure = np.array([network.probabilities(picture) for picture in held_out.pictures]).reshape(-1, _CLASSES)
    right = np.asarray(sure.argmax(axis=1) == held_out.labels, dtype=np.bool_)
    count = len(right)
    if not count:
        return ()
    every = np.ones(count, np.bool_)
    nobody = ("",) * count
    curve = risk_curve(
        Outcomes(truths=nobody, reads=nobody, sure=sure.max(axis=1), right=right, readable=every, accepted=every)
    )
    points = np.unique(np.linspace(0, len(curve.threshold) - 1, _POINTS).astype(int))
    return tuple(
        _risk_point(float(curve.threshold[one]), round(curve.coverage[one] * count), float(curve.risk[one]))
        for one in points
    )


def build_lenet() -> Any:
    """A Keras model from float32 (N, 32, 32, 1), 0 to 1, to float32 logits (N, 10); 61,706 parameters."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(_CLASSES),
        ]
    )


def _risk_point(threshold: float, accepted: int, risk: float) -> RiskPoint:
    wrong = round(risk * accepted)
    return RiskPoint(
        threshold=threshold, accepted=accepted, wrong=wrong, error_bound=round(upper_bound(wrong, accepted), 7)
    )


def _every(labelled: Labelled, nth: int) -> tuple[Labelled, Labelled]:
    """Every nth digit, and the others; some of each digit, in whatever order the source keeps them."""
    by_digit = sorted(range(len(labelled.images)), key=lambda number: labelled.labels[number])
    chosen = by_digit[::nth]
    others = set(by_digit).difference(chosen)
    return _only(labelled, sorted(chosen)), _only(labelled, sorted(others))


def _only(labelled: Labelled, chosen: list[int]) -> Labelled:
    return Labelled(
        name=labelled.name,
        images=tuple(labelled.images[one] for one in chosen),
        labels=tuple(labelled.labels[one] for one in chosen),
    )


def _digits(labelled: Labelled) -> Digits:
    """As the network takes them; those too faint to find are left out."""
    found = [(picture_of(image), int(label)) for image, label in zip(labelled.images, labelled.labels, strict=True)]
    seen = [(picture, label) for picture, label in found if picture is not None]
    return Digits(
        pictures=np.array([picture for picture, _ in seen], np.uint8).reshape(-1, SIDE, SIDE),
        labels=np.array([label for _, label in seen], np.int64),
    )


def _epochs(model: Any, data: Split, epochs: int, rng: np.random.Generator) -> Iterator[Epoch]:
    """Train; yields after every batch."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    optimizer = tf.keras.optimizers.Adam(_RATE)
    step, count = _step(model, optimizer), len(data.training.labels)
    accuracies: tuple[float, ...] = ()
    for number in range(1, epochs + 1):
        order = rng.permutation(count)
        for start in range(0, count, _BATCH):
            shown = (number - 1) * count + start
            optimizer.learning_rate.assign(_RATE * 0.5 * (1 + np.cos(np.pi * shown / (epochs * count))))
            chosen = order[start : start + _BATCH]
            step(tf.constant(data.training.pictures[chosen]), tf.constant(data.training.labels[chosen]))
            if start + _BATCH >= count:
                accuracies += (_accuracy(model, data.held_out),)
            yield Epoch(number=number, shown=shown + len(chosen), of=epochs * count, accuracies=accuracies)


def _step(model: Any, optimizer: Any) -> Any:
    """One step of the optimizer on the cross entropy, compiled."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    def step(pictures: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(pictures, tf.float32)[..., None] / 255.0, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return tf.function(step, reduce_retracing=True)


def _accuracy(model: Any, digits: Digits) -> float:
    """Of the float model."""
    logits = model.predict(digits.pictures[..., None].astype(np.float32) / 255, batch_size=512, verbose=0)
    return float((logits.argmax(axis=1) == digits.labels).mean())


def _save(model: Any, weights: Path) -> None:
    fresh = weights.with_name(f"new-{weights.name}")
    model.save_weights(fresh)
    fresh.replace(weights)
