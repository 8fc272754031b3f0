"""A network compiled for training, which many trainings can use one after the other.

Tracing and compiling a step costs more than a short trial (20 to 90 s on a CPU), and every new
model leaks some memory in every framework. So a worker keeps one compiled network for each
architecture. `reset` prepares it for a new training: the weights are those that a new build would
draw from the seed, the optimizer's moments are zero, and the learning rates and the weights of the
loss are the trial's. Scores are the same as those of a new process.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from faceseg.backends.device import after_step, build_scope, jit, set_precision
from faceseg.networks import build, is_encoder_variable, training_model
from faceseg.training.confusion_metric import ConfusionMatrix
from faceseg.training.distillation import Distillation
from faceseg.training.initial_weights import InitialWeights
from faceseg.training.losses import CrossEntropyDice
from faceseg.training.mean_loss import MeanLoss
from faceseg.training.optimizer import ScheduledAdam
from faceseg.training.settings import TrainingSettings
from faceseg.training.steps import CompiledSteps
from faceseg.training.weight_average import WeightAverage

# A trial may change these without a new trace; every other setting is part of the traced step.
SETTINGS_WITHOUT_RETRACE = {
    "epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "warmup",
    "plateau_factor",
    "plateau_patience",
    "early_stopping",
    "cross_entropy_weight",
    "dice_weight",
    "auxiliary_weight",
    "encoder_learning_rate_factor",
    "frozen_encoder_epochs",
    "augmentation",
    "occluders",
}


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The specification of a network to build.

    Attributes:
        architecture: One of `faceseg.networks.ARCHITECTURES`.
        image_size: Height and width of the input in pixels.
        num_classes: The number of classes, background included.
        options: The keywords of the architecture's builder.
    """

    architecture: str
    image_size: tuple[int, int]
    num_classes: int
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, seed: int) -> keras.Model:
        """Build the network with the initial weights of `seed`.

        Every initializer of Keras draws its own seed from Python's generator. Keras's
        `set_random_seed` would seed TensorFlow too, which discards its compiled steps: that costs
        10 to 20 s for every trial (measured).
        """
        random.seed(seed)
        shape = (*self.image_size, 3)
        return build(self.architecture, shape, self.num_classes, **self.options)


