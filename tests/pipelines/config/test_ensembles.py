"""The ensembles of an experiment: their names and members, and the errors of the key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from faceseg.errors import UserError
from pipelines.config import Experiment, load
from pipelines.config.names import is_ensemble, is_mirrored, is_trained, mirrored_name

NETWORKS: dict[str, Any] = {
    "name": "small",
    "architectures": {"unet": {}, "pspnet": {}, "segnet": {}},
    "variants": {"segnet-narrow": {"of": "segnet", "width": 0.5}},
}


def given(ensemble: Any) -> Experiment:
    return Experiment.model_validate({**NETWORKS, "ensemble": ensemble})


def test_a_subset_is_named_by_its_members_in_the_experiments_order():
    assert given([["segnet-narrow", "unet"], ["segnet", "pspnet"]]).ensembles == {
        "ensemble.unet.segnet-narrow": ("unet", "segnet-narrow"),
        "ensemble.pspnet.segnet": ("pspnet", "segnet"),
    }


@pytest.mark.parametrize("ensemble", [True, [["segnet", "unet", "pspnet"]]])
def test_the_ensemble_of_all_architectures_has_the_name_of_earlier_versions(ensemble: Any):
    assert given(ensemble).ensembles == {"ensemble": ("unet", "pspnet", "segnet")}


@pytest.mark.parametrize("ensemble", [False, []])
def test_there_is_none_by_default(ensemble: Any):
    assert given(ensemble).ensembles == {}
    assert "ensemble" not in given(ensemble).model_dump()


def test_another_subset_continues_the_study():
    assert given([["unet", "segnet"]]).study == given(True).study == given(False).study


@pytest.mark.parametrize(
    ("ensemble", "message"),
    [
        ([["unet", "segfromer"]], "[unet, segfromer]: segfromer is not among this experiment's"),
        ([["unet"]], "[unet]: expected at least two networks, each once"),
        ([["unet", "unet"]], "[unet, unet]: expected at least two networks, each once"),
        ([[]], "[]: expected at least two networks"),
        ([["unet", "segnet"], ["segnet", "unet"]], "[unet, segnet] is given twice"),
        (["unet", "segnet"], "ensemble: expected true, false, or lists of networks"),
        ([[1, 2]], "ensemble: expected true, false, or lists of networks"),
        ("all", "ensemble: expected true, false, or lists of networks"),
    ],
)
def test_a_wrong_subset_is_one_error(ensemble: Any, message: str, tmp_path: Path):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**NETWORKS, "ensemble": ensemble}, sort_keys=False))
    with pytest.raises(UserError) as raised:
        load(file)
    assert message in str(raised.value)
    assert str(raised.value).count("\n  ") == 1


def test_a_name_that_folders_and_tags_cannot_have_is_refused():
    variants = {f"{'a' * 98}{n}": {"of": "unet"} for n in range(3)}
    with pytest.raises(ValueError, match=r"would have 308 characters, and at most 200 are"):
        Experiment.model_validate({**NETWORKS, "variants": variants, "ensemble": [[*variants]]})


def test_a_row_is_trained_mirrored_or_an_ensemble():
    """A variant may be called `mirrored`, or begin with `ensemble-`: names contain no dots."""
    kinds = {
        name: (is_trained(name), is_mirrored(name), is_ensemble(name))
        for name in ("ensemble-wide", mirrored_name("unet"), "ensemble", "ensemble.unet.mirrored")
    }
    assert kinds == {
        "ensemble-wide": (True, False, False),
        "unet.mirrored": (False, True, False),
        "ensemble": (False, False, True),
        "ensemble.unet.mirrored": (False, False, True),
    }
