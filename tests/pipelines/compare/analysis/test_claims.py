"""Verdicts of claims, combined by hand and judged on a synthetic study."""

from dataclasses import replace
from itertools import product

import pytest
from pydantic import ValidationError

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from pipelines.compare.analysis.claims import (
    REFERENCE_CLAIMS,
    combine_verdicts,
    judge_claim,
    require_known_measures,
)
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.config.sections import ENSEMBLE, Claim

YES, NO, OPEN = "supported", "contradicted", "undecided"


def claim(**changes):
    defaults = {"text": "a claim", "measure": "iou", "who": "unet", "direction": "higher"}
    return Claim.model_validate({**defaults, **changes})


@pytest.fixture(scope="module")
def measurements(study):
    return Measurements.from_study(study, 300)


# Verdicts on 'the claimed model is higher', against each of two others.
@pytest.mark.parametrize(
    ("direction", "verdicts", "expected"),
    [
        ("higher", (YES, YES), YES),
        ("higher", (YES, OPEN), OPEN),
        ("higher", (YES, NO), NO),
        ("lower", (NO, NO), YES),
        ("lower", (NO, OPEN), OPEN),
        ("lower", (OPEN, YES), NO),
        ("between", (YES, NO), YES),
        ("between", (YES, YES), NO),
        ("between", (NO, NO), NO),
        ("between", (YES, OPEN), OPEN),
    ],
)
def test_a_claim_must_hold_against_each_and_fails_against_any(direction, verdicts, expected):
    assert combine_verdicts(claim(direction=direction), verdicts) == expected


def test_higher_and_lower_are_mirror_images():
    mirrored = {YES: NO, NO: YES, OPEN: OPEN}
    for verdicts in product((YES, NO, OPEN), repeat=2):
        flipped = [mirrored[each] for each in verdicts]
        assert combine_verdicts(claim(), verdicts) == combine_verdicts(
            claim(direction="lower"), flipped
        )


def test_a_claim_about_an_image_measure_has_its_comparisons(measurements):
    # segnet has 5 % of wrong pixels, unet 30 %, pspnet 80 %.
    judged = judge_claim(claim(who="segnet"), measurements)
    assert judged.verdict == YES
    assert [each.second for each in judged.comparisons] == ["unet", "pspnet"]
    assert all(each.estimate.photos == 6 for each in judged.comparisons)
    assert judge_claim(claim(who="pspnet"), measurements).verdict == NO
    assert judge_claim(claim(direction="between"), measurements).verdict == YES


def test_a_margin_larger_than_the_difference_leaves_it_undecided(measurements):
    assert judge_claim(claim(who="segnet", margin=0.99), measurements).verdict == OPEN


def test_a_claim_may_name_its_rivals(measurements):
    judged = judge_claim(claim(against=["pspnet"]), measurements)
    assert [each.second for each in judged.comparisons] == ["pspnet"]
    assert judged.verdict == YES


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure": "iuo"}, "unknown measure 'iuo'; expected one of iou,"),
        ({"who": "deeplab"}, "this study has no deeplab"),
        ({"against": ["deeplab"]}, "this study has no deeplab"),
        ({"measure": "scale/retention"}, "set robustness.geometry: [resolution, framing]"),
        ({"measure": "iou/hat"}, "no test image shows what it measures"),
        ({"who": ENSEMBLE}, "set ensemble: true"),
        ({"who": "pretrained"}, "set variants: {unet-scratch: {of: unet, encoder_weights: none}}"),
    ],
)
def test_a_claim_that_cannot_be_judged_has_a_reason(measurements, changes, reason):
    judged = judge_claim(claim(**changes), measurements)
    assert judged.verdict == "not answerable here"
    assert reason in judged.reason
    assert judged.comparisons == ()


def test_retention_is_undefined_for_a_network_that_learned_nothing(study):
    pspnet = study.models[1]
    untrained = tuple(
        replace(final, metrics={**final.metrics, "test/iou": 0.05}) for final in pspnet.finals
    )
    models = tuple(
        replace(each, finals=untrained) if each is pspnet else each for each in study.models
    )
    measurements = Measurements.from_study(replace(study, models=models), 50)
    judged = judge_claim(claim(measure="occlusion/mean/retention"), measurements)
    assert judged.verdict == "not answerable here"
    assert "pspnet scored less than 0.05 above the mean label map" in judged.reason


def test_a_claim_of_the_reference_study_is_about_its_networks_alone(study):
    models = (*study.models, replace(study.models[1], name="lraspp"))
    measurements = Measurements.from_study(replace(study, models=models), 300)
    (small,) = [
        each for each in REFERENCE_CLAIMS if each.text == "U-Net is the best on small parts"
    ]
    rivals = [each.second for each in judge_claim(small, measurements).comparisons]
    assert rivals == ["pspnet", "segnet"]
    own = claim(measure=small.measure)
    rivals = [each.second for each in judge_claim(own, measurements).comparisons]
    assert rivals == ["pspnet", "segnet", "lraspp"]


def test_variants_and_the_ensemble_are_not_rivals_of_architectures(study):
    unet, _, segnet = study.models
    weights = {"network.encoder_weights": "imagenet"}
    pretrained = tuple(
        replace(final, params={**final.params, **weights}) for final in segnet.finals
    )
    changed = replace(
        study,
        models=(
            replace(unet, finals=pretrained),
            replace(unet, name="unet-scratch", variant_of="unet"),
            replace(segnet, name=ENSEMBLE),
            study.models[1],
        ),
    )
    measurements = Measurements.from_study(changed, 300)
    assert [each.second for each in judge_claim(claim(), measurements).comparisons] == ["pspnet"]
    transfer = judge_claim(claim(who="pretrained"), measurements)
    assert [(each.first, each.second) for each in transfer.comparisons] == [
        ("unet", "unet-scratch")
    ]
    assert transfer.verdict == YES
    together = judge_claim(claim(who=ENSEMBLE), measurements)
    assert [each.second for each in together.comparisons] == ["unet", "pspnet"]


def test_every_claim_of_the_reference_study_names_a_known_measure(measurements):
    texts = [each.text for each in REFERENCE_CLAIMS]
    assert len(set(texts)) == len(texts) == 17
    assert {each.measure for each in REFERENCE_CLAIMS} <= set(measurements.measures)


def test_an_unknown_measure_raises_with_the_nearest_known_one(study):
    require_known_measures(REFERENCE_CLAIMS, LAPA)
    with pytest.raises(UserError, match="unknown measure 'iuo_small'; did you mean 'iou_small'"):
        require_known_measures([claim(measure="iuo_small")], LAPA)
    with pytest.raises(UserError, match="unknown measure 'iou/nose'"):
        require_known_measures([claim(measure="iou/nose")], study.classes)


def test_a_claim_is_validated_when_it_is_created():
    with pytest.raises(ValidationError, match="direction"):
        claim(direction="best")
    with pytest.raises(ValidationError, match="margin"):
        claim(margin=-0.1)
