"""The method as the report contains it: from which earlier studies a search was warm-started."""

from dataclasses import replace

from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.report.method import method

SENTENCE = (
    "The search of unet was warm-started from 20 trials of faces-1a2b3c4d and 3 trials of b-2."
)


def test_a_warm_started_search_says_from_what(report: ComparisonReport):
    def sentences(**changes: object) -> list[str]:
        study = replace(report.study, **changes)
        return method(study, report.table, report.measurements)

    earlier = {"unet": {"faces-1a2b3c4d": 20, "b-2": 3}, "segnet": {}}
    warm = sentences(warm_start=earlier)
    assert SENTENCE in warm
    assert [each for each in warm if each not in sentences()] == [SENTENCE]
