"""A pretended driver of NVIDIA's: a fake of `pynvml` that describes the GPUs given to it."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from faceseg.backends.cards import Card

GIB = 2**30
H100 = Card(name="H100", uuid="GPU-aaaa-1", memory=80 * GIB, capability=(9, 0))
T4 = Card(name="T4", uuid="GPU-bbbb-2", memory=16 * GIB, capability=(7, 5))
BLACKWELL = Card(name="RTX PRO 6000", uuid="GPU-cccc-3", memory=96 * GIB, capability=(12, 0))
OLD = Card(name="M60", uuid="GPU-dddd-4", memory=8 * GIB, capability=(5, 2))
SLICE = Card(name="A100 MIG 1g.5gb", uuid="MIG-eeee-5", memory=5 * GIB, capability=(8, 0))
DIVIDED = Card(
    name="A100", uuid="GPU-ffff-6", memory=40 * GIB, capability=(8, 0), instances=(SLICE,)
)


class PretendedError(Exception):
    """NVML's error."""


def pretend(monkeypatch: pytest.MonkeyPatch, *cards: Card, cuda: int = 12080) -> None:
    """Replace `pynvml` by a driver that has these GPUs; without any, it is not installed."""

    def start() -> None:
        if not cards:
            raise PretendedError("NVML Shared Library Not Found")

    def mig_mode(card: Card) -> list[int]:
        if not card.instances:
            raise PretendedError("Not Supported")
        return [1, 1]

    def instance(card: Card, index: int) -> Any:
        if index >= len(card.instances):
            raise PretendedError("Not Found")
        return card.instances[index]

    fake = SimpleNamespace(
        NVMLError=PretendedError,
        nvmlInit=start,
        nvmlShutdown=lambda: None,
        nvmlSystemGetCudaDriverVersion=lambda: cuda,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlDeviceGetHandleByIndex=lambda index: cards[index],
        nvmlDeviceGetName=lambda card: card.name,
        nvmlDeviceGetUUID=lambda card: card.uuid,
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(total=card.memory),
        nvmlDeviceGetCudaComputeCapability=lambda card: card.capability,
        nvmlDeviceGetMigMode=mig_mode,
        nvmlDeviceGetMaxMigDeviceCount=lambda card: 7,
        nvmlDeviceGetMigDeviceHandleByIndex=instance,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
