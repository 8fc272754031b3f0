"""The compiled steps of a model, the loops that run them over batches, and the check of each loss.

If the backend can trace a function for varying sizes (TensorFlow), the loop is written here: it
measures the time that a step waits for its batch, and an epoch has no set-up cost. On the other
backends Keras's loop is used.

A step that XLA compiles is compiled for one shape. There all batches of a training are filled up to
the largest with images whose every pixel is ignored (`faceseg.data.padding`). Without XLA no batch
is changed.
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
from faceseg.data.padding import pad_batch
from faceseg.training.distillation import OutsideTeacher
from faceseg.training.stopwatch import COMPILING, INPUT, STEPS, TEACHER, VALIDATION, Stopwatch

OnBatch = Callable[[int, Any], None]  # the step's number from 0, the epoch's mean loss so far
OnStep = Callable[[int, int, float], None]  # the epoch, its progress in percent, its mean loss


class CompiledSteps:
    """A model's steps of training and validation, each traced at its first use.

    Args:
        model: A compiled Keras model.
        image_size: Height and width of its input in pixels.
        teacher: Predicts each training batch outside of the step; its logits follow the labels.
    """

    def __init__(
        self,
        model: keras.Model,
        image_size: tuple[int, int],
        teacher: OutsideTeacher | None = None,
    ) -> None:
        self.model, self._teacher = model, teacher
        shapes = (None, *image_size, 3), (None, *image_size)
        jit = model.jit_compile
        self._test = trace_function(lambda *batch: model.test_step(batch), shapes, jit=jit)
        if teacher is None:
            self._train = trace_function(lambda *batch: model.train_step(batch), shapes, jit=jit)
        else:
            self._train = trace_function(
                lambda images, *targets: model.train_step((images, targets)),
                (*shapes, (None, *image_size, teacher.num_classes)),
                jit=jit,
                types=["uint8", "uint8", "float32"],
            )
        self._used: set[str] = set()

    def train(
        self, batches: Iterable[Batch], largest: int, stopwatch: Stopwatch, on_batch: OnBatch
    ) -> dict[str, float]:
        """Take a training step with each batch.

        Args:
            batches: Images and labels.
            largest: The images of the largest batch.
            stopwatch: Receives the times of the steps and of waiting for input.
            on_batch: Called after each step.

        Returns:
            The model's metrics over all batches.
        """
        self.model.reset_metrics()
        timed = _timed_input(self._one_shape(batches, largest), stopwatch)
        if self._teacher is not None:
            timed = _taught(timed, self._teacher, stopwatch)
        with stopwatch.phase(STEPS):
            if self._train is None:
                callback = _PhaseCallback(lambda: self._phase(STEPS, stopwatch), on_batch)
                with _ignoring_end_of_input():
                    self.model.fit(timed, shuffle=False, verbose=0, callbacks=[callback])
            else:
                for number, batch in enumerate(timed):
                    with self._phase(STEPS, stopwatch):
                        logs = self._train(*keras.tree.flatten(batch))
                    on_batch(number, logs["loss"])
            return self._means()

    def validate(
        self, batches: Iterable[Batch], largest: int, stopwatch: Stopwatch
    ) -> dict[str, float]:
        """Evaluate each batch; return the model's metrics over all of them. See `train`."""
        batches = self._one_shape(batches, largest)
        with stopwatch.phase(VALIDATION):
            if self._test is None:
                with self._phase(VALIDATION, stopwatch), _ignoring_end_of_input():
                    self.model.evaluate(batches, verbose=0)
                return self._means()
            self.model.reset_metrics()
            for batch in batches:
                with self._phase(VALIDATION, stopwatch):
                    self._test(*batch)
            return self._means()

    def _one_shape(self, batches: Iterable[Batch], largest: int) -> Iterable[Batch]:
        """Return the batches, filled up to one size where XLA compiles the steps.

        It is the size of the largest batch, or the next multiple of the number of GPUs that share
        a batch.
        """
        if not self.model.jit_compile:
            return batches
        size = largest + -largest % batch_shards()
        return (pad_batch(images, labels, size) for images, labels in batches)

    def _phase(self, name: str, stopwatch: Stopwatch) -> AbstractContextManager[None]:
        """Open a phase; the first step of a kind, which is traced, counts as compiling."""
        first = name not in self._used
        self._used.add(name)
        return stopwatch.phase(COMPILING if first else name)

    def _means(self) -> dict[str, float]:
        return {
            each.name: float(ops.convert_to_numpy(each.result())) for each in self.model.metrics
        }


def _taught(
    batches: Iterable[Batch], teacher: OutsideTeacher, stopwatch: Stopwatch
) -> Iterator[Any]:
    """Yield images and, as their targets, the labels and the teacher's logits."""
    for images, labels in batches:
        with stopwatch.phase(TEACHER):
            logits = teacher.logits(images)
        yield images, (labels, logits)


def _timed_input(batches: Iterable[Batch], stopwatch: Stopwatch) -> Iterator[Batch]:
    """Yield the batches; the time until each is available counts as waiting for input."""
    iterator = iter(batches)
    while True:
        with stopwatch.phase(INPUT):
            batch = next(iterator, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _ignoring_end_of_input() -> Iterator[None]:
    """Suppress the warning that Keras's loop gives at the end of every generator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield


class _PhaseCallback(keras.callbacks.Callback):
    """Opens and closes a phase around each step of Keras's loop."""

    def __init__(
        self, phase: Callable[[], AbstractContextManager[None]], on_batch: OnBatch
    ) -> None:
        super().__init__()
        self._phase = phase
        self._on_batch = on_batch
        self._open: AbstractContextManager[None] | None = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the step's phase."""
        self._open = self._phase()
        self._open.__enter__()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the step's phase and report the step."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._on_batch(batch, (logs or {})["loss"])


class NonFiniteLossError(Exception):
    """The loss became NaN or infinite; a failure of the training, not of the machine.

    Attributes:
        step: The step from 1, counted over the whole training.
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
    """The check that the loss of every step is finite.

    Each loss is checked one step later, so that the device does not have to wait. The checked loss
    is the epoch's mean so far, which is finite until the first step with a non-finite loss.

    Args:
        steps: The steps of an epoch.
        learning_rate: The peak learning rate, for the message.
        on_step: Called for every finite loss, or None.

    Attributes:
        epoch: The current epoch from 1; the caller sets it.
    """

    def __init__(self, steps: int, learning_rate: float, on_step: OnStep | None) -> None:
        self.steps = steps
        self.learning_rate = learning_rate
        self.on_step = on_step
        self.epoch = 1
        self._last: tuple[int, Any] | None = None

    def record_step(self, batch: int, loss: Any) -> None:
        """Check the previous step and keep this one for the next call."""
        self.check_last_step()
        self._last = (batch, loss)

    def check_last_step(self) -> None:
        """Raise NonFiniteLossError if the loss of the last recorded step is not finite."""
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
        """Raise NonFiniteLossError if the validation loss after the last step is not finite."""
        if not np.isfinite(loss):
            step = self.epoch * self.steps
            raise NonFiniteLossError(step, self.epoch, self.learning_rate, "the validation loss")
