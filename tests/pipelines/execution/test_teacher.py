"""The teacher of a final: its teachers' finals of the same number, read from MLflow."""

from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.execution import teacher
from pipelines.execution.teacher import teacher_of
from pipelines.job.job import EnsembleMember, Job, JobKey


def test_a_final_is_taught_by_its_teachers_finals_of_its_number(
    network_file: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[tuple[str, str, int]] = []

    def run(context: Any, member: EnsembleMember, number: int) -> Any:
        asked.append((member.architecture, member.winner, number))
        return SimpleNamespace(info=SimpleNamespace(run_id=f"{member.architecture}-run"))

    monkeypatch.setattr(teacher, "wait_for_run", run)
    distil = {"student": "segnet", "teacher": "ensemble.unet.pspnet", "weight": 0.3}
    context: Any = SimpleNamespace(
        experiment=Experiment.model_validate({"name": "small", "distil": distil}),
        tracker=SimpleNamespace(
            fetch=lambda run_id, artifact, folder: copyfile(network_file, folder / "best.keras")
        ),
    )
    job = Job(
        key=JobKey(kind="final", architecture="segnet-distilled", number=2, winner="c"),
        study="small-1",
        seed=7,
        attempt=1,
        settings=TrainingSettings(),
        teachers=(EnsembleMember("unet", "a"), EnsembleMember("pspnet", "b")),
    )
    logged: list[dict[str, Any]] = []
    outbox: Any = SimpleNamespace(params=logged.append)
    found = teacher_of(context, job, outbox)
    assert asked == [("unet", "a", 2), ("pspnet", "b", 2)]
    assert (len(found.teachers), found.weight, found.temperature) == (2, 0.3, 1.0)
    (params,) = logged
    assert params["teachers"] == {"unet": "unet-run", "pspnet": "pspnet-run"}
    assert params["distil"]["teacher"] == "ensemble.unet.pspnet"
    red = np.zeros((1, 32, 32, 3), np.uint8)
    red[..., 0] = 5  # the network's logit of class 1; the others are 0
    probability = np.exp(np.asarray(found.logits(red))[0, 0, 0])
    np.testing.assert_allclose(probability[1] / probability[0], np.exp(5), rtol=1e-4)
