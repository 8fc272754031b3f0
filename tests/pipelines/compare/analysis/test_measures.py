"""Measures against logged scores, scipy and values worked by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from faceseg.errors import UserError
from faceseg.robustness.suites import SUITES
from faceseg.robustness.summary import summarise
from faceseg.robustness.tables import curves
from pipelines.compare.analysis import measure_functions
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.analysis.measures import measures
from tests.pipelines.compare import simulated_study


@pytest.fixture(scope="module")
def study():
    return simulated_study.study({}, seeds=1)


@pytest.fixture(scope="module")
def measurements(study):
    return Measurements.from_study(study, 50)


@pytest.mark.parametrize(
    ("measure", "metric"),
    [
        ("iou", "test/iou"),
        ("dice", "test/dice"),
        ("iou_small", "test/iou_small"),
        ("iou/left_eye", "test/iou/left_eye"),
        ("boundary_iou", "test/boundary_iou"),
        ("outline_length", "test/outline_length"),
        ("occlusion/mean/retention", "occlusion/retention"),
        ("occlusion/mean/iou", "occlusion/mean_iou"),
        ("occlusion/blob/retention", "occlusion/blob/retention"),
        ("geometry/mean/retention", "geometry/retention"),
        ("geometry/mean/iou", "geometry/mean_iou"),
    ],
)
def test_a_measure_equals_the_logged_score(study, measurements, measure, metric):
    for model in study.models:
        value = measurements.value(model.name, measure).value
        assert value == pytest.approx(model.finals[0].metrics[metric], abs=1e-12)


def test_scale_is_the_mean_of_resolution_and_framing(study, measurements):
    rows = study.models[0].finals[0].rows["geometry"]
    by_kind, clean = curves(rows, SUITES["geometry"].policies[0])
    retention = summarise(by_kind, clean, by_share=False).retention
    expected = (retention["resolution"] + retention["framing"]) / 2
    assert measurements.value("unet", "scale/retention").value == pytest.approx(expected)


def test_large_parts_are_skin_and_hair(study, measurements):
    metrics = study.models[0].finals[0].metrics
    expected = (metrics["test/iou/skin"] + metrics["test/iou/hair"]) / 2
    assert measurements.value("unet", "iou_large").value == pytest.approx(expected)


def test_a_suite_that_was_not_run_has_no_value(measurements):
    assert measurements.value("unet", "corruption/mean/iou") is None
    reason = measurements.compare("unet", "segnet", "corruption/jpeg/iou")
    assert reason == "not measured here; set robustness.corruption: [jpeg]"


def test_every_measure_has_a_description_and_one_function():
    for name, each in measures(simulated_study.LAPA).items():
        assert each.name == name
        assert each.words
        assert (each.photos is None) != (each.run is None)
        assert each.margin > 0


def test_epochs_to_converge(study):
    # The validation IoU is b/4, b/2, b: the third epoch is the first above 0.9 b.
    final = study.models[0].finals[0]
    assert measure_functions.epochs_to_converge(final) == 3
    early = final.history.assign(**{"val/iou": [0.91, 0.2, 1.0]})
    assert measure_functions.epochs_to_converge(replace(final, history=early)) == 1
    nothing = final.history.assign(**{"val/iou": 0.0})
    assert math.isnan(measure_functions.epochs_to_converge(replace(final, history=nothing)))


def test_the_interval_of_a_log_ratio_is_welchs():
    one, other = [2.0, 2.2, 2.1], [1.0, 1.1, 0.9, 1.05]
    ratio = measure_functions.log_ratio(one, other, exact=False)
    expected = stats.ttest_ind(np.log(one), np.log(other), equal_var=False).confidence_interval()
    assert (ratio.low, ratio.high) == pytest.approx((expected.low, expected.high))
    assert ratio.value == pytest.approx(np.log(one).mean() - np.log(other).mean())
    assert ratio.seeds == (3, 4)


def test_one_run_has_no_interval_unless_the_value_is_exact():
    ratio = measure_functions.log_ratio([4.0], [2.0], exact=False)
    assert math.isnan(ratio.low)
    assert measure_functions.log_ratio([4.0], [2.0], exact=True).low == pytest.approx(math.log(2))


def test_with_one_run_a_time_is_undecided_and_a_count_is_decided(study):
    unet, pspnet, segnet = study.models
    costly = {"latency/p50_ms": 50.0, "model/parameters": 5e7}
    slow = replace(pspnet.finals[0], metrics={**pspnet.finals[0].metrics, **costly})
    changed = replace(study, models=(unet, replace(pspnet, finals=(slow,)), segnet))
    measurements = Measurements.from_study(changed, 50)
    assert measurements.compare("pspnet", "unet", "latency").verdict == "undecided"
    assert measurements.compare("pspnet", "unet", "parameters").verdict == "supported"


def test_models_tested_on_other_images_raise(study):
    unet, pspnet, segnet = study.models
    final = pspnet.finals[0]
    tested = replace(final.tested, ids=tuple(f"other-{name}" for name in final.tested.ids))
    other = replace(final, records=replace(final.records, tested=tested))
    with pytest.raises(UserError, match="pspnet was tested on other images than unet"):
        Measurements.from_study(
            replace(study, models=(unet, replace(pspnet, finals=(other,)), segnet)), 50
        )
