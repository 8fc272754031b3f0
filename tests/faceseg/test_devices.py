"""A process takes the threads that it was given; asked in one of its own, since it asks once."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from faceseg.devices import is_out_of_memory, versions

PROGRAM = """
import json, warnings
warnings.simplefilter("error")
from faceseg.devices import claim
import tensorflow as tf
first = claim(1)
threads = tf.config.threading.get_intra_op_parallelism_threads()
float(tf.reduce_sum(tf.ones(3)))
second = claim(2)
try:
    claim(1, gpus=0.5)
    refused = ""
except RuntimeError as error:
    refused = str(error)
print(json.dumps([first.__dict__, threads, second.__dict__, refused]))
"""


def test_threads_are_claimed_once_and_a_missing_card_is_an_error() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    first, threads, second, refused = json.loads(done.stdout.splitlines()[-1])
    assert first == {"kind": "cpu", "name": "cpu", "threads": 1}
    assert threads == 1
    assert second["threads"] == 1  # the first claim stands, and says so
    assert "was given 0.5 GPU, but TensorFlow sees none" in refused
    assert "set resources.gpus to 0" in refused


def test_versions_name_what_decides_a_number() -> None:
    assert {"keras", "numpy", "tensorflow"} == versions().keys()


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
    import tensorflow as tf

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
        "import os; from faceseg import devices\n"
        "with devices._without_banner():\n"
        "    os.write(2, b'I0000 00:00:1.2 3 port.cc:153] oneDNN\\nmind this\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert done.stderr == "mind this\n"
