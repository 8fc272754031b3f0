"""Experiments given by name: which file a name refers to, and the message on an unknown name."""

from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.config import Experiment, included, load
from pipelines.config.included import find_experiment, included_folder, included_names, is_included
from pipelines.studies.experiment import write_experiment


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty folder, so that no file has the name of an experiment."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_refers_to_the_included_experiment():
    assert find_experiment(Path("quickstart")) == included_folder() / "quickstart.yaml"
    assert find_experiment(Path("reference/drawn")) == included_folder() / "reference/drawn.yaml"
    assert load(Path("quickstart")).name == "quickstart"


def test_an_existing_file_has_precedence(empty_folder: Path):
    (empty_folder / "quickstart").write_text("seed: 7", encoding="utf-8")
    assert find_experiment(Path("quickstart")) == Path("quickstart")
    assert load(Path("quickstart")).seed == 7


def test_a_folder_of_the_same_name_does_not_matter(empty_folder: Path):
    (empty_folder / "reference").mkdir()
    assert is_included(find_experiment(Path("reference")))


@pytest.mark.parametrize(
    "path", ["quickstart.yaml", "/quickstart", "../quickstart", "no-such", "."]
)
def test_other_paths_are_not_names(path: str):
    assert find_experiment(Path(path)) == Path(path)


def test_a_name_has_the_same_study_as_its_file():
    named, read = load(Path("quickstart")), load(included_folder() / "quickstart.yaml")
    assert named == read
    assert named.study == read.study


def test_the_base_of_an_included_experiment_is_relative_to_its_file(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("FACESEG_DATA", "/data")
    base = "base: reference.yaml"
    assert base in find_experiment(Path("reference-1-nearest")).read_text(encoding="utf-8")
    assert load(Path("reference-1-nearest")).data.label_resizing == "nearest"


def test_an_experiment_may_derive_from_an_included_one(empty_folder: Path):
    own = empty_folder / "own.yaml"
    own.write_text("base: quickstart\nseed: 8", encoding="utf-8")
    experiment = load(own)
    assert (experiment.name, experiment.seed) == ("own", 8)
    assert experiment.training == load(Path("quickstart")).training


def test_an_overlay_may_be_included(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACESEG_DATA", "/data")
    assert load(Path("reference"), ("@reference/drawn",)).data.source == "drawn"


def studied(folder: Path, experiment: Experiment) -> Path:
    """Write an experiment as its study does, into `folder/results`; return the file."""
    write_experiment(experiment.model_copy(update={"storage": folder / "results"}))
    return Path("results") / experiment.name / "experiment.yaml"


def test_a_study_is_found_by_the_name_of_its_experiment_and_by_its_own(empty_folder: Path):
    experiment = Experiment(name="mine.2", seed=5)
    file = studied(empty_folder, experiment)
    for name in (experiment.name, experiment.study):
        assert find_experiment(Path(name)) == file
        assert load(Path(name)) == load(file) == experiment
    assert load(Path("mine.2"), ("name=other",)).name == "other"
    assert load(Path(experiment.study), ("seed=6",)).seed == 6


def test_files_and_included_experiments_have_precedence_over_studies(empty_folder: Path):
    quickstart = load(Path("quickstart"), ("seed=77",))
    file = studied(empty_folder, quickstart)
    assert is_included(find_experiment(Path("quickstart")))
    assert find_experiment(Path(quickstart.study)) == file
    (empty_folder / "quickstart").write_text("seed: 7", encoding="utf-8")
    assert load(Path("quickstart")).seed == 7


def test_an_earlier_study_of_an_experiment_is_not_the_newest(empty_folder: Path):
    earlier, newest = Experiment(name="mine", seed=1), Experiment(name="mine", seed=2)
    for experiment in (earlier, newest):
        studied(empty_folder, experiment)
    assert load(Path(newest.study)).seed == 2
    with pytest.raises(UserError, match=f"no study {earlier.study} .* newest .*{newest.study}"):
        load(Path(earlier.study))


def test_an_unknown_name_is_refused_with_the_studies(empty_folder: Path):
    studied(empty_folder, Experiment(name="mine"))
    with pytest.raises(UserError, match=r"given by name: .*quickstart.*, mine$"):
        load(Path("mien"))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UserError) as refused:
        load(Path("quikstart"))
    message = str(refused.value)
    assert message.startswith("there is no experiment file quikstart. Experiments that can be ")
    assert message.endswith(f"given by name: {', '.join(included_names())}")
    assert "quickstart" in included_names()


def test_an_unknown_overlay_is_refused_with_those_of_its_folder():
    with pytest.raises(UserError, match=r"given by name: reference/drawn, reference/facesynth$"):
        load(Path("quickstart"), ("@reference/drwan",))


def test_a_wheel_contains_them_beside_the_rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "only.yaml").write_text("seed: 9", encoding="utf-8")
    monkeypatch.setattr(included, "_IN_WHEEL", tmp_path / "experiments")
    assert included_names() == ["only"]
    assert load(Path("only")).seed == 9
