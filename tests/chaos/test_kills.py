"""A study whose processes are killed at random ends with the same results as an undisturbed one.

With `--default-search`, which trials are proposed and pruned depends on the order in which they
report. Then the trials that both studies have in common are compared.
"""

import numpy as np
import pytest

from .audit import StudyAudit, differences
from .chaos_cluster import ChaosCluster, ChaosOptions
from .checkpoint_watcher import CheckpointWatcher
from .event_log import EventLog
from .fault_injection import FaultInjector, fault_schedule
from .study_process import StudyProcess

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_kills(
    cluster: ChaosCluster,
    undisturbed: StudyAudit,
    study: StudyProcess,
    event_log: EventLog,
    options: ChaosOptions,
):
    rng = np.random.default_rng(options.seed)
    injector = FaultInjector(cluster=cluster, study=study, event_log=event_log, rng=rng)
    with CheckpointWatcher(study.experiment.storage / "checkpoints") as watcher:
        study.start()
        for kind in fault_schedule(options.kills, options.seed):
            injector.await_progress()
            injector.inject(kind)
        cluster.server.wait()
        assert study.wait(900) == 0, study.output
    audit = cluster.audit(study)
    assert audit.faults() == []
    count, different = audit.repeated_trials(undisturbed)
    event_log.record(f"{count} trials and finals have the settings of the undisturbed study")
    assert count > 0
    assert different == []
    if not options.default_search:
        assert differences(audit.table, undisturbed.table) == []
    attempts = audit.attempts()
    further = sum(attempts.values()) - len(attempts)
    event_log.record(
        f"{further} further attempts, {watcher.repeated_epochs()} whole epochs trained again, "
        f"{audit.epochs()} epochs in all; attempts: {attempts}"
    )
    # An attempt loses the epoch that it was training. It may also lose the one whose checkpoint it
    # was writing, which the watcher cannot count.
    assert watcher.repeated_epochs() + further < 0.1 * audit.epochs()
