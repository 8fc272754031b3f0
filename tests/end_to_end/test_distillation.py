"""A finished study gains an ensemble of a subset and a taught network, and `predict` their runs."""

from pathlib import Path

import pytest
from PIL import Image

from pipelines.config import load
from pipelines.tracking import Tracker

from .conftest import TINY, ComparedStudy, Faceseg

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]
SMALL = (
    *("variants={}", "ensemble=false", "search.trials=1", "finals.seeds=2"),
    *("architectures.unet=null", "robustness.corruption=[]", "robustness.geometry=[]"),
)
MORE = ("ensemble=[[segnet, pspnet]]", "distil={student: segnet, teacher: pspnet}")


def test_a_finished_study_gains_a_taught_network(faceseg: Faceseg, tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    overrides = [word for value in SMALL for word in ("--set", value)]
    more = [word for value in MORE for word in ("--set", value)]
    first = faceseg(tmp_path, "study", "tiny.yaml", *overrides)
    assert first.returncode == 0, first.stdout + first.stderr
    second = faceseg(tmp_path, "study", "tiny.yaml", *overrides, *more)
    assert second.returncode == 0, second.stdout + second.stderr
    again = faceseg(tmp_path, "study", "tiny.yaml", *overrides, *more)
    assert "is finished: all trials and finals are complete" in again.stdout

    experiment = load(tmp_path / "tiny.yaml", (*SMALL, *MORE))
    tracker = Tracker(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    store = ComparedStudy(experiment, tracker)
    taught = {run.data.tags["faceseg.trial"]: run for run in store.runs(taught_by="pspnet")}
    assert taught.keys() == {"0", "1"}
    assert not store.runs(kind="trial", architecture="segnet-distilled")
    for number, run in taught.items():
        alone, teacher = (
            store.runs(kind="final", architecture=name, trial=number)[0]
            for name in ("segnet", "pspnet")
        )
        assert run.data.tags["faceseg.variant_of"] == "segnet"
        assert run.data.params["teachers.pspnet"] == teacher.info.run_id
        assert run.data.params["distil.temperature"] == "1.0"
        assert run.data.params["seed"] == alone.data.params["seed"]
        assert run.data.metrics["epochs"] == alone.data.metrics["epochs"]
        assert run.data.metrics["train/loss"] != alone.data.metrics["train/loss"]
        assert run.info.start_time >= teacher.info.end_time
    assert "best-segnet-distilled" in second.stdout
    report = (tmp_path / "results" / "tiny" / "comparison.md").read_text(encoding="utf-8")
    assert "segnet-distilled" in report

    (ensemble, _) = store.runs(kind="final", architecture="ensemble")
    Image.new("RGB", (40, 50)).save(tmp_path / "face.png")
    words = ("predict", ensemble.info.run_id, "face.png", "--out", "masks")
    predicted = faceseg(tmp_path, *words)
    assert predicted.returncode == 0, predicted.stdout + predicted.stderr
    assert list((tmp_path / "masks").iterdir())
