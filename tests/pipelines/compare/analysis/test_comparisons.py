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
    evidence = Measurements.from_study(study, 300)
    return evidence, compare_pairs(evidence, build_table(study, 50))


def test_every_two_are_compared_once_the_better_first(compared):
    _, found = compared
    names = [(each.comparison.first, each.comparison.second) for each in found]
    assert len(names) == 3
    assert [second for _, second in names].count("pspnet") == 2  # the worst of the table
    assert all(each.comparison.estimate.value >= 0 for each in found)


def test_p_values_are_scipys_corrected_by_holm_over_all_pairs(compared):
    evidence, found = compared
    raw = [
        stats.wilcoxon(
            evidence.images(each.comparison.first) - evidence.images(each.comparison.second),
            zero_method="pratt",
        ).pvalue
        for each in found
    ]
    assert [each.adjusted for each in found] == pytest.approx(
        list(multipletests(raw, method="holm")[1])
    )


def test_the_verdict_is_in_words_and_goes_by_the_interval(compared):
    _, found = compared
    told = {frozenset((e.comparison.first, e.comparison.second)): e.words for e in found}
    assert told[frozenset(("unet", "pspnet"))] == "unet is better"
    assert told[frozenset(("segnet", "pspnet"))] == "segnet is better"
    assert told[frozenset(("unet", "segnet"))] == "undecided"


def test_a_row_has_difference_interval_p_and_effect(compared):
    grid = pair_table(compared[1])
    assert all(len(row) == len(grid.headings) for row in grid.rows)
    assert any("+1.00" in row[3] for row in grid.rows)  # eroded eyes are worse everywhere


def test_one_architecture_has_nothing_to_be_compared_with(record):
    alone = replace(record, contenders=record.models[:1])
    assert compare_pairs(Measurements.from_study(alone, 50), build_table(alone, 50)) == []
