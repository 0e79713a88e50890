"""The digit network of the lattice: a candidate's picture and place in, digit, point, ½, stroke or "no symbol" out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL
from sheetwatch.lab.lattice_segments import PLACES, ROW, SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Rows = npt.NDArray[np.uint8]

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


def quantised(model: Any, samples: Rows) -> bytes:
    """The model as int8 TFLite: int8 in and out, one candidate at a time.

    samples: uint8 (N, 1572), from which the ranges of the activations are measured.
    """
    signature = [tf.TensorSpec((1, ROW), tf.float32)]
    call = tf.function(lambda row: model(row, training=False), input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], model)

    def representative() -> Iterator[list[Any]]:
        for sample in samples:
            yield [sample[None].astype(np.float32) / 255]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())
