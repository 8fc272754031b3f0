"""Threads, GPUs and precision of a process; each case runs in a process of its own."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from faceseg import backends
from faceseg.backends import BACKENDS, device, preferred
from faceseg.backends.device import memory_fraction, resolve_precision
from faceseg.errors import UserError

INSTALLED = [name for name in BACKENDS if find_spec(name)]  # CI has TensorFlow and JAX
DISPLAY_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "torch"}
PROGRAM = """
import json, warnings
warnings.simplefilter("error")
from faceseg.backends.device import configure_device, versions
import keras
first = configure_device(1)
float(keras.ops.sum(keras.ops.ones(3)))
second = configure_device(2)
refused = []
for gpus in (0.5, 2):
    try:
        configure_device(1, gpus=gpus)
    except RuntimeError as error:
        refused.append(str(error))
print(json.dumps([first.__dict__, second.kind, refused, versions()]))
"""
TENSORFLOW_THREADS = """
from faceseg.backends.device import configure_device
import tensorflow as tf
configure_device(1)
float(tf.reduce_sum(tf.ones(3)))
print(tf.config.threading.get_intra_op_parallelism_threads(), configure_device(2).threads)
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


@pytest.mark.parametrize("backend", INSTALLED)
def test_a_process_uses_the_cpu_and_a_missing_card_is_an_error(backend: str) -> None:
    first, kind, refused, found = json.loads(run(PROGRAM, backend))
    assert first == {"kind": "cpu", "name": "cpu", "threads": 1, "gpus": 0}
    assert kind == "cpu"
    share, several = refused
    assert f"was given 0.5 GPU, but {DISPLAY_NAMES[backend]} finds none" in share
    assert "To run on the CPU: --set resources.gpus=0" in share
    if backend != "jax":
        assert "one training is spread over several GPUs on JAX alone" in several
    assert {"keras", "numpy", backend} == found.keys()


HIDDEN_CARD = """
import tensorflow as tf
listed = tf.config.list_physical_devices
card = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")

def with_card(kind=None):
    return [*listed(kind), *([card] if kind in (None, "GPU") else [])]

tf.config.list_physical_devices = with_card
from faceseg.backends.device import configure_device
configure_device(1, gpus=0)
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.settings import TrainingSettings
spec = NetworkSpec(
    architecture="segnet", image_size=(32, 32), num_classes=3, options={"width": 0.125}
)
compiled = CompiledNetwork(spec, TrainingSettings(precision="mixed"))
print(compiled.model.jit_compile, compiled.network.dtype_policy.name,
      tf.config.list_logical_devices("GPU"))
"""


@pytest.mark.skipif("tensorflow" not in INSTALLED, reason="hides a card with TensorFlow")
def test_a_training_without_gpus_is_not_compiled_for_a_hidden_card() -> None:
    assert run(HIDDEN_CARD, "tensorflow") == "False float32 []"


@pytest.mark.skipif("tensorflow" not in INSTALLED, reason="reads the threads of TensorFlow")
def test_threads_are_configured_once() -> None:
    # The first call takes effect, and the second returns its threads.
    assert run(TENSORFLOW_THREADS, "tensorflow") == "1 1"


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
def test_mixed_precision_depends_on_the_card(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    capability: tuple[int, int] | None,
    policy: str,
) -> None:
    monkeypatch.setattr(
        device, "_backend", lambda: SimpleNamespace(compute_capability=lambda: capability)
    )
    assert resolve_precision(precision) == policy


def test_a_share_of_a_card_is_less_than_its_part_of_the_memory() -> None:
    assert memory_fraction(0.25) == pytest.approx(0.23)
    assert memory_fraction(2) == memory_fraction(1) == pytest.approx(0.92)


@pytest.mark.parametrize(
    ("given", "installed", "chosen"),
    [
        ("torch", {"tensorflow", "jax"}, "torch"),  # Keras's own variable takes precedence
        ("", {"tensorflow", "jax"}, "tensorflow"),
        ("", {"torch", "jax"}, "jax"),
        ("", set(), "tensorflow"),  # Keras then reports that it is missing
    ],
)
def test_without_a_setting_the_first_installed_backend_is_chosen(
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
def test_the_error_of_a_missing_backend_lists_the_installed_ones(
    monkeypatch: pytest.MonkeyPatch, given: str, installed: set[str], words: str
) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setenv("KERAS_BACKEND", given)
    with pytest.raises(UserError, match=words):
        backends.check_backend()


def test_tensorflows_banner_is_hidden_and_other_output_is_shown() -> None:
    code = (
        "import os; from faceseg.backends.banner import without_banner\n"
        "with without_banner():\n"
        "    os.write(2, b'I0000 00:00:1.2 3 port.cc:153] oneDNN\\nmind this\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert done.stderr == "mind this\n"
