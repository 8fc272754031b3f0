"""Images a second of a training step on a CPU: the U-Net in faceseg and torch, by numeric type.

    make peers && .venv-peers/bin/python -m tests.benchmarks.step [--compiled] [--rounds 7]

Forward pass, loss, backward pass, clipping and AdamW at 256 px and batch 8 with uint8 input, on all
cores. First it verifies that torch's network is the same (`torch_equality`). The torch network pads
as usual in torch (the faster form) and counts no confusion matrix, which the step of faceseg does.
segmentation_models_pytorch's U-Net on MobileNetV2 is timed too; it is a different network, whose
GMACs are printed. `--compiled` adds torch.compile, which compiles for minutes on a CPU. All
contenders are in memory together, those of faceseg with 2 GB each and those of torch with 1 GB;
`--only bfloat16` leaves out the names without that word, except the first.
"""

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.benchmarks.interleaved_timing import Work, Workload, table, time_in_turns
from tests.benchmarks.machine import described

CLASSES = 11


def material(size: int, batch: int) -> tuple[Any, Any]:
    """Return random images (B, H, W, 3) and labels (B, H, W), uint8."""
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    return images, draws.integers(0, CLASSES, (batch, size, size), dtype=np.uint8)


def ours(
    *, name: str, size: int, batch: int, steps: int, precision: str, rewrite: bool = False
) -> Work:
    """Return `steps` steps of faceseg's compiled training.

    `rewrite` lets TensorFlow's graph rewriting use bfloat16 where oneDNN supports it, instead of
    Keras's policy.
    """
    from faceseg.backends.device import configure_device
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings
    from faceseg.training.stopwatch import Stopwatch

    configure_device(threads=len(os.sched_getaffinity(0)))
    if rewrite:
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    settings = TrainingSettings.model_validate({"batch_size": batch, "precision": precision})
    compiled = CompiledNetwork(
        NetworkSpec(architecture=name, image_size=(size, size), num_classes=CLASSES), settings
    )
    compiled.reset(settings, seed=0, total_steps=10_000)
    images, labels = material(size, batch)

    def work() -> int:
        batches = ((images, labels) for _ in range(steps))
        compiled.steps.train(batches, batch, Stopwatch(), lambda number, loss: float(loss))
        return steps * batch

    return work


def in_torch(
    *,
    name: str,
    size: int,
    batch: int,
    steps: int,
    precision: str,
    channels_last: bool = True,
    compiled: str | None = None,
) -> Work:
    """Return `steps` steps of the same in torch; `name` "smp" is the other U-Net."""
    import torch

    from tests.benchmarks import torch_networks
    from tests.benchmarks.torch_training import adamw, training_step

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = other_unet() if name == "smp" else torch_networks.build(name, own_padding=True)
    step = training_step(
        model, adamw(model), channels_last=channels_last, precision=precision, compiled=compiled
    )
    images, labels = (torch.from_numpy(each) for each in material(size, batch))

    def work() -> int:
        for _ in range(steps):
            float(step(images, labels))
        return steps * batch

    return work


def other_unet() -> Any:
    """Return segmentation_models_pytorch's U-Net on MobileNetV2, with the same input and output."""
    _import_torchvision()
    import segmentation_models_pytorch
    from torch import nn

    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = segmentation_models_pytorch.Unet(
                "mobilenet_v2", encoder_weights=None, classes=CLASSES
            )

        def forward(self, images: Any) -> list[Any]:
            return [self.inner(images.permute(0, 3, 1, 2).float() / 127.5 - 1).float()]

    return Other()


def _import_torchvision() -> None:
    """Import torchvision, which smp requires, beside a torch without CUDA.

    The wheel for both has operators that need CUDA's libraries. Without them the import fails at
    the two operators that it describes on import; if they are declared first, it succeeds. The
    networks use none of them.
    """
    import torch

    try:
        import torchvision
    except RuntimeError:
        for name in [each for each in sys.modules if each.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        import torchvision

        torchvision.operators = library  # the declarations end when it is collected


def gmacs(name: str, size: int) -> float:
    """Return the billion multiply-accumulates of one image, as counted by torch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tests.benchmarks import torch_networks

    model = other_unet() if name == "smp" else torch_networks.build(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, size, size, 3, dtype=torch.uint8))
    return float(counter.get_total_flops()) / 2e9


def contenders(name: str, size: int, batch: int, steps: int, compiled: bool) -> list[Workload]:
    """Return all contenders, faceseg in float32 first."""
    here, given = "tests.benchmarks.step", {"size": size, "batch": batch, "steps": steps}
    mine = {"name": name, **given}
    half = {**mine, "precision": "bfloat16"}
    whole = {**mine, "precision": "float32"}
    found = [
        ("faceseg, float32", "ours", whole),
        ("faceseg, bfloat16 by Keras", "ours", {**mine, "precision": "mixed_bfloat16"}),
        ("faceseg, bfloat16 by oneDNN", "ours", {**whole, "rewrite": True}),
        ("torch, float32", "in_torch", {**whole, "channels_last": False}),
        ("torch, float32, channels last", "in_torch", whole),
        ("torch, bfloat16, channels last", "in_torch", half),
        ("smp, float32, channels last", "in_torch", {**whole, "name": "smp"}),
        ("smp, bfloat16, channels last", "in_torch", {**half, "name": "smp"}),
    ]
    if compiled:
        found += [
            ("torch, float32, compiled", "in_torch", {**whole, "compiled": "default"}),
            ("torch, bfloat16, compiled", "in_torch", {**half, "compiled": "default"}),
        ]
    return [Workload(title, f"{here}:{by}", options) for title, by, options in found]


def main(arguments: Iterable[str] | None = None) -> int:
    """Verify that the networks are equal, time them, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--network", choices=("unet", "pspnet", "segnet"), default="unet")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3, help="of a turn")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--only", default="", help="a word of the names")
    given = parser.parse_args(None if arguments is None else list(arguments))
    from tests.benchmarks.torch_equality import is_equal

    print(described("tensorflow", "keras", "torch", "segmentation-models-pytorch"), flush=True)
    if not is_equal(given.network, 64):
        return 1
    for name in (given.network, "smp"):
        print(f"{name}: {gmacs(name, given.image_size):.2f} GMAC at {given.image_size} px")
    taking_part = contenders(
        given.network, given.image_size, given.batch_size, given.steps, given.compiled
    )
    taking_part[1:] = [each for each in taking_part[1:] if given.only in each.name]
    print(table(time_in_turns(taking_part, given.rounds)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
