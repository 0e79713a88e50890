"""The digit network of the lattice: a candidate's picture and place in, digit, point, ½, stroke or "no symbol" out."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL
from sheetwatch.lab.lattice_segments import PLACES, ROW, SIDE

layers = tf.keras.layers


def build_network() -> Any:
    """A Keras model from float32 (N, 1572), 0 to 1, a candidate's picture and place, to logits (N, 14)."""
    row = layers.Input((ROW,))
    picture = layers.Reshape((SIDE, SIDE, 2))(row[:, : ROW - PLACES])
    x = _convolved(picture, 16, strides=2)
    x = _convolved(x, 24)
    x = _convolved(x, 48, strides=2)
    x = _convolved(x, 64, strides=2)
    x = layers.Concatenate()([layers.Flatten()(x), row[:, ROW - PLACES :]])
    return tf.keras.Model(row, layers.Dense(NOT_A_SYMBOL + 1)(x))


def _convolved(x: Any, filters: int, *, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))
