"""A study with two goals: Optuna's directions, the ranks in MLflow, the front in the report."""

import csv
from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.tracking import Tracker

from .conftest import TINY, ComparedStudy, Faceseg

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]
CHANGES = (
    *("variants={}", "ensemble=false", "architectures.unet=null", "search.trials=4"),
    *("robustness.corruption=[]", "robustness.geometry=[]"),
    "search.goals=[val/iou, model/macs]",
    "search.space.width={choices: [0.1, 0.2]}",
    "search.first=[{width: 0.1}, {width: 0.2}]",
)


def test_a_study_with_two_goals_shows_its_front(faceseg: Faceseg, tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    done = faceseg(
        tmp_path, "study", "tiny.yaml", *(word for value in CHANGES for word in ("--set", value))
    )
    assert done.returncode == 0, done.stdout + done.stderr

    experiment = load(tmp_path / "tiny.yaml", CHANGES)
    tracker = Tracker(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    store = ComparedStudy(experiment.model_copy(update={"storage": tmp_path / "results"}), tracker)
    complete = {
        trial.number: trial for trial in store.optuna_trials("segnet") if trial.values is not None
    }
    assert {trial.params["width"] for trial in complete.values()} == {0.1, 0.2}
    small, large = (
        next(trial for trial in complete.values() if trial.params["width"] == width)
        for width in (0.1, 0.2)
    )
    assert small.values[1] < large.values[1]

    lines = (tmp_path / "results" / "tiny" / "front.csv").read_text(encoding="utf-8").splitlines()
    rows = {int(row["trial"]): row for row in csv.DictReader(lines)}
    assert rows.keys() == complete.keys()
    for run in store.runs(kind="trial"):
        number = int(run.data.tags["faceseg.trial"])
        assert (number in rows) == ("search/front_rank" in run.data.metrics)
        if number in rows:
            assert run.data.metrics["search/front_rank"] == int(rows[number]["rank"])
            assert run.data.metrics["model/macs"] == complete[number].values[1]
    assert "0" in {row["rank"] for row in rows.values()}

    (final,) = store.finals()
    best = max(complete.values(), key=lambda trial: trial.values[0])
    assert final.data.params["network.width"] == str(best.params["width"])
    report = (tmp_path / "results" / "tiny" / "comparison.html").read_text(encoding="utf-8")
    assert "trials are on the front of val/iou and model/macs" in report
