"""What was claimed of a machine, and how much memory a share of a graphics card is."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np

from faceseg.backends.memory import is_out_of_memory

# Of a share, what the allocator may fill: a process's own context and its libraries' workspaces
# lie beside it on the card (0.4 to 0.6 GB a process).
USABLE_SHARE = 0.92


@dataclass(frozen=True)
class Device:
    """What was claimed: `kind` is 'cpu' or 'gpu', `threads` per process, `name` for people.

    `cards` is the number of graphics cards that one training is spread over.
    """

    kind: str
    name: str
    threads: int
    gpus: int = 0


def memory_fraction(gpus: float) -> float:
    """Return the fraction of a card's memory that a process with a share of `gpus` may fill."""
    return min(gpus, 1.0) * USABLE_SHARE


def missing_gpu_error(gpus: float, backend: str, remedy: str) -> RuntimeError:
    """Return the error of a card that was asked for and is not there.

    An error, not a slower run: a study planned for a GPU would silently take a hundred times as
    long.
    """
    return RuntimeError(
        f"this worker was given {gpus:g} GPU, but {backend} sees none; {remedy}. To run on the "
        "CPU: --set resources.gpus=0"
    )


def multi_gpu_error(gpus: float, backend: str) -> RuntimeError:
    """Return the error of a backend that cannot spread one training over several cards."""
    return RuntimeError(
        f"this worker was given {gpus:g} GPUs; one training is spread over several cards on JAX "
        f"alone, not on {backend}: set KERAS_BACKEND=jax, or resources.gpus to at most 1, or to 0 "
        "to run on the CPU"
    )


# --- What this process may use: threads, graphics memory, numeric precision.
#
# What each backend does its own way is in `faceseg.backends`; everything else is `keras.ops`.
# Call `claim` once, before the first tensor is made: frameworks fix their threads then.

__all__ = [
    "Device",
    "batch_shards",
    "build_scope",
    "configure_device",
    "counter_type",
    "fused_adam",
    "fused_batch_norm",
    "is_out_of_memory",
    "jit",
    "resolve_precision",
    "set_precision",
    "trace_function",
    "versions",
]

# What TensorFlow 2.21 writes while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says: its log is
# not set up by then.
BANNER = re.compile(rb"WARNING: All log messages before absl|I0000 .*(port|cudart_stub)\.cc")


@contextmanager
def _without_banner() -> Iterator[None]:
    """Keep the banner off the terminal; what else is written meanwhile is shown afterwards."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            said.seek(0)
            for line in said:
                if not BANNER.match(line):
                    os.write(2, line)


with _without_banner():
    import keras


Shape = tuple[int | None, ...]


def configure_device(threads: int, gpus: float = 0.0) -> Device:
    """Limit this process to `threads` CPU threads and to its share of graphics cards.

    gpus: 0 hides every card. A fraction is a share of one: memory grows as needed up to that
    share of the card's, so that several processes live on it and none takes a neighbour's.
    1 is a card of its own; more spread each training over as many cards (JAX alone).
    Raises RuntimeError for a card that was asked for and is not there.
    """
    return cast("Device", _backend().claim(threads, gpus))


def batch_shards() -> int:
    """Return into how many parts each training batch is split: 1, or the cards of `claim`."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(np.prod(distribution.device_mesh.shape))


def resolve_precision(precision: str) -> str:
    """Return the Keras policy meant by `precision`: "mixed" is the 16-bit type this device does
    well, any other is itself.

    bfloat16 on cards from compute capability 8.0 (Ampere) on; float16, with a scaled loss, on
    older ones, which have no fast bfloat16; on a CPU float32: its gain is the processor's affair
    (`faceseg tune-machine` measures it), and float16 is six times slower there.
    """
    if precision != "mixed":
        return precision
    found = _backend().capability()
    if found is None:
        return "float32"
    return "mixed_bfloat16" if found >= (8, 0) else "mixed_float16"


def set_precision(precision: str) -> None:
    """Set the numeric types of layers made from now on (see `resolve_precision`).

    Logits, loss and metrics stay float32: the networks' last layer sees to it.
    """
    keras.config.set_dtype_policy(resolve_precision(precision))


def jit() -> Any:
    """Return what Keras's `compile(jit_compile=…)` should be: "auto", or False.

    False where TensorFlow sees no card: XLA halves the speed of a CPU.
    """
    return _backend().jit()


def trace_function(
    function: Callable[..., Any], shapes: Sequence[Shape], *, jit: bool = False
) -> Callable[..., Any] | None:
    """Return `function` of uint8 arrays traced once, whatever their open sizes (None) are.

    None where the backend traces anew for every size, and Keras's own loops are the way.
    """
    made: Callable[..., Any] | None = _backend().traced(function, shapes, jit=jit)
    return made


def build_scope() -> AbstractContextManager[Any]:
    """Return a context in which to make a network, its first weights and its optimiser.

    JAX compiles every draw for every shape, 130 small programs a network: on the processor, whose
    compiler is faster than the card's.
    """
    made: AbstractContextManager[Any] = _backend().building()
    return made


def counter_type() -> str:
    """Return the integer type of a counter that stays on the device: "int32" or "int64".

    TensorFlow keeps int32 variables in host memory even where there is a card; JAX has no 64-bit
    types by default.
    """
    found: str = _backend().COUNTER_TYPE
    return found


def fused_adam() -> Callable[..., None] | None:
    """Return the backend's one operation for a step of Adam; None where Keras's own has to do.

    It takes a variable, its two moments and its gradient; `rate` is corrected already.
    A hundred and more variables have one operation each in place of twenty: that halves the
    tracing of a training step (11.5 to 5.9 s of a MobileNetV2 U-Net, 5.1 to 2.4 s of a SegNet).
    """
    found: Callable[..., None] | None = _backend().fused_adam()
    return found


def fused_batch_norm() -> Callable[..., tuple[Any, Any, Any]] | None:
    """Return the backend's one operation for BatchNorm; None where Keras's own have to do.

    It takes inputs (B, H, W, C), scale and offset (C), the moving mean and variance or None to
    take the batch's, and epsilon; it returns the outputs and the mean and (biased) variance used.
    Keras's own are a dozen passes over each map, in float32 whatever its type: a training step of
    the U-Net at 256 px takes 1.26 times as long with them, in bfloat16 1.41 times.
    """
    found: Callable[..., tuple[Any, Any, Any]] | None = _backend().fused_batch_norm()
    return found


def versions() -> dict[str, str]:
    """Return the versions that decide what a number comes out as, Keras's backend among them."""
    name = keras.backend.backend()
    return {"keras": keras.__version__, "numpy": np.__version__, name: _backend().version()}


def _backend() -> Any:
    """Return the module of the backend that Keras runs on."""
    return import_module(f"faceseg.backends.{keras.backend.backend()}")
