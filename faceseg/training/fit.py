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

import numpy as np

from faceseg.classes import ClassSet
from faceseg.data.batches import EvaluationBatches, TrainingBatches
from faceseg.data.split import Split
from faceseg.errors import UserError
from faceseg.metrics import scores
from faceseg.training import checkpoint
from faceseg.training.compiled import CompiledNetwork
from faceseg.training.history import Epoch, best_of, is_stale, plateau_scale
from faceseg.training.schedule import rate_factor
from faceseg.training.settings import TrainingSettings
from faceseg.training.watch import NonFiniteLossError, OnStep, Watch

__all__ = ["Epoch", "Material", "NonFiniteLossError", "OnStep", "Outcome", "best_of", "train"]

# The Dice of `val/loss` is taken batch by batch: one size for all trials, whatever they train at.
VALIDATION_BATCH = 8

End = Literal["finished", "stopped early", "pruned"]
Report = Callable[[Epoch], bool]


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

    `folder` takes the checkpoints. Raises NonFiniteLossError with the step; UserError if the
    folder holds a damaged checkpoint, or one of another training.
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
    keeper = _Keeper(compiled, folder, {"seed": seed, **settings.model_dump(mode="json")})
    history = keeper.resume()
    for epoch in history:  # a caller that died may not have heard the last ones
        if not report(epoch):
            return keeper.finish("pruned", history)
    watch = Watch(len(batches), settings.learning_rate, on_step)
    while len(history) < settings.epochs:
        if is_stale(history, settings.early_stopping):
            return keeper.finish("stopped early", history)
        _prepare_epoch(compiled, settings, seed, history)
        batches.epoch = watch.epoch = len(history) + 1
        metrics = _one_epoch(compiled, batches, watch)
        metrics["learning_rate"] = _rate(compiled, settings)
        metrics |= _validate(compiled, material)
        watch.check_validation(metrics["val/loss"])
        epoch = Epoch(len(history) + 1, time.time(), metrics)
        history.append(epoch)
        keeper.save(history)
        if not report(epoch):
            return keeper.finish("pruned", history)
    return keeper.finish("finished", history)


def _one_epoch(
    compiled: CompiledNetwork, batches: TrainingBatches, watch: Watch
) -> dict[str, float]:
    """Show every training image once; return loss, IoU and speed."""
    started = time.perf_counter()
    # The batches have an order of their own. Left to itself Keras would shuffle them again, by
    # a generator whose state no checkpoint holds.
    log = compiled.model.fit(batches, shuffle=False, verbose=0, callbacks=[watch]).history
    watch.check_last()
    seconds = time.perf_counter() - started
    return {
        "train/loss": float(log["loss"][-1]),
        "train/iou": float(log["iou"][-1]),
        "images_per_second": len(batches.split) / seconds,
        "epoch_seconds": seconds,
    }


def _validate(compiled: CompiledNetwork, material: Material) -> dict[str, float]:
    """Score the validation split on the network's grid."""
    batches = EvaluationBatches(material.validation, VALIDATION_BATCH)
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


class _Keeper:
    """The checkpoints of one training, which `identity` (JSON) tells from any other."""

    def __init__(self, compiled: CompiledNetwork, folder: Path, identity: dict[str, Any]) -> None:
        self.compiled = compiled
        self.latest, self.best = folder / checkpoint.LATEST, folder / checkpoint.BEST
        self.identity = identity

    def resume(self) -> list[Epoch]:
        """Take up the state after the last whole epoch; an empty history if there is none."""
        if not self.latest.exists():
            return []
        stored = checkpoint.read_state(self.latest)
        for name, value in stored["identity"].items():
            if self.identity.get(name) != value:
                raise UserError(
                    f"{self.latest} is of another training: {name} was {value} and is now "
                    f"{self.identity.get(name)}; remove it, or set {name} as it was"
                )
        model, optimizer = self.compiled.model.variables, self.compiled.optimizer_variables
        checkpoint.restore(self.latest, m=model, o=optimizer)
        history = [Epoch(**epoch) for epoch in stored["history"]]
        self._save_best(history)  # the process may have died between the two files
        return history

    def save(self, history: list[Epoch]) -> None:
        """Keep the state after the last epoch, and its network if it is the best so far."""
        state = {"identity": self.identity, "history": [asdict(epoch) for epoch in history]}
        model, optimizer = self.compiled.model.variables, self.compiled.optimizer_variables
        checkpoint.write(self.latest, state, m=model, o=optimizer)
        self._save_best(history)

    def finish(self, end: End, history: list[Epoch]) -> Outcome:
        """Bring the best epoch's network back."""
        checkpoint.restore(self.best, m=self.compiled.model.variables)
        best = best_of(history)
        return Outcome(end, tuple(history), best.number, float(best.metrics["val/iou"]))

    def _save_best(self, history: list[Epoch]) -> None:
        if best_of(history) is history[-1]:
            state = {"epoch": history[-1].number}
            checkpoint.write(self.best, state, m=self.compiled.model.variables)
