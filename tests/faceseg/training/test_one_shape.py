"""Batches have one size where XLA compiles the steps, and scores do not depend on it."""

from typing import Any

import keras
import numpy as np
import pytest

from faceseg.data.batches import EvaluationBatches
from faceseg.data.classes import IGNORE
from faceseg.training import compiled_network, loop
from faceseg.training.compiled_network import CompiledNetwork
from faceseg.training.loop import TrainingData
from faceseg.training.mean_loss import MeanLoss
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch

Sizes = dict[str, list[int]]
STEPS = {"train": "train_step", "test": "test_step"}
torch = keras.backend.backend() == "torch"
tensorflow = keras.backend.backend() == "tensorflow"


def sizes_of(compiled: CompiledNetwork, monkeypatch: pytest.MonkeyPatch) -> Sizes:
    """Record the number of images of every batch that reaches a step."""
    seen: Sizes = {"train": [], "test": []}
    if tensorflow:
        for kind in seen:
            step = getattr(compiled.steps, f"_{kind}")

            def record(*batch: Any, kind: str = kind, step: Any = step) -> Any:
                seen[kind].append(len(batch[0]))
                return step(*batch)

            monkeypatch.setattr(compiled.steps, f"_{kind}", record)
        return seen
    for kind, name in (("train", "fit"), ("test", "evaluate")):
        run = getattr(compiled.model, name)

        def recorded(batches: Any, kind: str = kind, run: Any = run, **options: Any) -> Any:
            def each() -> Any:
                for batch in batches:
                    seen[kind].append(len(batch[0]))
                    yield batch

            return run(each(), **options)

        monkeypatch.setattr(compiled.model, name, recorded)
    return seen


@pytest.fixture
def by_xla(
    compile_tiny: Any, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> CompiledNetwork:
    """The tiny network with steps that XLA compiles: on TensorFlow as where there is a GPU."""
    if tensorflow:
        monkeypatch.setattr(compiled_network, "jit", lambda: True)
    found: CompiledNetwork = compile_tiny(settings, fresh=True)
    assert found.model.jit_compile
    return found


@pytest.mark.skipif(torch, reason="torch compiles no step")
def test_all_batches_have_the_size_of_the_largest_where_xla_compiles(
    run: Any, by_xla: CompiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "VALIDATION_BATCH", 3)
    seen = sizes_of(by_xla, monkeypatch)
    outcome = run(network=by_xla, epochs=2)
    assert seen["train"][:6] == [3] * 6  # 8 images in batches of 2, 3 and 3
    assert set(seen["train"]) == {3}
    assert seen["test"] == [3] * 4  # 4 images in batches of 3 and 1
    assert all(np.isfinite(each.metrics["train/loss"]) for each in outcome.history)


@pytest.mark.skipif(torch, reason="torch compiles no step")
def test_a_filled_batch_changes_neither_the_loss_nor_the_scores_of_a_validation(
    by_xla: CompiledNetwork, settings: TrainingSettings, material: TrainingData
) -> None:
    by_xla.reset(settings, seed=3, total_steps=4)
    batches = EvaluationBatches(material.validation, 3)
    found = by_xla.steps.validate((batches[each] for each in range(2)), 3, Stopwatch())
    filled = by_xla.model.confusion.counts()
    losses, counts = [], 0
    for each in range(2):  # of 3 images and of 1, as they are
        images, labels = batches[each]
        losses.append(by_xla.steps.validate([(images, labels)], len(images), Stopwatch())["loss"])
        counts = counts + by_xla.model.confusion.counts()
    assert found["loss"] == pytest.approx((3 * losses[0] + losses[1]) / 4, rel=1e-6)
    np.testing.assert_array_equal(filled, counts)


OPTIONS = {
    "weight_average": 0.9,
    "label_smoothing": 0.1,
    "lovasz_weight": 1.0,
    "hard_pixel_probability": 0.7,
}


@pytest.mark.skipif(torch, reason="torch compiles no step")
def test_the_options_of_a_training_compile_and_ignore_what_fills_a_batch(
    run: Any, compile_tiny: Any, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step has 2 images; filled up to 3, it has the same loss as without XLA."""
    changed = settings.model_copy(update=OPTIONS)
    found = []
    for compiles in (True, False) if tensorflow else (True,):
        if tensorflow:
            monkeypatch.setattr(compiled_network, "jit", lambda compiles=compiles: compiles)
        network = compile_tiny(changed, fresh=True)
        network.reset(changed, 5, 9)
        batch = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
        labels = batch[..., 0] % 4
        assert network.model.jit_compile == compiles
        logs = network.steps.train([(batch, labels)], 3, Stopwatch(), lambda *_: None)
        found.append(logs["loss"])
        assert np.isfinite(logs["loss"])
        assert float(network.model.weight_average.updates) == 1
    assert found == pytest.approx([found[0]] * len(found), rel=0.05)  # other BatchNorm statistics


@pytest.mark.skipif(not tensorflow, reason="a step without XLA: TensorFlow's on a CPU")
def test_without_xla_no_batch_is_changed(
    run: Any, compiled: CompiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "VALIDATION_BATCH", 3)
    seen = sizes_of(compiled, monkeypatch)
    run(epochs=1)
    assert (seen["train"], seen["test"]) == ([2, 3, 3], [3, 1])
    assert type(compiled.model.metrics[0]) is keras.metrics.Mean


def test_the_mean_loss_weights_a_batch_by_its_images_with_a_scored_pixel() -> None:
    mean = MeanLoss(name="loss")
    labels = np.full((4, 2, 2), IGNORE, np.uint8)
    for scored, loss in ((3, 1.0), (1, 5.0), (0, 100.0)):
        batch = labels.copy()
        batch[:scored, 0, 0] = 7
        mean.update_state(loss, sample_weight=4)
        mean.add(batch)
    assert float(mean.result()) == pytest.approx((3 * 1.0 + 1 * 5.0) / 4)
