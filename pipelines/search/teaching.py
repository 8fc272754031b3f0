"""When the final of a taught network may start: its teachers' finals of the same number decide."""

from collections.abc import Mapping
from dataclasses import dataclass

from optuna.trial import TrialState

from pipelines.search.trials import TrialStore


@dataclass(frozen=True)
class Teaching:
    """Whether the teachers' finals of a number are complete; if they cannot be, the reason."""

    ready: bool
    failure: str = ""


def teaching_of(number: int, teachers: Mapping[str, TrialStore | None]) -> Teaching:
    """Return whether a taught network's final of this number may start.

    Args:
        number: The number of the final.
        teachers: The finals of each teacher; None during its search.
    """
    ready = True
    for name, finals in teachers.items():
        started = finals is not None and number < len(finals.all())
        state = finals.find(number).state if finals is not None and started else None
        if state == TrialState.FAIL:
            return Teaching(False, f"its teacher failed: final {number} of {name}")
        ready = ready and state == TrialState.COMPLETE
    return Teaching(ready)
