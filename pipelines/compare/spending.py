"""Where the time of a study's workers went, as a table and in sentences."""

from collections import Counter
from collections.abc import Iterable

from pipelines import phases
from pipelines.compare.formats import DASH, duration, share
from pipelines.compare.grids import Grid
from pipelines.compare.slots import Spending, steps_share
from pipelines.config.claims import ENSEMBLE

AFTER = "after the last job"
ALL = "all"
LATER = "from a worker's second job on"


def spending_grid(found: Spending, names: Iterable[str]) -> Grid:
    """Return a row a phase: seconds of each network, after the last job, of all, and shares."""
    own = found.by_name()
    columns = {name: own.get(name, Counter()) for name in names if name != ENSEMBLE}
    columns |= {AFTER: Counter(found.after), ALL: found.all()}
    everything, later = found.all(), found.later()
    rows = [
        [
            phases.WORDS[phase],
            *(_seconds(seconds.get(phase, 0.0)) for seconds in columns.values()),
            share(everything[phase] / sum(everything.values())),
            share(later[phase] / sum(later.values())) if later[phase] else DASH,
        ]
        for phase in phases.WORDS
        if everything.get(phase, 0.0) > 0
    ]
    if not rows:
        return Grid((), [])
    total = [duration(sum(seconds.values())) for seconds in columns.values()]
    rows.append(["together", *total, share(1.0), share(1.0) if later else DASH])
    return Grid(("", *columns, "share", "2nd job on"), rows)


def spending_notes(found: Spending) -> list[str]:
    """Say in sentences what the share of optimiser steps is, and what was not measured."""
    if not found.jobs:
        return ["Where the time went was not measured: another version of this program ran the "
                "study."]  # fmt: skip
    everything, later = found.all(), found.later()
    told = [
        f"Optimiser steps took {share(steps_share(everything))} of "
        f"{duration(sum(everything.values()))} of workers' time"
        + (f", and {share(steps_share(later))} {LATER}." if later else ".")
    ]
    if found.unmeasured:
        told.append(f"{found.unmeasured} runs do not say where their time went.")
    return told


def _seconds(value: float) -> str:
    return duration(value) if value >= 0.5 else (DASH if value == 0 else "< 1 s")
