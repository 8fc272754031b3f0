"""A network that is built on one device and trained on another: a second processor of JAX's
stands for the card.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

PROGRAM = """
import json, sys
from unittest.mock import patch
import jax
jax.config.update("jax_platforms", "cpu")
import keras, numpy as np
from faceseg.networks import architectures
from faceseg.networks.blocks import convolution, image_input, logits
from faceseg.training.stopwatch import Stopwatch
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings

def build_small(input_shape, num_classes):
    image, outputs = image_input(*input_shape[:2])
    return keras.Model(image, logits(convolution(outputs, 8, "one", 0.9), num_classes))

registry.BUILDERS["small"] = build_small
registry.NAMES = (*registry.NAMES, "small")
draws = np.random.default_rng(0)
images = draws.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
labels = draws.integers(0, 4, (4, 32, 32), dtype=np.uint8)
found = []

def places(compiled):
    variables = compiled.model.variables + compiled.optimizer_variables
    return sorted({place.id for each in variables for place in each.value.devices()})

with patch("jax.default_backend", return_value=sys.argv[1]):
    jax.config.update("jax_default_device", jax.devices()[1])
    compiled = CompiledNetwork(Recipe("small", (32, 32), 4), TrainingSettings())
    found.append(places(compiled))
    for seed in (1, 2):
        compiled.reset(TrainingSettings(), seed=seed, total_steps=2)
        batches = [(images, labels)] * 2
        found.append(compiled.steps.train(batches, Stopwatch(), lambda number, loss: None))
        found.append(compiled.steps.validate(batches, Stopwatch()))
        found.append(places(compiled))
print(json.dumps(found))
"""


def trained(backend: str) -> list[object]:
    environment = {
        "KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(not find_spec("jax"), reason="JAX alone builds elsewhere; not installed")
def test_what_is_built_on_the_processor_trains_on_the_card_to_the_same_numbers() -> None:
    built_there, *rest = trained("cpu")
    built_here, *same = trained("gpu")
    assert (built_there, built_here) == ([1], [0])
    assert same == rest
    assert same[2] == same[5] == [1]
