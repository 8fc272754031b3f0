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

from faceseg.backends.device import batch_shards, trace_function
from faceseg.data.batches import Batch
from faceseg.data.classes import IGNORE
from faceseg.training.stopwatch import COMPILING, INPUT, STEPS, VALIDATION, Stopwatch

OnBatch = Callable[[int, Any], None]  # the step's number from 0, and the mean loss so far


class CompiledSteps:
    """One step of training and one of validation, each traced at its first use."""

    def __init__(self, model: keras.Model, image_size: tuple[int, int]) -> None:
        self.model = model
        shapes = (None, *image_size, 3), (None, *image_size)
        jit = model.jit_compile
        self._train = trace_function(lambda *batch: model.train_step(batch), shapes, jit=jit)
        self._test = trace_function(lambda *batch: model.test_step(batch), shapes, jit=jit)
        self._used: set[str] = set()

    def train(self, batches: Iterable[Batch], clock: Stopwatch, heard: OnBatch) -> dict[str, float]:
        """Take a step with each batch; return the model's means over all of them."""
        self.model.reset_metrics()
        waiting = _timed_input(batches, clock)
        with clock.phase(STEPS):
            if self._train is None:
                marks = _PhaseCallback(lambda: self._phase(STEPS, clock), heard)
                even = pad_batches(waiting, batch_shards())
                with _ignoring_end_of_input():
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
                with self._phase(VALIDATION, clock), _ignoring_end_of_input():
                    self.model.evaluate(pad_batches(batches, batch_shards()), verbose=0)
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


def _timed_input(batches: Iterable[Batch], clock: Stopwatch) -> Iterator[Batch]:
    """Yield the batches; the time until each comes is spent waiting for input."""
    coming = iter(batches)
    while True:
        with clock.phase(INPUT):
            batch = next(coming, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _ignoring_end_of_input() -> Iterator[None]:
    """Let Keras's loop end with its batches: it warns of every generator that ends."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield


def pad_batches(batches: Iterable[Batch], parts: int) -> Iterator[Batch]:
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


class _PhaseCallback(keras.callbacks.Callback):
    """Opens and closes a phase around each step of Keras's loop."""

    def __init__(self, phase: Callable[[], AbstractContextManager[None]], heard: OnBatch) -> None:
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


# --- The loss of every step, looked at while a training runs.

OnStep = Callable[[int, int, float], None]  # epoch, share of it in percent, running loss


class NonFiniteLossError(Exception):
    """The loss became NaN or infinite: the training's own failure, not the machine's.

    `step` counts from 1 over the whole training.
    """

    def __init__(
        self, step: int, epoch: int, learning_rate: float, where: str = "the loss"
    ) -> None:
        super().__init__(
            f"{where} is not finite at step {step} (epoch {epoch}, peak learning rate "
            f"{learning_rate:.3g}); lower the learning rate or set training.clip_norm"
        )
        self.step = step


class LossMonitor:
    """Looks at the loss of every step, one step late so that the device need not wait.

    `epoch`, from 1, is set by whoever trains. What is handed over is the mean loss of the epoch
    so far; it is finite until the first step whose loss is not.
    """

    def __init__(self, steps: int, learning_rate: float, on_step: OnStep | None) -> None:
        self.steps = steps
        self.learning_rate = learning_rate
        self.on_step = on_step
        self.epoch = 1
        self._last: tuple[int, Any] | None = None

    def record_step(self, batch: int, loss: Any) -> None:
        """Look at the step before, and keep this one for the next call."""
        self.check_last_step()
        self._last = (batch, loss)

    def check_last_step(self) -> None:
        """Raise NonFiniteLossError if the last step seen has a loss that is no number."""
        if self._last is None:
            return
        batch, tensor = self._last
        self._last = None
        loss = float(ops.convert_to_numpy(tensor))
        if not np.isfinite(loss):
            step = (self.epoch - 1) * self.steps + batch + 1
            raise NonFiniteLossError(step, self.epoch, self.learning_rate)
        if self.on_step is not None:
            self.on_step(self.epoch, round(100 * (batch + 1) / self.steps), loss)

    def check_validation(self, loss: float) -> None:
        """Raise NonFiniteLossError if the last step left a network whose validation loss is not."""
        if not np.isfinite(loss):
            step = self.epoch * self.steps
            raise NonFiniteLossError(step, self.epoch, self.learning_rate, "the validation loss")
