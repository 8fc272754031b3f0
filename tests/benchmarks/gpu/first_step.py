"""Time the first steps of a process: with empty caches, and in a second process with the filled.

TensorFlow has two caches: what workers are given (the kernels that XLA chose on the GPU) and its
own of whole programs, which they are not (docs/backends.md). Without a GPU nothing is chosen, and
TensorFlow's steps are compiled by XLA for this measurement only.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from faceseg.backends.autotuning import FLAGS, share_autotuning
from tests.benchmarks.gpu.checks import NETWORKS, SHORT, TIMED_BATCH, Machine, Row

KERNELS, PROGRAMS = "chosen kernels", "programs"
CACHES = {"tensorflow": ((KERNELS,), (KERNELS, PROGRAMS)), "jax": ((KERNELS, PROGRAMS),)}


def first_step(machine: Machine) -> Iterator[Row]:
    """Compile the U-Net's step in two processes for each choice of caches, one after the other."""
    size, batch, precision = (256, TIMED_BATCH, SHORT) if machine.gpu else (32, 2, "float32")
    network, share = (NETWORKS[0], 0.9) if machine.gpu else ("segnet", 0)
    for backend, choices in CACHES.items():
        if backend not in machine.backends:
            continue
        for number, caches in enumerate(choices):
            folder = machine.folder / f"first-{backend}-{number}"
            folder.mkdir()
            row: Row = {"backend": backend, "caches": ", ".join(caches)}
            for which in ("first process s", "second process s"):
                process = machine.start(
                    "tests.benchmarks.gpu.step", "keras" if machine.gpu else "xla", network,
                    precision, size, 0.1, share, batch,
                    KERAS_BACKEND=backend, **_environment(backend, caches, folder),
                )  # fmt: skip
                (found,) = json.loads(machine.finish(process).splitlines()[-1])
                row[which] = found["compile s"]
                if "why" in found:
                    row["why"] = found["why"]
            row["files"] = sum(each.is_file() for each in folder.rglob("*"))
            yield row


def _environment(backend: str, caches: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Return the variables of the chosen caches, all in `folder`."""
    if backend == "jax":
        return {"JAX_COMPILATION_CACHE_DIR": str(folder)}
    variables = {FLAGS: ""}
    if KERNELS in caches:
        share_autotuning(folder / "autotuning", variables)
    if PROGRAMS in caches:
        variables["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={folder}/programs"
    return variables
