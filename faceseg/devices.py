"""What this process may use: threads, graphics memory, numeric precision.

The one module that speaks to a backend by name; everything else is `keras.ops`.
Call `claim` once, before the first tensor is made: frameworks fix their threads then.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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

# What frameworks call it, and what they say. TensorFlow has one name for memory and for a full
# disk: the disk's words are the system's.
MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")
DISK_WORDS = ("No space left on device", "Disk quota exceeded")

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Device:
    """What was claimed: `kind` is 'cpu' or 'gpu', `threads` per process, `name` for people."""

    kind: str
    name: str
    threads: int


def claim(threads: int, gpus: float = 0.0) -> Device:
    """Limit this process to `threads` CPU threads and to its share of a graphics card.

    gpus: 0 hides every card; a fraction lets memory grow as needed, so that several
    processes share one card. A card asked for and not there is an error: a study planned for
    a GPU would silently take a hundred times as long.
    """
    if keras.backend.backend() != "tensorflow":
        return Device("cpu", keras.backend.backend(), threads)
    return _claim_tensorflow(threads, gpus)


def _claim_tensorflow(threads: int, gpus: float) -> Device:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(max(1, min(2, threads)))
    except RuntimeError:
        # Already started (a second claim in one process): the first claim stands.
        threads = tf.config.threading.get_intra_op_parallelism_threads()
    cards = tf.config.list_physical_devices("GPU")
    if gpus <= 0:
        tf.config.set_visible_devices([], "GPU")
        return Device("cpu", "cpu", threads)
    if not cards:
        raise RuntimeError(
            f"this worker was given {gpus:g} GPU, but TensorFlow sees none; install faceseg[gpu] "
            "on a machine with an NVIDIA driver, or set resources.gpus to 0"
        )
    for card in cards:
        tf.config.experimental.set_memory_growth(card, True)
    details = tf.config.experimental.get_device_details(cards[0])
    return Device("gpu", str(details.get("device_name", "gpu")), threads)


def set_precision(precision: str) -> None:
    """Set the numeric types of layers made from now on, a Keras policy such as `mixed_bfloat16`.

    Logits, loss and metrics stay float32: the networks' last layer sees to it.
    """
    keras.config.set_dtype_policy(precision)


def traced(
    function: Callable[..., Any], shapes: Sequence[Shape], *, jit: bool | None = False
) -> Callable[..., Any] | None:
    """Return `function` of uint8 arrays traced once, whatever their open sizes (None) are.

    None where the backend traces anew for every size, and Keras's own loops are the way.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, tf.uint8) for shape in shapes]
    made: Callable[..., Any] = tf.function(
        function, input_signature=signature, jit_compile=jit, autograph=False
    )
    return made


def fused_adam() -> Callable[..., None] | None:
    """Return the backend's one operation for a step of Adam; None where Keras's own has to do.

    It takes a variable, its two moments and its gradient; `rate` is corrected already.
    A hundred and more variables have one operation each in place of twenty: that halves the
    tracing of a training step (11.5 to 5.9 s of a MobileNetV2 U-Net, 5.1 to 2.4 s of a SegNet).
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    def apply(
        variable: Any,
        first: Any,
        second: Any,
        gradient: Any,
        *,
        rate: Any,
        betas: tuple[float, float],
        epsilon: float,
    ) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=(variable.value if isinstance(variable, keras.Variable) else variable).handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=0.0,
            beta2_power=0.0,
            lr=rate,
            beta1=betas[0],
            beta2=betas[1],
            epsilon=epsilon,
            grad=gradient,
        )

    return apply


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory, the machine's or the card's, is at the bottom of `error`.

    Told by names and words, so that no framework is loaded to ask. Python's MemoryError,
    TensorFlow's ResourceExhaustedError, JAX's RESOURCE_EXHAUSTED, torch's OutOfMemoryError.
    """
    at: BaseException | None = error
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        text = str(at)
        names = {kind.__name__ for kind in type(at).__mro__}
        if not any(words in text for words in DISK_WORDS) and (
            names.intersection(MEMORY_ERRORS) or any(words in text for words in MEMORY_WORDS)
        ):
            return True
        at = at.__cause__ or at.__context__
    return False


def versions() -> dict[str, str]:
    """Return the versions that decide what a number comes out as."""
    import numpy

    found = {"keras": keras.__version__, "numpy": numpy.__version__}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found["tensorflow"] = tf.__version__
    return found
