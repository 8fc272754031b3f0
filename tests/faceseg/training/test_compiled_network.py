"""A used compiled network is, after `reset`, the same as a new one."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg import networks
from faceseg.networks import training_model
from faceseg.networks.saving import load_network, save_network
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.losses import CrossEntropyDice
from faceseg.training.settings import TrainingSettings

SMALL = {"alpha": 0.35, "width": 0.125, "batch_norm_momentum": 0.9}
VGG = {"width": 0.125, "batch_norm_momentum": 0.9}
REAL = {
    name: NetworkSpec(architecture=name, image_size=(32, 32), num_classes=4, options=options)
    for name, options in {"unet": SMALL, "pspnet": SMALL, "segnet": VGG}.items()
}


def values(variables: list[keras.Variable]) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in variables]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


BACKEND = keras.backend.backend()


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each trace: the loss is called from Python only in tracing."""
    seen: list[int] = []
    call = CrossEntropyDice.call

    def counted(self: CrossEntropyDice, y_true: Any, y_pred: Any) -> Any:
        seen.append(1)
        return call(self, y_true, y_pred)

    monkeypatch.setattr(CrossEntropyDice, "call", counted)
    return seen


@pytest.fixture
def float32_again() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", REAL)
def test_reset_draws_a_new_networks_weights_and_resets_all_other_state(
    name: str, settings: TrainingSettings
) -> None:
    used = CompiledNetwork(REAL[name], settings)
    used.reset(settings, seed=1, total_steps=12)
    other = values(used.network.variables)
    for each in [*used.model.variables, *used.optimizer_variables]:
        each.assign(np.ones(tuple(each.shape), each.dtype))
    used.reset(settings, seed=2, total_steps=12)
    fresh = CompiledNetwork(REAL[name], settings)
    fresh.reset(settings, seed=2, total_steps=12)
    assert_same(values(used.model.variables), values(fresh.model.variables))
    assert_same(values(used.optimizer_variables), values(fresh.optimizer_variables))
    assert_same(values(used.network.variables), values(REAL[name].build(2).variables))
    assert any(
        not np.array_equal(*pair)
        for pair in zip(values(used.network.variables), other, strict=True)
    )


def test_the_weights_are_those_that_keras_would_draw_from_the_seed(spec: NetworkSpec) -> None:
    # In a new process `set_random_seed` is the usual way.
    mine = values(spec.build(11).variables)
    keras.utils.set_random_seed(11)
    theirs = networks.build("tiny", (32, 32, 3), 4)
    assert_same(mine, values(theirs.variables))


