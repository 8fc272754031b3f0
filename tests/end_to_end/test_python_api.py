"""`pipelines.study` and `pipelines.train` in a Python process, compared with the verbs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# Two trainings, because a notebook calls a function more than once in a process.
TRAIN = """
import json, sys
import pipelines
storage = sys.argv[1]
results = [pipelines.train("tiny.yaml", "segnet", storage=storage) for _ in range(2)]
print("RESULT", json.dumps([[each.best_iou, each.failure, each.run_id] for each in results]))
"""
STUDY = """
import json, sys
import pipelines
result = pipelines.study(
    "tiny.yaml", storage=sys.argv[1], architectures__unet=None, variants={}, ensemble=False,
)
assert result.comparison.equals(pipelines.study(
    "tiny.yaml", storage=sys.argv[1], architectures__unet=None, variants={}, ensemble=False,
).comparison)
print("RESULT", json.dumps([result.name, str(result.folder), result.tracking_uri]))
print("RESULT", result.comparison.to_json(orient="records"))
"""


def run_code(code: str, folder: Path, *arguments: object) -> tuple[list[Any], str]:
    """Run Python code in a folder; return the JSON after each `RESULT`, and all output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return [json.loads(line.removeprefix("RESULT ")) for line in lines], done.stdout


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], str, Path]:
    """Train twice in one process; return the results, the output and the storage."""
    storage = tmp_path_factory.mktemp("function")
    (results,), output = run_code(TRAIN, folder, storage)
    return results, output, storage


def test_train_returns_what_it_logs(trained: Any, open_store: Any):
    results, output, storage = trained
    assert re.search(r"epoch 2/2  loss \d\.\d{4}  val IoU 0\.", output)
    client = open_store(storage).tracker.client
    for iou, failure, run_id in results:
        run = client.get_run(run_id)
        assert failure == ""
        assert run.data.metrics["best/val_iou"] == iou
        assert run.info.status == "FINISHED"
    assert len({run_id for _, _, run_id in results}) == 2


@pytest.mark.nightly
def test_train_has_the_result_of_the_verb(trained: Any, folder: Path, faceseg: Any, tmp_path: Path):
    verb = faceseg(folder, "train", "tiny.yaml", "segnet", "--set", f"storage={tmp_path}")
    assert verb.returncode == 0, verb.stdout + verb.stderr
    for iou, _, _ in trained[0]:
        assert f"best val IoU: {iou:.4f}\n" in verb.stdout


@pytest.mark.ray
@pytest.mark.nightly
def test_study_has_the_result_of_the_verb(
    folder: Path, faceseg: Any, open_store: Any, tmp_path: Path
):
    ((name, results, uri), rows), output = run_code(STUDY, folder, tmp_path)
    alone = ("architectures.unet=null", "variants={}", "ensemble=false")
    store = open_store(tmp_path, *alone)
    assert name == store.experiment.study
    assert uri == store.experiment.tracking_uri
    assert Path(results) == tmp_path / "tiny"
    assert (Path(results) / "comparison.html").is_file()
    assert "is finished" in output  # the second call
    (row,) = rows
    (final,) = store.runs(kind="final")
    assert row["architecture"] == "segnet"
    assert row["iou"] == pytest.approx(final.data.metrics["test/iou"])
    # The verb resumes the study of the function.
    options = [f"--set={each}" for each in (*alone, f"storage={tmp_path}")]
    verb = faceseg(folder, "study", "tiny.yaml", *options)
    assert verb.returncode == 0, verb.stdout + verb.stderr
    assert f"study {name} is finished" in verb.stdout
    table = pd.read_csv(tmp_path / "tiny" / "comparison.csv")
    assert table.architecture.tolist() == ["segnet"]
