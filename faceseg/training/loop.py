"""The training of one network: epochs of `fit`, a validation and a checkpoint after each.

The caller hears of every epoch through `report` and may stop the training (pruning). A
training that is started again in the same folder goes on after its last whole epoch and sees
the images, in the order and the augmentation, that it would have seen.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from faceseg.data.batches import Batch, EvaluationBatches, TrainingBatches
from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.metrics.confusion_matrix import scores
from faceseg.training.checkpointing import Checkpointer
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.schedule import (
    Epoch,
    best_epoch,
    learning_rate_factor,
    plateau_scale,
    should_stop_early,
)
from faceseg.training.settings import TrainingSettings
from faceseg.training.steps import LossMonitor, NonFiniteLossError, OnStep
from faceseg.training.stopwatch import COMPILING, STEPS, Stopwatch

__all__ = [
    "Epoch",
    "NonFiniteLossError",
    "OnStep",
    "TrainingData",
    "TrainingOutcome",
    "best_epoch",
    "train",
]

# The Dice of `val/loss` is taken batch by batch: one size for all trials, whatever they train at.
VALIDATION_BATCH = 16

StopReason = Literal["finished", "stopped early", "pruned"]
OnEpoch = Callable[[Epoch], bool]


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training came to. The network holds the weights of the best epoch."""

    stop_reason: StopReason
    history: tuple[Epoch, ...]
    best_epoch: int
    best_iou: float


@dataclass(frozen=True)
class TrainingData:
    """What a network is trained on, what chooses its best epoch, and what the labels mean."""

    training: Split
    validation: Split
    classes: ClassSet


def train(
    compiled: CompiledNetwork,
    settings: TrainingSettings,
    material: TrainingData,
    *,
    seed: int,
    folder: Path,
    report: OnEpoch,
    threads: int = 1,
    on_step: OnStep | None = None,
    clock: Stopwatch | None = None,
) -> TrainingOutcome:
    """Train until the epochs are done, `report` returns False, or early stopping.

    `folder` takes the checkpoints. `clock` is told where the time goes; what an attempt that was
    broken off had spent up to its last whole epoch is added to it. Raises NonFiniteLossError with
    the step; UserError if the folder holds a damaged checkpoint, or one of another training.
    """
    clock = clock or Stopwatch()
    batches = TrainingBatches(
        material.training,
        settings.batch_size,
        seed=seed,
        augmentation=settings.augmentation,
        classes=material.classes,
        threads=threads,
    )
    with clock.phase(COMPILING):
        compiled.reset(settings, seed, total_steps=len(batches) * settings.epochs)
    identity = {"seed": seed, **settings.model_dump(mode="json")}
    keeper = Checkpointer(compiled, folder, identity, clock)
    history = keeper.resume()
    for epoch in history:  # a caller that died may not have heard the last ones
        if not report(epoch):
            return _finish("pruned", keeper, history)
    watch = LossMonitor(len(batches), settings.learning_rate, on_step)
    with closing(batches.prefetch(len(history) + 1, settings.epochs)) as coming:
        while len(history) < settings.epochs:
            if should_stop_early(history, settings.early_stopping):
                return _finish("stopped early", keeper, history)
            _prepare_epoch(compiled, settings, seed, history)
            watch.epoch = len(history) + 1
            metrics = _one_epoch(compiled, islice(coming, len(batches)), watch, clock)
            metrics["images_per_second"] = len(material.training) / metrics["epoch_seconds"]
            metrics["learning_rate"] = _last_learning_rate(compiled, settings)
            metrics |= _validate(compiled, material, clock)
            watch.check_validation(metrics["val/loss"])
            epoch = Epoch(len(history) + 1, time.time(), metrics)
            history.append(epoch)
            keeper.save(history)
            if not report(epoch):
                return _finish("pruned", keeper, history)
    return _finish("finished", keeper, history)


def _finish(end: StopReason, keeper: Checkpointer, history: list[Epoch]) -> TrainingOutcome:
    """Bring the best epoch's network back."""
    keeper.restore_best()
    best = best_epoch(history)
    return TrainingOutcome(end, tuple(history), best.number, float(best.metrics["val/iou"]))


def _one_epoch(
    compiled: CompiledNetwork, batches: Iterable[Batch], watch: LossMonitor, clock: Stopwatch
) -> dict[str, float]:
    """Show every training image once; return loss, IoU and time."""
    started = time.perf_counter()
    found = compiled.steps.train(batches, clock, watch.record_step)
    with clock.phase(STEPS):
        watch.check_last_step()
    seconds = time.perf_counter() - started
    return {"train/loss": found["loss"], "train/iou": found["iou"], "epoch_seconds": seconds}


def _validate(
    compiled: CompiledNetwork, material: TrainingData, clock: Stopwatch
) -> dict[str, float]:
    """Score the validation split on the network's grid."""
    batches = EvaluationBatches(material.validation, VALIDATION_BATCH)
    started = time.perf_counter()
    checked = compiled.steps.validate((batches[each] for each in range(len(batches))), clock)
    found = scores(compiled.model.confusion.counts(), material.classes)
    return {
        "val/loss": checked["loss"],
        **{f"val/{name}": value for name, value in found.items()},
        "validation_seconds": time.perf_counter() - started,
    }


def _last_learning_rate(compiled: CompiledNetwork, settings: TrainingSettings) -> float:
    """Return the learning rate of the last step."""
    optimizer = compiled.optimizer
    step, warmup, total, plateau = (
        float(np.asarray(variable))
        for variable in (
            optimizer.iterations,
            optimizer.warmup_steps,
            optimizer.total_steps,
            optimizer.plateau_scale,
        )
    )
    factor = float(learning_rate_factor(step - 1, warmup, total, settings.schedule))
    return settings.learning_rate * factor * plateau


def _prepare_epoch(
    compiled: CompiledNetwork, settings: TrainingSettings, seed: int, history: list[Epoch]
) -> None:
    """Set what depends on the epoch alone, so that a resumed training sets the same."""
    optimizer = compiled.optimizer
    frozen = len(history) < settings.frozen_encoder_epochs
    optimizer.encoder_scale.assign(0.0 if frozen else settings.encoder_learning_rate_factor)
    if settings.schedule == "plateau":
        scale = plateau_scale(history, settings.plateau_factor, settings.plateau_patience)
        optimizer.plateau_scale.assign(scale)
    for place, variable in enumerate(compiled.model.variables):
        if variable.path.endswith("seed_generator_state"):
            digest = hashlib.sha256(f"{seed}/{len(history)}/{place}".encode()).digest()
            variable.assign(np.frombuffer(digest[:8], dtype=np.uint32).astype(variable.dtype))
