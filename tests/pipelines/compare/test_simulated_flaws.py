"""A flaw that is put in is found by the claim that is about it, and by no other."""

import pytest

from pipelines.compare.analysis.claims import REFERENCE_CLAIMS, judge_claim
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.report.advice import advise
from pipelines.compare.study_data.collection import check_logged_scores
from tests.pipelines.compare.simulated_study import LAPA, Flaw, study

WORSE_EYES = {"pspnet": Flaw(eyes=True), "segnet": Flaw(eyes=True)}


def decided(flaws):
    evidence = Measurements.from_study(study(flaws), 1000)
    judged = [judge_claim(claim, evidence) for claim in REFERENCE_CLAIMS]
    return {
        each.claim.text: each.answer
        for each in judged
        if each.answer in ("supported", "contradicted")
    }


@pytest.mark.parametrize(
    ("flaws", "found"),
    [
        ({}, {}),
        (WORSE_EYES, {"U-Net is the best on small parts": "supported"}),
        (
            {"segnet": Flaw(occluded=True)},
            {"SegNet is the weakest under occlusion": "supported"},
        ),
        ({"pspnet": Flaw(slower=2)}, {"PSPNet is slower": "supported"}),
    ],
    ids=["no flaw", "eyes", "occlusion", "time"],
)
def test_a_flaw_decides_its_claim_alone(flaws, found):
    assert decided(flaws) == found


def test_a_flaw_of_the_claimed_best_contradicts_the_claim():
    found = decided({"unet": Flaw(eyes=True), "segnet": Flaw(slower=2)})
    assert found["U-Net is the best on small parts"] == "contradicted"
    assert found["SegNet is the fastest"] == "contradicted"
    assert found["PSPNet is slower"] == "contradicted"  # segnet is slower


def test_advice_names_the_unflawed_and_says_where_it_is_not_sure():
    flaws = {"pspnet": Flaw(eyes=True), "segnet": Flaw(eyes=True, slower=2)}
    told = {each.question: each for each in advise(Measurements.from_study(study(flaws), 1000))}
    assert (told["Best on small parts"].name, told["Best on small parts"].certainty) == (
        "unet",
        "sure",
    )
    sturdiest = told["Sturdiest under occlusion"]
    assert sturdiest.name == "unet"
    alike = {each.question: each for each in advise(Measurements.from_study(study({}), 1000))}
    assert alike["Best on small parts"].certainty == "not sure"
    assert "may be as good" in alike["Best on small parts"].words


def test_the_made_scores_are_those_of_the_made_records():
    for contender in study({}, seeds=1).models:
        check_logged_scores(contender.finals[0], LAPA)
