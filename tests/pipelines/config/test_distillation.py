"""The key `distil`: the taught network's name, its teachers, and errors."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from faceseg.errors import UserError
from pipelines.config import Experiment, load

NETWORKS: dict[str, Any] = {
    "name": "small",
    "architectures": {"unet": {}, "pspnet": {}, "lraspp": {"width": 0.5}},
    "variants": {"unet-narrow": {"of": "unet", "width": 0.5}},
}


def given(**distil: Any) -> Experiment:
    return Experiment.model_validate({**NETWORKS, "distil": {"student": "lraspp", **distil}})


@pytest.mark.parametrize(
    ("teacher", "members"),
    [
        ("unet", ("unet",)),
        ("lraspp", ("lraspp",)),  # a network can be taught by itself
        ("ensemble", ("unet", "pspnet", "lraspp")),
        ("ensemble.unet-narrow.unet", ("unet", "unet-narrow")),
        ("bisenet.judged", ()),  # none of the experiment's: `faceseg judge` tested it
    ],
)
def test_the_teacher_is_a_network_or_an_ensemble(teacher: str, members: tuple[str, ...]):
    assert given(teacher=teacher).teachers == {"lraspp-distilled": members}


def test_the_taught_network_is_built_as_its_student():
    networks = given(teacher="unet").trained_networks
    assert list(networks) == ["unet", "pspnet", "lraspp", "unet-narrow", "lraspp-distilled"]
    assert networks["lraspp-distilled"] == networks["lraspp"] == ("lraspp", {"width": 0.5})


def test_a_study_without_distillation_keeps_its_name_and_one_with_it_continues():
    plain = Experiment.model_validate(NETWORKS)
    assert "distil" not in plain.model_dump()
    assert plain.teachers == {}
    assert given(teacher="unet").study == given(teacher="ensemble", weight=0.9).study == plain.study


@pytest.mark.parametrize(
    ("distil", "message"),
    [
        ({"student": "hrnet", "teacher": "unet"}, "distil.student: unknown network 'hrnet'"),
        ({"student": "lraspp", "teacher": "hrnet"}, "distil.teacher: unknown network 'hrnet'"),
        ({"student": "lraspp", "teacher": "ensemble.unet.x"}, "unknown network 'x'"),
        ({"student": "lraspp", "teacher": "ensemble.unet.judged"}, "unknown network 'judged'"),
        ({"student": "lraspp", "teacher": "my net.judged"}, "a network's name consists of letters"),
        ({"student": "hrnet", "teacher": "bisenet.judged"}, "distil.student: unknown network"),
        ({"student": "lraspp"}, "distil.teacher: Field required"),
        ({"student": "lraspp", "teacher": "unet", "weight": 0}, "greater than 0"),
        ({"student": "lraspp", "teacher": "unet", "temperature": 0}, "greater than 0"),
        ({"student": "unet", "teacher": "lraspp"}, "variants.unet-distilled: the taught network"),
    ],
)
def test_a_wrong_distillation_is_one_error(distil: Any, message: str, tmp_path: Path):
    variants = {**NETWORKS["variants"], "unet-distilled": {"of": "unet"}}
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({**NETWORKS, "variants": variants, "distil": distil}))
    with pytest.raises(UserError) as raised:
        load(file)
    assert message in str(raised.value)
    assert str(raised.value).count("\n  ") == 1
