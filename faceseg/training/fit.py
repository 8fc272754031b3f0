"""The training of one network: epochs of `fit`, a validation and a checkpoint after each.

The caller hears of every epoch through `report` and may stop the training (pruning). A
training that is started again in the same folder goes on after its last whole epoch and sees
the images, in the order and the augmentation, that it would have seen.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from faceseg.classes import ClassSet
from faceseg.data.batches import EvaluationBatches, TrainingBatches
from faceseg.data.split import Split
from faceseg.metrics import scores
from faceseg.training import checkpoint
from faceseg.training.compiled import CompiledNetwork
from faceseg.training.schedule import rate_factor
from faceseg.training.settings import TrainingSettings

End = Literal["finished", "stopped early", "pruned"]


class NonFiniteLossError(Exception):
    """The loss became NaN or infinite: the training's own failure, not the machine's."""

    def __init__(self, step: int, epoch: int, learning_rate: float) -> None:
        super().__init__(
            f"the loss is not finite at step {step} (epoch {epoch}, peak learning rate "
            f"{learning_rate:.3g}); lower the learning rate or set training.clip_norm"
        )
        self.step = step


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures. `number` counts from 1; `time` is seconds since 1970."""

    number: int
    time: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """What a training came to. The network holds the weights of the best epoch."""

    end: End
    history: tuple[Epoch, ...]
    best_epoch: int
    best_iou: float


@dataclass(frozen=True)
class Material:
    """What a network is trained on, what chooses its best epoch, and what the labels mean."""

    training: Split
    validation: Split
    classes: ClassSet


Report = Callable[[Epoch], bool]
OnStep = Callable[[int, int, float], None]  # epoch, share of it in percent, running loss


def train(
    compiled: CompiledNetwork,
    settings: TrainingSettings,
    material: Material,
    *,
    seed: int,
    folder: Path,
    report: Report,
    threads: int = 1,
    on_step: OnStep | None = None,
) -> Outcome:
    """Train until the epochs are done, `report` returns False, or early stopping.

    Raises NonFiniteLossError with the step. `folder` takes the checkpoints.
    """
    batches = TrainingBatches(
        material.training,
        settings.batch_size,
        seed=seed,
        augmentation=settings.augmentation,
        classes=material.classes,
        threads=threads,
    )
    compiled.reset(settings, seed, total_steps=len(batches) * settings.epochs)
    history = _resume(compiled, folder)
    for epoch in history:  # a caller that died may not have heard the last ones
        if not report(epoch):
            return _finish("pruned", compiled, folder, history)
    watch = _Watch(len(batches), settings.learning_rate, on_step)
    while len(history) < settings.epochs:
        if _is_stale(history, settings.early_stopping):
            return _finish("stopped early", compiled, folder, history)
        _prepare_epoch(compiled, settings, seed, history)
        batches.epoch = watch.epoch = len(history) + 1
        metrics = _one_epoch(compiled, batches, watch)
        metrics["learning_rate"] = _rate(compiled, settings)
        metrics |= _validate(compiled, material, settings.batch_size)
        epoch = Epoch(len(history) + 1, time.time(), metrics)
        history.append(epoch)
        _save(compiled, folder, history)
        if not report(epoch):
            return _finish("pruned", compiled, folder, history)
    return _finish("finished", compiled, folder, history)


def _one_epoch(
    compiled: CompiledNetwork, batches: TrainingBatches, watch: "_Watch"
) -> dict[str, float]:
    """Show every training image once; return loss, IoU and speed."""
    started = time.perf_counter()
    log = compiled.model.fit(batches, verbose=0, callbacks=[watch]).history
    watch.check_last()
    seconds = time.perf_counter() - started
    return {
        "train/loss": float(log["loss"][-1]),
        "train/iou": float(log["iou"][-1]),
        "images_per_second": len(batches.split) / seconds,
        "epoch_seconds": seconds,
    }


