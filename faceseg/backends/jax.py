"""JAX: its client reads the environment once, when the first array is made."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import jax
import keras

from faceseg.backends.device import Device, memory_fraction, missing_gpu_error

# Read by XLA's thread pools, by the allocator of a card, and whether it takes its share at once:
# grown as needed, a share costs what is used of it, and never more than the share.
THREADS, MEMORY_FRACTION, PREALLOCATE = (
    "NPROC",
    "XLA_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)

COUNTER_TYPE = "int32"  # there are no 64-bit types by default

_configured: list[Device] = []  # the first claim of this process: it stands


def configure_device(threads: int, gpus: float) -> Device:
    """Limit this process; see `faceseg.backends.device.configure_device`.

    Of several cards, `gpus` 2 and more, each training is spread over all: Keras splits every
    batch between them (data parallelism) and each holds the whole network.
    """
    if not _configured:
        _configured.append(_configure(threads, gpus))
    first = _configured[0]
    if gpus > 0 and first.kind == "cpu":
        raise missing_gpu_error(gpus, "JAX", "this process runs on the CPU already")
    return first


def _configure(threads: int, gpus: float) -> Device:
    os.environ[THREADS] = str(threads)
    if gpus <= 0:
        jax.config.update("jax_platforms", "cpu")
        return Device("cpu", "cpu", threads)
    os.environ[MEMORY_FRACTION], os.environ[PREALLOCATE] = f"{memory_fraction(gpus):.3f}", "false"
    try:
        cards = jax.devices("gpu")
    except RuntimeError as error:
        remedy = "install faceseg[jax] with jax[cuda13] on a machine with an NVIDIA driver"
        raise missing_gpu_error(gpus, "JAX", remedy) from error
    wanted = max(1, int(gpus))
    if len(cards) < wanted:
        raise RuntimeError(
            f"this worker was given {gpus:g} GPUs, but JAX sees {len(cards)}; set resources.gpus "
            "to what a node has, or show the process more (CUDA_VISIBLE_DEVICES)"
        )
    if wanted > 1:
        distribute(wanted)
    return Device("gpu", str(cards[0].device_kind), threads, gpus=wanted)


def distribute(devices: int) -> None:
    """Spread every training of this process over that many devices, each with a part of a batch."""
    found = keras.distribution.list_devices()[:devices]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=found, auto_shard_dataset=False)
    )


def compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first card, None without one."""
    card = jax.devices()[0]
    if card.platform != "gpu":
        return None
    major, _, minor = str(card.compute_capability).partition(".")
    return int(major), int(minor or 0)


def jit() -> Literal["auto"]:
    """Leave it to Keras: XLA compiles every step, on the CPU too."""
    return "auto"


def trace_function(*_: Any, **__: Any) -> None:
    """Return None: JAX traces for every shape, and keeps what it compiled; the loop is Keras's."""


def fused_adam() -> None:
    """Return None: Keras's operations have to do."""


def fused_batch_norm() -> None:
    """Return None: Keras's operations have to do."""


def build_scope() -> AbstractContextManager[Any]:
    """Return a context in which arrays are made on the processor; see `faceseg.backends.device.build_scope`.

    What is made there is bound to no device: the first training step takes it to its own.
    """
    if jax.default_backend() == "cpu" or keras.distribution.distribution() is not None:
        return nullcontext()
    made: AbstractContextManager[Any] = jax.default_device(jax.local_devices(backend="cpu")[0])
    return made


def version() -> str:
    """Return the version of what computes."""
    return str(jax.__version__)
