"""One training distributed over several devices: two virtual processors of JAX."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

# Eight images, in batches of 4 and 4 and of 3 and 5; two devices cannot share the latter evenly.
PROGRAM = """
import json, sys
import jax
jax.config.update("jax_platforms", "cpu")
import keras, numpy as np
from faceseg.backends.jax import distribute
if sys.argv[1] == "2":
    distribute(2)
from faceseg.backends.device import batch_shards
from faceseg.networks import architectures
from faceseg.networks.blocks import image_input, logits
from faceseg.training.stopwatch import Stopwatch
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings

def build_flat(input_shape, num_classes):
    image, outputs = image_input(*input_shape[:2])
    return keras.Model(image, logits(outputs, num_classes), name="flat")

architectures.BUILDERS["flat"] = build_flat
architectures.ARCHITECTURES = (*architectures.ARCHITECTURES, "flat")
draws = np.random.default_rng(0)
images = draws.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
labels = draws.integers(0, 4, (8, 32, 32), dtype=np.uint8)
spec = NetworkSpec(architecture="flat", image_size=(32, 32), num_classes=4)
compiled = CompiledNetwork(spec, TrainingSettings())
compiled.reset(TrainingSettings(), seed=1, total_steps=4)
found = []
for cuts in ((4,), (3,)):
    batches = zip(np.split(images, cuts), np.split(labels, cuts))
    means = compiled.steps.train(batches, 8 - cuts[0], Stopwatch(), lambda number, loss: None)
    found.append(means["loss"])
found.append(compiled.steps.validate([(images[:6], labels[:6])], 6, Stopwatch())["loss"])
kernel = [np.asarray(each).ravel().tolist() for each in compiled.network.trainable_variables]
print(json.dumps([batch_shards(), found, kernel]))
"""


def train_on(devices: int) -> tuple[int, list[float], list[list[float]]]:
    environment = {
        "KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(devices)],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    shards, losses, kernel = json.loads(done.stdout.splitlines()[-1])
    return shards, losses, kernel


@pytest.mark.nightly
@pytest.mark.skipif(
    not find_spec("jax"), reason="only JAX distributes a training; it is not installed"
)
def test_two_devices_train_the_network_that_one_trains() -> None:
    (one, losses, kernel), (two, same_losses, same_kernel) = train_on(1), train_on(2)
    assert (one, two) == (1, 2)
    # The batches were filled up; they are weighted by the images that are scored.
    np.testing.assert_allclose(same_losses, losses, rtol=1e-5)
    for mine, theirs in zip(kernel, same_kernel, strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-5)
