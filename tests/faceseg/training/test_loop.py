"""The history and the best network of a training, and the reasons that stop it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.data.batches import EvaluationBatches
from faceseg.data.split import Split
from faceseg.evaluation.split_evaluation import evaluate_split
from faceseg.inference.predictor import Predictor
from faceseg.training import loop
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.loop import Epoch, NonFiniteLossError, TrainingData
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch

Run = Callable[..., Any]


def values(variables: list[keras.Variable]) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in variables]


def script(monkeypatch: pytest.MonkeyPatch, name: str, *given: float) -> None:
    """Let each validation return the next of these numbers under this name."""
    found: Iterator[float] = iter(given)

    def validate(
        compiled: CompiledNetwork, data: TrainingData, stopwatch: Stopwatch
    ) -> dict[str, float]:
        return {"val/loss": 1.0, "val/iou": 0.5, name: next(found)}

    monkeypatch.setattr(loop, "_validate", validate)


def test_an_epoch_has_the_logged_names(
    run: Run, material: TrainingData, settings: TrainingSettings
) -> None:
    reported: list[Epoch] = []
    outcome = run(epochs=2, on_epoch=lambda epoch: reported.append(epoch) or True)
    assert outcome.stop_reason == "finished"
    assert outcome.history == tuple(reported)
    assert [epoch.number for epoch in outcome.history] == [1, 2]
    means = {f"val/{name}" for name in ("iou", "dice", "precision", "recall")}
    classes = {f"{mean}/{label}" for mean in means for label in material.classes.names}
    others = {"train/loss", "val/loss", "learning_rate", "images_per_second"}
    assert means | classes | others <= outcome.history[0].metrics.keys()
    assert all(isinstance(each, float) for each in outcome.history[0].metrics.values())
    assert outcome.history[0].time < outcome.history[1].time


def test_the_rate_of_an_epoch_is_that_of_its_last_step(run: Run) -> None:
    # Four epochs of three steps: a quarter, three steps, warms up; the cosine has nine.
    outcome = run(warmup=0.25, learning_rate=0.02)
    last = [0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done / 9)) for done in (2, 5, 8)]
    rates = [epoch.metrics["learning_rate"] for epoch in outcome.history]
    assert rates == pytest.approx([0.02, *(0.02 * factor for factor in last)])


def test_the_training_learns_and_its_best_scores_are_those_of_the_final_network(
    run: Run, compiled: CompiledNetwork, material: TrainingData
) -> None:
    outcome = run(epochs=8)
    history = outcome.history
    assert history[-1].metrics["train/loss"] < 0.7 * history[0].metrics["train/loss"]
    assert outcome.best_iou == max(epoch.metrics["val/iou"] for epoch in history)
    assert outcome.best_iou > history[0].metrics["val/iou"]
    best = history[outcome.best_epoch - 1].metrics
    # The images have the network's size, so the evaluation at original size counts the same pixels.
    found = evaluate_split(Predictor(compiled.network, material.classes), material.validation)
    scores = found.scores(material.classes)
    for name in ("iou", "dice", "precision", "recall", "iou/skin", "pixel_accuracy"):
        assert scores[name] == pytest.approx(best[f"val/{name}"], abs=1e-12), name


def test_the_validation_loss_does_not_depend_on_the_batch_size_trained_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sizes: list[int] = []

    class RecordedBatches(EvaluationBatches):
        def __init__(self, split: Split, batch_size: int) -> None:
            sizes.append(batch_size)
            super().__init__(split, batch_size)

    monkeypatch.setattr(loop, "EvaluationBatches", RecordedBatches)
    for number, size in enumerate((2, 8)):
        run(folder=tmp_path / str(number), epochs=1, batch_size=size)
    assert sizes == [loop.VALIDATION_BATCH] * 2


def poison(compiled: CompiledNetwork, epoch: int, percent: int) -> Callable[..., None]:
    """Return an `on_step` that puts a NaN into the network at a certain step."""

    def on_step(now: int, share: int, loss: float) -> None:
        assert np.isfinite(loss)
        if (now, share) == (epoch, percent):
            kernel = compiled.network.get_layer("classes").kernel
            kernel.assign(kernel * np.nan)

    return on_step


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="JAX's loop keeps the variables on the device during an epoch: a test cannot set them",
)
def test_the_error_of_a_non_finite_loss_has_its_step(run: Run, compiled: CompiledNetwork) -> None:
    # Three steps an epoch. `on_step` is called for step 4, the first of epoch 2, after step 5 has
    # run (losses are checked one step later), so step 6 is the first with the NaN.
    with pytest.raises(
        NonFiniteLossError, match=r"at step 6 \(epoch 2.*lower the learning rate"
    ) as raised:
        run(on_step=poison(compiled, 2, 33))
    assert raised.value.step == 6


def test_a_non_finite_validation_loss_has_the_last_step_of_the_epoch(
    run: Run, compiled: CompiledNetwork, tmp_path: Path
) -> None:
    with pytest.raises(
        NonFiniteLossError, match="validation loss is not finite at step 3"
    ) as raised:
        run(on_step=poison(compiled, 1, 100), folder=tmp_path)
    assert raised.value.step == 3
    assert not list(tmp_path.iterdir())  # no checkpoint is written


def test_an_excessive_learning_rate_fails_and_does_not_affect_the_next_trial(
    run: Run, same_history: Callable[..., None], tmp_path: Path
) -> None:
    before = run(folder=tmp_path / "before", epochs=2)
    with pytest.raises(NonFiniteLossError, match=r"peak learning rate 1e\+37"):
        run(folder=tmp_path / "failed", learning_rate=1e37)
    after = run(folder=tmp_path / "after", epochs=2)
    same_history(before.history, after.history)


def test_every_step_is_reported_once(run: Run) -> None:
    reported: list[tuple[int, int]] = []
    run(epochs=2, on_step=lambda epoch, percent, loss: reported.append((epoch, percent)))
    assert reported == [(1, 33), (1, 67), (1, 100), (2, 33), (2, 67), (2, 100)]


def test_the_caller_may_prune(run: Run, tmp_path: Path) -> None:
    outcome = run(on_epoch=lambda epoch: epoch.number < 2, folder=tmp_path)
    assert outcome.stop_reason == "pruned"
    assert len(outcome.history) == 2
    # A second start, as after a lost result, is pruned again without training.
    assert run(on_epoch=lambda epoch: epoch.number < 2, folder=tmp_path) == outcome


def test_early_stopping_counts_from_the_best_epoch_and_restores_its_network(
    run: Run, compiled: CompiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Epoch 2 is the best, epoch 4 equals it; the training stops three epochs after epoch 2.
    script(monkeypatch, "val/iou", 0.1, 0.3, 0.2, 0.3, 0.25)
    kept: dict[int, list[Any]] = {}

    def report(epoch: Epoch) -> bool:
        kept[epoch.number] = values(compiled.network.variables)
        return True

    outcome = run(epochs=9, early_stopping=3, on_epoch=report)
    assert outcome.stop_reason == "stopped early"
    assert len(outcome.history) == 5
    assert (outcome.best_epoch, outcome.best_iou) == (2, 0.3)
    for one, other in zip(values(compiled.network.variables), kept[2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(kept[2][0], kept[4][0])


def test_a_plateau_lowers_the_rate_also_in_a_resumed_training(
    run: Run,
    settings: TrainingSettings,
    compile_tiny: Callable[..., CompiledNetwork],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # Patience 2: epochs 3 and 4 are not better, so 5 and 6 have a tenth of the rate; they are not
    # better either.
    changed = settings.model_copy(update={"schedule": "plateau"})
    network = compile_tiny(changed)
    options: dict[str, Any] = {"schedule": "plateau", "warmup": 0.0, "epochs": 7}
    options |= {"learning_rate": 0.01, "plateau_patience": 2, "plateau_factor": 0.1}
    script(monkeypatch, "val/loss", 1.0, 0.9, 0.95, 0.9, 1.1, 1.2, 0.5)
    whole = run(network, tmp_path / "whole", **options)
    rates = [epoch.metrics["learning_rate"] for epoch in whole.history]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 1e-2, 1e-3, 1e-3, 1e-4])

    script(monkeypatch, "val/loss", 1.0, 0.9, 0.95, 0.9, 1.1)
    with pytest.raises(StopIteration):  # no more numbers: it stands for a killed process
        run(network, tmp_path / "broken", **options)
    script(monkeypatch, "val/loss", 1.2, 0.5)
    again = run(network, tmp_path / "broken", **options)
    assert [epoch.metrics["learning_rate"] for epoch in again.history] == rates


def test_a_frozen_encoder_does_not_change_for_its_epochs(
    run: Run, compiled: CompiledNetwork
) -> None:
    def split() -> tuple[list[Any], list[Any]]:
        trainable = compiled.network.trainable_variables
        inside = [each for each in trainable if each.path.startswith("encoder_")]
        outside = [each for each in trainable if not each.path.startswith("encoder_")]
        return values(inside), values(outside)

    seen: dict[int, tuple[list[Any], list[Any]]] = {}

    def report(epoch: Epoch) -> bool:
        seen[epoch.number] = split()
        return True

    run(epochs=3, frozen_encoder_epochs=2, weight_decay=0.1, on_epoch=report)
    compiled.reset(TrainingSettings(), seed=5, total_steps=1)  # the initial weights
    start = split()
    assert len(start[0]) == 6  # two convolutions, each with a BatchNorm
    for number in (1, 2):
        for one, other in zip(seen[number][0], start[0], strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(seen[3][0], start[0], strict=True):
        assert not np.array_equal(one, other)
    for one, other in zip(seen[1][1], start[1], strict=True):
        assert not np.array_equal(one, other)


def test_each_dropout_of_each_epoch_has_a_state_of_its_own(
    run: Run, compiled: CompiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: set[int] = set()
    generators = [
        each for each in compiled.model.variables if each.path.endswith("seed_generator_state")
    ]

    prepare = loop._prepare_epoch

    def prepared(*arguments: Any) -> None:
        prepare(*arguments)
        seeds.update(int(np.array(each)[0]) for each in generators)  # [1] counts the draws

    monkeypatch.setattr(loop, "_prepare_epoch", prepared)
    assert len(generators) == 2
    run(epochs=2)
    assert len(seeds) == 2 * 2
