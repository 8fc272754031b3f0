"""What the tests of the search share: a small experiment, and Optuna databases on disk."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from pipelines.config import Experiment
from pipelines.search import coordinator
from pipelines.search.lane import Lane

OpenLane = Callable[..., Lane]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database with its tables and nothing in it: making them takes a second."""
    path = tmp_path_factory.mktemp("optuna") / "empty.db"
    coordinator.open_storage(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(autouse=True)
def closed_databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close at the end every database that a test has opened; be as quiet as a coordinator."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = []
    really_open = coordinator.open_storage

    def open_and_note(url: str) -> optuna.storages.RDBStorage:
        opened.append(really_open(url))
        return opened[-1]

    monkeypatch.setattr(coordinator, "open_storage", open_and_note)
    yield
    for storage in opened:
        storage.engine.dispose()


@pytest.fixture
def experiment(tmp_path: Path, empty_database: Path) -> Experiment:
    """Three architectures, three trials each, two finals, in a folder of its own."""
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
def open_lane() -> OpenLane:
    """Open lanes as a new process would: each with its own connection to the database."""

    def opener(experiment: Experiment, architecture: str = "unet") -> Lane:
        storage = coordinator.open_storage(experiment.search_database)
        return Lane(experiment, architecture, storage)

    return opener


@pytest.fixture
def changed() -> Callable[..., Experiment]:
    """An experiment with other values in some sections."""

    def change(experiment: Experiment, **sections: dict[str, object]) -> Experiment:
        content = experiment.model_dump()
        for name, values in sections.items():
            content[name] = {**content[name], **values} if isinstance(values, dict) else values
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
