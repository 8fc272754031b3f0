"""Compare networks of faceseg with their originals in torch: parameters, logits, gradients.

    KERAS_BACKEND=torch python -m tests.benchmarks.torch_originals [NAME …] [--write]

Both have the same random weights, BatchNorm's statistics included. The gradient is that of the mean
cross-entropy of four images in training. As in docs/backends.md it is compared by its relative
distance, beside the effect of rounding: the distance of torch's gradient from that in float64.
Multiply-accumulates are counted by torch's FlopCounterMode, of the original, and by
`faceseg.networks.cost`, of ours. With `--write` the golden values of
`tests/faceseg/networks/torch_originals` are written.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from faceseg.networks import build
from faceseg.networks.cost import count_macs
from tests.benchmarks import torch_makers
from tests.faceseg.networks import torch_originals
from tests.faceseg.networks.torch_originals.modules import COUNTERPARTS
from tests.faceseg.networks.torch_originals.tensors import (
    CLASSES,
    SIZE,
    STEP,
    draw,
    photographs,
)

FOLDER = Path(torch_originals.__file__).parent
COUNTER = "num_batches_tracked"
LOGITS = 1e-4  # the largest difference, relative to the largest logit
ROUNDINGS = 2  # of gradients, times the effect of rounding on torch's own
MEAN, DEVIATION = (torch.tensor(each) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def seen(images: Any) -> torch.Tensor:
    """Return RGB (B, H, W, 3) of 0 to 255 as torch's networks expect it, (B, 3, H, W)."""
    return ((torch.from_numpy(images) / 255 - MEAN) / DEVIATION).permute(0, 3, 1, 2)


def batch() -> tuple[Any, torch.Tensor]:
    """Return four images and labels (4, SIZE, SIZE)."""
    labels = np.random.default_rng(6).integers(0, CLASSES, (4, SIZE, SIZE))
    return photographs(4), torch.from_numpy(labels)


def torch_gradient(model: nn.Module, name: Any) -> dict[str, Any]:
    """Return the gradient of each parameter in training, with dropout off."""
    model.train()
    for each in model.modules():
        if "Drop" in type(each).__name__:
            each.eval()
    model.zero_grad()
    images, labels = batch()
    kind = next(model.parameters()).dtype
    functional.cross_entropy(model(seen(images).to(kind)), labels).backward()
    return {name(n): each.grad.numpy().copy() for n, each in model.named_parameters()}


def keras_gradient(model: Any, name: Any) -> dict[str, Any]:
    """Return the gradient of each variable in training by torch's name, in torch's layout."""
    images, labels = batch()
    outputs = model(images.astype("float32"), training=True)
    functional.cross_entropy(outputs.permute(0, 3, 1, 2), labels).backward()
    found = {}
    for layer in model.layers:
        for part, variable in zip(("weight", "bias"), layer.trainable_weights, strict=False):
            value = variable.value.grad.numpy()
            if value.ndim == 4:
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                value = value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
            found[f"{name(layer.name)}.{part}"] = value.T if value.ndim == 2 else value
    return found


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the distance of two gradients divided by the length of the second."""
    apart = np.concatenate([(one[name] - other[name]).ravel() for name in other])
    length = np.concatenate([each.ravel() for each in other.values()])
    return float(np.linalg.norm(apart) / np.linalg.norm(length))


def torch_macs(model: nn.Module, side: int) -> int:
    """Return the multiply-accumulates of a square image, half of torch's FLOPs.

    The counter counts attention as matrix products, not as the CPU's fused operation.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model.eval()(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops()) // 2


def compare(name: str, write: bool) -> bool:
    """Compare one network, print the differences, return whether it is equal."""
    counterpart = COUNTERPARTS[name]
    make, source, published = torch_makers.MAKERS[name]
    theirs = make(CLASSES)
    tensors = {}
    for each, value in theirs.state_dict().items():
        if not each.endswith(COUNTER):
            tensors[published(each)] = drawn = draw(published(each), value.shape)
            value.copy_(torch.from_numpy(drawn))
    with tempfile.TemporaryDirectory() as folder:
        ours = counterpart.build(Path(folder), tensors)
    images = photographs()
    with torch.no_grad():
        expected = theirs.eval()(seen(images)).permute(0, 2, 3, 1).numpy()
        found = ours(images.astype("float32"), training=False).numpy()
    apart = float(np.abs(found - expected).max() / np.abs(expected).max())
    own = keras_gradient(ours, counterpart.torch_name)
    single = torch_gradient(theirs, published)
    double = torch_gradient(theirs.double(), published)
    gradient, rounding = distance(own, single), distance(single, double)
    trainable = sum(each.numel() for each in make(19).parameters())
    equal = apart < LOGITS and gradient < max(LOGITS, ROUNDINGS * rounding)
    network, options = counterpart.network, counterpart.options
    macs = torch_macs(make(11), 256), count_macs(build(network, (256, 256, 3), 11, **options))
    print(
        f"{name} ({source}): {trainable:,} trainable parameters at 19 classes; logits differ by"
        f" {apart:.1e} of their size, the gradient by {gradient:.1e} (torch's own by the rounding"
        f" of float32: {rounding:.1e}): {'equal' if equal else 'NOT EQUAL'}; multiply-accumulates"
        f" at 256 px and 11 classes: {macs[0]:,} by torch, {macs[1]:,} by faceseg",
        flush=True,
    )
    if write:
        golden = {
            "source": source,
            "trainable at 19 classes": trainable,
            "multiply-accumulates": torch_macs(make(CLASSES), SIZE),
            "largest logit": float(np.abs(expected).max()),
            "logits": np.round(expected[0, ::STEP, ::STEP].astype(float), 6).tolist(),
            "tensors": {each: value.shape for each, value in tensors.items()},
        }
        (FOLDER / f"{name}.json").write_text(json.dumps(golden) + "\n")
    return equal


def main(arguments: Iterable[str] | None = None) -> int:
    """Compare the given networks, or all; return 1 if one is not equal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--write", action="store_true", help="write the golden values")
    given = parser.parse_args(None if arguments is None else list(arguments))
    equal = [compare(name, given.write) for name in given.names or COUNTERPARTS]
    return int(not all(equal))


if __name__ == "__main__":
    raise SystemExit(main())
