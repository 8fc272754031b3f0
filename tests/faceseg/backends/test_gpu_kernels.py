"""Every network trains, validates and predicts on a GPU, by TensorFlow's registry of kernels."""

import gc
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.backends.device import trace_function
from faceseg.networks.architectures import ARCHITECTURES
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings

if keras.backend.backend() != "tensorflow":
    pytest.skip("the registry is TensorFlow's", allow_module_level=True)

import tensorflow as tf

from tests.faceseg.backends.gpu_kernels import audit, variables

SIZE, CLASSES = (32, 32), 3
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# Arguments that may be in host memory although their length is not known while tracing.
SHAPE_ARITHMETIC = "TensorFlow computes the shapes of broadcast gradients, 4 integers, on the host"
EXCEPTIONS = {"BroadcastGradientArgs": SHAPE_ARITHMETIC, "Sum": SHAPE_ARITHMETIC}


def compile_network(name: str, precision: str, **changed: Any) -> CompiledNetwork:
    """Return a small network of an architecture."""
    options = {} if name.startswith("reference-") else {"width": 0.25}
    spec = NetworkSpec(architecture=name, image_size=SIZE, num_classes=CLASSES, options=options)
    settings = TrainingSettings.model_validate({"precision": precision, **changed})
    compiled = CompiledNetwork(spec, settings)
    keras.config.set_dtype_policy("float32")
    return compiled


def functions(compiled: CompiledNetwork) -> Mapping[str, Any]:
    """Return the traced functions of training, validation and prediction of a network.

    They do not keep the variables of the network alive; the caller keeps the network.
    """
    network = compiled.network
    predict = trace_function(lambda batch: network(batch, training=False), [(None, *SIZE, 3)])
    traces = {"train": compiled.steps._train, "test": compiled.steps._test, "predict": predict}
    return {kind: each.get_concrete_function() for kind, each in traces.items() if each}


@pytest.fixture(autouse=True)
def _release_graphs() -> Iterator[None]:
    yield
    keras.utils.clear_session()  # 200 MB for each network
    gc.collect()


# `make nightly` runs all; an audit takes 10 to 15 seconds.
OFTEN = {
    ("unet", "mixed_bfloat16"),
    ("pspnet", "float32"),
    ("segnet", "float32"),
    ("lraspp", "float32"),
}
CASES = [
    pytest.param(*case, marks=[] if case in OFTEN else [pytest.mark.nightly])
    for case in product(ARCHITECTURES, PRECISIONS)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), CASES)
def test_no_variable_is_int32_and_no_operation_leaves_the_card(name: str, precision: str) -> None:
    compiled = compile_network(name, precision)
    found = functions(compiled)
    assert found.keys() == {"train", "test", "predict"}
    for kind, function in found.items():
        assert not [each.name for each in variables(function) if each.dtype == "int32"]
        left = [each for each in audit(function.graph, kind) if each.operation not in EXCEPTIONS]
        assert not left, "\n".join(map(str, left))


# What changes the traced step without a change of the network.
OPTIONS = {
    "weight_average": 0.999,
    "label_smoothing": 0.1,
    "lovasz_weight": 1.0,
    "hard_pixel_probability": 0.7,
}


@pytest.mark.slow
def test_no_option_of_the_training_leaves_the_card() -> None:
    compiled = compile_network("segnet", "float32", **OPTIONS)
    for kind, function in functions(compiled).items():
        assert not [each.name for each in variables(function) if each.dtype == "int32"]
        left = [each for each in audit(function.graph, kind) if each.operation not in EXCEPTIONS]
        assert not left, "\n".join(map(str, left))


def test_the_audit_finds_arithmetic_in_host_memory_and_a_missing_kernel() -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.uint8)])
    def planted(images: Any) -> Any:
        on_host = tf.cast(images, tf.int32) * 3
        return tf.strings.as_string(on_host)

    found = {
        each.operation: each.problem for each in audit(planted.get_concrete_function().graph, "")
    }
    assert found["Mul"] == "z is in host memory: ['int32 (None, 4)']"
    assert found["AsString"] == "no GPU kernel for {'T': 'int32'}"
    assert "Cast" not in found


def test_the_audit_enters_the_functions_that_a_graph_calls() -> None:
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)])
    def planted(numbers: Any) -> Any:
        return tf.cond(tf.size(numbers) > 3, lambda: numbers * numbers, lambda: numbers)

    found = [each.operation for each in audit(planted.get_concrete_function().graph, "")]
    assert "Mul" in found


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("name", ["segnet", "unet", "pspnet"])
def test_a_step_compiled_by_xla_takes_the_loss_of_one_that_is_not(name: str) -> None:
    options = {"width": 0.125} | ({} if name == "segnet" else {"alpha": 0.35})
    draws = np.random.default_rng(3)
    batch = (
        draws.integers(0, 256, (2, *SIZE, 3), dtype=np.uint8),
        draws.integers(0, CLASSES, (2, *SIZE), dtype=np.uint8),
    )
    losses, counts = [], []
    for jit in (False, True):
        compiled = CompiledNetwork(
            NetworkSpec(architecture=name, image_size=SIZE, num_classes=CLASSES, options=options),
            TrainingSettings(),
        )
        compiled.reset(TrainingSettings(), seed=1, total_steps=2)
        model = compiled.model
        shapes = (2, *SIZE, 3), (2, *SIZE)
        step = trace_function(lambda *each, model=model: model.train_step(each), shapes, jit=jit)
        assert step is not None
        losses.append(float(step(*batch)["loss"]))
        counts.append(model.confusion.counts())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert counts[0].sum() == counts[1].sum() == batch[1].size
