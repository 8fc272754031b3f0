"""A process takes the threads that it was given; asked in one of its own, since it asks once."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from faceseg import backends
from faceseg.backends import BACKENDS as NAMES
from faceseg.backends import device, preferred
from faceseg.backends.device import memory_fraction, resolve_precision
from faceseg.backends.memory import is_out_of_memory
from faceseg.errors import UserError

BACKENDS = [name for name in NAMES if find_spec(name)]  # CI has TensorFlow and JAX
CALLED = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "torch"}
PROGRAM = """
import json, warnings
warnings.simplefilter("error")
from faceseg.backends.device import configure_device, versions
import keras
first = claim(1)
float(keras.ops.sum(keras.ops.ones(3)))
second = claim(2)
refused = []
for gpus in (0.5, 2):
    try:
        claim(1, gpus=gpus)
    except RuntimeError as error:
        refused.append(str(error))
print(json.dumps([first.__dict__, second.kind, refused, versions()]))
"""
TENSORFLOW_THREADS = """
from faceseg.backends.device import configure_device
import tensorflow as tf
claim(1)
float(tf.reduce_sum(tf.ones(3)))
print(tf.config.threading.get_intra_op_parallelism_threads(), claim(2).threads)
"""


def run(program: str, backend: str) -> str:
    environment = {
        "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_claims_the_cpu_and_a_missing_card_is_an_error(backend: str) -> None:
    first, kind, refused, found = json.loads(run(PROGRAM, backend))
    assert first == {"kind": "cpu", "name": "cpu", "threads": 1, "cards": 0}
    assert kind == "cpu"
    share, several = refused
    assert f"was given 0.5 GPU, but {CALLED[backend]} sees none" in share
    assert "To run on the CPU: --set resources.gpus=0" in share
    if backend != "jax":
        assert "one training is spread over several cards on JAX alone" in several
    assert {"keras", "numpy", backend} == found.keys()


HIDDEN_CARD = """
import tensorflow as tf
listed = tf.config.list_physical_devices
card = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")

def with_card(kind=None):
    return [*listed(kind), *([card] if kind in (None, "GPU") else [])]

tf.config.list_physical_devices = with_card
from faceseg.backends.device import configure_device
claim(1, gpus=0)
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings
recipe = Recipe("segnet", (32, 32), 3, {"width": 0.125})
settings = TrainingSettings(precision="mixed")
compiled = CompiledNetwork(recipe, settings)
print(compiled.model.jit_compile, compiled.network.dtype_policy.name,
      tf.config.list_logical_devices("GPU"))
"""


@pytest.mark.skipif("tensorflow" not in BACKENDS, reason="TensorFlow's way to hide a card")
def test_a_training_without_gpus_beside_a_card_is_not_compiled_for_it() -> None:
    assert run(HIDDEN_CARD, "tensorflow") == "False float32 []"


@pytest.mark.skipif("tensorflow" not in BACKENDS, reason="asks TensorFlow for its threads")
def test_threads_are_claimed_once() -> None:
    assert run(TENSORFLOW_THREADS, "tensorflow") == "1 1"  # the first claim stands, and says so


@pytest.mark.parametrize(
    ("precision", "capability", "policy"),
    [
        ("float32", (9, 0), "float32"),
        ("mixed_float16", (9, 0), "mixed_float16"),
        ("mixed", (9, 0), "mixed_bfloat16"),  # H100
        ("mixed", (8, 0), "mixed_bfloat16"),  # A100
        ("mixed", (7, 5), "mixed_float16"),  # T4
        ("mixed", None, "float32"),  # no card
    ],
)
def test_mixed_is_what_the_card_does_well(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    capability: tuple[int, int] | None,
    policy: str,
) -> None:
    monkeypatch.setattr(device, "_backend", lambda: SimpleNamespace(capability=lambda: capability))
    assert resolve_precision(precision) == policy


def test_a_share_of_a_card_is_less_than_its_part_of_the_memory() -> None:
    assert memory_fraction(0.25) == pytest.approx(0.23)
    assert memory_fraction(2) == memory_fraction(1) == pytest.approx(0.92)


@pytest.mark.parametrize(
    ("given", "installed", "chosen"),
    [
        ("torch", {"tensorflow", "jax"}, "torch"),  # Keras's own variable has the word
        ("", {"tensorflow", "jax"}, "tensorflow"),
        ("", {"torch", "jax"}, "jax"),
        ("", set(), "tensorflow"),  # whose absence Keras then tells
    ],
)
def test_without_a_setting_the_first_backend_that_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, given: str, installed: set[str], chosen: str
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: name if name in installed else None)
    assert preferred({"KERAS_BACKEND": given}) == chosen


@pytest.mark.parametrize(
    ("given", "installed", "words"),
    [
        ("tensroflow", {"tensorflow"}, "'tensroflow'; expected one of tensorflow, jax, torch"),
        ("jax", {"tensorflow"}, "run on jax, which is not installed here; installed: tensorflow"),
        ("", set(), "run on tensorflow, which is not installed here; installed: no backend"),
    ],
)
def test_a_backend_that_is_not_there_is_told_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, given: str, installed: set[str], words: str
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setenv("KERAS_BACKEND", given)
    with pytest.raises(UserError, match=words):
        backends.check_backend()


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


JAX = RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.")
TENSORFLOW = ResourceExhaustedError("OOM when allocating tensor with shape[32,256,256,64]")


TORCH = OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("error", [MemoryError(), JAX, TENSORFLOW, TORCH])
def test_a_lack_of_memory_is_known_in_every_frameworks_words(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_a_real_tensor_and_a_real_array_that_are_too_large_are_known() -> None:
    with pytest.raises(MemoryError) as array:
        np.empty(2**60, dtype=np.uint8)
    assert is_out_of_memory(array.value)
    tf = pytest.importorskip("tensorflow", reason="the tensor is TensorFlow's")
    with pytest.raises(tf.errors.ResourceExhaustedError) as tensor:
        tf.zeros((2**20, 2**20, 2**5))  # 128 TiB
    assert is_out_of_memory(tensor.value)


def test_a_lack_of_memory_is_found_below_another_error() -> None:
    raised = ValueError("no batch could be made")
    raised.__cause__ = MemoryError()
    assert is_out_of_memory(raised)
    raised.__cause__, raised.__context__ = None, MemoryError()
    assert is_out_of_memory(raised)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("the loss is not finite"),
        OSError(28, "No space left on device"),
        ResourceExhaustedError("results/best.keras; No space left on device"),
    ],
)
def test_other_errors_and_a_full_disk_are_no_lack_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_loading_the_framework_says_nothing_but_what_matters():
    """TensorFlow's banner is kept back; what others write to the terminal meanwhile is not."""
    code = (
        "import os; from faceseg.backends import device\n"
        "with devices._without_banner():\n"
        "    os.write(2, b'I0000 00:00:1.2 3 port.cc:153] oneDNN\\nmind this\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert done.stderr == "mind this\n"
