"""The settings of torch's processes, with a stand-in for torch: it need not be installed."""

import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of torch's backend, on a machine with a GPU; `torch` is its torch."""
    cuda = SimpleNamespace(
        is_available=lambda: True,
        get_device_name=lambda: "a card",
        set_per_process_memory_fraction=lambda fraction: None,
    )
    torch: Any = ModuleType("torch")
    torch.cuda = cuda
    torch.backends = SimpleNamespace(cudnn=SimpleNamespace(benchmark=False))
    torch.set_num_threads = torch.set_num_interop_threads = lambda threads: None
    keras_torch: Any = ModuleType("keras.src.backend.torch")
    keras_torch.core = SimpleNamespace(DEFAULT_DEVICE="cuda")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "keras.src.backend.torch", keras_torch)
    monkeypatch.delitem(sys.modules, "faceseg.backends.torch", raising=False)
    yield import_module("faceseg.backends.torch")
    sys.modules.pop("faceseg.backends.torch", None)


@pytest.mark.parametrize(("gpus", "times_kernels"), [(0, False), (0.25, True), (1, True)])
def test_cudnn_times_its_kernels_where_a_gpu_is_used(
    backend: Any, gpus: float, times_kernels: bool
) -> None:
    found = backend.configure_device(1, gpus)
    assert found.kind == ("gpu" if gpus else "cpu")
    assert backend.torch.backends.cudnn.benchmark is times_kernels
