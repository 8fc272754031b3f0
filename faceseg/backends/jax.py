"""JAX, whose client reads the environment once, when the first array is made.

The functions are described in `faceseg.backends.device`.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any, Literal

import jax
import keras

from faceseg.backends.device import Device, memory_fraction
from faceseg.backends.gpu_checks import CudaBuild
from faceseg.backends.gpu_errors import missing_gpu_error, reason_for_no_gpu

# XLA's thread pools read the first variable, the allocator of a GPU reads the others. Without
# preallocation memory grows as needed, up to the process's share.
THREADS, MEMORY_FRACTION, PREALLOCATE = (
    "NPROC",
    "XLA_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)

COUNTER_TYPE = "int32"  # there are no 64-bit types by default
COMPILES_EACH_SIZE = True

_configured: list[Device] = []  # by the first call of this process; later calls change nothing


def configure_device(threads: int, gpus: float) -> Device:
    """Limit this process; see `faceseg.backends.device.configure_device`.

    With 2 or more GPUs each training is distributed over all of them: Keras splits every batch
    (data parallelism), and each GPU has a copy of the network.
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
        return Device(kind="cpu", name="cpu", threads=threads)
    os.environ[MEMORY_FRACTION], os.environ[PREALLOCATE] = f"{memory_fraction(gpus):.3f}", "false"
    try:
        devices = jax.devices("gpu")
    except RuntimeError as error:
        raise missing_gpu_error(gpus, "JAX", reason_for_no_gpu(cuda_build())) from error
    wanted = max(1, int(gpus))
    if len(devices) < wanted:
        raise RuntimeError(
            f"this worker was given {gpus:g} GPUs, but JAX finds {len(devices)}; set "
            "resources.gpus to the number on a node, or list more GPUs in CUDA_VISIBLE_DEVICES"
        )
    if wanted > 1:
        distribute(wanted)
    return Device(kind="gpu", name=str(devices[0].device_kind), threads=threads, gpus=wanted)


def distribute(devices: int) -> None:
    """Distribute every training of this process over `devices` devices, a part of a batch each."""
    found = keras.distribution.list_devices()[:devices]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=found, auto_shard_dataset=False)
    )


def compute_capability() -> tuple[int, int] | None:
    """Return the compute capability of the first GPU; None without a GPU."""
    device = jax.devices()[0]
    if device.platform != "gpu":
        return None
    major, _, minor = str(device.compute_capability).partition(".")
    return int(major), int(minor or 0)


def jit() -> Literal["auto"]:
    """Return "auto": XLA compiles every step, on the CPU too."""
    return "auto"


def trace_function(*_: Any, **__: Any) -> None:
    """Return None: JAX traces for every shape and caches the results, so Keras's loop is used."""


def after_step(
    model: keras.Model, step: Callable[..., Any], update: Callable[[], None]
) -> Callable[..., Any]:
    """Return a step with an update at its end; see `faceseg.backends.device.after_step`.

    A step gets and returns the values of all variables, which the update reads and replaces.
    """

    def extended(state: Any, batch: Any) -> Any:
        logs, (trained, others, *rest) = step(state, batch)
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        mapping = list(zip(variables, [*trained, *others], strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            update()
        others = [scope.get_current_value(each) for each in model.non_trainable_variables]
        return logs, (trained, others, *rest)

    return extended


def fused_adam() -> None:
    """Return None: JAX uses Keras's operations."""


def fused_batch_norm() -> None:
    """Return None: JAX uses Keras's operations."""


def build_scope() -> AbstractContextManager[Any]:
    """Return a context in which arrays are made on the processor.

    Arrays made there are bound to no device: the first training step moves them to its own.
    """
    if jax.default_backend() == "cpu" or keras.distribution.distribution() is not None:
        return nullcontext()
    scope: AbstractContextManager[Any] = jax.default_device(jax.local_devices(backend="cpu")[0])
    return scope


def peak_memory() -> int | None:
    """Return the allocator's peak; see `faceseg.backends.device.peak_memory`."""
    statistics = jax.devices()[0].memory_stats()  # None on a CPU
    return int(statistics["peak_bytes_in_use"]) if statistics else None


def cuda_build() -> CudaBuild:
    """Return what JAX was built for; see `faceseg.backends.device.cuda_build`.

    Its plugin for CUDA is a package of its own, named after the version.
    """
    installed = {each.name.lower().replace("_", "-") for each in metadata.distributions()}
    majors = [major for major in (13, 12) if f"jax-cuda{major}-plugin" in installed]
    return CudaBuild(
        name=f"JAX {version()}",
        cuda=(majors[0], 0) if majors else None,
        remedy="install faceseg[jax] with jax[cuda13]",
    )


def version() -> str:
    """Return the version of JAX."""
    return str(jax.__version__)
