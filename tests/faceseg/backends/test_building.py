"""A network that is built on one device and trained on another, on JAX.

A second virtual processor of JAX takes the place of the GPU.
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

architectures.BUILDERS["small"] = build_small
architectures.ARCHITECTURES = (*architectures.ARCHITECTURES, "small")
draws = np.random.default_rng(0)
images = draws.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
labels = draws.integers(0, 4, (4, 32, 32), dtype=np.uint8)
found = []

def devices(compiled):
    variables = compiled.model.variables + compiled.optimizer_variables
    return sorted({device.id for each in variables for device in each.value.devices()})

with patch("jax.default_backend", return_value=sys.argv[1]):
    jax.config.update("jax_default_device", jax.devices()[1])
    spec = NetworkSpec(architecture="small", image_size=(32, 32), num_classes=4)
    compiled = CompiledNetwork(spec, TrainingSettings())
    found.append(devices(compiled))
    for seed in (1, 2):
        compiled.reset(TrainingSettings(), seed=seed, total_steps=2)
        batches = [(images, labels)] * 2
        found.append(compiled.steps.train(batches, 4, Stopwatch(), lambda number, loss: None))
        found.append(compiled.steps.validate(batches, 4, Stopwatch()))
        found.append(devices(compiled))
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


@pytest.mark.nightly
@pytest.mark.skipif(
    not find_spec("jax"), reason="only JAX builds on another device; it is not installed"
)
def test_a_network_built_on_the_processor_trains_on_the_card_to_the_same_numbers() -> None:
    built_there, *rest = trained("cpu")
    built_here, *same = trained("gpu")
    assert (built_there, built_here) == ([1], [0])
    assert same == rest
    assert same[2] == same[5] == [1]
