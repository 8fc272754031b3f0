"""A study's progress on the console: live tables in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.compare.formatting import format_duration
from pipelines.search.snapshot import RunningJob, StudySnapshot

PLAIN_INTERVAL = 15.0  # minimum seconds between two plain lines


class StudyDisplay:
    """Shows snapshots of a study. Use it as a context manager.

    Args:
        console: The console to print on.
        seeds: The number of finals of each architecture.
    """

    def __init__(self, console: Console, seeds: int) -> None:
        self.console = console
        self.seeds = seeds
        self._started = time.monotonic()
        self._last_line = 0.0
        self._last_text = ""
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, snapshot: StudySnapshot, messages: list[str]) -> None:
        """Show a snapshot, and print messages, which stay on the screen above it."""
        for line in messages:
            self.console.print(Text(line, style="yellow"))
        if self._live:
            self._live.update(self._table(snapshot))
        elif time.monotonic() - self._last_line > PLAIN_INTERVAL:
            text = self._line(snapshot)
            if text != self._last_text:
                self.console.print(text, markup=False, highlight=False, soft_wrap=True)
            self._last_line, self._last_text = time.monotonic(), text

    def _table(self, snapshot: StudySnapshot) -> Group:
        running = Table(title=f"running ({len(snapshot.running)})", title_justify="left")
        for column in ("job", "epoch", "val IoU", "images/s", "minutes"):
            running.add_column(column, justify="left" if column == "job" else "right")
        for job in sorted(snapshot.running, key=lambda each: each.label):
            running.add_row(job.label, _epoch(job), _score(job.iou), _speed(job), _minutes(job))
        architectures = Table(title="architectures", title_justify="left")
        for column in ("architecture", "done", "pruned", "failed", "best val IoU", "finals"):
            architectures.add_column(
                column, justify="left" if column == "architecture" else "right"
            )
        for name, counts in snapshot.counts.items():
            architectures.add_row(
                name,
                f"{_ended(counts)} of {snapshot.budgets[name]}",
                str(counts.get("pruned", 0)),
                str(counts.get("fail", 0)),
                _score(snapshot.best[name]),
                f"{snapshot.finals[name]} of {self.seeds}",
            )
        return Group(architectures, running, Text(self._times(snapshot)))

    def _line(self, snapshot: StudySnapshot) -> str:
        done = ", ".join(
            f"{name} {_ended(counts)}/{snapshot.budgets[name]} (best {_score(snapshot.best[name])})"
            for name, counts in snapshot.counts.items()
        )
        running = ", ".join(f"{job.label} {_epoch(job)}" for job in snapshot.running)
        return f"{done} | running: {running or 'none'} | {self._times(snapshot)}"

    def _times(self, snapshot: StudySnapshot) -> str:
        """Return the time since the start of this command, and the time until the report."""
        elapsed = f"{format_duration(time.monotonic() - self._started)} elapsed"
        if snapshot.seconds_left is None:
            return elapsed
        return f"{elapsed}, about {format_duration(snapshot.seconds_left)} left until the report"


def _ended(counts: dict[str, int]) -> int:
    return sum(counts.get(state, 0) for state in ("complete", "pruned", "fail"))


def _epoch(job: RunningJob) -> str:
    if job.epoch == 0:
        return "starting"
    return f"{job.epoch}/{job.epochs} {job.percent}%"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _speed(job: RunningJob) -> str:
    return "-" if job.images_per_second is None else f"{job.images_per_second:.0f}"


def _minutes(job: RunningJob) -> str:
    return f"{(time.time() - job.started) / 60:.1f}"