class _TrainingModel(keras.Model):
    """A network with the loss on its logits and, in training, on its auxiliary heads."""

    weight_average: WeightAverage | None = None
    distillation: Distillation | None = None

    def add_loss_and_metric(self, num_classes: int, settings: TrainingSettings) -> None:
        """Create the loss, the variables of its weights, and the confusion matrix."""
        self.cross_entropy_weight = self._scalar("cross_entropy_weight")
        self.dice_weight = self._scalar("dice_weight")
        self.auxiliary_weight = self._scalar("auxiliary_weight")
        self.segmentation_loss = CrossEntropyDice(
            self.cross_entropy_weight,
            self.dice_weight,
            lovasz_weight=settings.lovasz_weight,
            label_smoothing=settings.label_smoothing,
            hard_pixels=settings.hard_pixels,
        )
        self.confusion = ConfusionMatrix(num_classes, name="iou")

    def train_step(self, *given: Any) -> Any:
        """Take Keras's step, whose arguments depend on the backend; then update the average."""
        if self.weight_average is None:
            return super().train_step(*given)
        return after_step(self, super().train_step, self.weight_average.update)(*given)

    def compile_steps(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Compile as the backend does; where XLA compiles, filled batches have their own weight."""
        self.compile(optimizer=optimizer, jit_compile=jit())
        if self.jit_compile:
            self._loss_tracker = MeanLoss(name="loss")

    def _scalar(self, name: str) -> Any:
        return self.add_weight(shape=(), initializer="ones", trainable=False, name=name)

    def compute_loss(  # the signature is Keras's
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the main loss plus `auxiliary_weight` times each auxiliary head's.

        A teacher has a part in the main loss of training alone: validation is by labels. The logits
        of a teacher outside of the step follow the labels in `y`.
        """
        logits, *auxiliary = _as_list(y_pred)
        labels, *given = _as_list(y)
        loss = self.segmentation_loss(labels, logits)
        if training:
            if self.distillation is not None:
                loss = self.distillation.loss(loss, x, labels, logits, *given)
            for head in auxiliary:
                loss = loss + self.auxiliary_weight * self.segmentation_loss(labels, head)
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the main head's confusion matrix; Keras tracks the loss itself.

        A step returns the loss alone, because the scores are computed once an epoch.
        """
        labels = _as_list(y)[0]
        if self.jit_compile:
            self._loss_tracker.add(labels)
        self.confusion.update_state(labels, _as_list(y_pred)[0])
        return {"loss": self._loss_tracker.result()}

    @property
    def metrics(self) -> list[Any]:
        """The two metrics that are reset at the start of every epoch and evaluation."""
        return [self._loss_tracker, self.confusion]


class CompiledNetwork:
    """A network with a traced training step, for one specification and the traced settings.

    Args:
        spec: The network.
        settings: All settings but those in `SETTINGS_WITHOUT_RETRACE` are fixed by them.
        distillation: The teacher of its trainings, or None. Its weights are constants of the
            traced step on some backends, so another teacher needs another compiled network.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        settings: TrainingSettings,
        distillation: Distillation | None = None,
    ) -> None:
        set_precision(settings.precision)
        self.spec = spec
        with build_scope():
            self._build(settings)
        self.model.distillation = distillation
        outside = distillation.outside if distillation else None
        self.steps = CompiledSteps(self.model, spec.image_size, outside)
        # In float16 another optimizer, which scales the loss, wraps this one; these include its
        # variables.
        self._new_optimizer = [np.array(each) for each in self.optimizer_variables]

    def _build(self, settings: TrainingSettings) -> None:
        self.network = self.spec.build(seed=0)
        self._graph = training_model(self.network)
        self._initial_weights = InitialWeights(self._graph, seed=0)
        self._initial_weights_match: bool | None = None  # whether those of a new build; unknown
        self.model = _TrainingModel(self._graph.inputs, self._graph.outputs, name="training")
        self.model.add_loss_and_metric(self.spec.num_classes, settings)
        if settings.weight_average is not None:
            self.model.weight_average = WeightAverage(self.network, settings.weight_average)
        self.optimizer = ScheduledAdam(settings.schedule, settings.clip_norm, is_encoder_variable)
        self.model.compile_steps(self.optimizer)
        self.model.optimizer.build(self.model.trainable_variables)

    @property
    def optimizer_variables(self) -> list[Any]:
        """The optimizer's state; with the model's variables it is a complete checkpoint."""
        return list(self.model.optimizer.variables)

    @staticmethod
    def cache_key(spec: NetworkSpec, settings: TrainingSettings) -> str:
        """Return a key of everything that is traced: equal keys can share a compiled network."""
        fixed = settings.model_dump_json(exclude=SETTINGS_WITHOUT_RETRACE)
        return f"{spec}|{fixed}"

    def reset(self, settings: TrainingSettings, seed: int, total_steps: int) -> None:
        """Reset the network and the optimizer for a training of `total_steps` steps.

        Args:
            settings: The training's settings; the traced ones as in the constructor.
            seed: The seed of the initial weights.
            total_steps: The number of steps of the whole training.
        """
        set_precision(settings.precision)
        with build_scope():
            weights = self._weights_for_seed(seed)
        for mine, new in zip(self._graph.variables, weights, strict=True):
            mine.assign(new)
        if self.model.weight_average is not None:
            self.model.weight_average.reset()
        self.model.cross_entropy_weight.assign(settings.cross_entropy_weight)
        self.model.dice_weight.assign(settings.dice_weight)
        self.model.auxiliary_weight.assign(settings.auxiliary_weight)
        for variable, value in zip(self.optimizer_variables, self._new_optimizer, strict=True):
            variable.assign(value)
        self.optimizer.learning_rate = settings.learning_rate
        decay = settings.weight_decay if settings.optimizer == "adamw" else 0.0
        self.optimizer.decay.assign(decay)
        self.optimizer.total_steps.assign(float(total_steps))
        self.optimizer.warmup_steps.assign(float(round(settings.warmup * total_steps)))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network the average of its weights, if there is one, within the context."""
        self.swap_average()
        try:
            yield
        finally:
            self.swap_average()

    def swap_average(self) -> None:
        """Exchange the network's weights and their average, if there is one."""
        if self.model.weight_average is not None:
            self.model.weight_average.swap()

    def _weights_for_seed(self, seed: int) -> list[Any]:
        """Return the weights of a new build; build it unless `InitialWeights` is known to match."""
        if self._initial_weights_match:
            return self._initial_weights.for_seed(self._graph, seed)
        fresh = training_model(self.spec.build(seed))
        if self._initial_weights_match is None:
            self._initial_weights_match = self._initial_weights.match(fresh, seed)
        return list(fresh.variables)


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
