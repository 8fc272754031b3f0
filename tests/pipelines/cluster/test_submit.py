"""Submitting a study: the job's command and environment, and what is refused before."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.cluster import submit
from pipelines.cluster.child_processes import JOB_VARIABLE
from pipelines.cluster.experiment_files import all_files, check_files_are_sent, files_of
from pipelines.cluster.submit import check_job, read_submission
from pipelines.config import load
from pipelines.config.included import included_folder

Prepare = Callable[..., submit.Submission]
SHARED = "storage=/shared/results"


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Write `experiments/tiny.yaml` with the given text, and read it from that folder's parent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("FACESEG_LOG", raising=False)
    (tmp_path / "experiments").mkdir()

    def make(text: str, *overrides: str) -> submit.Submission:
        file = Path("experiments/tiny.yaml")
        file.write_text(text, encoding="utf-8")
        return read_submission(file, overrides, "abc123")

    return make


def test_the_job_runs_the_same_command(prepared: Prepare):
    made = prepared("seed: 1", SHARED, "search.space.batch_size={choices: [4, 8]}")
    assert made.entrypoint == (
        "faceseg study experiments/tiny.yaml --set storage=/shared/results "
        "--set 'search.space.batch_size={choices: [4, 8]}'"
    )
    assert made.metadata == {
        "faceseg.study": made.experiment.study,
        "faceseg.experiment": "experiments/tiny.yaml",
        "faceseg.commit": "abc123",
    }


def test_an_absolute_path_becomes_relative_to_the_working_directory(
    prepared: Prepare, tmp_path: Path
):
    prepared("seed: 1", SHARED)
    made = read_submission(tmp_path / "experiments" / "tiny.yaml", (SHARED,), "abc123")
    assert made.entrypoint.startswith("faceseg study experiments/tiny.yaml ")


def test_only_named_environment_variables_are_sent(
    prepared: Prepare, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
    monkeypatch.setenv("DATABASE", "postgresql+psycopg://me:geheim@host/optuna")
    made = prepared("tracking: {database: '${DATABASE}'}", SHARED)
    assert made.experiment.tracking.database == os.environ["DATABASE"]
    sent = json.dumps([made.entrypoint, made.metadata, made.environment])
    assert "geheim" not in sent
    assert set(made.environment) == {
        *("FACESEG_COMMIT", "FACESEG_VERSIONS", "RAY_JOB_STOP_WAIT_TIME_S"),
    }
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("FACESEG_LOG", "DEBUG")
    assert made.environment["KERAS_BACKEND"] == "jax"
    assert made.environment["FACESEG_LOG"] == "DEBUG"


def test_variables_of_the_nodes_need_not_be_set_here(prepared: Prepare):
    text = "storage: ${NODES_STORAGE}/results\ndata: {source: directory, path: '${NODES_FACES}'}"
    made = prepared(text)
    assert made.experiment.storage == Path("${NODES_STORAGE}/results")
    assert "NODES_STORAGE" not in os.environ


REFUSED = {
    "a relative storage": (
        "storage: results",
        (),
        "give an absolute path that every node can reach",
    ),
    "the default storage": ("seed: 1", (), "storage: results is relative"),
    "relative images": (
        "data: {source: directory, path: faces}",
        (SHARED,),
        "data.path: faces is in the working directory, and data is not sent",
    ),
    "relative weights": (
        "architectures: {unet: {encoder_weights: w.h5}}",
        (SHARED,),
        "architectures.unet.encoder_weights: w.h5 is in the working directory",
    ),
    "a password": (
        "seed: 1",
        (SHARED, "tracking.database=postgresql://me:geheim@host/x"),
        "--set tracking.database=… contains a password",
    ),
    "a password with a slash and an at": (
        "seed: 1",
        (SHARED, "tracking.database=postgresql://me:ge/heim@x@host/x"),
        "--set tracking.database=… contains a password",
    ),
    "a token in a query": (
        "seed: 1",
        (SHARED, "tracking.uri=https://host/x?token=geheim"),
        "--set tracking.uri=… contains a password or a token",
    ),
    "a password in the file": (
        "tracking: {database: 'postgresql://me:geheim@host/x'}",
        (SHARED,),
        "tiny.yaml contains a password or a token in an address",
    ),
    "no experiment": ("sead: 1", (SHARED,), "did you mean 'seed'?"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_experiments_that_cannot_run_on_a_cluster_are_refused(name: str, prepared: Prepare):
    text, overrides, words = REFUSED[name]
    with pytest.raises(UserError) as refused:
        prepared(text, *overrides)
    assert words in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_an_experiment_outside_the_working_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "tiny.yaml").write_text("seed: 1", encoding="utf-8")
    with pytest.raises(UserError, match="is outside the working directory"):
        read_submission(tmp_path / "tiny.yaml", (SHARED,), "abc123")
    with pytest.raises(UserError, match=r"\.\./tiny\.yaml is not sent"):
        check_files_are_sent(Path("../tiny.yaml"), (), {Path("tiny.yaml"): 1})


def test_a_base_that_is_not_sent_is_refused(prepared: Prepare, tmp_path: Path):
    (tmp_path / "base.yaml").write_text("seed: 1", encoding="utf-8")
    file = prepared("base: ../base.yaml", SHARED).file
    assert files_of(file) == [file, Path("experiments/../base.yaml")]
    check_files_are_sent(file, (), {file: 1, Path("base.yaml"): 1})
    with pytest.raises(UserError, match=r"base\.yaml is not sent"):
        check_files_are_sent(file, (), {file: 1})


def test_within_a_job_a_relative_storage_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "tiny.yaml"
    file.write_text("seed: 1", encoding="utf-8")
    monkeypatch.delenv(JOB_VARIABLE, raising=False)
    check_job(load(file))
    monkeypatch.setenv(JOB_VARIABLE, "{}")
    with pytest.raises(UserError, match="which Ray removes"):
        check_job(load(file))
    check_job(load(file, (SHARED,)))
    with pytest.raises(UserError, match="contains a password or a token"):
        check_job(load(file, (SHARED,)), (SHARED, "tracking.uri=http://me:geheim@host"))


def test_an_overlay_is_read_and_must_be_sent(prepared: Prepare):
    small = Path("experiments/small.yaml")
    small.parent.mkdir(exist_ok=True)
    small.write_text("tracking: {uri: '${ONLY_ON_THE_NODES}'}\n", encoding="utf-8")
    made = prepared("seed: 1", SHARED, "@experiments/small.yaml")
    assert made.experiment.tracking.uri == "${ONLY_ON_THE_NODES}"
    assert "--set @experiments/small.yaml" in made.entrypoint
    check_files_are_sent(made.file, made.overrides, {made.file: 1, small: 1})
    with pytest.raises(UserError, match=r"experiments/small\.yaml is not sent"):
        check_files_are_sent(made.file, made.overrides, {made.file: 1})


def test_a_studys_name_is_sent_with_the_file_that_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The rest of `results` is not sent."""
    monkeypatch.chdir(tmp_path)
    written = Path("results/mine/experiment.yaml")
    written.parent.mkdir(parents=True)
    written.write_text("name: mine\nstorage: ${THIS_FOLDER}/..\n", encoding="utf-8")
    made = read_submission(Path("mine"), (SHARED,), "abc123")
    assert made.entrypoint.startswith("faceseg study mine --set ")
    assert submit._written_files(made) == {written: written.stat().st_size}


def test_an_included_experiment_is_not_sent_because_the_nodes_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    made = read_submission(Path("lapa-short"), (SHARED, "data.path=/shared/LaPa"), "abc123")
    assert made.entrypoint.startswith("faceseg study lapa-short --set ")
    assert all_files(made.file, made.overrides)[0] == included_folder() / "lapa-short.yaml"
    check_files_are_sent(made.file, made.overrides, {})
