"""Random kill -9 over one study: it ends, and nobody could tell from what it left."""

import numpy as np
import pytest

from .audit import Audit, differences
from .diary import Diary
from .lab import Lab, Wishes
from .mischief import Mischief, plan
from .study import Study
from .witness import Witness

pytestmark = [pytest.mark.chaos, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_kills(lab: Lab, undisturbed: Audit, study: Study, diary: Diary, wishes: Wishes):
    chance = np.random.default_rng(wishes.seed)
    mischief = Mischief(lab, study, diary, chance)
    with Witness(study.experiment.storage / "checkpoints") as witness:
        study.start()
        for kind in plan(wishes.kills, wishes.seed):
            mischief.await_progress()
            mischief.do(kind)
        lab.server.wait()
        assert study.wait(900) == 0, study.said
    audit = lab.audit(study)
    assert audit.faults() == []
    assert differences(audit.table, undisturbed.table) == []
    attempts = audit.attempts()
    again = sum(attempts.values()) - len(attempts)
    diary.note(
        f"{again} further attempts, {witness.repeated()} whole epochs trained again, "
        f"{audit.epochs()} epochs in all; attempts: {attempts}"
    )
    # An attempt loses at most the epoch that it was in.
    assert witness.repeated() + again < 0.1 * audit.epochs()
