"""The state of a study as the coordinator returns it, for the terminal and the driver."""

import time
from dataclasses import dataclass, field

from pipelines.job.job import Job


@dataclass(kw_only=True)
class RunningJob:
    """The state of a job in progress, for the terminal.

    `percent` is how much of the current epoch is done; `iou` and `images_per_second` are those of
    the last epoch; `started` is in seconds since 1970.
    """

    worker: str
    label: str
    epochs: int
    epoch: int = 0
    percent: int = 0
    iou: float | None = None
    images_per_second: float | None = None
    started: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class StudySnapshot:
    """The state of the study for the terminal, and the jobs that the driver is to end as failed.

    By architecture: `counts` of trials by state, `budgets` of trials, `best` `val/iou`, complete
    `finals`.
    """

    running: list[RunningJob]
    counts: dict[str, dict[str, int]]
    budgets: dict[str, int]
    best: dict[str, float | None]
    finals: dict[str, int]
    epochs_done: int
    seconds_left: float | None = None
    jobs_to_fail: list[tuple[Job, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
