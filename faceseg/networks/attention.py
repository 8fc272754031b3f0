"""The product of attention, as a layer without weights.

Shapes: B images, H rows and W columns of the queries, h and w of the keys, C channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="faceseg")
class MapAttention(keras.layers.Layer):
    """Multi-head attention between the positions of two maps.

    Queries (B, H, W, C), keys and values (B, h, w, C) -> (B, H, W, C): the mean of the values of
    all positions, weighted by softmax(query key / sqrt(C / heads)), for each head by itself.

    Source: Vaswani et al. 2017, equation 1 and section 3.2.2.
    """

    def __init__(self, heads: int, **settings: Any) -> None:
        """Set the number of heads, a divisor of C; `settings` are those of every layer."""
        super().__init__(**settings)
        self.heads = heads

    def call(
        self, queries: keras.KerasTensor, keys: keras.KerasTensor, values: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return the weighted means."""
        _, height, width, channels = queries.shape
        parts = [
            ops.reshape(
                each, (-1, each.shape[1] * each.shape[2], self.heads, channels // self.heads)
            )
            for each in (queries, keys, values)
        ]
        return ops.reshape(ops.dot_product_attention(*parts), (-1, height, width, channels))

    def compute_output_shape(
        self,
        queries_shape: Sequence[int | None],
        keys_shape: Sequence[int | None],
        values_shape: Sequence[int | None],
    ) -> Sequence[int | None]:
        """Return the shape of the queries."""
        return queries_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments with which a saved model builds this layer."""
        return {**super().get_config(), "heads": self.heads}
