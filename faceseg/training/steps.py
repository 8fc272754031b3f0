"""The compiled steps of a model, and the loops that run them over batches.

Where the backend traces a function for open sizes (TensorFlow), the loop is ours: what a step
waits for its batch is then seen, and an epoch costs no set-up. Elsewhere it is Keras's.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from faceseg.classes import IGNORE
from faceseg.data.batches import Batch
from faceseg.devices import parts, traced
from faceseg.stopwatch import COMPILING, INPUT, STEPS, VALIDATION, Stopwatch

Heard = Callable[[int, Any], None]  # the step's number from 0, and the mean loss so far


class Steps:
    """One step of training and one of validation, each traced at its first use."""

    def __init__(self, model: keras.Model, image_size: tuple[int, int]) -> None:
        self.model = model
        shapes = (None, *image_size, 3), (None, *image_size)
        jit = model.jit_compile
        self._train = traced(lambda *batch: model.train_step(batch), shapes, jit=jit)
        self._test = traced(lambda *batch: model.test_step(batch), shapes, jit=jit)
        self._used: set[str] = set()

    def train(self, batches: Iterable[Batch], clock: Stopwatch, heard: Heard) -> dict[str, float]:
        """Take a step with each batch; return the model's means over all of them."""
        self.model.reset_metrics()
        waiting = _waited_for(batches, clock)
        with clock.phase(STEPS):
            if self._train is None:
                marks = _Marks(lambda: self._phase(STEPS, clock), heard)
                even = divisible(waiting, parts())
                with _of_unknown_length():
                    self.model.fit(even, shuffle=False, verbose=0, callbacks=[marks])
            else:
                for number, batch in enumerate(waiting):
                    with self._phase(STEPS, clock):
                        logs = self._train(*batch)
                    heard(number, logs["loss"])
            return self._means()

    def validate(self, batches: Iterable[Batch], clock: Stopwatch) -> dict[str, float]:
        """Measure each batch; return the model's means over all of them."""
        with clock.phase(VALIDATION):
            if self._test is None:
                with self._phase(VALIDATION, clock), _of_unknown_length():
                    self.model.evaluate(divisible(batches, parts()), verbose=0)
                return self._means()
            self.model.reset_metrics()
            for batch in batches:
                with self._phase(VALIDATION, clock):
                    self._test(*batch)
            return self._means()

    def _phase(self, name: str, clock: Stopwatch) -> AbstractContextManager[None]:
        """Open a phase; the first time, when a step is traced, that is compiling."""
        first = name not in self._used
        self._used.add(name)
        return clock.phase(COMPILING if first else name)

    def _means(self) -> dict[str, float]:
        return {
            each.name: float(ops.convert_to_numpy(each.result())) for each in self.model.metrics
        }


def _waited_for(batches: Iterable[Batch], clock: Stopwatch) -> Iterator[Batch]:
    """Yield the batches; the time until each comes is spent waiting for input."""
    coming = iter(batches)
    while True:
        with clock.phase(INPUT):
            batch = next(coming, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _of_unknown_length() -> Iterator[None]:
    """Let Keras's loop end with its batches: it warns of every generator that ends."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield


def divisible(batches: Iterable[Batch], parts: int) -> Iterator[Batch]:
    """Yield the batches, filled up to a multiple of `parts`: as many cards share each.

    What is filled in are a batch's first images with every pixel ignored, so they count in no
    loss and no score; in the statistics of BatchNorm they do.
    """
    for images, labels in batches:
        lacking = -len(images) % parts
        if lacking:
            rows = np.arange(lacking) % len(images)
            nothing = np.full((lacking, *labels.shape[1:]), IGNORE, labels.dtype)
            images = np.concatenate([images, images[rows]])  # noqa: PLW2901
            labels = np.concatenate([labels, nothing])  # noqa: PLW2901
        yield images, labels


class _Marks(keras.callbacks.Callback):
    """Opens and closes a phase around each step of Keras's loop."""

    def __init__(self, phase: Callable[[], AbstractContextManager[None]], heard: Heard) -> None:
        super().__init__()
        self._phase = phase
        self._heard = heard
        self._open: AbstractContextManager[None] | None = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the step's phase."""
        self._open = self._phase()
        self._open.__enter__()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Close it, and tell of the step."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._heard(batch, (logs or {})["loss"])
