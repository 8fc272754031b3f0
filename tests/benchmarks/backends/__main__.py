"""Print the two tables of the effects of a change of backend; write them with `--out`.

Equality: the largest difference in logits, loss and gradient with the same weights and the same
batch, beside the size of the logits and the gradient. A rounding switches a ReLU whose input is
nearly 0, so gradients differ by more than rounding: `relative` is the distance of the two gradients
divided by their length, and `by one rounding` is the change of the first backend's own gradient
when every weight is changed by one rounding (2^-23 of it). Crossing: networks trained on one
backend and loaded on each, and the share of pixels whose label differs from that on the training
backend.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from faceseg.backends import BACKENDS
from tests.benchmarks.backends.backend_process import NETWORKS

Rows = list[dict[str, str | float]]


def start(task: str, folder: Path, backend: str, gpus: float = 0.0) -> "subprocess.Popen[str]":
    """Start one task on one backend."""
    command = [sys.executable, "-m", "tests.benchmarks.backends.backend_process", task, str(folder)]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [*command, "--gpus", str(gpus)],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]", seconds: float | None = None) -> None:
    """Wait for a task; RuntimeError with its output if it failed, TimeoutError if it is late."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise TimeoutError(f"{' '.join(map(str, process.args))} was not done in time") from None
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, process.args))} failed:\n{output[-3000:]}")


def equality(
    folder: Path, backends: Sequence[str], gpus: float = 0.0, seconds: float | None = None
) -> Rows:
    """Return a row for each network and pair of backends; `seconds` is the limit of each task."""
    finish(
        start("equality", folder, backends[0], gpus), seconds
    )  # the first backend writes the common weights
    for process in [start("equality", folder, each, gpus) for each in backends[1:]]:
        finish(process, seconds)
    rows: Rows = []
    for name, (one, other) in itertools.product(NETWORKS, itertools.combinations(backends, 2)):
        mine, theirs = (np.load(folder / f"{each}-{name}.npz") for each in (one, other))
        row: dict[str, str | float] = {"network": name, "backends": f"{one}, {other}"}
        row["logits"] = float(np.abs(mine["logits"] - theirs["logits"]).max())
        row["largest logit"] = float(np.abs(mine["logits"]).max())
        row["loss"] = float(abs(mine["loss"] - theirs["loss"]))
        row["gradient"] = float(np.abs(mine["gradient"] - theirs["gradient"]).max())
        row["largest gradient"] = float(np.abs(mine["gradient"]).max())
        size = np.linalg.norm(mine["gradient"])
        row["relative"] = float(np.linalg.norm(mine["gradient"] - theirs["gradient"]) / size)
        row["by one rounding"] = float(np.linalg.norm(mine["gradient"] - mine["nudged"]) / size)
        rows.append(row)
    return rows


def crossing(folder: Path, backends: Sequence[str], gpus: float = 0.0) -> Rows:
    """Return a row for each network and training backend: its IoU on every backend."""
    for task in ("fit", "score"):
        for backend in backends:
            finish(start(task, folder, backend, gpus))
    scored = {each: np.load(folder / f"scores-{each}.npz") for each in backends}
    rows: Rows = []
    for name, home in itertools.product(NETWORKS, backends):
        row: dict[str, str | float] = {"network": name, "trained on": home}
        for backend in backends:
            row[f"IoU on {backend}"] = float(scored[backend][f"{home}-{name}/iou"])
        at_home = scored[home][f"{home}-{name}/labels"]
        others = [scored[each][f"{home}-{name}/labels"] for each in backends if each != home]
        row["different labels"] = float(max(np.mean(each != at_home) for each in others))
        rows.append(row)
    return rows


def markdown(rows: Rows) -> str:
    """Return rows as a table."""
    heads = list(rows[0])
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = [each if isinstance(each, str) else f"{each:.3g}" for each in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run both on the installed backends, or on those given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="default: those installed")
    parser.add_argument("--gpu", action="store_true", help="on the GPU")
    parser.add_argument("--out", type=Path, help="a folder for the tables")
    given = parser.parse_args()
    backends = given.backends or [name for name in BACKENDS if find_spec(name)]
    if len(backends) < 2:
        parser.error(f"two backends are needed to compare; installed: {', '.join(backends)}")
    with tempfile.TemporaryDirectory() as folder:
        for table in (equality, crossing):
            text = markdown(table(Path(folder), backends, float(given.gpu)))
            print(f"\n{table.__name__}\n\n{text}")
            if given.out:
                given.out.mkdir(parents=True, exist_ok=True)
                (given.out / f"{table.__name__}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
