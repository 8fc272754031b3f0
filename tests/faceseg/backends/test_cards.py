"""The GPUs of a pretended driver, and which of them CUDA shows to a process."""

import pytest

from faceseg.backends.cards import Driver, first_visible_memory, read_driver, visible_cards
from tests.faceseg.backends.pretended_cards import DIVIDED, GIB, H100, SLICE, T4, pretend

PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_the_driver_is_read(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, T4, DIVIDED)
    assert read_driver() == Driver(cuda=(12, 8), cards=(T4, DIVIDED))


def test_a_missing_driver_is_no_error(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch)
    assert read_driver() == Driver(error="NVML Shared Library Not Found")


@pytest.mark.parametrize(
    ("given", "visible"),
    [
        (None, (T4, H100, SLICE)),
        ("1,0", (H100, T4)),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", (T4,)),  # an invalid index hides what follows
        ("9", ()),
        ("GPU-aaaa-1", (H100,)),
        ("GPU-aaaa", (H100,)),  # the beginning of a UUID
        ("GPU-", ()),  # of several UUIDs
        ("2", (SLICE,)),
        ("GPU-ffff-6", (SLICE,)),
        ("MIG-eeee-5", (SLICE,)),
    ],
)
def test_the_visible_gpus_are_those_of_cuda(given: str | None, visible: tuple[object, ...]):
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert visible_cards((T4, H100, DIVIDED), environment) == visible


def test_a_share_is_that_of_the_visible_gpu(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, T4, H100)
    assert first_visible_memory(PCI | {"CUDA_VISIBLE_DEVICES": "1"}) == 80 * GIB
    assert first_visible_memory({"CUDA_VISIBLE_DEVICES": "GPU-aaaa-1"}) == 80 * GIB
    # CUDA counts the H100 first here; its index in the driver is 1. Each may be meant.
    assert first_visible_memory({"CUDA_VISIBLE_DEVICES": "1"}) == 16 * GIB
    assert first_visible_memory({"CUDA_VISIBLE_DEVICES": "0"}) == 16 * GIB


def test_a_share_of_a_divided_gpu_is_that_of_an_instance(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, DIVIDED)
    for given in ("0", "MIG-eeee-5"):
        assert first_visible_memory(PCI | {"CUDA_VISIBLE_DEVICES": given}) == 5 * GIB


def test_an_unknown_memory_is_an_error_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, H100)
    with pytest.raises(RuntimeError, match=r"CUDA_VISIBLE_DEVICES is '7'\).*resources\.gpus to 1"):
        first_visible_memory({"CUDA_VISIBLE_DEVICES": "7"})
