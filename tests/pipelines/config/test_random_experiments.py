"""Random experiments are refused in words before anything starts, or run their first step."""

import math
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment, load
from pipelines.data.prepare import prepare
from pipelines.job.job import Job
from pipelines.search import database
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.studies.study import check_experiment
from pipelines.tracking import RunIdentity, Tracker
from tests.pipelines.config.random_experiments import experiments

SPOILT = 3  # every third experiment has a value or a name that should not be given
Try = Callable[[dict[str, Any], Path], None]


def try_all(count: int, attempt: Try, folder: Path) -> Counter[str]:
    """Try `count` random experiments, the same ones every time; count valid and refused ones."""
    found: Counter[str] = Counter()

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # a smaller example would cost a training each
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(experiments())
    def each(contents: tuple[dict[str, Any], dict[str, Any]]) -> None:
        number = sum(found.values())
        content = contents[number % SPOILT == 0]
        own = folder / str(number)
        own.mkdir()
        try:
            attempt(content, own)
        except UserError as error:
            check_message(str(error))
            found["refused"] += 1
        else:
            found["valid"] += 1
        finally:
            shutil.rmtree(own)

    each()
    return found


def check_message(message: str) -> None:
    """Check that a refusal is a paragraph for people, not the text of an exception."""
    assert len(message) > 20
    assert len(message) < 5000
    for word in ("Traceback", "function-after", "pattern '", "errors.pydantic.dev"):
        assert word not in message, message


def read(content: dict[str, Any], folder: Path) -> Experiment:
    """Read an experiment as users do, from a file, and check it as a study does."""
    file = folder / "random.yaml"
    file.write_text(yaml.safe_dump({**content, "storage": str(folder)}), encoding="utf-8")
    experiment = load(file)
    check_experiment(experiment)
    return experiment


def test_random_experiments_are_read_or_refused_in_words(tmp_path: Path):
    found = try_all(60, lambda content, folder: check_names(read(content, folder)), tmp_path)
    assert found["valid"] >= 36, found
    assert found["refused"] >= 6, found


def check_names(experiment: Experiment) -> None:
    """Check that the files named for an experiment are in its storage, and nothing else."""
    storage = experiment.storage.resolve()
    for name in (experiment.name, experiment.study, *experiment.networks):
        assert (storage / name).resolve().parent == storage
        assert len(f"study-{name}-123456789012.lock".encode()) <= 255


# --- The first step of a study: its names in Optuna and MLflow, and one step of the optimizer.


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database with empty tables: creating them takes a second."""
    path = tmp_path_factory.mktemp("optuna") / "empty.db"
    database.open_storage(f"sqlite:///{path}").engine.dispose()
    return path


def ask(experiment: Experiment, empty: Path) -> list[Job]:
    """Open the search of each network in Optuna's database; return the first job of each."""
    shutil.copy(empty, experiment.storage / "optuna.db")
    storage = database.open_storage(experiment.search_database)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        searches: dict[str, ArchitectureSearch] = {}
        for name, (architecture, _) in experiment.networks.items():
            base = searches.get(architecture) if name in experiment.variants else None
            searches[name] = ArchitectureSearch(experiment, name, storage, "session", base=base)
        jobs = [searches[name].next_trial("session/worker") for name in experiment.architectures]
        assert all(jobs)
        return [job for job in jobs if job is not None]
    finally:
        storage.engine.dispose()


def log(experiment: Experiment, jobs: list[Job], tracker: Tracker) -> None:
    """Log what a study logs under the experiment's own names."""
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    identity = {"study": experiment.study, "kind": "study"}
    run = tracker.find_or_make_run(
        RunIdentity(
            experiment_id=experiment_id, name=experiment.study, identity=identity, description="-"
        )
    )
    tracker.set_tags(run, **{f"winner.{name}": "digest" for name in experiment.networks})
    tracker.log_params(run, jobs[0].settings.model_dump())
    names = experiment.data.class_set.names
    tracker.log_metrics(run, {f"test/false_presence/{name}": 0.5 for name in names})
    assert len(tracker.client.get_run(run).data.metrics) == len(names)
    tracker.open()  # MLflow looks up `models:/` addresses in its default store, as delivery sets it
    model = experiment.tracking.registered_model
    if not tracker.client.search_registered_models(f"name = '{model}'"):
        tracker.client.create_registered_model(model)
    for name in experiment.networks:
        logged = tracker.client.create_logged_model(experiment_id, name=name, source_run_id=run)
        version = tracker.client.create_model_version(
            model, source=f"models:/{logged.model_id}", run_id=run, model_id=logged.model_id
        )
        tracker.client.set_registered_model_alias(model, f"best-{name}", version.version)
        found = tracker.client.get_model_version_by_alias(model, f"best-{name}")
        assert found.version == version.version


class OptimizerStep:
    """Takes one step of the optimizer; networks are kept, as in a worker."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def take(self, experiment: Experiment, job: Job) -> float:
        """Return the loss of the first step of a job, without a trace."""
        from faceseg.data.batches import TrainingBatches
        from faceseg.data.split import open_split
        from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec

        data = experiment.data
        architecture, options = experiment.networks[job.key.architecture]
        spec = NetworkSpec(
            architecture=architecture,
            image_size=data.image_size,
            num_classes=len(data.class_set),
            options=options,
        )
        key = CompiledNetwork.cache_key(spec, job.settings)
        compiled = self.kept.get(key) or CompiledNetwork(spec, job.settings)
        self.kept = {key: compiled}
        folder, _ = prepare(experiment, Console(quiet=True))
        batches = TrainingBatches(
            open_split(folder, "train"),
            job.settings.batch_size,
            seed=job.seed,
            augmentation=job.settings.augmentation,
            classes=data.class_set,
        )
        compiled.reset(job.settings, job.seed, len(batches) * job.settings.epochs)
        with warnings.catch_warnings():  # of untraced steps, on the structure of their input
            warnings.simplefilter("ignore")
            return float(compiled.model.train_step(batches.batch(1, 0))["loss"])


@pytest.fixture
def first_step(tracker: Tracker, empty_database: Path) -> Try:
    """Return a function that reads an experiment and runs its first step."""
    step = OptimizerStep()

    def run(content: dict[str, Any], folder: Path) -> None:
        experiment = read(content, folder)
        prepare(experiment, Console(quiet=True))  # before anything starts
        try:
            jobs = ask(experiment, empty_database)
            log(experiment, jobs, tracker)
            loss = step.take(experiment, jobs[0])
        except UserError as error:
            raise AssertionError(f"refused after the start: {error}") from error
        assert math.isfinite(loss)

    return run


def test_the_first_random_experiments_get_their_names_in_optuna_and_mlflow(
    tracker: Tracker, empty_database: Path, tmp_path: Path
):
    def attempt(content: dict[str, Any], folder: Path) -> None:
        experiment = read(content, folder)
        log(experiment, ask(experiment, empty_database), tracker)

    found = try_all(5, attempt, tmp_path)
    assert found["valid"] >= 3, found


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_random_experiments_run_their_first_step_or_are_refused(
    first_step: Try, tmp_path: Path
):
    found = try_all(100, first_step, tmp_path)
    print(dict(found))
    assert sum(found.values()) == 100
    assert found["valid"] >= 60, found
