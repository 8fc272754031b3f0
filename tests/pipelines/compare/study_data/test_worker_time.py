"""Where the time went: two workers' jobs added up by hand."""

from dataclasses import replace

import pytest

from faceseg.training.stopwatch import INPUT, STEPS
from pipelines.compare.report.comparison_report import build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.compare.study_data.worker_time import (
    RunSeconds,
    WorkerTime,
    optimiser_share,
    read_worker_time,
    worker_time_sentences,
    worker_time_table,
)
from pipelines.job import results
from pipelines.tracking import Tracker

# One worker does unet twice, the other segnet once; one of them waits 10 s at the end.
SPENDING = WorkerTime(
    (
        RunSeconds("unet", 1, {STEPS: 60.0, results.IMPORTS_PHASE: 40.0}),
        RunSeconds("unet", 2, {STEPS: 90.0, INPUT: 0.1}),
        RunSeconds("segnet", 1, {STEPS: 50.0, results.IMPORTS_PHASE: 50.0}),
    ),
    {results.WAITING_PHASE: 9.9},
)


def test_the_share_of_steps_is_counted_over_all_workers_time() -> None:
    assert optimiser_share(SPENDING.total()) == pytest.approx(200 / 300)
    assert optimiser_share(SPENDING.from_second_job()) == pytest.approx(90 / 100)
    assert worker_time_sentences(SPENDING) == [
        "Optimiser steps took 66.7 % of 5.0 min of workers' time, and 90.0 % from a worker's "
        "second job on."
    ]


def test_a_row_is_a_phase_and_the_last_row_their_sum() -> None:
    grid = worker_time_table(SPENDING, ["segnet", "unet"])
    assert grid.headings[:3] == ("", "segnet", "unet")
    rows = {row[0]: row[1:] for row in grid.rows}
    assert list(rows) == [
        "optimiser steps",
        "waiting for input",
        "imports",
        "waiting for a job",
        "together",
    ]
    assert rows["optimiser steps"] == ["50 s", "2.5 min", "–", "3.3 min", "66.7 %", "90.0 %"]  # noqa: RUF001
    assert rows["waiting for input"][1] == "< 1 s"
    assert rows["together"] == ["100 s", "3.2 min", "10 s", "5.0 min", "100.0 %", "100.0 %"]


def test_a_study_that_did_not_measure_says_so(record) -> None:
    assert record.worker_time == WorkerTime()
    report = build_report(record, resamples=50)
    for text in (render_html(report), render_markdown(report)):
        assert "Where the time went" in text
        assert "was not measured" in text


def test_the_report_has_the_table(record) -> None:
    measured = build_report(replace(record, spending=SPENDING), resamples=50)
    assert "| optimiser steps |" in render_markdown(measured)
    assert '<th scope="row">optimiser steps</th>' in render_html(measured)


def test_it_is_read_from_the_runs(tracker: Tracker, tmp_path) -> None:
    experiment = tracker.experiment(tmp_path.name, tmp_path)

    def run(name: str, **values: float) -> str:
        identity = {"study": "s", "kind": "trial", "architecture": name, "trial": str(len(values))}
        made = tracker.open_run(experiment, name, identity, "")
        tracker.log_metrics(made, {key.replace("_", "/"): values[key] for key in values})
        return made

    run("unet", seconds_steps=60.0, seconds_training=7.0, worker_job=1)
    run("unet", seconds_steps=3.0)  # of an older version
    run("ensemble")  # done in no worker
    study = tracker.open_run(experiment, "s", {"study": "s", "kind": "study"}, "")
    for step, seconds in enumerate((4.0, 5.0)):  # two workers
        tracker.log_metrics(study, {"seconds/waiting": seconds}, step)
    found = read_worker_time(tracker, experiment, "s", tracker.client.get_run(study))
    assert found == WorkerTime(
        (RunSeconds("unet", 1, {STEPS: 60.0}),), {results.WAITING_PHASE: 9.0}, 1
    )