def _validate(compiled: CompiledNetwork, material: Material, batch_size: int) -> dict[str, float]:
    """Score the validation split on the network's grid."""
    batches = EvaluationBatches(material.validation, batch_size)
    started = time.perf_counter()
    checked = compiled.model.evaluate(batches, verbose=0, return_dict=True)
    found = scores(compiled.model.confusion.counts(), material.classes)
    return {
        "val/loss": float(checked["loss"]),
        **{f"val/{name}": value for name, value in found.items()},
        "validation_seconds": time.perf_counter() - started,
    }


def _rate(compiled: CompiledNetwork, settings: TrainingSettings) -> float:
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
    factor = float(rate_factor(step - 1, warmup, total, settings.schedule))
    return settings.learning_rate * factor * plateau


def _prepare_epoch(
    compiled: CompiledNetwork, settings: TrainingSettings, seed: int, history: list[Epoch]
) -> None:
    """Set what depends on the epoch alone, so that a resumed training sets the same."""
    frozen = len(history) < settings.frozen_encoder_epochs
    compiled.optimizer.encoder_scale.assign(
        0.0 if frozen else settings.encoder_learning_rate_factor
    )
    if settings.schedule == "plateau":
        compiled.optimizer.plateau_scale.assign(_plateau_scale(history, settings))
    digest = hashlib.sha256(f"{seed}/{len(history)}".encode()).digest()
    for variable in compiled.model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(np.frombuffer(digest[:8], dtype=np.uint32).astype(variable.dtype))


def _plateau_scale(history: list[Epoch], settings: TrainingSettings) -> float:
    """Return the factor that 'reduce on plateau' has reached after these epochs."""
    scale, best, waited = 1.0, np.inf, 0
    for epoch in history:
        loss = epoch.metrics["val/loss"]
        if loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= settings.plateau_patience:
            scale, waited = scale * settings.plateau_factor, 0
    return scale


def best_of(history: list[Epoch] | tuple[Epoch, ...]) -> Epoch:
    """Return the epoch of the best `val/iou`; the first of equals; NaN counts as 0."""
    return max(history, key=lambda epoch: (np.nan_to_num(epoch.metrics["val/iou"]), -epoch.number))


def _is_stale(history: list[Epoch], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    return len(history) - best_of(history).number >= patience


def _save(compiled: CompiledNetwork, folder: Path, history: list[Epoch]) -> None:
    model = compiled.model.variables
    if best_of(history) is history[-1]:
        checkpoint.write(folder / checkpoint.BEST, {"epoch": history[-1].number}, m=model)
    state = {"history": [asdict(epoch) for epoch in history]}
    checkpoint.write(folder / checkpoint.LATEST, state, m=model, o=compiled.optimizer_variables)


def _resume(compiled: CompiledNetwork, folder: Path) -> list[Epoch]:
    if not (folder / checkpoint.LATEST).exists():
        return []
    state = checkpoint.restore(
        folder / checkpoint.LATEST,
        m=compiled.model.variables,
        o=compiled.optimizer_variables,
    )
    return [Epoch(**epoch) for epoch in state["history"]]


def _finish(end: End, compiled: CompiledNetwork, folder: Path, history: list[Epoch]) -> Outcome:
    checkpoint.restore(folder / checkpoint.BEST, m=compiled.model.variables)
    best = best_of(history)
    return Outcome(end, tuple(history), best.number, float(best.metrics["val/iou"]))


class _Watch(keras.callbacks.Callback):
    """Looks at the loss of every step, one step late so that the device need not wait."""

    def __init__(self, steps: int, learning_rate: float, on_step: OnStep | None) -> None:
        super().__init__()
        self.steps = steps
        self.learning_rate = learning_rate
        self.on_step = on_step
        self.epoch = 1
        self._last: tuple[int, Any] | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.check_last()
        self._last = (batch, (logs or {})["loss"])

    def check_last(self) -> None:
        """Raise NonFiniteLossError if the last step seen has a loss that is no number."""
        if self._last is None:
            return
        batch, tensor = self._last
        self._last = None
        loss = float(np.asarray(tensor))
        if not np.isfinite(loss):
            step = (self.epoch - 1) * self.steps + batch + 1
            raise NonFiniteLossError(step, self.epoch, self.learning_rate)
        if self.on_step is not None:
            self.on_step(self.epoch, round(100 * (batch + 1) / self.steps), loss)
