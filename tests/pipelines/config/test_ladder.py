"""The rungs of both ladders: each changes one thing and nothing else, on any data."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Experiment, load

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
LADDER = [
    "reference",
    "reference-1-nearest",
    "reference-2-colours",
    "reference-3-augmentation",
    "reference-4-dice",
    "reference-5-tuned",
]
# The changes of each step: the dotted settings and their new values.
STEPS: list[dict[str, Any]] = [
    {"data.label_resizing": "nearest"},
    {
        f"architectures.{name}.pixels": "signed_rgb"
        for name in ("reference-unet", "reference-pspnet", "reference-segnet")
    },
    {"training.augmentation.strength": 1.0},
    {"training.dice_weight": 1.0},
]
MACHINES: list[tuple[str, ...]] = [
    (),
    (f"@{EXPERIMENTS / 'reference' / 'drawn.yaml'}",),
    (f"@{EXPERIMENTS / 'reference' / 'facesynth.yaml'}",),
]
on_every_machine = pytest.mark.parametrize("machine", MACHINES, ids=["LaPa", "drawn", "facesynth"])


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESEG_DATA", "/data")


def rungs(machine: tuple[str, ...]) -> list[Experiment]:
    return [load(EXPERIMENTS / f"{name}.yaml", machine) for name in LADDER]


def settings(experiment: Experiment) -> dict[str, Any]:
    """Return every setting by its dotted key, without the names and the description."""

    def flat(value: Any, key_path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {key_path: value}
        return {
            key: each
            for name in value
            for key, each in flat(value[name], f"{key_path}.{name}").items()
        }

    content = experiment.model_dump(exclude={"name", "description", "tracking"})
    # A dump does not contain this setting while it has its default.
    content["data"].setdefault("label_resizing", experiment.data.label_resizing)
    return {key.removeprefix("."): value for key, value in flat(content, "").items()}


def changes(before: Experiment, after: Experiment) -> dict[str, Any]:
    """Return the settings that differ between two experiments, with the values of `after`."""
    first, second = settings(before), settings(after)
    return {
        key: second.get(key)
        for key in first.keys() | second.keys()
        if (key in first, first.get(key)) != (key in second, second.get(key))
    }


@on_every_machine
def test_each_rung_changes_one_thing(machine: tuple[str, ...]):
    found = [changes(before, after) for before, after in pairwise(rungs(machine))]
    assert found[:-1] == STEPS
    assert {key.split(".")[0] for key in found[-1]} == {"search"}


@on_every_machine
def test_all_rungs_are_tested_on_the_same_images(machine: tuple[str, ...]):
    data = [
        experiment.model_dump(exclude={"data": {"label_resizing"}})["data"]
        for experiment in rungs(machine)
    ]
    assert all(each == data[0] for each in data)


@on_every_machine
def test_the_first_rung_is_the_notebook(machine: tuple[str, ...]):
    first, *others = rungs(machine)
    training = first.training
    assert first.data.label_resizing == "bilinear"
    assert {each.pixels for each in first.architectures.values()} == {"unit_bgr"}
    # 10 epochs of 80 images would be only 100 steps.
    epochs = 40 if "facesynth" in str(machine) else 10
    assert (training.learning_rate, training.batch_size, training.epochs) == (1e-4, 8, epochs)
    assert (training.optimizer, training.dice_weight, training.augmentation.strength) == (
        "adam",
        0,
        0,
    )
    assert all(each.finals.epochs == epochs for each in [first, *others])


def test_the_last_rung_searches_from_the_notebooks_settings():
    last = rungs(())[-1]
    (first,) = last.search.first
    assert (first["learning_rate"], first["batch_size"]) == (1e-4, 8)
    assert last.search.trials == 20
    assert len(last.search.space.tuned()) == 3


@on_every_machine
def test_every_rung_is_a_study_of_its_own(machine: tuple[str, ...]):
    found = rungs(machine)
    assert [experiment.name for experiment in found] == LADDER
    assert len({experiment.study for experiment in found}) == len(LADDER)


OPTIONS = sorted((EXPERIMENTS / "recipe").glob("*.yaml"))
SECTIONS = {"augmentation": "training.augmentation.", "occluders": "training.occluders."}


@pytest.mark.parametrize("experiment", ["quickstart", "own", "lapa"])
@pytest.mark.parametrize("file", OPTIONS, ids=[each.stem for each in OPTIONS])
def test_each_option_of_the_recipe_changes_one_thing(file: Path, experiment: str):
    base = load(EXPERIMENTS / f"{experiment}.yaml")
    changed = changes(base, load(EXPERIMENTS / f"{experiment}.yaml", (f"@{file}",)))
    section = SECTIONS.get(file.stem)
    assert changed
    assert len(changed) == 1 or all(key.startswith(str(section)) for key in changed)
