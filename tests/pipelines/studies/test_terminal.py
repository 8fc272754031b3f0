"""A study's progress from made-up snapshots: tables in a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from pipelines.search.snapshot import RunningJob, StudySnapshot
from pipelines.studies import terminal
from pipelines.studies.terminal import StudyDisplay

RUNNING = RunningJob(
    worker="w1",
    label="unet-trial-003",
    epochs=6,
    epoch=2,
    percent=40,
    iou=0.25,
    images_per_second=120.4,
)


def snapshot(seconds_left: float | None = None) -> StudySnapshot:
    counts = {"unet": {"complete": 2, "pruned": 1, "running": 1}, "segnet": {"fail": 1}}
    budgets, finals = {"unet": 4, "segnet": 4}, {"unet": 1, "segnet": 0}
    best = {"unet": 0.5, "segnet": None}
    return StudySnapshot(
        running=[RUNNING],
        counts=counts,
        budgets=budgets,
        best=best,
        finals=finals,
        epochs_done=10,
        seconds_left=seconds_left,
    )


def show(*snapshots: StudySnapshot, terminal: bool, messages: tuple[str, ...] = ()) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=terminal, width=150)
    with StudyDisplay(console, seeds=2) as shown:
        for each in snapshots:
            shown(each, list(messages))
    return buffer.getvalue()


def test_plain_lines_contain_the_progress_of_each_architecture(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terminal, "PLAIN_INTERVAL", -1.0)
    text = show(snapshot(), snapshot(605.0), terminal=False)
    first, second = text.splitlines()
    assert first.startswith("unet 3/4 (best 0.500), segnet 1/4 (best -) | running: ")
    assert "unet-trial-003 2/6 40%" in first
    assert first.endswith("0 s elapsed")  # nothing is measured yet to estimate from
    assert second.endswith("0 s elapsed, about 10.1 min left until the report")


def test_plain_lines_are_printed_at_intervals():
    assert len(show(*[snapshot()] * 20, terminal=False).splitlines()) <= 1


def test_a_terminal_shows_tables():
    text = show(snapshot(), terminal=True)
    for word in ("unet-trial-003", "2/6 40%", "0.250", "120", "3 of 4", "1 of 2", "0.500"):
        assert word in text


@pytest.mark.parametrize("terminal", [True, False])
def test_messages_are_printed_unchanged(terminal: bool):
    """Square brackets are not markup."""
    message = "worker-1 died ([Errno 28] no space); unet-trial-003 goes on anew"
    assert message in show(snapshot(), terminal=terminal, messages=(message,))
