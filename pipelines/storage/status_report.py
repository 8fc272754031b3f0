"""The state of studies as text for a terminal, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from pipelines.storage.study_state import JobCounts, StudyState


def as_json(states: Sequence[StudyState]) -> str:
    """Return the states as a JSON list."""
    return json.dumps([asdict(state) for state in states], indent=2)


def print_states(states: Sequence[StudyState], console: Console) -> None:
    """Print a paragraph and a table for each study."""
    for state in states:
        by = f" by {state.driver}" if state.driver else ""
        _print(console, f"{state.study}: {state.state}{by}")
        console.print(_table(state))
        for job in state.running:
            _print(console, f"  runs {job.job}: {job.epoch} epochs done, {job.minutes} min")
        if state.undelivered:
            _print(console, f"  {state.undelivered} records wait for MLflow")
        if state.state == "unfinished":
            _print(console, "  re-run its `faceseg study` command to resume")
        if state.report:
            _print(console, f"  report: {state.report}")


def _table(state: StudyState) -> Table:
    table = Table(box=None, padding=(0, 2))
    for column in ("network", "trials", "best val IoU", "finals"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name, network in state.networks.items():
        best = "-" if network.best_val_iou is None else f"{network.best_val_iou:.3f}"
        table.add_row(name, _words(network.trials), best, _words(network.finals))
    return table


def _words(counts: JobCounts) -> str:
    """Return the counts that are not 0: `2 complete, 1 pruned, 1 waiting`."""
    return ", ".join(f"{count} {name}" for name, count in asdict(counts).items() if count) or "none"


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
