"""torch, whose threads can be set at any time and whose graphics memory is limited by a fraction.

The functions are described in `faceseg.backends.device`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Literal

import keras
import torch
from keras.src.backend.torch import core

from faceseg.backends.device import Device, memory_fraction
from faceseg.backends.gpu_checks import CudaBuild
from faceseg.backends.gpu_errors import missing_gpu_error, multi_gpu_error, reason_for_no_gpu

COUNTER_TYPE = "int32"
COMPILES_EACH_SIZE = False


def configure_device(threads: int, gpus: float) -> Device:
    """Limit this process; see `faceseg.backends.device.configure_device`."""
    torch.set_num_threads(threads)
    with suppress(RuntimeError):  # raised by every call but the first
        torch.set_num_interop_threads(max(1, min(2, threads)))
    if gpus <= 0:
        # Keras chose a GPU while it was imported, if there is one. It has no other switch that
        # applies to all threads of a process once it is imported.
        core.DEFAULT_DEVICE = "cpu"
        return Device(kind="cpu", name="cpu", threads=threads)
    if gpus > 1:
        raise multi_gpu_error(gpus, "torch")
    if not torch.cuda.is_available():
        raise missing_gpu_error(gpus, "torch", reason_for_no_gpu(cuda_build()))
    # cuDNN times its kernels for each new shape and keeps the fastest, as XLA does.
    torch.backends.cudnn.benchmark = True
    if gpus < 1:
        torch.cuda.set_per_process_memory_fraction(memory_fraction(gpus))
    return Device(kind="gpu", name=torch.cuda.get_device_name(), threads=threads, gpus=1)


def compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU; None if there is none or it is not used."""
    return torch.cuda.get_device_capability() if core.get_device() == "cuda" else None


def jit() -> Literal["auto"]:
    """Return "auto": torch runs a step without compiling it."""
    return "auto"


def trace_function(*_: Any, **__: Any) -> None:
    """Return None: torch runs without tracing, so Keras's loop is used."""


def after_step(
    _: keras.Model, step: Callable[..., Any], update: Callable[[], None]
) -> Callable[..., Any]:
    """Return a step with an update at its end; see `faceseg.backends.device.after_step`."""

    def extended(*given: Any) -> Any:
        logs = step(*given)
        with torch.no_grad():
            update()
        return logs

    return extended


def fused_adam() -> None:
    """Return None: torch uses Keras's operations."""


def fused_batch_norm() -> None:
    """Return None: torch uses Keras's operations."""


def build_scope() -> AbstractContextManager[None]:
    """Return a context without effect: arrays are made on the device that uses them."""
    return nullcontext()


def peak_memory() -> int | None:
    """Return the allocator's peak; see `faceseg.backends.device.peak_memory`."""
    return torch.cuda.max_memory_allocated() if core.get_device() == "cuda" else None


def cuda_build() -> CudaBuild:
    """Return what torch was built for; see `faceseg.backends.device.cuda_build`."""
    cuda = None
    if torch.version.cuda:
        major, minor = (int(part) for part in torch.version.cuda.split(".")[:2])
        cuda = major, minor
    return CudaBuild(
        name=f"torch {version()}",
        cuda=cuda,
        targets=tuple(torch.cuda.get_arch_list()),  # empty where torch finds no GPU
        remedy="install a CUDA build of torch",
    )


def version() -> str:
    """Return the version of torch."""
    return str(torch.__version__)
