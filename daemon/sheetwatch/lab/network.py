"""The network: a fully convolutional reader of whole cells, and its conversion to a fully quantised model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from sheetwatch.reader.normalise import HEIGHT, WIDTHS
from sheetwatch.reader.vocabulary import CLASSES, FRAMES_A_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Pictures = npt.NDArray[np.uint8]

layers = tf.keras.layers


def build_network() -> Any:
    """A Keras model from float32 (N, 32, W, 1), 0 to 1, to float32 logits (N, 1, W / 4, 30); 430,000 parameters.

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
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))


def _residual(x: Any) -> Any:
    return layers.Add()([x, _convolved(x, x.shape[-1], 3)])


def quantised(model: Any, samples: Pictures) -> bytes:
    """The model as int8 TFLite: int8 in and out, input 1 x 32 x 64 x 1 (other widths by resizing the input).

    samples: uint8 (N, 32, W), pictures from which the ranges of the activations are measured.
    """
    signature = [tf.TensorSpec((1, HEIGHT, WIDTHS[0], 1), tf.float32)]
    call = tf.function(lambda picture: model(picture, training=False), input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], model)

    def representative() -> Iterator[list[Any]]:
        for sample in samples:
            yield [sample[None, :, :, None].astype(np.float32) / 255]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())