def test_building_does_not_discard_the_compiled_steps(
    spec: NetworkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow's seed clears its cache of kernels: the next step takes as long as the first.
    def forbidden(seed: int) -> None:
        raise AssertionError("seeded the whole framework")

    monkeypatch.setattr(keras.utils, "set_random_seed", forbidden)
    spec.build(3)


def test_a_used_network_trains_like_a_new_one_bit_for_bit(
    run: Callable[..., Any],
    settings: TrainingSettings,
    compile_tiny: Callable[..., CompiledNetwork],
    same_history: Callable[..., None],
    tmp_path: Path,
) -> None:
    # First another, unfinished trial: other data order, rates, decay, loss, and a frozen encoder.
    run(
        folder=tmp_path / "before",
        seed=99,
        learning_rate=0.3,
        batch_size=5,
        dice_weight=0.2,
        weight_decay=0.1,
        frozen_encoder_epochs=1,
        encoder_learning_rate_factor=0.1,
        on_epoch=lambda epoch: epoch.number < 2,
    )
    used = run(folder=tmp_path / "used", epochs=2)
    weights = values(compile_tiny(settings).network.variables)
    fresh_network = compile_tiny(settings, fresh=True)
    fresh = run(network=fresh_network, folder=tmp_path / "fresh", epochs=2)
    same_history(used.history, fresh.history)
    assert (used.best_epoch, used.best_iou) == (fresh.best_epoch, fresh.best_iou)
    assert_same(weights, values(fresh_network.network.variables))


@pytest.mark.slow
def test_a_used_segnet_trains_like_a_new_one(
    run: Callable[..., Any],
    same_history: Callable[..., None],
    settings: TrainingSettings,
    tmp_path: Path,
) -> None:
    used = CompiledNetwork(REAL["segnet"], settings)
    run(network=used, folder=tmp_path / "before", seed=99, batch_size=5, epochs=1)
    fresh = CompiledNetwork(REAL["segnet"], settings)
    outcomes = [
        run(network=network, folder=tmp_path / name, epochs=2)
        for name, network in (("used", used), ("fresh", fresh))
    ]
    same_history(outcomes[0].history, outcomes[1].history)


def test_no_free_setting_needs_a_new_trace(
    run: Callable[..., Any],
    settings: TrainingSettings,
    compile_tiny: Callable[..., CompiledNetwork],
    traces: list[int],
    tmp_path: Path,
) -> None:
    network = compile_tiny(settings, fresh=True)
    run(network, tmp_path / "first", epochs=1)
    assert traces  # the counter works
    traces.clear()
    changes: list[dict[str, Any]] = [
        {"batch_size": 1},
        {"batch_size": 4},
        {"batch_size": 100},
        {"learning_rate": 1e-4, "warmup": 0.5},
        {"optimizer": "adam"},
        {"weight_decay": 0.3, "dice_weight": 0.0, "cross_entropy_weight": 2.0},
        {"frozen_encoder_epochs": 1, "auxiliary_weight": 0.0},
        {"epochs": 2, "encoder_learning_rate_factor": 0.1},
    ]
    losses = set()
    for number, change in enumerate(changes):
        outcome = run(network, tmp_path / str(number), **{"epochs": 1, **change})
        losses.add(outcome.history[-1].metrics["val/loss"])
        if "batch_size" in change and BACKEND == "jax":
            traces.clear()  # JAX traces anew for every shape
    if BACKEND != "torch":  # torch does not trace
        assert traces == []
    assert len(losses) == len(changes)  # each change has an effect


def test_the_cache_key_contains_what_is_traced(spec: NetworkSpec) -> None:
    plain = TrainingSettings()
    key = CompiledNetwork.cache_key(spec, plain)
    free = {"learning_rate": 0.5, "batch_size": 2, "weight_decay": 0.1, "dice_weight": 0.0}
    assert CompiledNetwork.cache_key(spec, plain.model_copy(update=free)) == key
    for name, value in (
        ("schedule", "constant"),
        ("clip_norm", 2.0),
        ("precision", "mixed_bfloat16"),
    ):
        assert CompiledNetwork.cache_key(spec, plain.model_copy(update={name: value})) != key
    wider = dataclasses.replace(spec, options={"width": 16})
    assert CompiledNetwork.cache_key(wider, plain) != key


def test_adam_has_no_decay(spec: NetworkSpec, compiled: CompiledNetwork) -> None:
    for optimizer, decay in (("adamw", 0.25), ("adam", 0.0)):
        settings = TrainingSettings(optimizer=optimizer, weight_decay=0.25, warmup=0.1)
        compiled.reset(settings, seed=0, total_steps=40)
        assert float(compiled.optimizer.decay) == decay
        assert float(compiled.optimizer.total_steps) == 40
        assert float(compiled.optimizer.warmup_steps) == 4


def test_the_auxiliary_head_enters_the_loss_only_in_training() -> None:
    settings = TrainingSettings(auxiliary_weight=0.4, cross_entropy_weight=1.0, dice_weight=0.0)
    compiled = CompiledNetwork(REAL["pspnet"], settings)
    compiled.reset(settings, seed=0, total_steps=1)
    assert len(compiled.model.outputs) == 2
    labels = np.zeros((1, 2, 2), np.uint8)
    even = np.zeros((1, 2, 2, 4), np.float32)  # cross-entropy log 4
    sure = np.tile(np.float32([0, -100, -100, -100]), (1, 2, 2, 1))  # cross-entropy 0
    for main, auxiliary, training, expected in (
        (even, sure, True, np.log(4)),
        (sure, even, True, 0.4 * np.log(4)),
        (even, even, True, 1.4 * np.log(4)),
        (sure, even, False, 0.0),
        (even, sure, False, np.log(4)),
    ):
        loss = compiled.model.compute_loss(None, labels, [main, auxiliary], training=training)
        assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_the_auxiliary_head_is_trained_but_not_saved(tmp_path: Path, four_classes: Any) -> None:
    compiled = CompiledNetwork(REAL["pspnet"], TrainingSettings())
    trained = {each.path for each in compiled.model.trainable_variables}
    assert any("auxiliary" in path for path in trained)
    save_network(compiled.network, tmp_path / "best.keras", four_classes, {})
    saved, *_ = load_network(tmp_path / "best.keras")
    assert not [each.path for each in saved.variables if "auxiliary" in each.path]
    assert len(saved.outputs) == 1


@pytest.mark.usefixtures("float32_again")
def test_a_loss_scaling_optimizer_is_reset_too(spec: NetworkSpec, run: Callable[..., Any]) -> None:
    settings = TrainingSettings(precision="mixed_float16", epochs=1)
    compiled = CompiledNetwork(spec, settings)
    assert len(compiled.optimizer_variables) > len(compiled.optimizer.variables)
    before = values(compiled.optimizer_variables)
    outcome = run(network=compiled, epochs=1, precision="mixed_float16")
    assert np.isfinite(outcome.history[0].metrics["val/loss"])
    with pytest.raises(AssertionError):
        assert_same(values(compiled.optimizer_variables), before)
    compiled.reset(settings, seed=0, total_steps=1)
    # Everything but the trial's own settings is as before.
    named = {id(each) for each in (compiled.optimizer.decay, compiled.optimizer.learning_rate)}
    for variable, old in zip(compiled.optimizer_variables, before, strict=True):
        if id(variable) not in named:
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), old)


def test_the_trained_and_the_saved_network_share_their_variables(compiled: CompiledNetwork) -> None:
    compiled.reset(TrainingSettings(), seed=4, total_steps=1)
    shared = {id(each) for each in compiled.model.variables}
    assert all(id(each) in shared for each in training_model(compiled.network).variables)
