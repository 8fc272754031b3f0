"""What only a final does: the test, once, and the measurements."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from faceseg import legacy
from faceseg.evaluation import evaluate as score
from faceseg.networks.cost import macs, parameters
from faceseg.predictor import Predictor
from pipelines.context import Context
from pipelines.panel import write_panel


def evaluate(
    context: Context, predictor: Predictor, model_file: Path, folder: Path, threads: int
) -> dict[str, float]:
    """Test and measure a final; return its `test/…`, `model/…`, `latency/…`, `memory/…`."""
    classes = context.experiment.data.class_set
    result = score(predictor, context.test)
    counts = result.counts.sum(axis=0)
    values = {f"test/{name}": value for name, value in result.scores(classes).items()}
    values |= {
        "test/images": len(result.ids),
        "test/legacy_iou": legacy.legacy_iou(counts),
        "test/legacy_dice": legacy.legacy_dice(counts),
        "test/legacy_precision": legacy.legacy_precision(counts),
        "test/legacy_recall": legacy.legacy_recall(counts),
        "model/parameters": parameters(predictor.network),
        "model/macs": macs(predictor.network),
        "model/size_mb": model_file.stat().st_size / 1024**2,
    }
    np.savez_compressed(
        folder / "test_confusion.npz",
        allow_pickle=False,
        ids=np.array(result.ids),
        counts=result.counts.astype(np.int32),
    )
    write_panel(folder / "panel.npz", predictor, context.test)
    return values | measure_apart(model_file, threads)


def measure_apart(model_file: Path, threads: int) -> dict[str, float]:
    """Time a saved network and take its memory in a process of its own.

    A worker that has trained other networks says nothing about what this one needs.
    """
    command = [sys.executable, "-m", "pipelines.measure", str(model_file), str(threads)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode != 0:
        raise RuntimeError(f"measuring {model_file} failed:\n{answer.stderr[-2000:]}")
    values: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return values
