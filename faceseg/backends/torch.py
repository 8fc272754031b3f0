"""torch: threads at any time, a card's memory by a fraction, and where Keras puts tensors."""

from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Literal

import torch
from keras.src.backend.torch import core

from faceseg.backends.device import Device, memory_fraction, missing_gpu_error, multi_gpu_error

COUNTER_TYPE = "int32"


def configure_device(threads: int, gpus: float) -> Device:
    """Limit this process; see `faceseg.backends.device.configure_device`."""
    torch.set_num_threads(threads)
    with suppress(RuntimeError):  # set once a process: the first claim stands
        torch.set_num_interop_threads(max(1, min(2, threads)))
    if gpus <= 0:
        # Keras chose a card while it was imported, if there is one. It has no other switch that
        # holds for all threads of a process that has loaded it.
        core.DEFAULT_DEVICE = "cpu"
        return Device("cpu", "cpu", threads)
    if gpus > 1:
        raise multi_gpu_error(gpus, "torch")
    if not torch.cuda.is_available():
        raise missing_gpu_error(
            gpus, "torch", "install a CUDA build of torch on a machine with a driver"
        )
    if gpus < 1:
        torch.cuda.set_per_process_memory_fraction(memory_fraction(gpus))
    return Device("gpu", torch.cuda.get_device_name(), threads, gpus=1)


def compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first card, None without one or on the CPU by choice."""
    return torch.cuda.get_device_capability() if core.get_device() == "cuda" else None


def jit() -> Literal["auto"]:
    """Leave it to Keras: torch runs a step as it is written."""
    return "auto"


def trace_function(*_: Any, **__: Any) -> None:
    """Return None: torch runs without tracing; the loop is Keras's."""


def fused_adam() -> None:
    """Return None: Keras's operations have to do."""


def fused_batch_norm() -> None:
    """Return None: Keras's operations have to do."""


def build_scope() -> AbstractContextManager[None]:
    """Return a context that changes nothing: arrays are made where they are used."""
    return nullcontext()


def version() -> str:
    """Return the version of what computes."""
    return str(torch.__version__)
