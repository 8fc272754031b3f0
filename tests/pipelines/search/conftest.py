"""Fixtures of the search's tests: a small experiment, Optuna databases on disk, a local Ray."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import ray

from faceseg.data.manifest import Manifest
from pipelines.cluster.local_ray import start_local_ray
from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.job.log import close_log, study_log
from pipelines.search import (
    coordinator,
    database,
    driver,
    leases,
    ledger,
    spending,
    worker_pool,
)
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.snapshot import StudySnapshot
from pipelines.tracking import Sender, Tracker

from . import fake_runner
from .spending_steps import Clock

OpenSearch = Callable[..., ArchitectureSearch]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database with empty tables: creating them takes a second."""
    path = tmp_path_factory.mktemp("optuna") / "empty.db"
    database.open_storage(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(autouse=True)
def closed_databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every database that a test has opened; log as little as a coordinator does."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = []
    original = database.open_storage

    def open_and_note(url: str) -> optuna.storages.RDBStorage:
        opened.append(original(url))
        return opened[-1]

    monkeypatch.setattr(database, "open_storage", open_and_note)
    monkeypatch.setattr(coordinator, "open_storage", open_and_note)
    yield
    close_log()  # a coordinator of this process has opened it
    for storage in opened:
        storage.engine.dispose()


@pytest.fixture
def experiment(tmp_path: Path, empty_database: Path) -> Experiment:
    """Three architectures, three trials each, two finals, in the test's own folder."""
    shutil.copy(empty_database, tmp_path / "optuna.db")
    return Experiment.model_validate(
        {
            "name": "fake",
            "seed": 5,
            "training": {"epochs": 6},
            "search": {"trials": 3, "random_trials": 2, "grace_epochs": 3, "pruner": "none"},
            "finals": {"seeds": 2, "epochs": 9},
            "storage": tmp_path,
        }
    )


@pytest.fixture
def open_search() -> OpenSearch:
    """Open searches as a new driver does: each with its own session and connection."""
    sessions = itertools.count()

    def opener(
        experiment: Experiment,
        architecture: str = "unet",
        session: str = "",
        base: ArchitectureSearch | None = None,
    ) -> ArchitectureSearch:
        storage = database.open_storage(experiment.search_database)
        session = session or f"session-{next(sessions)}"
        return ArchitectureSearch(experiment, architecture, storage, session, base=base)

    return opener


@pytest.fixture
def changed() -> Callable[..., Experiment]:
    """An experiment with other values in some sections."""

    def change(experiment: Experiment, **sections: dict[str, object]) -> Experiment:
        content = experiment.model_dump()
        for name, values in sections.items():
            before = content.get(name, {})
            content[name] = {**before, **values} if isinstance(values, dict) else values
        return Experiment.model_validate(content)

    return change


@pytest.fixture
def second_storage(tmp_path: Path, empty_database: Path) -> Callable[[Experiment], Experiment]:
    """The same experiment in another folder, with an empty database of its own."""

    def move(experiment: Experiment) -> Experiment:
        folder = tmp_path / "second"
        folder.mkdir()
        shutil.copy(empty_database, folder / "optuna.db")
        return experiment.model_copy(update={"storage": folder})

    return move


@pytest.fixture(scope="module")
def our_ray() -> Iterator[None]:
    """A Ray of two CPUs, however many the machine has."""
    ray.cloudpickle.register_pickle_by_value(fake_runner)
    start_local_ray(num_cpus=2)
    yield
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(fake_runner)


@dataclass
class Finished:
    """The result of one driver: its context, the winners and the messages."""

    context: StudyContext
    winners: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


@pytest.fixture
def run(
    our_ray: None,
    experiment: Experiment,
    changed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Finished]:
    """Run one architecture's study with fake training to its end."""
    monkeypatch.setattr(worker_pool, "Worker", fake_runner.FakeWorker)
    monkeypatch.setattr(driver, "recover", lambda *_: [])  # fake jobs log nothing
    monkeypatch.setattr(driver, "measure_again", lambda *_: [])
    monkeypatch.setattr(driver, "measure_on_gpu", lambda *_: [])

    def run_pool(
        plans: str,
        workers: int = 1,
        jobs: int = 50,
        watch: Callable[[StudySnapshot], None] | None = None,
        **search: Any,
    ) -> Finished:
        planned = changed(
            experiment,
            description=plans,
            architectures={"pspnet": None, "segnet": None},
            search=search,
            resources={"workers": workers, "trials_per_worker": jobs},
        )
        manifest = Manifest.model_construct(splits={})  # no fake job uses it
        context = StudyContext(
            experiment=planned,
            packs=tmp_path,
            manifest=manifest,
            tracker=Tracker("http://store"),
            experiment_id="0",
            study_run="run",
            commit="abc",
        )
        finished = Finished(context)

        def show(snapshot: StudySnapshot, messages: list[str]) -> None:
            finished.messages.extend(messages)
            if watch is not None:
                watch(snapshot)

        with (
            study_log(tmp_path, context.name),
            Sender(context.outboxes, context.tracker) as sender,
        ):
            finished.winners = driver.run_jobs(context, show, sender)
        return finished

    return run_pool


@pytest.fixture(name="coordinator")
def plain_coordinator(experiment: Experiment) -> coordinator.Coordinator:
    """Return a coordinator that is no actor."""
    return coordinator.Coordinator(experiment, "s")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of leases and of what is spent."""
    found = Clock()
    for module in (leases, spending, ledger):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=found, monotonic=found))
    return found


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """All coordinators use one database in memory."""
    storage = optuna.storages.InMemoryStorage()
    monkeypatch.setattr(coordinator, "open_storage", lambda _: storage)
