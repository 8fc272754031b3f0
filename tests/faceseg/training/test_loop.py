"""What a training leaves behind: its history, its best network, and what stops it."""

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
    """Let each validation find the next of these numbers under this name."""
    found: Iterator[float] = iter(given)

    def validate(
        compiled: CompiledNetwork, material: TrainingData, clock: Stopwatch
    ) -> dict[str, float]:
        return {"val/loss": 1.0, "val/iou": 0.5, name: next(found)}

    monkeypatch.setattr(loop, "_validate", validate)


def test_an_epoch_has_the_names_that_everything_shares(
    run: Run, material: TrainingData, settings: TrainingSettings
) -> None:
    reported: list[Epoch] = []
    outcome = run(epochs=2, report=lambda epoch: reported.append(epoch) or True)
    assert outcome.end == "finished"
    assert outcome.history == tuple(reported)
    assert [epoch.number for epoch in outcome.history] == [1, 2]
    means = {f"val/{name}" for name in ("iou", "dice", "precision", "recall")}
    classes = {f"{mean}/{label}" for mean in means for label in material.classes.names}
    others = {"train/loss", "val/loss", "learning_rate", "images_per_second"}
    assert means | classes | others <= outcome.history[0].metrics.keys()
    assert all(isinstance(each, float) for each in outcome.history[0].metrics.values())
    assert outcome.history[0].time < outcome.history[1].time


def test_the_rate_of_an_epoch_is_that_of_its_last_step(run: Run) -> None:
    # Four epochs of three steps; 0.25 of them, three, warm up; the cosine has nine.
    outcome = run(warmup=0.25, learning_rate=0.02)
    last = [0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done / 9)) for done in (2, 5, 8)]
    rates = [epoch.metrics["learning_rate"] for epoch in outcome.history]
    assert rates == pytest.approx([0.02, *(0.02 * factor for factor in last)])


def test_the_training_learns_and_its_scores_are_those_of_the_network_it_leaves(
    run: Run, compiled: CompiledNetwork, material: TrainingData
) -> None:
    outcome = run(epochs=8)
    history = outcome.history
    assert history[-1].metrics["train/loss"] < 0.7 * history[0].metrics["train/loss"]
    assert outcome.best_iou == max(epoch.metrics["val/iou"] for epoch in history)
    assert outcome.best_iou > history[0].metrics["val/iou"]
    best = history[outcome.best_epoch - 1].metrics
    # The images have the network's size, so the evaluation at own size counts the same pixels.
    found = evaluate_split(Predictor(compiled.network, material.classes), material.validation)
    scores = found.scores(material.classes)
    for name in ("iou", "dice", "precision", "recall", "iou/skin", "pixel_accuracy"):
        assert scores[name] == pytest.approx(best[f"val/{name}"], abs=1e-12), name


def test_the_validation_loss_does_not_depend_on_the_batch_size_trained_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sizes: list[int] = []

    class Noted(EvaluationBatches):
        def __init__(self, split: Split, batch_size: int) -> None:
            sizes.append(batch_size)
            super().__init__(split, batch_size)

    monkeypatch.setattr(loop, "EvaluationBatches", Noted)
    for number, size in enumerate((2, 8)):
        run(folder=tmp_path / str(number), epochs=1, batch_size=size)
    assert sizes == [loop.VALIDATION_BATCH] * 2


def poison(compiled: CompiledNetwork, epoch: int, percent: int) -> Callable[..., None]:
    """Return an `on_step` that puts a NaN into the network once it hears of a certain step."""

    def on_step(now: int, share: int, loss: float) -> None:
        assert np.isfinite(loss)
        if (now, share) == (epoch, percent):
            kernel = compiled.network.get_layer("classes").kernel
            kernel.assign(kernel * np.nan)

    return on_step


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="JAX's loop holds the variables while an epoch runs: nobody can put a NaN into them",
)
def test_a_loss_that_is_no_number_names_its_step(run: Run, compiled: CompiledNetwork) -> None:
    # Three steps an epoch. Of step 4, the first of epoch 2, one hears while step 5 is done with
    # (the look is one step late): so step 6 is the first to see the NaN.
    with pytest.raises(
        NonFiniteLossError, match=r"at step 6 \(epoch 2.*lower the learning rate"
    ) as told:
        run(on_step=poison(compiled, 2, 33))
    assert told.value.step == 6


