"""A driver that is asked to stop, and a second driver for the same study."""

import signal

import pytest

from tests.infra.processes import wait_until

from . import books
from .audit import Audit, differences
from .lab import Lab
from .study import Study

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_second_driver_is_refused_and_a_stopped_one_goes_on(
    lab: Lab, undisturbed: Audit, study: Study
):
    study.start()
    await_epochs(study, 2)
    code, said = study.beside()
    assert code == 2, said
    assert "Traceback" not in said
    assert study.runs()
    for asked in (signal.SIGINT, signal.SIGTERM):
        await_epochs(study, study.epochs() + 2)
        study.send(asked)
        assert study.wait(90) == 130, study.said
        assert "the same command goes on" in study.said
        assert "Traceback" not in study.said
        runs = books.runs(lab.database, study.experiment.name)
        assert [run.name for run in runs if run.status == "RUNNING"] == []
        study.start()
    assert study.wait(900) == 0, study.said
    audit = lab.audit(study)
    assert audit.faults() == []
    assert max(audit.attempts().values()) <= 3
    assert differences(audit.table, undisturbed.table) == []


def await_epochs(study: Study, epochs: int) -> None:
    wait_until(f"{epochs} epochs are told", lambda: study.epochs() >= epochs, 240)
