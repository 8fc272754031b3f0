"""Adam whose schedule is in variables, so that a new trial needs no new trace.

A worker compiles a network once and trains it many times with other learning rates, batch sizes
and lengths. So the peak rate, the decay, the length, the plateau's factor and the encoder's factor
are variables of the optimizer, not constants of the traced function. This also works on JAX, where
a callback cannot change the rate within an epoch.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from faceseg.backends.device import fused_adam
from faceseg.training.schedule import Schedule, learning_rate_factor


class ScheduledAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba 2014), or AdamW (Loshchilov and Hutter 2019) with `decay` above 0.

    The decay is decoupled, follows the scheduled rate, and applies to kernels only (two or more
    dimensions), never to a bias or BatchNorm's scale.

    Args:
        schedule: The schedule of the learning rate.
        clip_norm: The largest global norm of the gradient; None for no limit.
        is_encoder: Whether the variable of a path is in the encoder. The rate of these variables is
            multiplied by `encoder_scale`, which is 0 while the encoder is frozen. (The moving
            averages of its BatchNorm are updated nevertheless, since no optimizer updates them.)
    """

    def __init__(
        self,
        schedule: Schedule,
        clip_norm: float | None,
        is_encoder: Callable[[str], bool],
    ) -> None:
        super().__init__(learning_rate=1e-3, global_clipnorm=clip_norm, name="scheduled_adam")
        self.schedule = schedule
        self.is_encoder = is_encoder
        self._fused = fused_adam()
        self._common: tuple[Any, Any, Any] | None = None

    def build(self, variables: list[Any]) -> None:
        """Create the moments and the scalars, which are all reset for the next trial."""
        if self.built:
            return
        super().build(variables)
        # A backend may pass its own variables to `update_step`, which have no Keras path.
        self._in_encoder = [self.is_encoder(variable.path) for variable in variables]
        self.decay = self._scalar("decay", 0.0)
        self.warmup_steps = self._scalar("warmup_steps", 0.0)
        self.total_steps = self._scalar("total_steps", 1.0)
        self.plateau_scale = self._scalar("plateau_scale", 1.0)
        self.encoder_scale = self._scalar("encoder_scale", 1.0)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Apply one step; the tensors that all variables share are computed once."""
        self._common = None
        super().apply(grads, trainable_variables)
        self._common = None  # tensors of a graph must not be used after its tracing

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply one step to `variable` at the scheduled rate."""
        if self._common is None:
            self._common = self._shared(learning_rate)
        rate, encoder_rate, correction = self._common
        index = self._get_variable_index(variable)
        if self._in_encoder[index]:
            rate = encoder_rate
        if len(variable.shape) > 1:
            shrink = ops.cast(rate * self.decay, variable.dtype)
            self.assign_sub(variable, ops.multiply(variable, shrink))
        step = self._plain if self._fused is None else self._fused
        step(
            variable,
            self._momentums[index],
            self._velocities[index],
            ops.cast(gradient, variable.dtype),
            rate=rate * correction,
            betas=(self.beta_1, self.beta_2),
            epsilon=self.epsilon,
        )

    def _plain(
        self,
        variable: Any,
        first: Any,
        second: Any,
        gradient: Any,
        *,
        rate: Any,
        betas: tuple[float, float],
        epsilon: float,
    ) -> None:
        """Apply the same update as the fused operation, for backends without one."""
        one, two = (1.0 - float(np.float32(beta)) for beta in betas)
        self.assign_add(first, (gradient - first) * one)
        self.assign_add(second, (ops.square(gradient) - second) * two)
        change = rate * first / (ops.sqrt(second) + epsilon)
        self.assign_sub(variable, ops.cast(change, variable.dtype))

    def _shared(self, learning_rate: Any) -> tuple[Any, Any, Any]:
        """Return the scheduled rate, the encoder's, and Adam's bias correction.

        1 - beta^t is computed by expm1 from the float32 value of beta: computed by a power it would
        be off by a hundred-thousandth in the first steps.
        """
        step = ops.cast(self.iterations, "float32")
        factor = learning_rate_factor(step, self.warmup_steps, self.total_steps, self.schedule, ops)
        rate = ops.cast(learning_rate, "float32") * factor * self.plateau_scale
        first, second = (
            -ops.expm1((step + 1.0) * float(np.log(np.float64(np.float32(beta)))))
            for beta in (self.beta_1, self.beta_2)
        )
        return rate, rate * self.encoder_scale, ops.sqrt(second) / first

    def _scalar(self, name: str, value: float) -> Any:
        start = keras.initializers.Constant(value)
        return self.add_variable(shape=(), initializer=start, dtype="float32", name=name)
