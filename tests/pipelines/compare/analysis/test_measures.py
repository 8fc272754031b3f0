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
def evidence(study):
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
def test_a_measure_is_the_logged_score(study, evidence, measure, metric):
    for contender in study.models:
        value = evidence.value(contender.name, measure).value
        assert value == pytest.approx(contender.finals[0].metrics[metric], abs=1e-12)


def test_scale_is_the_mean_of_resolution_and_framing(study, evidence):
    rows = study.models[0].finals[0].rows["geometry"]
    by_kind, clean = curves(rows, SUITES["geometry"].policies[0])
    kept = summarise(by_kind, clean, by_share=False).retention
    expected = (kept["resolution"] + kept["framing"]) / 2
    assert evidence.value("unet", "scale/retention").value == pytest.approx(expected)


def test_large_parts_are_skin_and_hair(study, evidence):
    metrics = study.models[0].finals[0].metrics
    expected = (metrics["test/iou/skin"] + metrics["test/iou/hair"]) / 2
    assert evidence.value("unet", "iou_large").value == pytest.approx(expected)


def test_what_was_not_run_has_no_value(evidence):
    assert evidence.value("unet", "corruption/mean/iou") is None
    assert "set robustness.corruption" in evidence.compare("unet", "segnet", "corruption/jpeg/iou")


def test_every_measure_says_what_it_is_and_is_taken_in_one_way():
    for name, each in measures(simulated_study.LAPA).items():
        assert each.name == name
        assert each.words
        assert (each.photos is None) != (each.run is None)
        assert each.margin > 0


def test_epochs_to_most_of_the_best(study):
    # Validation IoU of b/4, b/2, b: the third epoch is the first above 0.9 b.
    final = study.models[0].finals[0]
    assert measure_functions.epochs_to_converge(final) == 3
    early = final.history.assign(**{"val/iou": [0.91, 0.2, 1.0]})
    assert measure_functions.epochs_to_converge(replace(final, history=early)) == 1
    nothing = final.history.assign(**{"val/iou": 0.0})
    assert math.isnan(measure_functions.epochs_to_converge(replace(final, history=nothing)))


def test_a_ratio_has_welchs_interval_of_its_logarithm():
    one, other = [2.0, 2.2, 2.1], [1.0, 1.1, 0.9, 1.05]
    found = measure_functions.log_ratio(one, other, exact=False)
    expected = stats.ttest_ind(np.log(one), np.log(other), equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(np.log(one).mean() - np.log(other).mean())
    assert found.seeds == (3, 4)


def test_one_run_has_no_interval_unless_no_chance_is_in_it():
    found = measure_functions.log_ratio([4.0], [2.0], exact=False)
    assert math.isnan(found.low)
    assert measure_functions.log_ratio([4.0], [2.0], exact=True).low == pytest.approx(math.log(2))


def test_one_run_each_leaves_a_time_undecided_and_decides_a_count(study):
    unet, pspnet, segnet = study.models
    costly = {"latency/p50_ms": 50.0, "model/parameters": 5e7}
    slow = replace(pspnet.finals[0], metrics={**pspnet.finals[0].metrics, **costly})
    changed = replace(study, contenders=(unet, replace(pspnet, finals=(slow,)), segnet))
    evidence = Measurements.from_study(changed, 50)
    assert evidence.compare("pspnet", "unet", "latency").verdict == "undecided"
    assert evidence.compare("pspnet", "unet", "parameters").verdict == "supported"


def test_contenders_of_other_images_are_refused(study):
    unet, pspnet, segnet = study.models
    final = pspnet.finals[0]
    tested = replace(final.tested, ids=tuple(f"other-{name}" for name in final.tested.ids))
    strange = replace(final, records=replace(final.records, tested=tested))
    with pytest.raises(UserError, match="pspnet was tested on other images than unet"):
        Measurements.from_study(
            replace(study, contenders=(unet, replace(pspnet, finals=(strange,)), segnet)), 50
        )
