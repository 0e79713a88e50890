"""From a Keras model to a fully quantised one that tflite-runtime and ai-edge-litert run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


def quantised(model: Any, samples: npt.NDArray[np.uint8]) -> bytes:
    """The model as int8 TFLite: int8 in and out, one sample at a time.

    samples: uint8 (N, *input shape), from which the ranges of the activations are measured; the network sees them as
    0 to 1, and the converted model's input has the shape of one.
    """
    import tensorflow as tf  # noqa: PLC0415 - takes seconds to load

    signature = [tf.TensorSpec((1, *samples.shape[1:]), tf.float32)]
    call = tf.function(lambda sample: model(sample, training=False), input_signature=signature)
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
