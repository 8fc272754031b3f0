"""The loss of every step, looked at while a training runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

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


class Watch:
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

    def heard(self, batch: int, loss: Any) -> None:
        """Look at the step before, and keep this one for the next call."""
        self.check_last()
        self._last = (batch, loss)

    def check_last(self) -> None:
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
