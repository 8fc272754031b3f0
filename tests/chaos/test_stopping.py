"""A driver that is asked to stop, and a second driver for the same study."""

import signal

import pytest

from tests.infra.processes import wait_until

from . import stored_study
from .audit import StudyAudit, differences
from .chaos_cluster import ChaosCluster
from .study_process import StudyProcess

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_second_driver_is_refused_and_a_stopped_one_goes_on(
    lab: ChaosCluster, undisturbed: StudyAudit, study: StudyProcess
):
    study.start()
    await_epochs(study, 2)
    code, said = study.run_second_driver()
    assert code == 2, said
    assert "Traceback" not in said
    assert study.is_running()
    for asked in (signal.SIGINT, signal.SIGTERM):
        await_epochs(study, study.epochs() + 2)
        study.send(asked)
        assert study.wait(90) == 130, study.output
        assert "the same command goes on" in study.output
        assert "Traceback" not in study.output
        runs = stored_study.runs(lab.database, study.experiment.name)
        assert [run.name for run in runs if run.status == "RUNNING"] == []
        study.start()
    assert study.wait(900) == 0, study.output
    audit = lab.audit(study)
    assert audit.faults() == []
    assert max(audit.attempts().values()) <= 3
    assert differences(audit.table, undisturbed.table) == []


def await_epochs(study: StudyProcess, epochs: int) -> None:
    wait_until(f"{epochs} epochs are told", lambda: study.epochs() >= epochs, 240)