def test_a_network_that_the_last_step_of_an_epoch_broke_names_that_step(
    run: Run, compiled: CompiledNetwork, tmp_path: Path
) -> None:
    with pytest.raises(NonFiniteLossError, match="validation loss is not finite at step 3") as told:
        run(on_step=poison(compiled, 1, 100), folder=tmp_path)
    assert told.value.step == 3
    assert not list(tmp_path.iterdir())  # nothing of it is kept


def test_a_rate_beyond_all_reason_fails_and_the_next_trial_is_none_the_worse(
    run: Run, same_history: Callable[..., None], tmp_path: Path
) -> None:
    before = run(folder=tmp_path / "before", epochs=2)
    with pytest.raises(NonFiniteLossError, match=r"peak learning rate 1e\+37"):
        run(folder=tmp_path / "failed", learning_rate=1e37)
    after = run(folder=tmp_path / "after", epochs=2)
    same_history(before.history, after.history)


def test_every_step_is_heard_of_once(run: Run) -> None:
    heard: list[tuple[int, int]] = []
    run(epochs=2, on_step=lambda epoch, percent, loss: heard.append((epoch, percent)))
    assert heard == [(1, 33), (1, 67), (1, 100), (2, 33), (2, 67), (2, 100)]


def test_the_caller_may_prune(run: Run, tmp_path: Path) -> None:
    outcome = run(report=lambda epoch: epoch.number < 2, folder=tmp_path)
    assert outcome.end == "pruned"
    assert len(outcome.history) == 2
    # Started again, since nobody was told of the end: pruned again, and nothing trained.
    assert run(report=lambda epoch: epoch.number < 2, folder=tmp_path) == outcome


def test_early_stopping_counts_from_the_best_epoch_and_its_network_comes_back(
    run: Run, compiled: CompiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Epoch 2 is the best, epoch 4 its equal; three epochs later, after the fifth, it is over.
    script(monkeypatch, "val/iou", 0.1, 0.3, 0.2, 0.3, 0.25)
    kept: dict[int, list[Any]] = {}

    def report(epoch: Epoch) -> bool:
        kept[epoch.number] = values(compiled.network.variables)
        return True

    outcome = run(epochs=9, early_stopping=3, report=report)
    assert outcome.end == "stopped early"
    assert len(outcome.history) == 5
    assert (outcome.best_epoch, outcome.best_iou) == (2, 0.3)
    for one, other in zip(values(compiled.network.variables), kept[2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(kept[2][0], kept[4][0])


def test_a_plateau_lowers_the_rate_and_a_resumed_training_knows_of_it(
    run: Run,
    settings: TrainingSettings,
    compile_tiny: Callable[..., CompiledNetwork],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # Patience 2: epochs 3 and 4 bring nothing, so the next run at a tenth; nor do 5 and 6.
    changed = settings.model_copy(update={"schedule": "plateau"})
    network = compile_tiny(changed)
    options: dict[str, Any] = {"schedule": "plateau", "warmup": 0.0, "epochs": 7}
    options |= {"learning_rate": 0.01, "plateau_patience": 2, "plateau_factor": 0.1}
    script(monkeypatch, "val/loss", 1.0, 0.9, 0.95, 0.9, 1.1, 1.2, 0.5)
    whole = run(network, tmp_path / "whole", **options)
    rates = [epoch.metrics["learning_rate"] for epoch in whole.history]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 1e-2, 1e-3, 1e-3, 1e-4])

    script(monkeypatch, "val/loss", 1.0, 0.9, 0.95, 0.9, 1.1)
    with pytest.raises(StopIteration):  # out of script: as good as a kill
        run(network, tmp_path / "broken", **options)
    script(monkeypatch, "val/loss", 1.2, 0.5)
    again = run(network, tmp_path / "broken", **options)
    assert [epoch.metrics["learning_rate"] for epoch in again.history] == rates


def test_a_frozen_encoder_stands_still_for_its_epochs(run: Run, compiled: CompiledNetwork) -> None:
    def split() -> tuple[list[Any], list[Any]]:
        trainable = compiled.network.trainable_variables
        inside = [each for each in trainable if each.path.startswith("encoder_")]
        outside = [each for each in trainable if not each.path.startswith("encoder_")]
        return values(inside), values(outside)

    seen: dict[int, tuple[list[Any], list[Any]]] = {}

    def report(epoch: Epoch) -> bool:
        seen[epoch.number] = split()
        return True

    run(epochs=3, frozen_encoder_epochs=2, weight_decay=0.1, report=report)
    compiled.reset(TrainingSettings(), seed=5, total_steps=1)  # the weights it began with
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
