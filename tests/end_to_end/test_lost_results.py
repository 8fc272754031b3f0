"""A finished study whose results MLflow has lost: the same command repeats them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(1500),
]
NETWORKS = ("unet", "segnet", "segnet-narrow")
SCORES = ["architecture", "iou", "dice"]


def test_a_study_without_its_database_is_made_again_from_its_files(
    store: Any, folder: Path, faceseg: Any, open_store: Callable[..., Any]
):
    storage = folder / "lost"
    shutil.copytree(store.experiment.storage, storage)
    (storage / "mlflow.db").unlink()

    done = faceseg(folder, "study", "tiny.yaml", "--set", "storage=lost")

    assert done.returncode == 0, done.stdout + done.stderr
    output = " ".join(done.stdout.split())
    assert "which are complete in Optuna: they are repeated, with their networks" in output
    assert "has no run of 2 of the 2 trials of unet: their scores in Optuna count" in output
    (log,) = (storage / "logs").glob("tiny-*.log")
    assert log.read_text(encoding="utf-8").count("restored from ") == len(NETWORKS)
    before, after = (
        pd.read_csv(each / "tiny" / "comparison.csv")[SCORES].set_index("architecture")
        for each in (store.experiment.storage, storage)
    )
    pd.testing.assert_frame_equal(after, before, rtol=1e-6)

    # The registered model is deleted, then all runs: both are there again.
    lost = open_store(storage)
    lost.tracker.client.delete_registered_model("faceseg")
    for run in lost.runs():
        lost.tracker.client.delete_run(run.info.run_id)
    refused = faceseg(folder, "promote", "tiny.yaml", "--set", "storage=lost")
    assert refused.returncode == 2
    assert "let `faceseg study` finish this experiment first" in refused.stderr
    done = faceseg(folder, "study", "tiny.yaml", "--set", "storage=lost")
    assert done.returncode == 0, done.stdout + done.stderr
    output = " ".join(done.stdout.split())
    assert "restored runs that were deleted in MLflow" in output
    labels = ", ".join(f"{name}-final-000" for name in sorted(NETWORKS))
    assert f"registered again as versions of faceseg: {labels} " in output
    assert "is finished: all trials and finals are complete" in output
    aliases = lost.tracker.client.get_registered_model("faceseg").aliases
    assert aliases.keys() == {"champion", *(f"best-{name}" for name in NETWORKS)}
