"""The gate as a pure function: what counts, what forbids, and that its figures are the report's."""

from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.evaluation.slices import score_slices, slice_images
from pipelines.config.sections import Gate
from pipelines.job import results
from pipelines.promote.decision import Decision, decide
from pipelines.promote.paired_comparison import compare_versions
from pipelines.promote.scored_version import ScoredVersion
from tests.pipelines.promote.synthetic_studies import CLASSES, PARTS, SyntheticFinal

GATE = Gate(resamples=400)
CHAMPION = SyntheticFinal(error=0.2)


def standing(plan: SyntheticFinal, version: str = "2") -> ScoredVersion:
    metrics = {"latency/p50_ms": plan.latency, "latency/threads": 1.0, "model/size_mb": 2.5}
    return ScoredVersion(
        *("model", version, f"run-{version}", "unet", "study", "images", plan.host),
        metrics,
        plan.records(),
        plan.classes,
    )


def judged(
    plan: SyntheticFinal, champion: SyntheticFinal = CHAMPION, gate: Gate = GATE
) -> Decision:
    return decide(standing(plan), standing(champion, "1"), gate)


def test_the_better_one_takes_the_place():
    assert judged(SyntheticFinal(error=0.15, seed=1)).promoted
    assert not judged(SyntheticFinal(error=0.25, seed=1)).promoted
    assert not judged(SyntheticFinal(error=0.2, seed=1)).promoted


def test_one_as_good_must_gain_elsewhere_and_the_gain_is_named():
    faster = judged(SyntheticFinal(error=0.2, latency=7.0))
    assert faster.promoted
    assert "gain in speed" in faster.reason
    assert not judged(SyntheticFinal(error=0.2, latency=9.0)).promoted
    robuster = judged(SyntheticFinal(error=0.2, occluded=0.02))
    assert robuster.promoted
    assert "gain in robustness" in robuster.reason


def test_times_of_two_machines_are_not_compared():
    decision = judged(SyntheticFinal(error=0.2, latency=1.0, host="another"))
    assert not decision.promoted
    assert any("another with 1 threads" in note for note in decision.notes)


def test_a_gain_in_speed_buys_no_loss_beyond_the_tolerance():
    assert not judged(SyntheticFinal(error=0.21, latency=1.0)).promoted
    assert judged(SyntheticFinal(error=0.21, latency=1.0), gate=GATE.model_copy(
        update={"tolerance": 0.02})).promoted  # fmt: skip


def test_a_class_that_falls_is_named_unless_its_bound_allows_it():
    eyes = SyntheticFinal(error=0.05, errors={"left_eye": 0.35}, seed=1)
    decision = judged(eyes)
    assert not decision.promoted
    assert "class left_eye falls by 0.1" in decision.reason
    assert [check.name for check in decision.checks if check.role == "veto" and not check.ok] == [
        "class left_eye"
    ]
    assert judged(eyes, gate=GATE.model_copy(update={"bounds": {"left_eye": 0.2}})).promoted


def test_a_slice_that_falls_is_named():
    decision = judged(SyntheticFinal(error=0.05, dark=0.3, seed=1))
    assert not decision.promoted
    assert decision.reason.startswith("slice brightness of the face: darkest third falls by 0.1")


def test_a_kind_of_occlusion_that_falls_is_named():
    decision = judged(SyntheticFinal(error=0.15, occluded=0.4, seed=1))
    assert not decision.promoted
    assert decision.reason.startswith("occlusion gray_square falls by")


def test_budgets_hold_for_the_first_as_well():
    slow = decide(standing(CHAMPION), None, Gate(latency_ms=5))
    assert not slow.promoted
    assert slow.reason == "latency (ms) is 10, must be at most 5"
    assert decide(standing(CHAMPION), None, Gate(latency_ms=20, size_mb=3)).promoted
    unknown = replace(standing(CHAMPION), metrics={})
    assert "was not measured" in decide(unknown, None, Gate(size_mb=3)).reason


def test_a_kind_that_the_champion_went_through_cannot_be_left_out():
    with pytest.raises(UserError, match="blob"):
        judged(SyntheticFinal(error=0.1), SyntheticFinal(error=0.2, kinds=("gray_square", "blob")))
    more = judged(SyntheticFinal(error=0.1, kinds=("gray_square", "blob")))
    assert more.promoted
    assert any("occlusion blob" in note for note in more.notes)


def test_other_drawings_under_one_name_are_refused():
    other = standing(SyntheticFinal(error=0.1))
    first, *rest = other.records.conditions
    moved = [replace(each, coverage=each.coverage + 0.01) for each in rest]
    records = replace(other.records, conditions=(first, *moved))
    with pytest.raises(UserError, match="different drawings"):
        decide(replace(other, records=records), standing(CHAMPION, "1"), GATE)


def test_another_pack_of_the_same_test_images_is_compared_and_said():
    other = replace(standing(SyntheticFinal(error=0.1, seed=1)), data="other images")
    decision = decide(other, standing(CHAMPION, "1"), GATE)
    assert decision.promoted
    assert any("different packs" in note for note in decision.notes)


def test_other_labels_under_the_same_names_are_refused():
    other = standing(SyntheticFinal(error=0.1))
    counts = other.tested.counts.copy()
    counts[0, 0, 0] += 1
    records = replace(other.records, tested=replace(other.tested, counts=counts))
    with pytest.raises(UserError, match="tested on 30 images"):
        decide(replace(other, records=records), standing(CHAMPION, "1"), GATE)


def test_the_figures_are_those_that_studies_log():
    plan = SyntheticFinal(error=0.2, errors={"hair": 0.4}, dark=0.1, kinds=("gray_square", "blob"))
    mine = standing(plan)
    found = compare_versions(mine, standing(CHAMPION, "1"), resamples=100)
    logged = results.test_scores(mine.tested, CLASSES)
    logged |= results.suite_summaries(results.suite_tables(mine.records.conditions, CLASSES), 0.0)
    value = {(row.group, row.name): row.candidate.value for row in found.rows}
    assert value["test", "iou"] == logged["test/iou"]
    for name in PARTS:
        assert value["class", name] == logged[f"test/iou/{name}"]
    both = standing(replace(CHAMPION, kinds=plan.kinds), "1")
    mean = compare_versions(mine, both, resamples=100).find("occlusion", "mean")
    assert mean is not None
    assert mean.candidate.value == pytest.approx(logged["occlusion/mean_iou"], abs=1e-12)
    for row in score_slices(mine.tested.counts, slice_images(mine.records.facts).kept)[1:]:
        assert value["slice", row.name] == pytest.approx(row.iou, abs=1e-12)


def test_a_difference_is_that_of_the_two_on_the_same_photographs():
    # Nothing but the one class differs, and by one pixel of 100 on every image: no chance in it.
    better = SyntheticFinal(error=0.2, errors={"skin": 0.19})
    row = compare_versions(standing(better), standing(CHAMPION, "1"), resamples=100).find(
        "class", "skin"
    )
    assert row is not None
    np.testing.assert_allclose(
        (row.estimate.value, row.estimate.low, row.estimate.high), 0.01, atol=1e-12
    )


def test_numbers_that_are_none_are_null_in_the_file():
    data = judged(SyntheticFinal(error=0.1)).as_data()
    speed = next(check for check in data["checks"] if check["name"].startswith("speed"))
    assert speed["low"] is None
    assert speed["change"] == 1.0
