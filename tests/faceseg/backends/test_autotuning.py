"""The flags that XLA gets, and that this TensorFlow knows them."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from faceseg.backends.autotuning import FLAGS, FOLDER_FLAG, share_autotuning


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, f'{FOLDER_FLAG}="/a b/c"'),
        ("--xla_dump_to=/d  ", f'{FOLDER_FLAG}="/a b/c" --xla_dump_to=/d'),
        (f"{FOLDER_FLAG}=/own", f"{FOLDER_FLAG}=/own"),
        ("/a/file/of/flags", "/a/file/of/flags"),
    ],
)
def test_the_users_flags_are_kept(given: str | None, expected: str) -> None:
    environment = {} if given is None else {FLAGS: given}
    share_autotuning(Path("/a b/c"), environment)
    assert environment == {FLAGS: expected}


PROGRAM = """
import sys
from pathlib import Path
from faceseg.backends.autotuning import share_autotuning
share_autotuning(Path(sys.argv[1]))
import tensorflow as tf
print(float(tf.function(lambda x: x * 2 + 1, jit_compile=True)(tf.constant(2.0))))
"""


@pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow reads the flags")
@pytest.mark.parametrize("known", [True, False])
def test_tensorflow_knows_the_flag(tmp_path: Path, known: bool) -> None:
    """A flag that it does not know ends the process."""
    program = PROGRAM if known else PROGRAM.replace("import sys", UNKNOWN, 1)
    environment = {key: value for key, value in os.environ.items() if key != FLAGS}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a folder")],
        env=environment | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == known
    if known:
        assert done.stdout.splitlines()[-1] == "5.0"
    else:
        assert "Unknown flag in XLA_FLAGS: --xla_no_such_flag" in done.stderr


UNKNOWN = "import os, sys; os.environ['XLA_FLAGS'] = '--xla_no_such_flag'"
