"""`faceseg train`: one training, logged like a trial but in no study."""

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_training_is_logged_and_printed(
    folder: Path, faceseg: Any, open_store: Any, tmp_path: Path
):
    done = faceseg(folder, "train", "tiny.yaml", "segnet", "--set", f"storage={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    for number, line in enumerate(lines, start=1):
        assert re.match(
            rf"epoch {number}/2  loss \d\.\d{{4}}  val IoU 0\.\d{{4}}  \d+ images/s", line
        )
    assert len(lines) == 2
    store = open_store(tmp_path)
    assert store.runs() == []  # the training belongs to no study
    client = store.tracker.client
    (run,) = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    metrics = run.data.metrics
    words = f"loss: {metrics['train/loss']:.4f}, on validation {metrics['val/loss']:.4f}"
    assert f"\n{words}\n" in done.stdout
    assert f"\nrun: {run.info.run_id} in MLflow at sqlite:///{tmp_path}/mlflow.db\n" in done.stdout
    (path,) = re.findall(r"^checkpoint: (.*)$", done.stdout, re.MULTILINE)
    assert Path(path).is_file()
    assert path.endswith(f"{run.info.run_id}/artifacts/checkpoints/best.keras")
    assert f"best val IoU: {run.data.metrics['best/val_iou']:.4f}\ncurves: " in done.stdout
    assert done.stdout.endswith(f"faceseg ui tiny.yaml --set storage={tmp_path}\n")
    assert run.info.status == "FINISHED"
    assert run.data.tags["faceseg.state"] == "complete"
    assert run.data.tags["faceseg.study"].startswith("tiny-single-")
    assert run.data.tags["mlflow.note.content"].startswith("Single training 0 of segnet: ")
    assert "mlflow.parentRunId" not in run.data.tags
    assert [step for step, _ in store.points(run)["val/iou"]] == [1, 2]
    assert store.files(run) >= {"checkpoints/best.keras", "history.csv", "occlusion.csv"}
    assert not [path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()]
