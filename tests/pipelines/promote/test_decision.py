"""The gate as a pure function: merits, vetoes, and figures that equal the logged ones."""

import re
from dataclasses import replace

import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.evaluation.slices import score_slices, slice_images
from pipelines.config.sections import Gate
from pipelines.job import results
from pipelines.promote.decision import GateDecision, decide
from pipelines.promote.paired_comparison import compare_versions
from pipelines.promote.scored_version import ScoredVersion
from tests.pipelines.promote.synthetic_studies import CLASSES, PARTS, SyntheticFinal

GATE = Gate(resamples=400)
CHAMPION = SyntheticFinal(error=0.2)


def scored_version(final: SyntheticFinal, version: str = "2") -> ScoredVersion:
    metrics = {
        **{"latency/p50_ms": final.latency, "latency/threads": 1.0, "latency/load": 0.0},
        "model/size_mb": 2.5,
    }
    return ScoredVersion(
        model="model",
        version=version,
        run_id=f"run-{version}",
        architecture="unet",
        study="study",
        data="images",
        host=final.host,
        metrics=metrics,
        records=final.records(),
        classes=final.classes,
    )


def decide_on(
    final: SyntheticFinal, champion: SyntheticFinal = CHAMPION, gate: Gate = GATE
) -> GateDecision:
    return decide(scored_version(final), scored_version(champion, "1"), gate)


def test_a_better_candidate_is_promoted():
    assert decide_on(SyntheticFinal(error=0.15, seed=1)).promoted
    assert not decide_on(SyntheticFinal(error=0.25, seed=1)).promoted
    assert not decide_on(SyntheticFinal(error=0.2, seed=1)).promoted


def test_an_equal_candidate_needs_another_gain_which_the_reason_names():
    faster = decide_on(SyntheticFinal(error=0.2, latency=7.0))
    assert faster.promoted
    assert "gain in speed" in faster.reason
    assert not decide_on(SyntheticFinal(error=0.2, latency=9.0)).promoted
    more_robust = decide_on(SyntheticFinal(error=0.2, occluded=0.02))
    assert more_robust.promoted
    assert "gain in robustness" in more_robust.reason


def test_latencies_of_two_machines_are_not_compared():
    decision = decide_on(SyntheticFinal(error=0.2, latency=1.0, host="another"))
    assert not decision.promoted
    assert any("another with 1 threads" in note for note in decision.notes)


def test_the_latency_of_a_busy_machine_is_not_compared():
    candidate, champion = scored_version(SyntheticFinal(error=0.2, latency=1.0)), CHAMPION
    busy = replace(candidate, metrics={**candidate.metrics, "latency/load": 1.0})
    decision = decide(busy, scored_version(champion, "1"), GATE)
    assert not decision.promoted
    assert any("timed on a busy machine" in note for note in decision.notes)


def test_a_gain_in_speed_does_not_offset_a_loss_beyond_the_tolerance():
    assert not decide_on(SyntheticFinal(error=0.21, latency=1.0)).promoted
    assert decide_on(SyntheticFinal(error=0.21, latency=1.0), gate=GATE.model_copy(
        update={"tolerance": 0.02})).promoted  # fmt: skip


def test_a_class_that_drops_is_named_unless_its_bound_allows_it():
    eyes = SyntheticFinal(error=0.05, errors={"left_eye": 0.35}, seed=1)
    decision = decide_on(eyes)
    assert not decision.promoted
    assert "class left_eye drops by 0.1" in decision.reason
    assert [check.name for check in decision.checks if check.role == "veto" and not check.ok] == [
        "class left_eye"
    ]
    assert decide_on(eyes, gate=GATE.model_copy(update={"bounds": {"left_eye": 0.2}})).promoted


def test_a_slice_that_drops_is_named():
    decision = decide_on(SyntheticFinal(error=0.05, dark=0.3, seed=1))
    assert not decision.promoted
    assert decision.reason.startswith("slice brightness of the face: darkest third drops by 0.1")


def test_a_kind_of_occlusion_that_drops_is_named():
    decision = decide_on(SyntheticFinal(error=0.15, occluded=0.4, seed=1))
    assert not decision.promoted
    assert decision.reason.startswith("occlusion gray_square drops by")


def test_budgets_apply_to_the_first_champion_as_well():
    slow = decide(scored_version(CHAMPION), None, Gate(latency_ms=5))
    assert not slow.promoted
    assert slow.reason == "latency (ms) is 10, must be at most 5"
    assert decide(scored_version(CHAMPION), None, Gate(latency_ms=20, size_mb=3)).promoted
    unknown = replace(scored_version(CHAMPION), metrics={})
    assert "was not measured" in decide(unknown, None, Gate(size_mb=3)).reason


