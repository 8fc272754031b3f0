"""The front of a search with several goals, from the trials of a study."""

from dataclasses import replace
from typing import Any

import pytest

from pipelines.compare.analysis.search_front import (
    FRONT_RANK,
    front_sentences,
    front_table,
    search_fronts,
)
from pipelines.compare.comparison import log_ranks
from pipelines.compare.figures.front_chart import front_chart
from pipelines.compare.report.comparison_report import ComparisonReport, build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.study_data.study_results import ComparedStudy, TrialRun
from pipelines.config import Experiment

# The score, the multiply-accumulates, the retention, and the state of each trial of unet.
TRIALS = [
    (0.600, 100e6, 0.9, "complete"),  # the best score
    (0.595, 20e6, 0.9, "complete"),  # within 0.01 of it, and the knee
    (0.300, 10e6, 0.9, "complete"),  # the cheapest
    (0.290, 30e6, 0.9, "complete"),  # beaten by the two before it
    (0.900, 1e6, 0.2, "complete"),  # beyond the bound
    (0.950, 1e6, 0.9, "pruned"),
]


def with_goals(study: ComparedStudy, *goals: str) -> ComparedStudy:
    trials = tuple(
        TrialRun(
            number=number,
            state=state,
            value=score,
            settings={},
            seconds=1.0,
            epochs=2,
            run_id=f"run-{number}",
            # `model/macs` and others may have later values than the search had.
            metrics={"goal/model/macs": macs, "goal/occlusion/retention": kept, "model/macs": 1.0},
        )
        for number, (score, macs, kept, state) in enumerate(TRIALS)
    )
    models = tuple(
        replace(model, trials=trials if model.name == "unet" else ()) for model in study.models
    )
    content = {**study.settings.model_dump(), "search": {"goals": goals}}
    return replace(study, models=models, settings=Experiment.model_validate(content))


@pytest.fixture
def searched(study: ComparedStudy) -> ComparedStudy:
    return with_goals(study, "val/iou", "model/macs", "occlusion/retention >= 0.5")


def test_ranks_knee_and_the_cheapest_near_the_best_by_hand(searched: ComparedStudy):
    (front,) = search_fronts(searched)
    assert [trial.number for trial in front.trials] == [0, 1, 2, 3]
    assert front.ranks == (0, 0, 0, 1)
    assert (front.knee, front.near) == (1, 1)
    assert [front.trials[index].number for index in front.front] == [0, 1, 2]


def test_the_table_has_one_row_for_each_trial(searched: ComparedStudy):
    table = front_table(search_fronts(searched))
    assert table["run"].tolist() == ["run-0", "run-1", "run-2", "run-3"]
    assert table["rank"].tolist() == [0, 0, 0, 1]
    assert table["model/macs"].tolist() == [100e6, 20e6, 10e6, 30e6]
    assert table["occlusion/retention"].tolist() == [0.9] * 4
    assert table["knee"].tolist() == [False, True, False, False]


def test_sentences_name_the_ends_and_the_knee(searched: ComparedStudy):
    (sentence,) = front_sentences(search_fronts(searched))
    assert sentence == (
        "unet: 3 of 4 trials are on the front of val/iou and model/macs; the best val/iou is that "
        "of trial 0 (val/iou 0.600, model/macs 100 M); the cheapest within 0.01 of it is trial 1 "
        "(val/iou 0.595, model/macs 20 M); the knee is trial 1 (val/iou 0.595, model/macs 20 M)."
    )


class FakeTracker:
    """Notes the metrics that are logged."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, dict[str, float]]] = []

    def log_metrics(self, run_id: str, values: dict[str, float]) -> None:
        self.logged.append((run_id, values))


def test_a_rank_is_logged_in_the_runs_that_do_not_have_it(searched: ComparedStudy):
    (front,) = search_fronts(searched)
    first = replace(front.trials[0], metrics={FRONT_RANK: 0.0})  # has it
    second = replace(front.trials[1], metrics={FRONT_RANK: 1.0})  # has an earlier one
    known = replace(front, trials=(first, second, *front.trials[2:]))
    tracker: Any = FakeTracker()
    log_ranks(tracker, [known])
    assert tracker.logged == [
        ("run-1", {FRONT_RANK: 0.0}),
        ("run-2", {FRONT_RANK: 0.0}),
        ("run-3", {FRONT_RANK: 1.0}),
    ]


def test_a_single_goal_has_no_front(study: ComparedStudy):
    assert search_fronts(with_goals(study, "val/iou", "model/macs <= 1e9")) == []


def test_without_goals_there_is_no_front(study: ComparedStudy):
    assert search_fronts(study) == []
    assert front_table([]).empty


def test_the_page_shows_the_front_before_the_results(searched: ComparedStudy):
    report = build_report(searched, resamples=20)
    assert report.charts["front"].title == "The front of the search"
    page = render_html(report)
    assert page.index("the knee is trial 1") < page.index('<h2 id="results">')


def test_the_chart_is_drawn_without_a_cost_among_the_goals(
    study: ComparedStudy, report: ComparisonReport
):
    searched = with_goals(study, "val/iou", "occlusion/retention")
    (front,) = search_fronts(searched)
    assert front.near is None
    assert front_chart(searched, report.table) is not None
    assert front_chart(study, report.table) is None
