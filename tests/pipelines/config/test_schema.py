"""The experiment as data: the study's name, the addresses, the table of architectures."""

import os
from pathlib import Path

import pytest

from faceseg.data.classes import LAPA
from faceseg.networks import segnet
from faceseg.networks.architectures import BUILDERS, builder_options
from faceseg.networks.mix_transformer import MIX_TRANSFORMERS
from pipelines.config import Experiment, Resources
from pipelines.config.network_section import ARCHITECTURE_OPTIONS, ENCODERS, Network

PLAIN = Experiment(name="plain")
# Changes that keep the study ...
SAME_STUDY = [
    {"resources": {"workers": 5, "cpus": 2, "gpus": 0.5}},
    {"tracking": {"uri": "http://elsewhere:5000", "registered_model": "other"}},
    {"storage": "elsewhere"},
    {"description": "another text"},
    {"search": {"trials": 500}},
    {"finals": {"seeds": 7}},
]
# ... and changes that make another study.
OTHER_STUDY = [
    {"name": "other"},
    {"seed": 1},
    {"data": {"image_size": [64, 64]}},
    {"data": {"drawn": {"difficulty": 0.5}}},
    {"data": {"label_resizing": "bilinear"}},
    {"data": {"label_size": "resize"}},
    {"data": {"face_box": {}}},
    {"architectures": {"unet": {}}},
    {"architectures": {"unet": {"alpha": 0.5}, "pspnet": {}, "segnet": {}}},
    {"architectures": {"unet": {"pixels": "unit_bgr"}, "pspnet": {}, "segnet": {}}},
    {"training": {"epochs": 11}},
    {"training": {"augmentation": {"flip": False}}},
    {"search": {"space": {"batch_size": {"choices": [8]}}}},
    {"search": {"first": [{"learning_rate": 1e-3}]}},
    {"search": {"grace_epochs": 4}},
    {"finals": {"epochs": 11}},
    {"robustness": {"kinds": ["blob"]}},
]


def changed(change: dict[str, object]) -> Experiment:
    return Experiment.model_validate({"name": "plain", **change})


@pytest.mark.parametrize("change", SAME_STUDY, ids=str)
def test_placement_and_budget_do_not_change_the_study(change: dict[str, object]):
    assert changed(change) != PLAIN
    assert changed(change).study == PLAIN.study


@pytest.mark.parametrize("change", OTHER_STUDY, ids=str)
def test_every_other_change_makes_another_study(change: dict[str, object]):
    assert changed(change).study != PLAIN.study


def test_an_explicit_default_changes_nothing():
    assert changed({"training": {"batch_size": 8}}).study == PLAIN.study


def test_later_options_keep_the_names_of_earlier_studies():
    content = PLAIN.model_dump(mode="json")
    assert not {"label_resizing", "label_size", "face_box"} & content["data"].keys()
    assert "pixels" not in content["architectures"]["unet"]
    assert changed({"data": {"label_resizing": "nearest"}}).study == PLAIN.study
    assert changed({"data": {"label_size": "same"}}).study == PLAIN.study
    assert (
        changed({"architectures": {"unet": {"pixels": None}, "pspnet": {}, "segnet": {}}}).study
        == PLAIN.study
    )


def test_the_name_of_a_study_begins_with_the_experiments():
    assert PLAIN.study.startswith("plain-")
    assert len(PLAIN.study) == len("plain-") + 8


def test_the_default_databases_are_two_files_in_the_storage(tmp_path: Path):
    experiment = changed({"storage": str(tmp_path / "runs")})
    assert experiment.tracking_uri == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert experiment.search_database == f"sqlite:///{tmp_path}/runs/optuna.db"
    elsewhere = changed({"tracking": {"uri": "http://host:5000"}})
    assert elsewhere.tracking_uri == "http://host:5000"


def test_the_class_set_is_lapas_or_the_given_one():
    assert PLAIN.data.class_set is LAPA
    own = {"names": ["back", "face"], "palette": [[0, 0, 0], [9, 9, 9]], "face": [1]}
    assert changed({"data": {"classes": own}}).data.class_set.names == ("back", "face")


def test_the_table_of_architectures_matches_the_builders():
    """The table replaces the import of a framework."""
    assert ARCHITECTURE_OPTIONS.keys() == BUILDERS.keys()
    for name, builder in BUILDERS.items():
        settable = [option for option in builder_options(builder) if option in Network.model_fields]
        assert sorted(ARCHITECTURE_OPTIONS[name]) == sorted(settable), name


def test_the_table_of_encoders_matches_the_builders():
    assert {"segnet": segnet.ENCODERS, "segformer": tuple(MIX_TRANSFORMERS)} == ENCODERS


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 4])
def test_gpus_are_a_share_of_one_or_a_whole_number(gpus: float):
    assert Resources(gpus=gpus).gpus == gpus


def test_one_and_a_half_gpus_are_refused():
    with pytest.raises(ValueError, match=r"gpus 1\.5: above 1 it must be a whole number"):
        Resources(gpus=1.5)


@pytest.mark.parametrize("section", ["", "data"])
def test_a_path_that_is_not_utf8_is_refused(section: str):
    path = {"path": os.fsdecode(b"d\xe9")}
    change = {"data": {"source": "directory", **path}} if section else {"storage": path["path"]}
    with pytest.raises(ValueError, match=r"d\\xe9 is not UTF-8"):
        changed(change)
