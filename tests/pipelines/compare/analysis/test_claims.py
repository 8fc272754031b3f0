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
    given = {"text": "a claim", "measure": "iou", "who": "unet", "direction": "higher"}
    return Claim.model_validate({**given, **changes})


@pytest.fixture(scope="module")
def evidence(record):
    return Measurements.from_study(record, 300)


# Verdicts are 'the first is surely higher' against each of two others.
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
def test_a_superlative_must_hold_against_each_and_fails_against_any(direction, verdicts, expected):
    assert combine_verdicts(claim(direction=direction), verdicts) == expected


def test_higher_and_lower_are_mirror_images():
    mirrored = {YES: NO, NO: YES, OPEN: OPEN}
    for verdicts in product((YES, NO, OPEN), repeat=2):
        flipped = [mirrored[each] for each in verdicts]
        assert combine_verdicts(claim(), verdicts) == combine_verdicts(
            claim(direction="lower"), flipped
        )


def test_a_claim_on_photographs_is_answered_with_its_figures(evidence):
    # segnet has 5 % of wrong pixels, unet 30 %, pspnet 80 %.
    found = judge_claim(claim(who="segnet"), evidence)
    assert found.answer == YES
    assert [each.second for each in found.comparisons] == ["unet", "pspnet"]
    assert all(each.estimate.photos == 6 for each in found.comparisons)
    assert judge_claim(claim(who="pspnet"), evidence).answer == NO
    assert judge_claim(claim(direction="between"), evidence).answer == YES


def test_a_margin_wider_than_the_difference_leaves_it_open(evidence):
    assert judge_claim(claim(who="segnet", margin=0.99), evidence).answer == OPEN


def test_rivals_may_be_named(evidence):
    found = judge_claim(claim(against=["pspnet"]), evidence)
    assert [each.second for each in found.comparisons] == ["pspnet"]
    assert found.answer == YES


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure": "iuo"}, "there is no measure 'iuo'; there are iou,"),
        ({"who": "deeplab"}, "deeplab not in this study"),
        ({"against": ["deeplab"]}, "deeplab not in this study"),
        ({"measure": "scale/retention"}, "set robustness.geometry: [resolution, framing]"),
        ({"measure": "iou/hat"}, "occurs in no test image"),
        ({"who": ENSEMBLE}, "set ensemble: true"),
        ({"who": "pretrained"}, "set variants: {unet-scratch: {of: unet, encoder_weights: none}}"),
    ],
)
def test_what_cannot_be_answered_says_why_and_what_to_set(evidence, changes, reason):
    found = judge_claim(claim(**changes), evidence)
    assert found.answer == "not answerable here"
    assert reason in found.reason
    assert found.comparisons == ()


def test_what_is_kept_is_not_asked_of_a_network_that_never_looked(record):
    pspnet = record.models[1]
    blind = tuple(
        replace(final, metrics={**final.metrics, "test/iou": 0.05}) for final in pspnet.finals
    )
    contenders = tuple(
        replace(each, finals=blind) if each is pspnet else each for each in record.models
    )
    evidence = Measurements.from_study(replace(record, contenders=contenders), 50)
    found = judge_claim(claim(measure="occlusion/mean/retention"), evidence)
    assert found.answer == "not answerable here"
    assert "pspnet learned nothing" in found.reason


def test_variants_and_the_ensemble_are_no_rivals_of_the_architectures(record):
    unet, _, segnet = record.models
    weights = {"network.encoder_weights": "imagenet"}
    pretrained = tuple(
        replace(final, params={**final.params, **weights}) for final in segnet.finals
    )
    study = replace(
        record,
        contenders=(
            replace(unet, finals=pretrained),
            replace(unet, name="unet-scratch", variant_of="unet"),
            replace(segnet, name=ENSEMBLE),
            record.models[1],
        ),
    )
    evidence = Measurements.from_study(study, 300)
    assert [each.second for each in judge_claim(claim(), evidence).comparisons] == ["pspnet"]
    transfer = judge_claim(claim(who="pretrained"), evidence)
    assert [(each.first, each.second) for each in transfer.comparisons] == [
        ("unet", "unet-scratch")
    ]
    assert transfer.answer == YES
    together = judge_claim(claim(who=ENSEMBLE), evidence)
    assert [each.second for each in together.comparisons] == ["unet", "pspnet"]


def test_every_claim_of_the_reference_study_names_a_measure_that_there_is(evidence):
    texts = [each.text for each in REFERENCE_CLAIMS]
    assert len(set(texts)) == len(texts) == 17
    assert {each.measure for each in REFERENCE_CLAIMS} <= set(evidence.table)


def test_a_misspelt_measure_is_refused_with_the_nearest_right_one(record):
    require_known_measures(REFERENCE_CLAIMS, LAPA)
    with pytest.raises(UserError, match="there is not; did you mean 'iou_small'"):
        require_known_measures([claim(measure="iuo_small")], LAPA)
    with pytest.raises(UserError, match="'iou/nose', which there is not"):
        require_known_measures([claim(measure="iou/nose")], record.classes)


def test_a_claim_is_checked_at_birth():
    with pytest.raises(ValidationError, match="direction"):
        claim(direction="best")
    with pytest.raises(ValidationError, match="margin"):
        claim(margin=-0.1)
