"""`pipelines.study` and `pipelines.train`: the light import, and how overrides are read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pipelines
from faceseg.errors import UserError
from pipelines.config import load
from pipelines.studies import python_api


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text("seed: 1\narchitectures: {unet: {}, reference-unet: {}}", encoding="utf-8")
    return path


def test_importing_the_package_loads_no_framework(tmp_path: Path):
    """In a subprocess, because this process has imported them already."""
    code = (
        "import sys, pipelines\n"
        "heavy = {'ray', 'mlflow', 'optuna', 'tensorflow', 'keras', 'pandas', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_describing_the_functions_loads_no_training_framework(tmp_path: Path):
    code = (
        "import sys, pipelines; pipelines.study.__doc__, pipelines.train.__doc__\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_every_public_name_exists():
    assert {name: getattr(pipelines, name) for name in pipelines.__all__} == {
        "StudyResult": python_api.StudyResult,
        "TrainingResult": python_api.TrainingResult,
        "study": python_api.study,
        "train": python_api.train,
    }
    with pytest.raises(AttributeError, match="'pipelines' has no attribute 'studdy'"):
        _ = pipelines.studdy


def test_importing_a_room_does_not_replace_the_functions():
    import pipelines.studies.single_training
    import pipelines.studies.study

    assert callable(pipelines.study)
    assert callable(pipelines.train)


def test_overrides_mean_the_same_as_set(small: Path, tmp_path: Path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("training: {epochs: 3, warmup: 0.2}", encoding="utf-8")
    values = {
        "search__trials": 2,
        "training__epochs": 4,
        "training__learning_rate": 1e-5,
        "data__image_size": (32, 64),
        "storage": tmp_path / "a folder",
        "description": "3: [",
        "architectures.reference-unet": None,
        "search__space": {"batch_size": {"choices": [4, 8]}},
    }
    opened = load(small, python_api._as_overrides((overlay,), values))
    assert opened == load(
        small,
        (
            f"@{overlay}",
            "search.trials=2",
            "training.epochs=4",
            "training.learning_rate=0.00001",
            "data.image_size=[32, 64]",
            f"storage={tmp_path / 'a folder'}",
            "description='3: ['",
            "architectures.reference-unet=null",
            "search.space={batch_size: {choices: [4, 8]}}",
        ),
    )
    assert list(opened.architectures) == ["unet"]
    assert (opened.training.epochs, opened.training.warmup) == (4, 0.2)
    assert opened.description == "3: ["


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"search__trails": 2}, "search.trails: unknown key; did you mean 'trials'?"),
        ({"seed": np.int64(3)}, r"seed: expected a value that YAML can represent .*int64\(3\)"),
        ({"storage": "${FACESEG_NOT_SET}"}, "environment variable FACESEG_NOT_SET is not set"),
    ],
)
def test_a_wrong_override_raises_a_user_error(
    overrides: dict[str, object], message: str, small: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(UserError, match=message):
        pipelines.study(small, **overrides)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_an_unknown_experiment_raises_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there is no experiment file quikstart"):
        pipelines.train("quikstart", "unet")
    with pytest.raises(UserError, match="'vgg' is not among this experiment's architectures"):
        pipelines.train("quickstart", "vgg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "/data/My photos #2",
        "a folder " * 20 + "end",
        "'a'",
        " a ",
        "null",
        "",
        "é: [",
        "a\n\n b\n",
        "1",
    ],
)
def test_a_text_reaches_the_experiment_unchanged(text: str, small: Path):
    assert load(small, python_api._as_overrides((), {"description": text})).description == text
