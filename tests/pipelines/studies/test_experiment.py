"""The file that a study writes beside its report."""

import shutil
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.config import load
from pipelines.studies.experiment import write_experiment, written_file

OWN = """
base: quickstart
data: {source: directory, path: photos of mine, image_size: [96, 128]}
training: {learning_rate: 1.0e-3}
tracking: {registered_model: faces}
gate: {min_gain: 0.01}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.mark.parametrize("storage", ["results", "elsewhere/results", "/tmp/absolute"])  # noqa: S108
def test_it_runs_the_same_study(own: Path, storage: str, tmp_path: Path):
    storage = storage.replace("/tmp", str(tmp_path))  # noqa: S108
    overrides = ("search.trials=9", "name=mine", f"storage={storage}")
    experiment = load(own, overrides)
    write_experiment(experiment)
    file = written_file(experiment)
    assert file == Path(storage) / "mine" / "experiment.yaml"
    own.unlink()
    assert load(file) == experiment
    assert load(file).study == experiment.study
    assert sorted(path.name for path in file.parent.iterdir()) == ["experiment.yaml"]


def test_it_belongs_to_the_storage_that_contains_it(own: Path, tmp_path: Path):
    experiment = load(own)
    write_experiment(experiment)
    shutil.copytree("results", "copies/results")
    copied = load(Path("copies/results/own/experiment.yaml"))
    assert copied.storage == Path("copies/results")
    assert copied.study == experiment.study
    assert load(tmp_path / "copies/results/own/experiment.yaml").storage.is_absolute()


def test_a_secret_is_asked_for(own: Path):
    """The file is read by all who may read the report."""
    secret = "tracking.uri=http://me:geheim@host"  # noqa: S105
    experiment = load(own, (secret,))
    write_experiment(experiment)
    file = written_file(experiment)
    assert "geheim" not in file.read_text(encoding="utf-8")
    with pytest.raises(UserError, match=r"without its password .* --set tracking\.uri="):
        load(file)
    assert load(file, (secret,)) == experiment
