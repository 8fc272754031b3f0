"""The attention between maps against its equation, written out for each head and position."""

import keras
import numpy as np

from faceseg.networks.attention import MapAttention
from faceseg.networks.cost import count_macs


def test_attention_is_the_equation_for_each_head() -> None:
    random = np.random.default_rng(0)
    queries = random.normal(size=(2, 2, 3, 4)).astype(np.float32)
    keys, values = (random.normal(size=(2, 1, 2, 4)).astype(np.float32) for _ in range(2))
    found = keras.ops.convert_to_numpy(MapAttention(2)(queries, keys, values))
    expected = np.zeros_like(queries)
    for image, row, column, head in np.ndindex(2, 2, 3, 2):
        part = slice(2 * head, 2 * head + 2)
        scores = keys[image, 0, :, part] @ queries[image, row, column, part] / np.sqrt(2)
        weights = np.exp(scores) / np.exp(scores).sum()
        expected[image, row, column, part] = weights @ values[image, 0, :, part]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_its_products_by_hand() -> None:
    queries, keys = keras.Input((4, 4, 8)), keras.Input((2, 2, 8))
    model = keras.Model([queries, keys], MapAttention(2)(queries, keys, keys))
    assert count_macs(model) == 2 * 16 * 4 * 8
