"""Names are checked when an experiment is read, by the rules of every place that they reach."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.utils import validation

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from pipelines.config import Experiment, load
from pipelines.config.names import (
    MAX_LENGTH,
    MLFLOW_EXPERIMENTS,
    STORAGE_NAMES,
    check_class_names,
    check_experiment_name,
    check_network_name,
    check_registered_model,
)
from pipelines.doctor.diagnosis import DOCTOR_EXPERIMENT
from pipelines.tune_machine.machine_settings import SETTINGS_FILE

DEBUGGING = Path(__file__).parents[3] / "docs" / "debugging.md"
LONG = "a" * 300
FACE = {"palette": [[0, 0, 0], [9, 9, 9]], "face": [1]}


def classes(name: str) -> dict[str, Any]:
    return {"data": {"classes": {"names": ["background", name], **FACE}}}


# A change of an experiment, and words of the message about it.
WRONG = [
    ({"name": "a/b"}, ("name: an experiment's name", "'/'", "'a-b'", "got 'a/b'")),
    ({"name": "../up"}, ("name: an experiment's name", "for instance 'up'")),
    ({"name": ""}, ("name: an experiment's name",)),
    ({"name": ".."}, ("name: an experiment's name",)),
    ({"name": "naïve"}, ("letters from A to Z", "'\\xef'")),
    ({"name": LONG}, ("at most 100 characters, not 300",)),
    ({"name": "trailing."}, ("must not end with a dot",)),
    ({"name": "CON"}, ("device on Windows",)),
    ({"name": "lpt1.a"}, ("device on Windows",)),
    ({"name": "MLflow.db"}, ("file or folder of every storage",)),
    ({"name": "optuna.db-wal"}, ("file or folder of every storage",)),
    ({"name": "packs"}, ("file or folder of every storage",)),
    ({"name": "Default"}, ("MLflow has an experiment 'default'",)),
    ({"variants": {"segnet (wide)": {"of": "segnet"}}},
     ("variants.segnet (wide): a network's name", "'('", "'segnet-wide'")),
    ({"variants": {"../../home": {"of": "unet"}}}, ("a network's name", "'home'")),
    ({"variants": {"a.b": {"of": "unet"}}}, ("a network's name", "'.'")),
    ({"variants": {LONG: {"of": "unet"}}}, ("at most 100 characters",)),
    ({"variants": {"ensemble": {"of": "unet"}}}, ("'ensemble' has another meaning",)),
    ({"variants": {"UNet": {"of": "unet"}}}, ("an architecture has this name",)),
    ({"variants": {"wide": {"of": "unet"}, "Wide": {"of": "segnet"}}}, ("capital letters",)),
    ({"variants": {"a\nb": {"of": "unet"}}}, ("variants.a\\nb: a network's name",)),
    ({"architectures": {LONG: {}}}, ("architectures.aaa", "…: unknown architecture")),
    (classes("cheek (left)"), ("data.classes: a class's name", "'('", "'cheek -left'")),
    (classes("."), ("data.classes: a class's name",)),
    (classes(""), ("data.classes: a class's name",)),
    (classes("a/b"), ("data.classes: a class's name", "'a-b'")),
    (classes(LONG), ("at most 100 characters",)),
    ({"data": {"labels": "../../labels"}}, ("data.labels: ", "folder inside each split")),
    ({"data": {"labels": "/labels"}}, ("data.labels: ", "folder inside each split")),
    ({"data": {"labels": ""}}, ("data.labels: ", "folder inside each split")),
    ({"tracking": {"registered_model": "it's"}}, ("tracking.registered_model: ", '"\'"')),
    ({"tracking": {"registered_model": "team/faces"}}, ("registered_model: ", "'team-faces'")),
    ({"tracking": {"registered_model": ".."}}, ("tracking.registered_model: ",)),
    ({"corruption_reference": "faceseg"}, ("corruption_reference: ", "such as faceseg/3")),
    ({"corruption_reference": "a:b/3"}, ("corruption_reference: ", "a registered model's name")),
    ({"claims": [{"text": "t", "measure": "iou", "who": "u net", "direction": "higher"}]},
     ("claims.0.who: a network's name",)),
]  # fmt: skip


def read(change: dict[str, Any], folder: Path) -> Experiment:
    """Read an experiment as users do, from a file."""
    file = folder / "plain.yaml"
    file.write_text(yaml.safe_dump(change), encoding="utf-8")
    return load(file)


@pytest.mark.parametrize(("change", "words"), WRONG, ids=lambda value: str(value)[:50])
def test_a_name_is_refused_in_words(change: dict[str, Any], words: tuple[str, ...], tmp_path: Path):
    with pytest.raises(UserError) as refused:
        read(change, tmp_path)
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "pattern" not in message
    assert "[a-z" not in message


def test_the_name_of_the_file_is_checked_too(tmp_path: Path):
    (tmp_path / "my photos.yaml").write_text("seed: 1\n")
    with pytest.raises(UserError, match="for instance 'my-photos'"):
        load(tmp_path / "my photos.yaml")


GOOD = ("a", "lapa-short.2", "reference-1-nearest", "A_b", "9", "a" * MAX_LENGTH)
GOOD_CLASSES = ("_background_", "left eye", "Œil gauche", "眉", "inner_mouth", "v1.2", "x" * 100)


@pytest.mark.parametrize("name", GOOD)
def test_names_within_the_rule_are_valid(name: str, tmp_path: Path):
    assert check_experiment_name(name) == name
    network = name.replace(".", "-")
    assert check_network_name(network) == network
    assert check_registered_model(name) == name
    (tmp_path / f"study-{name}-12345678.lock").touch()
    folder = f"{network}-final-000-123456789012"
    (tmp_path / folder).mkdir()
    validation._validate_model_alias_name(f"previous-best-{network}")
    validation._validate_logged_model_name(network)
    validation._validate_model_name(name)
    validation._validate_tag_name(f"faceseg.winner.{network}")
    validation._validate_experiment_name(name)


def test_every_class_name_within_the_rule_is_one_of_mlflows_metrics():
    check_class_names((*LAPA.names, *GOOD_CLASSES))
    for name in GOOD_CLASSES:
        key = f"test/false_presence/{name}"
        validation._validate_metric_name(key)
        assert len(key) <= validation.MAX_ENTITY_KEY_LENGTH


def test_the_claim_of_an_alias_fits_into_a_param_of_mlflow():
    longest = "a" * MAX_LENGTH
    key = f"handover/{longest}/best-{longest}/1000/done"
    assert len(key) <= validation.MAX_ENTITY_KEY_LENGTH


def test_no_experiment_can_have_the_name_of_a_file_of_its_storage():
    """The documentation lists what a storage contains."""
    _, _, section = DEBUGGING.read_text(encoding="utf-8").partition("## Files of a study")
    table = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    paths = [path for cell in table for path in re.findall(r"`([^`]+)`", cell)]
    documented = {path.partition("/")[0] for path in paths} - {"EXPERIMENT"}
    assert documented == set(STORAGE_NAMES)
    assert SETTINGS_FILE in STORAGE_NAMES
    assert DOCTOR_EXPERIMENT in MLFLOW_EXPERIMENTS
