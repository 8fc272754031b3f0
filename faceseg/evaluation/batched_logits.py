"""The logits of images that are prepared in threads, batch by batch.

The evaluation of a predictor has three parts that overlap: threads prepare images (`prefetch_map`),
the network predicts a batch, and threads count the predictions before (`prefetch_map` again, over
`batched_logits`). The thread of the caller waits for images and for the network; both are timed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceseg.inference.predictor import Image, Predictor

DRAWING = "drawing"  # waiting for images
PREDICTING = "predicting"  # waiting for the network

Case = TypeVar("Case")
Phase = Callable[[str], AbstractContextManager[None]]  # such as `Stopwatch.phase`


def untimed(name: str) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()


def batched_logits(
    predictor: Predictor,
    cases: Iterable[tuple[Image, Case]],
    batch_size: int,
    phase: Phase = untimed,
) -> Iterator[tuple[Case, NDArray[np.float32]]]:
    """Yield each case with its logits (h, w, C) on the network's grid, in the order of the cases.

    Args:
        predictor: The network.
        cases: Pairs of a uint8 RGB image of any size and whatever belongs to it.
        batch_size: Images per call of the network.
        phase: Opens the phases `DRAWING` and `PREDICTING`.
    """
    remaining = iter(cases)
    largest = 0
    while True:
        with phase(DRAWING):
            chunk = list(islice(remaining, batch_size))
        if not chunk:
            return
        largest = largest or len(chunk)
        with phase(PREDICTING):
            batch = predictor.logits([image for image, _ in chunk], largest)
        for (_, case), logits in zip(chunk, batch, strict=True):
            yield case, logits
