"""A simulated flaw decides the claims about it and no other claim."""

from dataclasses import replace

import pytest

from faceseg.errors import UserError
from pipelines.compare.analysis.claims import REFERENCE_CLAIMS, judge_claim
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.report.advice import advise
from pipelines.compare.study_data.collection import check_logged_scores
from tests.pipelines.compare.simulated_study import LAPA, Flaw, study

WORSE_EYES = {"pspnet": Flaw(eyes=True), "segnet": Flaw(eyes=True)}


def decided(flaws):
    measurements = Measurements.from_study(study(flaws), 1000)
    judged = [judge_claim(claim, measurements) for claim in REFERENCE_CLAIMS]
    return {
        each.claim.text: each.verdict
        for each in judged
        if each.verdict in ("supported", "contradicted")
    }


@pytest.mark.parametrize(
    ("flaws", "verdicts"),
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
def test_a_flaw_decides_only_its_own_claim(flaws, verdicts):
    assert decided(flaws) == verdicts


def test_a_flaw_of_the_claimed_best_contradicts_the_claim():
    verdicts = decided({"unet": Flaw(eyes=True), "segnet": Flaw(slower=2)})
    assert verdicts["U-Net is the best on small parts"] == "contradicted"
    assert verdicts["SegNet is the fastest"] == "contradicted"
    assert verdicts["PSPNet is slower"] == "contradicted"  # segnet is slower


def test_advice_names_the_network_without_flaws_and_its_certainty():
    flaws = {"pspnet": Flaw(eyes=True), "segnet": Flaw(eyes=True, slower=2)}
    advice = {each.question: each for each in advise(Measurements.from_study(study(flaws), 1000))}
    assert (advice["Best on small parts"].name, advice["Best on small parts"].certainty) == (
        "unet",
        "sure",
    )
    assert advice["Most robust under occlusion"].name == "unet"
    alike = {each.question: each for each in advise(Measurements.from_study(study({}), 1000))}
    assert alike["Best on small parts"].certainty == "not sure"
    assert "may be as good" in alike["Best on small parts"].words


def test_simulated_scores_agree_with_simulated_records():
    for model in study({}, seeds=1).models:
        check_logged_scores(model.finals[0], LAPA)


def test_a_score_that_is_missing_in_mlflow_was_not_changed():
    """MLflow refuses the metric of a class whose name it does not allow."""
    final = study({}, seeds=1).models[0].finals[0]
    kept = {name: value for name, value in final.metrics.items() if name != "test/iou"}
    with pytest.raises(UserError, match=r"MLflow has no test/iou, .* MLflow refused it") as missing:
        check_logged_scores(replace(final, metrics=kept), LAPA)
    assert "changed" not in str(missing.value)
    with pytest.raises(UserError, match=r"was logged as 0\.25, .* One of them was changed"):
        check_logged_scores(replace(final, metrics={**kept, "test/iou": 0.25}), LAPA)
