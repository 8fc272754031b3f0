"""`--set`: a text or a path is taken as typed, every other value is YAML."""

from pathlib import Path
from typing import Any

import pytest

from faceseg.errors import UserError
from pipelines.config import load
from pipelines.config.overrides import apply_override, known_keys

AS_TYPED = [
    ("data.path=/data/My photos #2", "/data/My photos #2"),
    ("data.path=/data/2024", "/data/2024"),
    ("data.path=/data/a: b", "/data/a: b"),
    ("data.path=/data/[faces]", "/data/[faces]"),
    ("data.path=C:\\faces\\'new'", "C:\\faces\\'new'"),
    ("storage=results #3", "results #3"),
    ("storage=~", "~"),
    ("name=2024", "2024"),
    ("name=1e3", "1e3"),
    ("name=no", "no"),
    ("description=A study: the [first] #1", "A study: the [first] #1"),
    ("description={not a section}", "{not a section}"),
    ("description='begun' and 'ended'", "'begun' and 'ended'"),
    ('description="', '"'),
    ("data.terms=&none *of %these @work", "&none *of %these @work"),
    ("tracking.uri=http://host:5000/#/runs", "http://host:5000/#/runs"),
    ("architectures.unet.encoder_weights=/w #1.h5", "/w #1.h5"),
    ("variants.wide.of=unet #", "unet #"),
    ("data.on_bad=skip # all", "skip # all"),  # one of several words: refused, not cut short
]
YAML = [
    ("seed=3", 3),
    ("training.learning_rate=0.01", 0.01),
    ("resources.measured=true", True),
    ("data.image_size=[64, 96]", [64, 96]),
    ("robustness.kinds=[blob, hand]", ["blob", "hand"]),
    ("data.classes=lapa", "lapa"),
    ("architectures.unet={width: 0.5}", {"width": 0.5}),
    ("architectures.unet=null", None),
    ("finals.epochs=null", None),
    ("no_such.key=4", 4),
]
NULLS = ["data.path=null", "data.path=", "tracking.uri=null", "architectures.unet.encoder=null"]


def value_of(override: str) -> Any:
    content: dict[str, Any] = {}
    apply_override(content, override)
    for name in override.partition("=")[0].split("."):
        content = content[name]
    return content


@pytest.mark.parametrize(("override", "value"), [*AS_TYPED, *YAML])
def test_a_text_is_taken_as_typed_and_other_values_are_yaml(override: str, value: object):
    assert value_of(override) == value


@pytest.mark.parametrize("override", NULLS)
def test_null_removes_a_text(override: str):
    assert value_of(override) is None


@pytest.mark.parametrize("text", ["'3: ['", '"3: ["'])
def test_a_text_that_is_quoted_as_a_whole_is_unquoted(text: str):
    assert value_of(f"description={text}") == "3: ["
    assert value_of("description='null'") == "null"


def test_a_folder_with_a_number_sign_is_the_one_that_is_used(tmp_path: Path):
    file = tmp_path / "experiment.yaml"
    file.write_text("data: {source: directory}", encoding="utf-8")
    assert load(file, ("data.path=/data/My photos #2",)).data.path == Path("/data/My photos #2")


def test_a_key_that_an_override_gives_twice_is_refused():
    with pytest.raises(UserError, match="the key 'width' is given twice"):
        value_of("architectures.unet={width: 0.5, width: 1.0}")


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "seed"),
        (("data", "classes"), "palette"),
        (("search", "space", "weight_decay"), "high"),
        (("architectures", "unet"), "width"),
        (("claims", 0), "measure"),
    ],
)
def test_known_keys_are_those_of_the_section(place: tuple[object, ...], key: str):
    assert key in known_keys(place)
