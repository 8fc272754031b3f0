"""How a job ended, as its worker reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from optuna.trial import TrialState

from pipelines.job.spent import Spent


@dataclass(frozen=True, kw_only=True)
class JobOutcome:
    """How a job ended: with a value, pruned, or (without a value) failed for a reason."""

    value: float | None
    pruned: bool = False
    reason: str = ""
    out_of_memory: bool = False
    own_fault: bool = False  # its settings are the cause: the same job would fail again
    seconds: Mapping[str, float] = field(default_factory=dict)  # by phase, if they were measured
    spent: Spent | None = None  # by this attempt, if its worker has measured it
    goals: Mapping[str, float] = field(default_factory=dict)  # their values, of a trial

    @property
    def state(self) -> TrialState:
        """The state in Optuna's terms."""
        if self.pruned:
            return TrialState.PRUNED
        return TrialState.FAIL if self.value is None else TrialState.COMPLETE
