"""MLflow's server away in the middle of a study: nobody notices but the clock."""

import math
import statistics
import time

import pytest

from tests.infra.processes import wait_until

from . import books
from .audit import Audit, differences
from .diary import Diary
from .lab import Lab, Wishes
from .study import Study

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_outage(lab: Lab, undisturbed: Audit, study: Study, diary: Diary, wishes: Wishes):
    study.start()
    wait_until("two epochs are told", lambda: study.epochs() >= 2, 240)
    begun, told = time.time(), study.epochs()
    lab.server.stop()
    time.sleep(wishes.outage)
    during = study.epochs() - told
    lab.server.start()
    back = time.time()
    assert study.wait(900) == 0, study.said
    assert during > 0, "training did not go on"
    audit = lab.audit(study)
    assert audit.faults() == []
    assert set(audit.attempts().values()) == {1}
    assert differences(audit.table, undisturbed.table) == []
    # The same epochs of the undisturbed study are the peer: they were trained on the same machine.
    name, metric = undisturbed.experiment.name, "epoch_seconds"
    before = books.moments(lab.database, name, metric)
    ratios = [
        seconds / before[epoch][1]
        for epoch, (at, seconds) in books.moments(lab.database, "outage", metric).items()
        if begun < at < back and epoch[1] > 1  # a first epoch compiles
    ]
    diary.note(
        f"server away for {back - begun:.0f} s; {len(ratios)} epochs in it took "
        f"{statistics.median(ratios or [math.nan]):.3f} times as long as undisturbed ones (median)"
    )
