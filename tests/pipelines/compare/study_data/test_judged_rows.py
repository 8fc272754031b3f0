"""A judged network in a comparison: a class that it lacks is in no network's mean."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.compare.report import comparison_report
from pipelines.compare.report.comparison_report import ComparisonReport, build_report
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.compare.study_data.collection import recompute_scores
from pipelines.compare.study_data.judged_rows import leave_out
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy

BASELINES = {"background": 0.5, "skin": 0.1, "left_eye": 0.9, "right_eye": 0.3}
UNKNOWN = ("model/parameters", "model/macs", "seconds/training", "epochs")


@pytest.fixture(scope="module")
def judged(study: ComparedStudy) -> ComparedStudy:
    """Return the study with one more network, whose cost is partly unknown."""
    final = study.models[0].finals[0]
    metrics = {name: value for name, value in final.metrics.items() if name not in UNKNOWN}
    model = ComparedModel(
        name="bisenet.judged", finals=(replace(final, metrics=metrics, params={}),)
    )
    return replace(study, models=(*study.models, model))


@pytest.fixture(scope="module")
def report(judged: ComparedStudy) -> ComparisonReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison_report, "draw_figures", lambda *_: {})  # saves seconds
        return build_report(leave_out(judged, ("left_eye",), BASELINES), resamples=50)


def test_every_mean_is_that_of_the_other_classes(judged: ComparedStudy, report: ComparisonReport):
    table = report.table.set_index("architecture")
    assert len(table) == len(judged.models)
    for model in judged.models:
        own = [recompute_scores(final, judged.classes) for final in model.finals]
        kept = [[each[f"test/iou/{name}"] for name in ("skin", "right_eye")] for each in own]
        assert table.loc[model.name, "iou"] == pytest.approx(np.mean(kept))
        assert table.loc[model.name, "iou_small"] == pytest.approx(np.mean(kept, axis=0)[1])
        assert (
            table.loc[model.name, "iou_low"] <= np.mean(kept) <= table.loc[model.name, "iou_high"]
        )


def test_the_class_s_own_score_stays(judged: ComparedStudy, report: ComparisonReport):
    table = report.table.set_index("architecture")
    for model in judged.models:
        logged = np.mean([final.metric("test/iou/left_eye") for final in model.finals])
        assert table.loc[model.name, "iou/left_eye"] == pytest.approx(logged)


def test_the_baseline_is_that_of_the_other_classes(report: ComparisonReport):
    assert report.measurements.baseline_iou == pytest.approx((0.1 + 0.3) / 2)


def test_the_report_says_so(report: ComparisonReport):
    text = render_markdown(report)
    assert "bisenet.judged" in text
    assert "Left out of the mean of every network: left_eye" in text
    assert "over 2 seeds of each winner" in text  # the judged network has one final
    assert {each.name for each in report.advice} <= {"unet", "pspnet", "segnet"}
