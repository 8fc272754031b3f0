"""Networks equal their originals in torch: golden logits, tensors by name, parameters, products."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.networks.cost import count_layer_macs, count_macs
from faceseg.networks.layers import AdaptiveAveragePooling
from faceseg.networks.torch_weights import set_torch_weights
from tests.faceseg.networks.torch_originals.modules import COUNTERPARTS
from tests.faceseg.networks.torch_originals.tensors import CLASSES, STEP, draw, photographs

FOLDER = Path(__file__).with_name("torch_originals")


class Recorded(dict[str, Any]):
    """Tensors that note which of them were used."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        super().__init__(tensors)
        self.used: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.used.append(key)
        return super().__getitem__(key)


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_logits_and_parameters_are_those_of_the_original(name: str, tmp_path: Path) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text())
    tensors = {each: draw(each, shape) for each, shape in golden["tensors"].items()}
    model = COUNTERPARTS[name].build(tmp_path, tensors)
    logits = keras.ops.convert_to_numpy(model(photographs(), training=False))
    np.testing.assert_allclose(
        logits[0, ::STEP, ::STEP], golden["logits"], rtol=0, atol=1e-4 * golden["largest logit"]
    )
    recorded = Recorded(tensors)
    set_torch_weights(model.layers, COUNTERPARTS[name].torch_name, recorded)
    assert set(recorded.used) == set(golden["tensors"])
    sizes = [(each.shape[-1], int(np.prod(each.shape))) for each in model.trainable_variables]
    of_a_class = sum(size // CLASSES for last, size in sizes if last == CLASSES)
    at_19 = sum(size for _, size in sizes) + (19 - CLASSES) * of_a_class
    assert at_19 == golden["trainable at 19 classes"]
    # Torch's counter leaves the means of pooling out, which are matrix products here.
    pooling = [each for each in model.layers if isinstance(each, AdaptiveAveragePooling)]
    products = count_macs(model) - sum(count_layer_macs(each) for each in pooling)
    assert products == golden["multiply-accumulates"]
