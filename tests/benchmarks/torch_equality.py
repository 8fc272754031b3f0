"""Compare the networks in torch with those of faceseg: parameters, logits and training loss.

    python -m tests.benchmarks.torch_equality [--image-size 64] [--gpu]

Each network is built twice with the same random weights, including those of BatchNorm. The number
of parameters, the logits of a random batch and the training loss of one step are compared. The exit
code is 1 if they differ by more than rounding. KERAS_BACKEND may be any; TensorFlow is not needed.
"""

import argparse
import random
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import torch

from faceseg import networks
from faceseg.training.losses import CrossEntropyDice
from tests.benchmarks.torch_networks import NAMES, build, copy_weights, parameters
from tests.benchmarks.torch_training import IGNORE, loss_of

ROUNDING = 1e-4  # relative to the largest logit: float32 through some sixty layers


def randomise(keras_model: Any, seed: int = 0) -> None:
    """Draw the values that are constant in a new network.

    These are BatchNorm's four vectors, and the biases.
    """
    draws = np.random.default_rng(seed)
    for layer in keras_model.layers:
        weights = layer.get_weights()
        if len(weights) == 4:
            shape = weights[0].shape
            positive = [draws.uniform(0.5, 1.5, shape) for _ in range(2)]
            signed = [draws.normal(0, 0.1, shape) for _ in range(2)]
            layer.set_weights([positive[0], *signed, positive[1]])
        elif len(weights) == 2:
            layer.set_weights([weights[0], draws.normal(0, 0.1, weights[1].shape)])


def differences(name: str, size: int, device: str = "cpu", **options: Any) -> dict[str, float]:
    """Build `name` in both and compare; return parameters and relative differences.

    {"parameters": those of faceseg, "parameters apart", "logits", "training loss"}: the largest
    difference of logits relative to their largest value, and that of the losses relative to
    faceseg's.
    """
    random.seed(0)
    ours = networks.build(name, (size, size, 3), 11, **options)
    graph = networks.training_model(ours)
    randomise(graph)
    theirs = build(name, 11, **options).to(device)
    copy_weights(graph, theirs)
    draws = np.random.default_rng(1)
    images = draws.integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    labels = draws.integers(0, 11, (2, size, size), dtype=np.uint8)
    labels[:, :3] = IGNORE
    on_device = [torch.from_numpy(each).to(device) for each in (images, labels)]
    expected = keras.ops.convert_to_numpy(ours(images.astype("float32"), training=False))
    with torch.no_grad():
        found = theirs.eval()(on_device[0])[0].permute(0, 2, 3, 1).cpu().numpy()
        heads = theirs.train()(on_device[0])
        loss = [float(loss_of(each, on_device[1])) for each in heads]
    outputs = graph(images.astype("float32"), training=True)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    own = [float(CrossEntropyDice()(labels, each)) for each in outputs]
    return {
        "parameters": float(ours.count_params()),
        "parameters apart": float(abs(graph.count_params() - parameters(theirs))),
        "logits": float(np.abs(found - expected).max() / np.abs(expected).max()),
        "training loss": float(np.abs(np.subtract(loss, own)).max() / max(own)),
    }


def is_equal(name: str, size: int, device: str = "cpu") -> bool:
    """Return whether torch's network `name` equals faceseg's; print the differences."""
    torch.backends.cudnn.allow_tf32 = False
    found = differences(name, size, device)
    equal = found["parameters apart"] == 0
    equal = equal and max(found["logits"], found["training loss"]) < ROUNDING
    print(
        f"{name}: {found['parameters']:,.0f} parameters in both; logits differ by"
        f" {found['logits']:.1e}, training loss by {found['training loss']:.1e} of their size:"
        f" {'equal' if equal else 'NOT EQUAL'}",
        flush=True,
    )
    return equal


def main(arguments: Iterable[str] | None = None) -> int:
    """Compare all three; return 1 if one is not equal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--gpu", action="store_true", help="torch on the GPU, without TF32")
    given = parser.parse_args(None if arguments is None else list(arguments))
    device = "cuda" if given.gpu else "cpu"
    equal = [is_equal(name, given.image_size, device) for name in NAMES]
    return int(not all(equal))


if __name__ == "__main__":
    raise SystemExit(main())
