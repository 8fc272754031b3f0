"""MLflow's server away in the middle of a study: nobody notices but the clock."""

import math
import statistics
import time

import pytest

from tests.infra.processes import wait_until

from . import stored_study
from .audit import StudyAudit, differences
from .chaos_cluster import ChaosCluster, ChaosOptions
from .event_log import EventLog
from .study_process import StudyProcess

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_outage(
    lab: ChaosCluster,
    undisturbed: StudyAudit,
    study: StudyProcess,
    diary: EventLog,
    wishes: ChaosOptions,
):
    study.start()
    wait_until("two epochs are told", lambda: study.epochs() >= 2, 240)
    begun, told = time.time(), study.epochs()
    lab.server.stop()
    time.sleep(wishes.outage)
    during = study.epochs() - told
    lab.server.start()
    back = time.time()
    assert study.wait(900) == 0, study.output
    assert during > 0, "training did not go on"
    audit = lab.audit(study)
    assert audit.faults() == []
    assert set(audit.attempts().values()) == {1}
    assert differences(audit.table, undisturbed.table) == []
    # The same epochs of the undisturbed study are the peer: they were trained on the same machine.
    name, metric = undisturbed.experiment.name, "epoch_seconds"
    before = stored_study.metric_points(lab.database, name, metric)
    ratios = [
        seconds / before[epoch][1]
        for epoch, (at, seconds) in stored_study.metric_points(
            lab.database, "outage", metric
        ).items()
        if begun < at < back and epoch[1] > 1  # a first epoch compiles
    ]
    diary.record(
        f"server away for {back - begun:.0f} s; {len(ratios)} epochs in it took "
        f"{statistics.median(ratios or [math.nan]):.3f} times as long as undisturbed ones (median)"
    )
