"""The JSON Schema for editors: current, right about every experiment, and named by each."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipelines.config import load
from pipelines.config.json_schema import EDITOR_LINE, SCHEMA_FILE, schema_text
from tests.pipelines.conftest import RunFaceseg

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
FILES = sorted(EXPERIMENTS.rglob("*.yaml"))


@pytest.fixture(scope="module")
def schema() -> Any:
    content = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_the_stored_schema_is_current(run_faceseg: RunFaceseg):
    """To update it: faceseg schema > experiments/experiment.schema.json"""
    stored = (EXPERIMENTS / SCHEMA_FILE).read_text(encoding="utf-8")
    assert run_faceseg("schema") == (0, stored)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_experiment_names_the_schema_and_agrees_with_it(file: Path, schema: Any):
    text = file.read_text(encoding="utf-8")
    path = "../" * len(file.parent.relative_to(EXPERIMENTS).parts) + SCHEMA_FILE
    assert text.splitlines()[0] == EDITOR_LINE.format(path=path)
    assert [each.message for each in schema.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("search: {trails: 3}", "'trails' was unexpected"),
        ("training: {epochs: many}", "'many' is not valid under any of the given schemas"),
        ("data: {source: folder}", "'folder' is not one of"),
        ("architectures: {unet: {width: -1}}", "is not valid under any of the given schemas"),
    ],
)
def test_an_editor_marks_what_faceseg_refuses(wrong: str, words: str, schema: Any):
    (error,) = schema.iter_errors(yaml.safe_load(wrong))
    assert words in error.message


def test_a_derived_experiment_may_leave_out_remove_and_use_variables(schema: Any):
    text = "base: quickstart\narchitectures: {segnet: null}\ntraining: {epochs: '${N}'}\n"
    assert list(schema.iter_errors(yaml.safe_load(text))) == []


def test_the_line_for_editors_is_no_part_of_an_experiment(tmp_path: Path):
    names = []
    for line in ("", EDITOR_LINE.format(path=SCHEMA_FILE)):
        (tmp_path / "mine.yaml").write_text(f"{line}\nseed: 3\n", encoding="utf-8")
        names.append(load(tmp_path / "mine.yaml").study)
    assert names[0] == names[1]
