"""A training step in torch equal to that of faceseg: same loss, same optimiser, same clipping.

    network = torch_networks.build("unet", own_padding=True).to("cuda")
    step = training_step(network, adamw(network), precision="bfloat16", compiled="default")
    loss = step(images, labels)

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.benchmarks.torch_encoder import Net

IGNORE = 255
AUXILIARY_WEIGHT = 0.4
CLIP_NORM = 1.0
Step = Callable[[Tensor, Tensor], Tensor]


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss `CrossEntropyDice` of logits (B, C, H, W) and labels (B, H, W)."""
    labels = labels.long()
    scored = labels != IGNORE
    log_probability = functional.log_softmax(logits.float(), dim=1)
    truth = functional.one_hot(torch.where(scored, labels, 0), logits.shape[1])
    truth = truth.permute(0, 3, 1, 2).to(torch.float32) * scored[:, None]
    cross_entropy = -(truth * log_probability).sum() / scored.sum().clamp(min=1)
    probability = log_probability.exp() * scored[:, None]
    both, size = (truth * probability).sum((0, 2, 3)), truth.sum((0, 2, 3))
    dice = (2 * both + 1) / (size + probability.sum((0, 2, 3)) + 1)
    present = (size > 0).float()
    return cross_entropy - (dice.log() * present).sum() / present.sum().clamp(min=1)


def adamw(model: nn.Module, rate: float = 1e-3, decay: float = 1e-4) -> torch.optim.Optimizer:
    """Return fused AdamW with weight decay for kernels only, as in faceseg."""
    kernels = [each for each in model.parameters() if each.ndim > 1]
    others = [each for each in model.parameters() if each.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, eps=1e-7, fused=True)


def training_step(
    model: Net,
    optimiser: torch.optim.Optimizer,
    *,
    channels_last: bool = True,
    precision: str = "float32",
    compiled: str | None = None,
) -> Step:
    """Return step(images (B, H, W, 3) uint8, labels (B, H, W) uint8) -> the loss, a tensor.

    `precision` is "float32", or "bfloat16" or "float16" by autocast (float16 scales its loss);
    `compiled` is a mode of torch.compile ("default", "max-autotune") for network and loss. The loss
    stays on the device: read it to wait for the step. Gradients are clipped as in faceseg.
    """
    model.train()
    if channels_last:
        model.to(memory_format=torch.channels_last)
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=precision == "float16")

    def forward(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(
            device,
            dtype=getattr(torch, precision) if precision != "float32" else torch.bfloat16,
            enabled=precision != "float32",
        ):
            first, *early = model(images)
        loss = loss_of(first, labels)
        for each in early:
            loss = loss + AUXILIARY_WEIGHT * loss_of(each, labels)
        return loss

    run = forward if compiled is None else torch.compile(forward, mode=compiled)

    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss = run(images, labels)
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        scaler.step(optimiser)
        scaler.update()
        return loss.detach()

    return step
