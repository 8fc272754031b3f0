"""The command line in a subprocess, and one tiny study that many tests read.

The study has two architectures at 32 px with two trials and one final each, a variant, the
ensemble, and one worker. Its scores do not matter; the runs and files that it writes do.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import optuna
import pytest
from mlflow.entities import Run

from pipelines.config import Experiment, load
from pipelines.search.database import open_storage
from pipelines.tracking import Tracker

TINY = """
name: tiny
seed: 3
data:
  image_size: [32, 32]
  drawn: {train: 24, val: 6, test: 6, size: 48, difficulty: 0.3}
architectures:
  unet: {alpha: 0.35, width: 0.1, encoder_weights: none, batch_norm_momentum: 0.5}
  segnet: {width: 0.1, batch_norm_momentum: 0.5}
variants:
  segnet-narrow: {of: segnet, width: 0.05}
ensemble: true
training: {epochs: 2}
search:
  trials: 2
  space:
    learning_rate: {low: 3.0e-3, high: 3.0e-2, log: true}
    batch_size: {choices: [4, 8]}
  random_trials: 1
  pruner: halving
  grace_epochs: 1
finals: {seeds: 1}
gate: {above_baseline: -1}  # a champion, although its scores do not matter
robustness:
  kinds: [gray_square, eye_band]
  corruption: [grey]
  geometry: [flip, resolution]
  trial_images: 2
  final_images: 3
resources: {workers: 1, cpus: 2}
"""
Faceseg = Callable[..., subprocess.CompletedProcess[str]]
Curve = list[tuple[int, float]]


@pytest.fixture(scope="session")
def faceseg() -> Faceseg:
    """Run `faceseg ARGUMENTS` in a folder; return its exit code and output."""

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("faceseg"), *arguments]
        environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory of the study, with its experiment."""
    before = mlflow.get_tracking_uri()
    made = tmp_path_factory.mktemp("tiny")
    (made / "tiny.yaml").write_text(TINY, encoding="utf-8")
    yield made
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def study_output(folder: Path, faceseg: Faceseg) -> str:
    """Run the study; return its output."""
    done = faceseg(folder, "study", "tiny.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@dataclass(frozen=True)
class ComparedStudy:
    """The results of a study: MLflow's runs, their metrics and files, and Optuna's trials."""

    experiment: Experiment
    tracker: Tracker

    def runs(self, **tags: str) -> list[Run]:
        """Find the study's runs by their tags."""
        experiment_id = self.tracker.client.get_experiment_by_name(
            self.experiment.name
        ).experiment_id
        return self.tracker.find_runs(experiment_id, study=self.experiment.study, **tags)

    def jobs(self) -> list[Run]:
        """Return the runs of all trials and finals."""
        return [*self.runs(kind="trial"), *self.finals()]

    def finals(self) -> list[Run]:
        """Return the runs of the finals, without the ensemble, which is not trained."""
        found = self.runs(kind="final")
        return [run for run in found if run.data.tags["faceseg.architecture"] != "ensemble"]

    def points(self, run: Run) -> dict[str, Curve]:
        """Return the steps and values of each metric of a run."""
        history = self.tracker.client.get_metric_history
        return {
            key: [(each.step, each.value) for each in history(run.info.run_id, key)]
            for key in run.data.metrics
        }

    def files(self, run: Run, folder: str = "") -> set[str]:
        """Return the paths of all of a run's artifacts."""
        found: set[str] = set()
        for each in self.tracker.client.list_artifacts(run.info.run_id, folder or None):
            found |= self.files(run, each.path) if each.is_dir else {each.path}
        return found

    def optuna_trials(self, architecture: str) -> list[optuna.trial.FrozenTrial]:
        """Read one architecture's search from Optuna's database."""
        storage = open_storage(self.experiment.search_database)
        name = f"{self.experiment.study}/{architecture}/search"
        found: list[optuna.trial.FrozenTrial] = optuna.load_study(
            study_name=name, storage=storage
        ).trials
        storage.engine.dispose()
        return found


@pytest.fixture(scope="session")
def open_store(folder: Path) -> Callable[..., ComparedStudy]:
    """Open the results of the tiny experiment in a storage folder."""

    def opener(storage: Path, *overrides: str) -> ComparedStudy:
        found = load(folder / "tiny.yaml", (*overrides, f"storage={storage}"))
        return ComparedStudy(found, Tracker(found.tracking_uri))

    return opener


@pytest.fixture(scope="session")
def store(
    study_output: str, folder: Path, open_store: Callable[..., ComparedStudy]
) -> ComparedStudy:
    """The results of the study."""
    return open_store(folder / "results")
