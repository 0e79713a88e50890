"""The network: a fully convolutional reader of whole cells."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sheetwatch.reader.normalise import HEIGHT
from sheetwatch.reader.vocabulary import CLASSES, FRAMES_A_COLUMN

layers = tf.keras.layers

_MOMENTUM = 0.995  # of the running averages: over some 200 batches, so of every width about as often as it occurs


def build_network() -> Any:
    """A Keras model from float32 (N, 32, W, 1), 0 to 1, to float32 logits (N, 1, W / 4, 30); 396,000 parameters.

    Each of the W / 4 columns holds two frames of 15 classes, one after the other, so that two 1s side by side find
    room for the blank between them. No recurrence and no dense layer, so that any width will do: LeCun's
    convolutions, residual as in He et al. 2015, trained with connectionist temporal classification (Graves et al.
    2006).
    """
    picture = layers.Input((HEIGHT, None, 1))
    x = _convolved(picture, 16, 3)
    x = _residual(_convolved(x, 32, 3, strides=2))
    x = _residual(_convolved(x, 64, 3, strides=2))
    x = _residual(_residual(_convolved(x, 96, 3, strides=(2, 1))))
    x = _convolved(x, 128, (HEIGHT // 8, 1), padding="valid")
    x = _convolved(x, 128, (1, 3))
    return tf.keras.Model(picture, layers.Conv2D(FRAMES_A_COLUMN * CLASSES, 1, dtype="float32")(x))


def _convolved(x: Any, filters: int, size: Any, *, strides: Any = 1, padding: str = "same") -> Any:
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _residual(x: Any) -> Any:
    return layers.Add()([x, _convolved(x, x.shape[-1], 3)])
