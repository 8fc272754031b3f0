"""Random kill -9 over one study: it ends, and nobody could tell from what it left."""

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
    lab: ChaosCluster,
    undisturbed: StudyAudit,
    study: StudyProcess,
    diary: EventLog,
    wishes: ChaosOptions,
):
    chance = np.random.default_rng(wishes.seed)
    mischief = FaultInjector(lab, study, diary, chance)
    with CheckpointWatcher(study.experiment.storage / "checkpoints") as witness:
        study.start()
        for kind in fault_schedule(wishes.kills, wishes.seed):
            mischief.await_progress()
            mischief.inject(kind)
        lab.server.wait()
        assert study.wait(900) == 0, study.output
    audit = lab.audit(study)
    assert audit.faults() == []
    assert differences(audit.table, undisturbed.table) == []
    attempts = audit.attempts()
    again = sum(attempts.values()) - len(attempts)
    diary.record(
        f"{again} further attempts, {witness.repeated_epochs()} whole epochs trained again, "
        f"{audit.epochs()} epochs in all; attempts: {attempts}"
    )
    # An attempt loses at most the epoch that it was in.
    assert witness.repeated_epochs() + again < 0.1 * audit.epochs()
