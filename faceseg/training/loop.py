"""The training loop of one network: epochs of steps, a validation and a checkpoint after each.

`on_epoch` is called after every epoch and may stop the training (pruning). The checkpoint of an
epoch is written while the next one runs, and `train` returns when all are on the disk. A training
that is started again in the same folder resumes after the last epoch on the disk, with the same
images in the same order and augmentation as without the interruption.
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
from faceseg.training.background_writer import BackgroundWriter
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

# The Dice in `val/loss` is computed per batch, so all trials validate with batches of this size.
VALIDATION_BATCH = 16

StopReason = Literal["finished", "stopped early", "pruned"]
OnEpoch = Callable[[Epoch], bool]  # returns whether to continue


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """The outcome of a training. The network has the weights of the best epoch.

    Attributes:
        stop_reason: Why the training ended.
        history: All epochs.
        best_epoch: The number of the best epoch.
        best_iou: Its `val/iou`.
    """

    stop_reason: StopReason
    history: tuple[Epoch, ...]
    best_epoch: int
    best_iou: float


@dataclass(frozen=True)
class TrainingData:
    """The data of a training.

    Attributes:
        training: The images to train on.
        validation: The images whose scores determine the best epoch.
        classes: The classes of the labels.
    """

    training: Split
    validation: Split
    classes: ClassSet


def train(
    compiled: CompiledNetwork,
    settings: TrainingSettings,
    data: TrainingData,
    *,
    seed: int,
    folder: Path,
    on_epoch: OnEpoch,
    threads: int = 1,
    on_step: OnStep | None = None,
    on_saved: Callable[[], None] | None = None,
    stopwatch: Stopwatch | None = None,
) -> TrainingOutcome:
    """Train until all epochs are done, `on_epoch` returns False, or early stopping.

    Args:
        compiled: The network; it is reset, or restored from the folder's checkpoint.
        settings: The settings of the training.
        data: The images.
        seed: The seed of the initial weights, the order of the images and the augmentation.
        folder: The folder of the checkpoints.
        on_epoch: Called after every epoch, and on resuming for every completed one, because the
            caller may have been interrupted before it processed the last ones. The training stops
            if it returns False.
        threads: The number of threads that prepare batches.
        on_step: Called after every step, or None.
        on_saved: Called when an epoch's checkpoint is on the disk, in the thread that wrote it,
            and on resuming; or None.
        stopwatch: Receives the times by phase, including those that interrupted attempts spent
            on completed epochs.

    Raises:
        NonFiniteLossError: The loss of a step or of a validation is not finite.
        UserError: The folder's checkpoint is damaged or belongs to another training.
        OSError: A checkpoint cannot be written. This is found after the epoch that follows it, or
            at the end of the training.

    Example:
        >>> outcome = train(
        ...     CompiledNetwork(spec, settings), settings, TrainingData(train, val, LAPA),
        ...     seed=1, folder=Path("checkpoints"), on_epoch=lambda epoch: True,
        ... )
    """
    stopwatch = stopwatch or Stopwatch()
    batches = TrainingBatches(
        data.training,
        settings.batch_size,
        seed=seed,
        augmentation=settings.augmentation,
        occluders=settings.occluders,
        classes=data.classes,
        threads=threads,
    )
    with stopwatch.phase(COMPILING):
        compiled.reset(settings, seed, total_steps=len(batches) * settings.epochs)
    identity = {"seed": seed, **settings.model_dump(mode="json")}
    with BackgroundWriter() as writer:
        checkpointer = Checkpointer(
            compiled, folder, identity, stopwatch=stopwatch, writer=writer, on_saved=on_saved
        )
        history = checkpointer.resume()
        for epoch in history:
            if not on_epoch(epoch):
                return _finish("pruned", checkpointer, history)
        monitor = LossMonitor(len(batches), settings.learning_rate, on_step)
        with closing(batches.prefetch(len(history) + 1, settings.epochs)) as prefetched:
            while len(history) < settings.epochs:
                if should_stop_early(history, settings.early_stopping):
                    return _finish("stopped early", checkpointer, history)
                _prepare_epoch(compiled, settings, seed, history)
                monitor.epoch = len(history) + 1
                epoch_batches = islice(prefetched, len(batches))
                metrics = _one_epoch(compiled, epoch_batches, batches.largest, monitor, stopwatch)
                metrics["images_per_second"] = len(data.training) / metrics["epoch_seconds"]
                metrics["learning_rate"] = _last_learning_rate(compiled, settings)
                metrics |= _validate(compiled, data, stopwatch)
                monitor.check_validation(metrics["val/loss"])
                epoch = Epoch(len(history) + 1, time.time(), metrics)
                history.append(epoch)
                checkpointer.save(history)
                if not on_epoch(epoch):
                    return _finish("pruned", checkpointer, history)
        return _finish("finished", checkpointer, history)


def _finish(
    reason: StopReason, checkpointer: Checkpointer, history: list[Epoch]
) -> TrainingOutcome:
    """Restore the network of the best epoch, as it was validated, and return the outcome."""
    checkpointer.restore_best()
    checkpointer.compiled.swap_average()
    best = best_epoch(history)
    return TrainingOutcome(
        stop_reason=reason,
        history=tuple(history),
        best_epoch=best.number,
        best_iou=float(best.metrics["val/iou"]),
    )


def _one_epoch(
    compiled: CompiledNetwork,
    batches: Iterable[Batch],
    largest: int,
    monitor: LossMonitor,
    stopwatch: Stopwatch,
) -> dict[str, float]:
    """Train on every image once; return loss, IoU and time."""
    started = time.perf_counter()
    found = compiled.steps.train(batches, largest, stopwatch, monitor.record_step)
    with stopwatch.phase(STEPS):
        monitor.check_last_step()
    seconds = time.perf_counter() - started
    return {"train/loss": found["loss"], "train/iou": found["iou"], "epoch_seconds": seconds}


def _validate(
    compiled: CompiledNetwork, data: TrainingData, stopwatch: Stopwatch
) -> dict[str, float]:
    """Return the scores of the validation split on the network's grid."""
    batches = EvaluationBatches(data.validation, VALIDATION_BATCH)
    started = time.perf_counter()
    in_order = (batches[each] for each in range(len(batches)))
    with compiled.averaged():
        means = compiled.steps.validate(in_order, batches.largest, stopwatch)
    found = scores(compiled.model.confusion.counts(), data.classes)
    return {
        "val/loss": means["loss"],
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
    """Set the variables that depend on the epoch alone, so a resumed training has the same."""
    optimizer = compiled.optimizer
    frozen = len(history) < settings.frozen_encoder_epochs
    optimizer.encoder_scale.assign(0.0 if frozen else settings.encoder_learning_rate_factor)
    if settings.schedule == "plateau":
        scale = plateau_scale(history, settings.plateau_factor, settings.plateau_patience)
        optimizer.plateau_scale.assign(scale)
    for index, variable in enumerate(compiled.model.variables):
        if variable.path.endswith("seed_generator_state"):
            digest = hashlib.sha256(f"{seed}/{len(history)}/{index}".encode()).digest()
            variable.assign(np.frombuffer(digest[:8], dtype=np.uint32).astype(variable.dtype))
