"""Comparisons of every two models of a simulated study."""

from dataclasses import replace

import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pipelines.compare.analysis.comparison_table import build_table
from pipelines.compare.analysis.comparisons import Measurements, compare_pairs
from pipelines.compare.report.comparison_text import pair_table
from tests.pipelines.compare import simulated_study


@pytest.fixture(scope="module")
def compared():
    study = simulated_study.study({"pspnet": simulated_study.Flaw(eyes=True)})
    measurements = Measurements.from_study(study, 300)
    return measurements, compare_pairs(measurements, build_table(study, 50))


def test_every_two_are_compared_once_with_the_better_one_first(compared):
    _, pairs = compared
    names = [(each.comparison.first, each.comparison.second) for each in pairs]
    assert len(names) == 3
    assert [second for _, second in names].count("pspnet") == 2  # the worst of the table
    assert all(each.comparison.estimate.value >= 0 for each in pairs)


def test_p_values_are_those_of_scipy_with_holm_correction(compared):
    measurements, pairs = compared
    raw = [
        stats.wilcoxon(
            measurements.image_ious(each.comparison.first)
            - measurements.image_ious(each.comparison.second),
            zero_method="pratt",
        ).pvalue
        for each in pairs
    ]
    assert [each.adjusted for each in pairs] == pytest.approx(
        list(multipletests(raw, method="holm")[1])
    )


def test_the_interval_decides_the_verdict(compared):
    _, pairs = compared
    verdicts = {frozenset((e.comparison.first, e.comparison.second)): e.words for e in pairs}
    assert verdicts[frozenset(("unet", "pspnet"))] == "unet is better"
    assert verdicts[frozenset(("segnet", "pspnet"))] == "segnet is better"
    assert verdicts[frozenset(("unet", "segnet"))] == "undecided"


def test_a_row_has_difference_interval_p_and_effect(compared):
    table = pair_table(compared[1])
    assert all(len(row) == len(table.headings) for row in table.rows)
    assert any("+1.00" in row[3] for row in table.rows)  # eroded eyes are worse everywhere


def test_a_single_architecture_has_no_pairs(study):
    alone = replace(study, models=study.models[:1])
    assert compare_pairs(Measurements.from_study(alone, 50), build_table(alone, 50)) == []
