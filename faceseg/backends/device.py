"""The device of this process: its threads, its share of graphics memory, its numeric precision.

Functions that differ by backend call the module of the backend that Keras runs on. Call
`configure_device` once, before the first tensor is made: frameworks fix their threads then.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np

from faceseg.backends.banner import without_banner
from faceseg.backends.gpu_checks import CudaBuild

__all__ = [
    "Device",
    "after_step",
    "batch_shards",
    "build_scope",
    "compiles_each_size",
    "configure_device",
    "counter_type",
    "cuda_build",
    "fused_adam",
    "fused_batch_norm",
    "jit",
    "memory_fraction",
    "peak_memory",
    "resolve_precision",
    "set_precision",
    "trace_function",
    "versions",
]

# The part of a share that the allocator may fill: the process's own context and the workspaces of
# its libraries need memory outside the allocator (0.4 to 0.6 GB a process).
USABLE_SHARE = 0.92

with without_banner():
    import keras


Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Device:
    """The device that this process was configured to use.

    Attributes:
        kind: "cpu" or "gpu".
        name: A name to display, such as the model of the GPU.
        threads: CPU threads of the process.
        gpus: The number of GPUs that each training is distributed over.
    """

    kind: str
    name: str
    threads: int
    gpus: int = 0


def memory_fraction(gpus: float) -> float:
    """Return the fraction of a GPU's memory that a process with a share of `gpus` may fill."""
    return min(gpus, 1.0) * USABLE_SHARE


def configure_device(threads: int, gpus: float = 0.0) -> Device:
    """Limit this process to `threads` CPU threads and to its share of GPUs.

    Only the first call of a process takes effect.

    Args:
        threads: CPU threads.
        gpus: 0 hides every GPU. A fraction is a share of one GPU: memory grows as needed up to
            that share, so several processes can use the GPU without taking one another's
            memory. 1 is a whole GPU. A larger number distributes each training over that many
            GPUs (JAX alone).

    Returns:
        The device in use.

    Raises:
        RuntimeError: A GPU was requested and does not exist, or the backend cannot distribute a
            training over several GPUs.
    """
    return cast("Device", _backend().configure_device(threads, gpus))


def batch_shards() -> int:
    """Return the number of parts of each training batch: the GPUs of `configure_device`, or 1."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(np.prod(distribution.device_mesh.shape))


def resolve_precision(precision: str) -> str:
    """Return the Keras dtype policy for `precision`; "mixed" depends on the device.

    "mixed" is bfloat16 on GPUs from compute capability 8.0 (Ampere) on, and float16 with a scaled
    loss on older ones, which have no fast bfloat16. On a CPU it is float32: whether bfloat16 is
    faster depends on the processor (`faceseg tune-machine` measures it), and float16 is six times
    slower there.
    """
    if precision != "mixed":
        return precision
    capability = _backend().compute_capability()
    if capability is None:
        return "float32"
    return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16"


def set_precision(precision: str) -> None:
    """Set the numeric types of layers made from now on (see `resolve_precision`).

    Logits, loss and metrics stay float32, because the networks' last layer is float32.
    """
    keras.config.set_dtype_policy(resolve_precision(precision))


def jit() -> Any:
    """Return the value for Keras's `compile(jit_compile=…)`: "auto", or False.

    It is False if TensorFlow finds no GPU: XLA halves the speed of a CPU.
    """
    return _backend().jit()


def trace_function(
    function: Callable[..., Any],
    shapes: Sequence[Shape],
    *,
    jit: bool = False,
    types: Sequence[str] = (),
) -> Callable[..., Any] | None:
    """Trace `function` once for arrays; a size that is None in `shapes` may vary.

    Args:
        function: A function of arrays, one for each shape.
        shapes: The shape of each argument; None for a size that varies.
        jit: Whether XLA compiles the function.
        types: The type of each argument; by default, uint8 for all.

    Returns:
        The traced function; None if the backend traces again for every size, so that Keras's own
        loops have to be used.
    """
    traced: Callable[..., Any] | None = _backend().trace_function(
        function, shapes, jit=jit, types=types or ["uint8"] * len(shapes)
    )
    return traced


def after_step(
    model: keras.Model, step: Callable[..., Any], update: Callable[[], None]
) -> Callable[..., Any]:
    """Return a training step that calls `update` at its end, in the same trace.

    Args:
        model: The model that takes the step.
        step: Keras's own `train_step` of the model.
        update: Assigns new values to non-trainable variables of the model.
    """
    extended: Callable[..., Any] = _backend().after_step(model, step, update)
    return extended


def compiles_each_size() -> bool:
    """Return whether a network's prediction is compiled again for every batch size (on JAX)."""
    return bool(_backend().COMPILES_EACH_SIZE)


def build_scope() -> AbstractContextManager[Any]:
    """Return a context in which to make a network, its initial weights and its optimizer.

    JAX compiles every draw for every shape, 130 small programs a network. In this context they are
    compiled for the processor, whose compiler is faster than the GPU's.
    """
    scope: AbstractContextManager[Any] = _backend().build_scope()
    return scope


def counter_type() -> str:
    """Return the integer type of a counter that stays on the device: "int32" or "int64".

    TensorFlow keeps int32 variables in host memory even where there is a GPU; JAX has no 64-bit
    types by default.
    """
    counter: str = _backend().COUNTER_TYPE
    return counter


def fused_adam() -> Callable[..., None] | None:
    """Return the backend's single operation for a step of Adam; None if it has none.

    The operation takes a variable, its two moments and its gradient; `rate` includes Adam's
    correction already. More than a hundred variables have one operation each in place of twenty:
    that halves the tracing of a training step (11.5 to 5.9 s of a MobileNetV2 U-Net, 5.1 to 2.4 s
    of a SegNet).
    """
    operation: Callable[..., None] | None = _backend().fused_adam()
    return operation


def fused_batch_norm() -> Callable[..., tuple[Any, Any, Any]] | None:
    """Return the backend's single operation for BatchNorm; None if it has none.

    The operation takes inputs (B, H, W, C), scale and offset (C), the moving mean and variance (or
    None to use the batch's), and epsilon. It returns the outputs and the mean and (biased) variance
    used. Keras's own operations are a dozen passes over each map, in float32 for every type: a
    training step of the U-Net at 256 px takes 1.26 times as long with them, in bfloat16 1.41 times.
    """
    operation: Callable[..., tuple[Any, Any, Any]] | None = _backend().fused_batch_norm()
    return operation


def cuda_build() -> CudaBuild:
    """Return what the installed backend was built for; this opens no GPU."""
    return cast("CudaBuild", _backend().cuda_build())


def peak_memory() -> int | None:
    """Return the most bytes of GPU memory that tensors of this process have taken; None on a CPU.

    Memory outside the allocator, such as the process's CUDA context, is not included.
    """
    peak: int | None = _backend().peak_memory()
    return peak


def versions() -> dict[str, str]:
    """Return the versions that affect results: Keras's, numpy's and the backend's."""
    name = keras.backend.backend()
    return {"keras": keras.__version__, "numpy": np.__version__, name: _backend().version()}


def _backend() -> Any:
    """Return the module of the backend that Keras runs on."""
    return import_module(f"faceseg.backends.{keras.backend.backend()}")
