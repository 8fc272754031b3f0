"""Who does a job: a lease, kept with its trial in Optuna's database.

Workers are named by the driver's session, `SESSION/worker-3`. So a coordinator that starts
again knows which jobs its own workers hold, and which were left by a driver that is gone.
"""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from optuna.trial import FrozenTrial

DEATHS = 3  # of a job's workers in a row, without a newly finished epoch, before it is given up
ATTRIBUTE = "lease"


@dataclass(frozen=True)
class Lease:
    """One trial's. `worker` is '' while nobody holds it; `epochs` were finished when it was
    handed out; `doomed` says why it is handed out no more.
    """

    worker: str = ""
    attempt: int = 0
    deaths: int = 0
    epochs: int = 0
    since: float = 0.0
    doomed: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        """Return a trial's lease; one that was never handed out has an empty one."""
        return cls(**trial.user_attrs.get(ATTRIBUTE, {}))

    def as_attribute(self) -> dict[str, Any]:
        """Return the lease as the trial keeps it: one attribute, so it changes in one step."""
        return asdict(self)

    def is_held(self, session: str) -> bool:
        """Return whether a worker of this session holds it; those of others are gone."""
        return self.worker.startswith(f"{session}/")

    def taken(self, worker: str, epochs: int) -> Self:
        """Return the lease handed out to `worker`, with `epochs` finished so far."""
        return replace(
            self,
            worker=worker,
            attempt=self.attempt + 1,
            deaths=0 if epochs > self.epochs else self.deaths,
            epochs=epochs,
            since=time.time(),
        )

    def given_up(self, reason: str) -> Self:
        """Return the lease that is handed out no more."""
        return replace(self, worker="", doomed=reason)

    def lost(self, epochs: int, *, is_fault: bool) -> Self:
        """Return the lease after its worker's death. is_fault: it may be the job's doing, as a
        node's death is not. A newly finished epoch shows that the job can be done.
        """
        deaths = 0 if epochs > self.epochs else self.deaths + is_fault
        freed = replace(self, worker="", deaths=deaths)
        if deaths < DEATHS:
            return freed
        return freed.given_up(f"its worker died {deaths} times in a row before an epoch was done")
