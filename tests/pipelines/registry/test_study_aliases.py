"""The aliases that studies set in a real MLflow store."""

from dataclasses import replace
from pathlib import Path

import pytest

from faceseg.evaluation.baselines import LEARNED_MARGIN
from pipelines.config import Experiment
from pipelines.config.sections import Gate
from pipelines.job.context import StudyContext
from pipelines.registry.study_aliases import TrainedVersion, reason_to_keep, set_aliases
from tests.pipelines.registry.registered_final import final

HOLDER = TrainedVersion(version="1", study="s-1", data="abcdef", score=0.5)


def aliases(context: StudyContext) -> dict[str, str]:
    name = context.experiment.tracking.registered_model
    found = context.tracker.client.get_registered_model(name).aliases
    return {alias: str(version) for alias, version in found.items()}


def other_study(context: StudyContext, **changes: object) -> StudyContext:
    """Return the context of a study on the same data with the same registered model."""
    content = context.experiment.model_dump() | changes
    return replace(context, experiment=Experiment.model_validate(content))


def test_aliases_point_to_the_best_by_validation_and_the_champion_stays(
    context: StudyContext, final_folder: Path
):
    winners = {"unet": "winner01", "segnet": "winner01"}
    for architecture, number, iou in (("unet", 0, 0.3), ("unet", 1, 0.4), ("segnet", 0, 0.6)):
        final(context, final_folder, architecture, number, iou)
    address = f"models:/{context.experiment.tracking.registered_model}"
    assert set_aliases(context, winners) == [
        f"registered: {address}@best-unet is version 2",
        f"registered: {address}@best-segnet is version 3",
        f"registered: {address}@champion is version 3",
    ]
    assert aliases(context) == {"best-unet": "2", "best-segnet": "3", "champion": "3"}
    final(context, final_folder, "unet", 2, 0.9)
    set_aliases(context, winners)
    assert aliases(context) == {"best-unet": "4", "best-segnet": "3", "champion": "3"}


def test_finals_of_other_settings_get_no_alias(context: StudyContext, final_folder: Path):
    final(context, final_folder, "unet", 0, 0.9)
    assert set_aliases(context, {"unet": "winner02"}) == []
    assert aliases(context) == {}


def test_a_worse_study_on_the_same_data_leaves_the_best(context: StudyContext, final_folder: Path):
    winners = {"unet": "winner01"}
    final(context, final_folder, "unet", 0, 0.5)
    set_aliases(context, winners)
    worse, better = (other_study(context, seed=seed) for seed in (1, 2))
    final(worse, final_folder, "unet", 0, 0.4)
    (message,) = set_aliases(worse, winners)
    model = context.experiment.tracking.registered_model
    assert message == (
        f"best-unet of {model} stays at version 1: its validation IoU is 0.5000, that of version 2 "
        "is 0.4000"
    )
    assert aliases(context)["best-unet"] == "1"
    final(better, final_folder, "unet", 0, 0.6)
    set_aliases(better, winners)
    assert aliases(context)["best-unet"] == "3"


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"score": 0.51}, True),
        ({"score": 0.5}, False),
        ({"score": 0.9, "data": "others"}, False),
        ({"score": 0.9, "data": "others", "drawn": True}, False),
    ],
)
def test_an_alias_moves_to_a_better_version_of_its_own_data(
    changes: dict[str, object], moves: bool
):
    candidate = replace(HOLDER, version="2", **changes)  # type: ignore[arg-type]
    assert (reason_to_keep(HOLDER, candidate) is None) == moves


def test_photographs_replace_drawn_faces_and_not_the_reverse():
    photographs = replace(HOLDER, version="2", data="others", score=0.1, photographs=True)
    drawn = replace(HOLDER, drawn=True)
    assert reason_to_keep(drawn, photographs) is None
    assert reason_to_keep(photographs, drawn) is not None
    other_classes = replace(photographs, photographs=False)
    assert reason_to_keep(drawn, other_classes) is not None


def test_a_first_champion_must_have_learned_more_than_the_mean_label_map(
    context: StudyContext, final_folder: Path
):
    """The test IoU of the final is 0.25 (see the model card's test), the mean map's is 0.1."""
    demanding = other_study(context, gate={"above_baseline": 0.16})
    final(demanding, final_folder, "unet", 0, 0.5)
    *_, message = set_aliases(demanding, {"unet": "winner01"})
    model = context.experiment.tracking.registered_model
    assert message.startswith(
        f"no champion of {model} was set: version 1, the best by validation, has a test IoU of "
        "0.250, and it must be at least 0.260 (that of the mean label map, 0.100, and "
        "gate.above_baseline, 0.16)"
    )
    assert aliases(context) == {"best-unet": "1"}
    content = other_study(context, gate={"above_baseline": 0.14})
    assert content.experiment.study == demanding.experiment.study  # not part of the digest
    assert set_aliases(content, {"unet": "winner01"})[-1].endswith("@champion is version 1")


def test_the_margin_of_the_gate_is_that_of_reports():
    assert Gate().above_baseline == LEARNED_MARGIN
