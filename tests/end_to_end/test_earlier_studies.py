"""Studies that an earlier version of the program wrote: today's version resumes and uses them.

The folder `earlier` contains their storage folders; its README describes how they were made. The
databases contain the address of another folder, so each of them is also a storage that was moved.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceseg.backends import preferred
from pipelines.config import load
from tests.chaos import stored_study
from tests.end_to_end.earlier_studies import unpack

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(
        preferred() != "tensorflow", reason="the studies were begun on Keras's TensorFlow backend"
    ),
]
STUDY = "earlier-821c85a1"
CHAMPION = "models:/faceseg@champion"
# Loads the champion with MLflow alone, and labels the image `argv[1]`.
PREDICT = f"""
import base64, pathlib, sys
import mlflow, pandas
model = mlflow.pyfunc.load_model({CHAMPION!r})
image = base64.b64encode(pathlib.Path(sys.argv[1]).read_bytes()).decode()
(labels,) = model.predict(pandas.DataFrame({{"image": [image]}}))
print("LABELS", labels)
"""


def trial(storage: Path, number: int) -> list[list[tuple[object, ...]]]:
    """Return all rows of Optuna's database that belong to one of SegNet's trials."""
    database = storage / "optuna.db"
    ((trial_id, *_),) = stored_study.query_sqlite(
        database,
        "select trial_id from trials join studies using (study_id)"
        " where study_name = ? and number = ?",
        f"{STUDY}/segnet/search",
        str(number),
    )
    return [
        stored_study.query_sqlite(
            database,
            f"select * from {table} where trial_id = ?",  # noqa: S608
            str(trial_id),
        )
        for table in ("trials", "trial_values", "trial_params", "trial_intermediate_values")
    ]


def moments(storage: Path, run: str) -> dict[int, tuple[float, float]]:
    """Return when each epoch of a run ended, in seconds since 1970, and its `val/iou`."""
    found = stored_study.metric_points(storage / "mlflow.db", "earlier", "val/iou")
    return {step: moment for (name, step), moment in found.items() if name == run}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def labels_of(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.nightly
def test_a_killed_study_resumes(faceseg: Any, tmp_path: Path):
    storage = unpack("killed", tmp_path)
    complete = trial(storage, 0)
    stored = moments(storage, "segnet-trial-000")
    (waiting,) = storage.glob(f"outbox/{STUDY}/segnet-trial-001/*.json")
    second = json.loads(waiting.read_text(encoding="utf-8"))["content"]
    begun = moments(storage, "segnet-trial-001")
    assert begun.keys() == {1}
    assert second["step"] == 2
    begun[2] = (pytest.approx(second["at"], abs=0.001), second["values"]["val/iou"])
    resumed = time.time()

    # One final for each network: enough here, and no part of the study's name.
    done = faceseg(tmp_path, "study", "earlier.yaml", "--set", "finals.seeds=1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    runs = {run.name: run for run in stored_study.runs(storage / "mlflow.db", "earlier")}
    assert {run.status for run in runs.values()} == {"FINISHED"}
    jobs = [
        f"{network}-{job}"
        for network in ("segnet", "unet")
        for job in ("trial-000", "trial-001", "final-000")
    ]
    assert sorted(runs) == sorted([STUDY, *jobs])
    # The complete trial is not trained again.
    assert trial(storage, 0) == complete
    assert moments(storage, "segnet-trial-000") == stored
    assert runs["segnet-trial-000"].attempts == 1
    # The other one continues after the epochs in its checkpoint.
    assert runs["segnet-trial-001"].attempts == 2
    epochs = moments(storage, "segnet-trial-001")
    assert {step: epochs.pop(step) for step in (1, 2)} == begun
    assert sorted(epochs) == list(range(3, 3 + len(epochs)))
    assert epochs
    assert all(at > resumed for at, _ in epochs.values())
    # MLflow keeps the first value of a step; this table would contain epochs trained again.
    history = runs["segnet-trial-001"].file("history.csv", storage / "artifacts")
    times = pd.read_csv(history).set_index("epoch")["time"]
    assert times[1] == pytest.approx(begun[1][0], abs=0.001)
    assert times[2] == second["at"]
    assert load(tmp_path / "earlier.yaml").study == STUDY
    assert (storage / "earlier" / "comparison.html").is_file()


def test_a_finished_study_is_compared_again(faceseg: Any, tmp_path: Path):
    storage = unpack("finished", tmp_path)
    before = stored_study.runs(storage / "mlflow.db", "earlier")
    table = storage / "earlier" / "comparison.csv"

    done = faceseg(tmp_path, "study", "earlier.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"study {STUDY} is finished" in done.stdout
    assert (storage / "earlier" / "comparison.html").is_file()
    written = table.read_bytes()
    assert written.count(b"\n") == 3  # the header and two networks
    after = stored_study.runs(storage / "mlflow.db", "earlier")
    assert [(run.name, run.attempts, run.curves) for run in after] == [
        (run.name, run.attempts, run.curves) for run in before
    ]

    # A copy is compared without a change of the original.
    copy = tmp_path / "copy"
    shutil.copytree(storage, copy)
    (copy / "earlier" / "comparison.csv").unlink()
    original = contents(storage)
    done = faceseg(tmp_path, "compare", "earlier.yaml", "--set", "storage=copy")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "earlier" / "comparison.csv").read_bytes() == written
    assert contents(storage) == original


def test_a_registered_model_predicts(faceseg: Any, tmp_path: Path):
    storage = unpack("finished", tmp_path)
    image, store = tmp_path / "face.png", f"sqlite:///{storage / 'mlflow.db'}"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(image)

    done = faceseg(tmp_path, "predict", CHAMPION, "face.png", "--tracking", store)

    assert done.returncode == 0, done.stdout + done.stderr
    (mask,) = (tmp_path / "predictions" / "masks").glob("*.png")
    labels = labels_of(mask.read_bytes())
    assert labels.shape == (40, 48)
    assert labels.max() < 11

    # The library as it was then is stored in the model; MLflow loads that one.
    alone = subprocess.run(
        [sys.executable, "-c", PREDICT, str(image)],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": store},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    (answer,) = [line for line in alone.stdout.splitlines() if line.startswith("LABELS ")]
    np.testing.assert_array_equal(labels_of(base64.b64decode(answer.split()[1])), labels)
