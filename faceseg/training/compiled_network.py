"""A network compiled for training, which many trainings can use one after the other.

Tracing and compiling a step costs more than a short trial (20 to 90 s on a CPU), and a fresh
model leaks some memory in every framework. So a worker keeps one of these for each
architecture, and `reset` makes it new: the weights are those a fresh build would draw from the
seed, the optimiser's moments are zero, the rates and the weights of the loss are the trial's.
Scores are the same as from a fresh process.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from faceseg import networks
from faceseg.backends.device import build_scope, jit, set_precision
from faceseg.networks import is_encoder_variable, training_model
from faceseg.training.confusion_metric import ConfusionMatrix
from faceseg.training.initial_weights import InitialWeights
from faceseg.training.losses import CrossEntropyDice
from faceseg.training.optimizer import ScheduledAdam
from faceseg.training.settings import TrainingSettings
from faceseg.training.steps import CompiledSteps

# What a trial may change without a new trace; every other setting is part of the traced step.
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
}


@dataclass(frozen=True)
class NetworkSpec:
    """What is built: an architecture's name, its options, its input grid and class count."""

    architecture: str
    image_size: tuple[int, int]
    num_classes: int
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, seed: int) -> keras.Model:
        """Build the network with the weights that `seed` draws.

        Every initialiser of Keras draws its own seed from Python's generator. Keras's
        `set_random_seed` would seed TensorFlow too, and that throws away its compiled steps:
        10 to 20 s for every trial (measured).
        """
        random.seed(seed)
        shape = (*self.image_size, 3)
        return networks.build(self.architecture, shape, self.num_classes, **self.options)


class _TrainingModel(keras.Model):
    """The loss on the logits, and on the auxiliary head where there is one, while training."""

    def add_loss_and_metric(self, num_classes: int) -> None:
        """Make what is measured: the loss, its weights in variables, and the confusion."""
        self.cross_entropy_weight = self._scalar("cross_entropy_weight")
        self.dice_weight = self._scalar("dice_weight")
        self.auxiliary_weight = self._scalar("auxiliary_weight")
        self.segmentation_loss = CrossEntropyDice(self.cross_entropy_weight, self.dice_weight)
        self.confusion = ConfusionMatrix(num_classes, name="iou")

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
        """Return the main loss plus `auxiliary_weight` times each auxiliary head's."""
        logits, *auxiliary = _as_list(y_pred)
        loss = self.segmentation_loss(y, logits)
        if training:
            for head in auxiliary:
                loss = loss + self.auxiliary_weight * self.segmentation_loss(y, head)
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Count the main head's confusion; Keras tracks the loss itself.

        A step returns the loss alone: what the counts come to is asked for once an epoch.
        """
        self.confusion.update_state(y, _as_list(y_pred)[0])
        return {"loss": self._loss_tracker.result()}

    @property
    def metrics(self) -> list[Any]:
        """The two that are reset at the start of every epoch and evaluation."""
        return [self._loss_tracker, self.confusion]


class CompiledNetwork:
    """One traced training step for a recipe and the fixed part of the settings."""

    def __init__(self, recipe: NetworkSpec, settings: TrainingSettings) -> None:
        set_precision(settings.precision)
        self.recipe = recipe
        with build_scope():
            self._make(settings)
        self.steps = CompiledSteps(self.model, recipe.image_size)
        # Float16 wraps the optimiser in one that scales the loss: its variables count too.
        self._new_optimizer = [np.array(each) for each in self.optimizer_variables]

    def _make(self, settings: TrainingSettings) -> None:
        self.network = self.recipe.build(seed=0)
        self._graph = training_model(self.network)
        self._initial_weights = InitialWeights(self._graph, seed=0)
        self._initial_weights_match: bool | None = None  # with a fresh build; not tried yet
        self.model = _TrainingModel(self._graph.inputs, self._graph.outputs, name="training")
        self.model.add_loss_and_metric(self.recipe.num_classes)
        self.optimizer = ScheduledAdam(settings.schedule, settings.clip_norm, is_encoder_variable)
        self.model.compile(optimizer=self.optimizer, jit_compile=jit())
        self.model.optimizer.build(self.model.trainable_variables)

    @property
    def optimizer_variables(self) -> list[Any]:
        """Everything an optimiser remembers; with the model's variables, a whole checkpoint."""
        return list(self.model.optimizer.variables)

    @staticmethod
    def cache_key(recipe: NetworkSpec, settings: TrainingSettings) -> str:
        """Name what is fixed in the trace: equal keys may share one compiled network."""
        fixed = settings.model_dump_json(exclude=SETTINGS_WITHOUT_RETRACE)
        return f"{recipe}|{fixed}"

    def reset(self, settings: TrainingSettings, seed: int, total_steps: int) -> None:
        """Make everything as new for a training of `total_steps` steps with this seed."""
        set_precision(settings.precision)
        with build_scope():
            weights = self._weights_for_seed(seed)
        for mine, new in zip(self._graph.variables, weights, strict=True):
            mine.assign(new)
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

    def _weights_for_seed(self, seed: int) -> list[Any]:
        """Return the weights of a fresh build: it is built until draws are known to agree."""
        if self._initial_weights_match:
            return self._initial_weights.for_seed(self._graph, seed)
        fresh = training_model(self.recipe.build(seed))
        if self._initial_weights_match is None:
            self._initial_weights_match = self._initial_weights.match(fresh, seed)
        return list(fresh.variables)


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
