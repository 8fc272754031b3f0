"""The GPUs of this machine as NVIDIA's driver describes them, and those that a process may use.

The driver's library (NVML) needs no framework, opens no GPU, and ignores CUDA_VISIBLE_DEVICES. It
counts GPUs in the order of the PCI bus. CUDA counts the fastest one first, unless
CUDA_DEVICE_ORDER is PCI_BUS_ID, as it is in workers.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

VISIBLE, ORDER, PCI_ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "PCI_BUS_ID"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A GPU, or a MIG instance of one.

    Attributes:
        name: Its product name.
        uuid: `GPU-…` or `MIG-…`, as `nvidia-smi -L` prints it.
        memory: Bytes.
        capability: Its compute capability, such as (9, 0).
        instances: The MIG instances into which it is divided; CUDA uses these in its place.
    """

    name: str
    uuid: str
    memory: int
    capability: tuple[int, int]
    instances: tuple["Card", ...] = ()

    @property
    def used(self) -> "Card":
        """What CUDA uses under the GPU's index: the first MIG instance, or the whole GPU."""
        return self.instances[0] if self.instances else self


@dataclass(frozen=True, kw_only=True)
class Driver:
    """The driver: the newest version of CUDA that it supports, its GPUs, or why it has none.

    Attributes:
        cuda: Such as (12, 8); (0, 0) if there is no driver.
        cards: All GPUs, in the order of the PCI bus.
        error: NVML's message if the driver cannot be used; else empty.
    """

    cuda: tuple[int, int] = (0, 0)
    cards: tuple[Card, ...] = ()
    error: str = ""


def read_driver() -> Driver:
    """Return what NVIDIA's driver reports about this machine."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Driver(error=str(error))
    try:
        version = int(pynvml.nvmlSystemGetCudaDriverVersion())  # 12080 for CUDA 12.8
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        cards = tuple(_read_card(pynvml, handle) for handle in handles)
        return Driver(cuda=(version // 1000, version % 1000 // 10), cards=cards)
    except pynvml.NVMLError as error:
        return Driver(error=str(error))
    finally:
        pynvml.nvmlShutdown()


def _read_card(nvml: Any, handle: Any) -> Card:
    capability = tuple(map(int, nvml.nvmlDeviceGetCudaComputeCapability(handle)))
    instances = []
    with suppress(nvml.NVMLError):  # most GPUs do not support MIG
        if nvml.nvmlDeviceGetMigMode(handle)[0]:
            for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with suppress(nvml.NVMLError):  # fewer instances exist than are possible
                    part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
                    instances.append(_card(nvml, part, capability))
    return _card(nvml, handle, capability, tuple(instances))


def _card(nvml: Any, handle: Any, capability: Any, instances: tuple[Card, ...] = ()) -> Card:
    return Card(
        name=str(nvml.nvmlDeviceGetName(handle)),
        uuid=str(nvml.nvmlDeviceGetUUID(handle)),
        memory=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        capability=capability,
        instances=instances,
    )


def visible_cards(
    cards: Sequence[Card], environment: Mapping[str, str] = os.environ
) -> tuple[Card, ...]:
    """Return the GPUs that CUDA shows to a process, as far as CUDA_VISIBLE_DEVICES decides.

    As in CUDA, a name is an index, a UUID or its beginning, and the first invalid one hides itself
    and all that follow.

    Args:
        cards: All GPUs, in the order of the PCI bus, which the indices are taken to refer to.
        environment: The variables of the process.
    """
    given = environment.get(VISIBLE)
    if given is None:
        return tuple(card.used for card in cards)
    found: list[Card] = []
    for name in given.split(","):
        card = _named(cards, name.strip())
        if card is None:
            break
        found.append(card)
    return tuple(found)


def _named(cards: Sequence[Card], name: str) -> Card | None:
    if name.isdecimal():
        return cards[int(name)].used if int(name) < len(cards) else None
    each = [part for card in cards for part in (card, *card.instances)]
    matching = [card for card in each if card.uuid.startswith(name)] if name else []
    return matching[0].used if len(matching) == 1 else None


def first_visible_memory(environment: Mapping[str, str] = os.environ) -> int:
    """Return the memory in bytes of the GPU that CUDA shows to this process as its first.

    Where CUDA does not count as the driver does, an index may be that of any GPU: the smallest
    memory is returned, so that a share of it is a share of each.

    Raises:
        RuntimeError: The driver does not report it.
    """
    driver = read_driver()
    visible = visible_cards(driver.cards, environment)
    if not visible:
        reason = driver.error or f"{VISIBLE} is {environment.get(VISIBLE)!r}"
        raise RuntimeError(
            f"the driver does not report the memory of this process's GPU ({reason}), of which it "
            "is to use a share: set resources.gpus to 1, which needs no limit"
        )
    by_index = not environment.get(VISIBLE, "0").startswith(("GPU-", "MIG-"))
    if by_index and environment.get(ORDER) != PCI_ORDER:
        return min(card.used.memory for card in driver.cards)
    return visible[0].memory
