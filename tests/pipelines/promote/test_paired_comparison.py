"""The gate's scores under robustness suites equal the scores that final runs log."""

import pytest

from faceseg.data.classes import LAPA
from pipelines.job import results
from pipelines.promote.paired_comparison import compare_versions
from pipelines.promote.scored_version import ScoredVersion
from tests.pipelines.compare.simulated_study import BASELINE_IOU, Flaw, records


def version(number, seed):
    return ScoredVersion(
        model="faceseg",
        version=number,
        run_id=f"run-{number}",
        architecture="unet",
        study="planted-1",
        data="fingerprint",
        host="one-machine",
        metrics={},
        records=records(Flaw(), seed),
        classes=LAPA,
    )


@pytest.mark.parametrize("suite", ["occlusion", "geometry"])
def test_the_mean_over_kinds_is_the_logged_one(suite):
    candidate, champion = version("2", seed=0), version("1", seed=1)
    mean = compare_versions(candidate, champion, resamples=20).find(suite, "mean")
    for found, of_version in ((mean.candidate, candidate), (mean.champion, champion)):
        tables = results.suite_tables(of_version.records.conditions, LAPA)
        logged = results.suite_summaries(tables, BASELINE_IOU)[f"{suite}/mean_iou"]
        assert found.value == pytest.approx(logged, abs=1e-12)
