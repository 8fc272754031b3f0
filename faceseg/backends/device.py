"""What was claimed of a machine, and how much memory a share of a graphics card is."""

from dataclasses import dataclass

# Of a share, what the allocator may fill: a process's own context and its libraries' workspaces
# lie beside it on the card (0.4 to 0.6 GB a process).
FILLED = 0.92


@dataclass(frozen=True)
class Device:
    """What was claimed: `kind` is 'cpu' or 'gpu', `threads` per process, `name` for people.

    `cards` is the number of graphics cards that one training is spread over.
    """

    kind: str
    name: str
    threads: int
    cards: int = 0


def fraction(gpus: float) -> float:
    """Return the fraction of a card's memory that a process with a share of `gpus` may fill."""
    return min(gpus, 1.0) * FILLED


def missing(gpus: float, backend: str, remedy: str) -> RuntimeError:
    """Return the error of a card that was asked for and is not there.

    An error, not a slower run: a study planned for a GPU would silently take a hundred times as
    long.
    """
    return RuntimeError(
        f"this worker was given {gpus:g} GPU, but {backend} sees none; {remedy}. To run on the "
        "CPU: --set resources.gpus=0"
    )


def one_training_on_several(gpus: float, backend: str) -> RuntimeError:
    """Return the error of a backend that cannot spread one training over several cards."""
    return RuntimeError(
        f"this worker was given {gpus:g} GPUs; one training is spread over several cards on JAX "
        f"alone, not on {backend}: set KERAS_BACKEND=jax, or resources.gpus to at most 1, or to 0 "
        "to run on the CPU"
    )
