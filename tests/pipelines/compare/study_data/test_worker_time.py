"""The time of two workers, with sums worked out by hand."""

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
from tests.pipelines.mlflow_runs import open_run

# One worker runs two jobs of unet, the other one job of segnet; one waits 10 s at the end.
WORKER_TIME = WorkerTime(
    (
        RunSeconds("unet", 1, {STEPS: 60.0, results.IMPORTS_PHASE: 40.0}),
        RunSeconds("unet", 2, {STEPS: 90.0, INPUT: 0.1}),
        RunSeconds("segnet", 1, {STEPS: 50.0, results.IMPORTS_PHASE: 50.0}),
    ),
    {results.WAITING_PHASE: 9.9},
)


def test_the_share_of_optimiser_steps_is_taken_of_all_worker_time() -> None:
    assert optimiser_share(WORKER_TIME.total()) == pytest.approx(200 / 300)
    assert optimiser_share(WORKER_TIME.from_second_job()) == pytest.approx(90 / 100)
    assert worker_time_sentences(WORKER_TIME) == [
        "Workers spent 5.0 min; 66.7 % of it on optimiser steps (90.0 % without the first job of "
        "each worker)."
    ]


def test_each_phase_has_a_row_and_the_last_row_is_the_sum() -> None:
    table = worker_time_table(WORKER_TIME, ["segnet", "unet"])
    assert table.headings[:3] == ("phase", "segnet", "unet")
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == [
        "optimiser steps",
        "waiting for input",
        "imports",
        "waiting for a job",
        "total",
    ]
    assert rows["optimiser steps"] == ["50 s", "2.5 min", "–", "3.3 min", "66.7 %", "90.0 %"]  # noqa: RUF001
    assert rows["waiting for input"][1] == "< 1 s"
    assert rows["total"] == ["100 s", "3.2 min", "10 s", "5.0 min", "100.0 %", "100.0 %"]


def test_the_report_states_that_time_was_not_measured(study) -> None:
    assert study.worker_time == WorkerTime()
    report = build_report(study, resamples=50)
    for text in (render_html(report), render_markdown(report)):
        assert "Time of the workers" in text
        assert "was not measured" in text


def test_the_report_has_the_table(study) -> None:
    measured = build_report(replace(study, worker_time=WORKER_TIME), resamples=50)
    assert "| optimiser steps |" in render_markdown(measured)
    assert '<th scope="row">optimiser steps</th>' in render_html(measured)


def test_worker_time_is_read_from_the_runs(tracker: Tracker, tmp_path) -> None:
    experiment = tracker.experiment(tmp_path.name, tmp_path)

    def run(name: str, **values: float) -> str:
        identity = {"study": "s", "kind": "trial", "architecture": name, "trial": str(len(values))}
        made = open_run(tracker, experiment, name, identity, "")
        tracker.log_metrics(made, {key.replace("_", "/"): values[key] for key in values})
        return made

    run("unet", seconds_steps=60.0, seconds_training=7.0, worker_job=1)
    run("unet", seconds_steps=3.0)  # logged by an older version
    run("ensemble")  # not run by a worker
    study = open_run(tracker, experiment, "s", {"study": "s", "kind": "study"}, "")
    for step, seconds in enumerate((4.0, 5.0)):  # two workers
        tracker.log_metrics(study, {"seconds/waiting": seconds}, step)  # as earlier versions did
    for worker, seconds in (("a/worker-1", 0.5), ("a/worker-2", 0.25)):
        tags = results.worker_time_tags(worker, {results.WAITING_PHASE: seconds})
        tracker.set_tags(study, **tags)
    found = read_worker_time(tracker, experiment, "s", tracker.client.get_run(study))
    assert found == WorkerTime(
        (RunSeconds("unet", 1, {STEPS: 60.0}),), {results.WAITING_PHASE: 9.75}, 1
    )
