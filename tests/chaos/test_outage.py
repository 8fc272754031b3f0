"""An outage of MLflow's server does not disturb a running study."""

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
    cluster: ChaosCluster,
    undisturbed: StudyAudit,
    study: StudyProcess,
    event_log: EventLog,
    options: ChaosOptions,
):
    study.start()
    wait_until("two epochs are reported", lambda: study.epochs() >= 2, 240)
    stopped, epochs = time.time(), study.epochs()
    cluster.server.stop()
    time.sleep(options.outage)
    during = study.epochs() - epochs
    cluster.server.start()
    restarted = time.time()
    assert study.wait(900) == 0, study.output
    assert during > 0, "training did not continue"
    audit = cluster.audit(study)
    assert audit.faults() == []
    assert set(audit.attempts().values()) == {1}
    assert differences(audit.table, undisturbed.table) == []
    # The reference is the same epochs of the undisturbed study, trained on the same machine.
    name, metric = undisturbed.experiment.name, "epoch_seconds"
    before = stored_study.metric_points(cluster.database, name, metric)
    ratios = [
        seconds / before[epoch][1]
        for epoch, (at, seconds) in stored_study.metric_points(
            cluster.database, "outage", metric
        ).items()
        if stopped < at < restarted and epoch[1] > 1  # the first epoch includes compiling
    ]
    event_log.record(
        f"server stopped for {restarted - stopped:.0f} s; {len(ratios)} epochs meanwhile took "
        f"{statistics.median(ratios or [math.nan]):.3f} times as long as undisturbed ones (median)"
    )
