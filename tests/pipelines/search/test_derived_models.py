"""The models that are tested but not trained: their names, members and digests."""

from pipelines.config import Experiment
from pipelines.job.job import EnsembleMember, members_digest
from pipelines.search.derived_models import DerivedModel, derived_members, derived_models

EXPERIMENT = Experiment.model_validate(
    {
        "name": "small",
        "architectures": {"unet": {}, "segnet": {}, "pspnet": None},
        "variants": {"segnet-narrow": {"of": "segnet", "width": 0.5}},
    }
)
WINNERS = {"unet": "aa11", "segnet": "bb22", "segnet-narrow": "bb22"}


def test_the_digest_is_that_of_earlier_versions():
    """The first 8 digits of the SHA-256 of this text are cbb1927a.

    [Member(architecture='unet', winner='aa11'), Member(architecture='segnet', winner='bb22')]
    """
    members = [EnsembleMember("unet", "aa11"), EnsembleMember("segnet", "bb22")]
    assert members_digest(members) == "cbb1927a"


def with_both() -> Experiment:
    finals = EXPERIMENT.finals.model_copy(update={"mirrored": True})
    return EXPERIMENT.model_copy(update={"ensemble": True, "finals": finals})


def test_nothing_is_derived_by_default():
    assert derived_models(EXPERIMENT, WINNERS) == list(derived_members(EXPERIMENT)) == []


def test_the_ensemble_has_all_architectures_and_a_mirrored_mean_one_network():
    unet, segnet = EnsembleMember("unet", "aa11"), EnsembleMember("segnet", "bb22")
    narrow = EnsembleMember("segnet-narrow", "bb22")
    models = derived_models(with_both(), WINNERS)
    assert models == [
        DerivedModel("ensemble", (unet, segnet)),
        DerivedModel("unet.mirrored", (unet,), mirrored=True),
        DerivedModel("segnet.mirrored", (segnet,), mirrored=True),
        DerivedModel("segnet-narrow.mirrored", (narrow,), mirrored=True),
    ]
    assert [model.name for model in models] == list(derived_members(with_both()))


def test_a_subset_has_its_own_members():
    unet, narrow = EnsembleMember("unet", "aa11"), EnsembleMember("segnet-narrow", "bb22")
    subset = EXPERIMENT.model_copy(update={"ensemble": (("segnet-narrow", "unet"),)})
    (model,) = derived_models(subset, WINNERS)
    assert model == DerivedModel("ensemble.unet.segnet-narrow", (unet, narrow))


def test_another_winner_is_another_run():
    (_, unet, *_), (_, other, *_) = (
        derived_models(with_both(), {**WINNERS, "unet": winner}) for winner in ("aa11", "cc33")
    )
    assert members_digest(unet.members) != members_digest(other.members)


def test_testing_more_models_continues_the_study():
    assert with_both().study == EXPERIMENT.study
