"""A process takes the threads that it was given; asked in one of its own, since it asks once."""

import json
import os
import subprocess
import sys

from faceseg.devices import versions

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