def test_a_champion_must_have_learned_more_than_the_mean_label_map():
    """The test IoU is 0.8, apart from the jitter."""
    close = scored_version(SyntheticFinal(error=0.2, baseline=0.76))
    first = decide(close, None, GATE)
    assert not first.promoted
    assert re.fullmatch(
        r"test IoU is 0\.[78]\d+, must be at least 0\.810 \(that of the mean label map, 0\.760, "
        r"and gate\.above_baseline, 0\.05\)",
        first.reason,
    )
    assert decide(close, None, GATE.model_copy(update={"above_baseline": 0.02})).promoted
    better = decide_on(SyntheticFinal(error=0.2, baseline=0.76), SyntheticFinal(error=0.3))
    assert not better.promoted
    assert better.reason == first.reason


def test_the_candidate_needs_every_kind_of_the_champion():
    with pytest.raises(UserError, match="blob"):
        decide_on(
            SyntheticFinal(error=0.1), SyntheticFinal(error=0.2, kinds=("gray_square", "blob"))
        )
    more = decide_on(SyntheticFinal(error=0.1, kinds=("gray_square", "blob")))
    assert more.promoted
    assert any("occlusion blob" in note for note in more.notes)


def test_different_occluders_of_one_name_are_refused():
    other = scored_version(SyntheticFinal(error=0.1))
    first, *rest = other.records.conditions
    moved = [replace(each, coverage=each.coverage + 0.01) for each in rest]
    records = replace(other.records, conditions=(first, *moved))
    with pytest.raises(UserError, match="different drawings"):
        decide(replace(other, records=records), scored_version(CHAMPION, "1"), GATE)


def test_a_different_pack_of_the_same_test_images_is_compared_with_a_note():
    other = replace(scored_version(SyntheticFinal(error=0.1, seed=1)), data="other images")
    decision = decide(other, scored_version(CHAMPION, "1"), GATE)
    assert decision.promoted
    assert any("different packs" in note for note in decision.notes)


def test_different_labels_of_the_same_images_are_refused():
    other = scored_version(SyntheticFinal(error=0.1))
    counts = other.tested.counts.copy()
    counts[0, 0, 0] += 1
    records = replace(other.records, tested=replace(other.tested, counts=counts))
    with pytest.raises(UserError, match="tested on 30 images"):
        decide(replace(other, records=records), scored_version(CHAMPION, "1"), GATE)


def test_the_figures_equal_those_that_studies_log():
    final = SyntheticFinal(error=0.2, errors={"hair": 0.4}, dark=0.1, kinds=("gray_square", "blob"))
    version = scored_version(final)
    found = compare_versions(version, scored_version(CHAMPION, "1"), resamples=100)
    logged = results.test_scores(version.tested, CLASSES)
    logged |= results.suite_summaries(
        results.suite_tables(version.records.conditions, CLASSES), 0.0
    )
    value = {(row.group, row.name): row.candidate.value for row in found.rows}
    assert value["test", "iou"] == logged["test/iou"]
    for name in PARTS:
        assert value["class", name] == logged[f"test/iou/{name}"]
    both = scored_version(replace(CHAMPION, kinds=final.kinds), "1")
    mean = compare_versions(version, both, resamples=100).find("occlusion", "mean")
    assert mean is not None
    assert mean.candidate.value == pytest.approx(logged["occlusion/mean_iou"], abs=1e-12)
    for row in score_slices(version.tested.counts, slice_images(version.records.facts).kept)[1:]:
        assert value["slice", row.name] == pytest.approx(row.iou, abs=1e-12)


def test_the_difference_is_paired_by_photograph():
    # Only one class differs, by one pixel of 100 on every image, so the difference has no variance.
    better = SyntheticFinal(error=0.2, errors={"skin": 0.19})
    row = compare_versions(
        scored_version(better), scored_version(CHAMPION, "1"), resamples=100
    ).find("class", "skin")
    assert row is not None
    np.testing.assert_allclose(
        (row.estimate.value, row.estimate.low, row.estimate.high), 0.01, atol=1e-12
    )


def test_nan_becomes_null_in_the_file():
    data = decide_on(SyntheticFinal(error=0.1)).as_data()
    speed = next(check for check in data["checks"] if check["name"].startswith("speed"))
    assert speed["low"] is None
    assert speed["change"] == 1.0
