"""A driver that is interrupted, and a second driver of the same study."""

import signal

import pytest

from tests.infra.processes import wait_until

from . import stored_study
from .audit import StudyAudit, differences
from .chaos_cluster import ChaosCluster
from .study_process import StudyProcess

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_second_driver_is_refused_and_an_interrupted_study_is_resumed(
    cluster: ChaosCluster, undisturbed: StudyAudit, study: StudyProcess
):
    study.start()
    await_epochs(study, 2)
    code, output = study.run_second_driver()
    assert code == 2, output
    assert "Traceback" not in output
    assert study.is_running()
    for number in (signal.SIGINT, signal.SIGTERM):
        await_epochs(study, study.epochs() + 2)
        study.send(number)
        assert study.wait(90) == 130, study.output
        assert "re-run the same command to resume" in study.output
        assert "Traceback" not in study.output
        runs = stored_study.runs(cluster.database, study.experiment.name)
        assert [run.name for run in runs if run.status == "RUNNING"] == []
        study.start()
    assert study.wait(900) == 0, study.output
    audit = cluster.audit(study)
    assert audit.faults() == []
    assert max(audit.attempts().values()) <= 3
    assert differences(audit.table, undisturbed.table) == []


def await_epochs(study: StudyProcess, epochs: int) -> None:
    wait_until(f"{epochs} epochs are reported", lambda: study.epochs() >= epochs, 240)
