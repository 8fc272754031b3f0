"""XLA's cache of the kernels that it found fastest on a GPU, for TensorFlow.

Before XLA compiles a program, it times several kernels for each convolution and fusion. With a
folder it reads there what it timed before. JAX sets one beside its own cache by default.
Processes can share the folder: a file is written under another name and then renamed, and its name
depends on the operation, the kind of GPU, cuDNN's version and that of the cache (read in XLA's
`autotuner_util.cc` and `autotune_cache_key.cc`).
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

FLAGS = (
    "XLA_FLAGS"  # XLA ends a process that gives it an unknown flag: TensorFlow 2.21 has this one
)
FOLDER_FLAG = "--xla_gpu_per_fusion_autotune_cache_dir"


def share_autotuning(folder: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let XLA read and write the kernels that it chose in `folder`; before TensorFlow is imported.

    The user's own flags are kept and take precedence. Nothing is changed if they have such a
    folder, or are in a file.
    """
    given = environment.get(FLAGS, "").strip()
    in_a_file = given != "" and not given.startswith("-")
    if FOLDER_FLAG in given or in_a_file or '"' in str(folder):
        return
    environment[FLAGS] = f'{FOLDER_FLAG}="{folder}" {given}'.strip()
