"""What is refused before a job is sent, and what is sent."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.cluster import submit
from pipelines.cluster.submit import check_files_are_sent, check_job, files_of, read_submission
from pipelines.config import load

Order = Callable[..., submit.Submission]
SHARED = "storage=/shared/results"


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """Write `experiments/tiny.yaml` with the given text, and order it from its folder's parent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "experiments").mkdir()

    def make(text: str, *overrides: str) -> submit.Submission:
        file = Path("experiments/tiny.yaml")
        file.write_text(text, encoding="utf-8")
        return read_submission(file, overrides, "abc123")

    return make


def test_the_same_command_is_sent(prepared: Order):
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


def test_an_absolute_path_is_sent_as_the_job_will_see_it(prepared: Order, tmp_path: Path):
    prepared("seed: 1", SHARED)
    made = read_submission(tmp_path / "experiments" / "tiny.yaml", (SHARED,), "abc123")
    assert made.entrypoint.startswith("faceseg study experiments/tiny.yaml ")


def test_nothing_of_the_environment_travels_but_what_is_named(
    prepared: Order, monkeypatch: pytest.MonkeyPatch
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
    assert made.environment["KERAS_BACKEND"] == "jax"


def test_variables_of_the_nodes_need_not_be_set_here(prepared: Order):
    text = "storage: ${NODES_STORAGE}/results\ndata: {source: directory, path: '${NODES_FACES}'}"
    made = prepared(text)
    assert made.experiment.storage == Path("${NODES_STORAGE}/results")
    assert "NODES_STORAGE" not in os.environ


REFUSED = {
    "a relative storage": ("storage: results", (), "give an absolute path that every node sees"),
    "the storage of the default": ("seed: 1", (), "storage: results is relative"),
    "relative images": (
        "data: {source: directory, path: faces}",
        (SHARED,),
        "data.path: faces lies in the working directory, and data does not travel",
    ),
    "relative weights": (
        "architectures: {unet: {encoder_weights: w.h5}}",
        (SHARED,),
        "architectures.unet.encoder_weights: w.h5 lies in the working directory",
    ),
    "a password": (
        "seed: 1",
        (SHARED, "tracking.database=postgresql://me:geheim@host/x"),
        "--set tracking.database=… holds a password",
    ),
    "no experiment": ("sead: 1", (SHARED,), "did you mean 'seed'?"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_on_a_cluster_is_refused(name: str, prepared: Order):
    text, overrides, words = REFUSED[name]
    with pytest.raises(UserError) as refused:
        prepared(text, *overrides)
    assert words in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_an_experiment_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "tiny.yaml").write_text("seed: 1", encoding="utf-8")
    with pytest.raises(UserError, match="lies outside of the working directory"):
        read_submission(tmp_path / "tiny.yaml", (SHARED,), "abc123")
    with pytest.raises(UserError, match=r"\.\./tiny\.yaml does not travel"):
        check_files_are_sent(Path("../tiny.yaml"), (), {Path("tiny.yaml"): 1})


def test_a_base_that_stays_at_home_is_named(prepared: Order, tmp_path: Path):
    (tmp_path / "base.yaml").write_text("seed: 1", encoding="utf-8")
    file = prepared("base: ../base.yaml", SHARED).file
    assert files_of(file) == [file, Path("experiments/../base.yaml")]
    check_files_are_sent(file, (), {file: 1, Path("base.yaml"): 1})
    with pytest.raises(UserError, match=r"base\.yaml does not travel"):
        check_files_are_sent(file, (), {file: 1})


def test_within_a_job_a_relative_storage_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "tiny.yaml"
    file.write_text("seed: 1", encoding="utf-8")
    monkeypatch.delenv(submit.JOB_VARIABLE, raising=False)
    check_job(load(file))
    monkeypatch.setenv(submit.JOB_VARIABLE, "{}")
    with pytest.raises(UserError, match="which is lost with the job"):
        check_job(load(file))
    check_job(load(file, (SHARED,)))


def test_a_file_laid_over_the_experiment_travels_and_is_read(prepared: Order):
    small = Path("experiments/small.yaml")
    small.parent.mkdir(exist_ok=True)
    small.write_text("tracking: {uri: '${ONLY_ON_THE_NODES}'}\n", encoding="utf-8")
    made = prepared("seed: 1", SHARED, "@experiments/small.yaml")
    assert made.experiment.tracking.uri == "${ONLY_ON_THE_NODES}"
    assert "--set @experiments/small.yaml" in made.entrypoint
    check_files_are_sent(made.file, made.overrides, {made.file: 1, small: 1})
    with pytest.raises(UserError, match=r"experiments/small\.yaml does not travel"):
        check_files_are_sent(made.file, made.overrides, {made.file: 1})
