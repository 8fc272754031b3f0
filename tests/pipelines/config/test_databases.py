"""SQLite addresses, and databases that are locked, damaged, foreign or of another version."""

import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from faceseg.errors import UserError
from pipelines.config import databases
from pipelines.config.database_errors import database_error_message, sqlite_file
from pipelines.config.databases import same_database, sqlite_url
from pipelines.search.database import open_storage
from pipelines.tracking import Tracker
from pipelines.tracking import tracker as tracker_module

pytestmark = pytest.mark.usefixtures("same_default_store")

HEADER = 100  # bytes of a SQLite file before its first table


@pytest.fixture(scope="module")
def optuna_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna database with empty tables."""
    path = tmp_path_factory.mktemp("optuna") / "optuna.db"
    open_storage(sqlite_url(path)).engine.dispose()
    return path


@pytest.fixture(scope="module")
def mlflow_file(tracker: Tracker) -> Path:
    """An MLflow database."""
    tracker.experiment("any", Path("artifacts"))
    file = sqlite_file(tracker.uri)
    assert file is not None
    return file


@pytest.fixture(params=["Optuna", "MLflow"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def copied(program: str, optuna_file: Path, mlflow_file: Path, tmp_path: Path) -> Path:
    """A copy of the program's database."""
    path = tmp_path / f"{program.lower()}.db"
    shutil.copy(optuna_file if program == "Optuna" else mlflow_file, path)
    return path


@pytest.fixture
def open_file(program: str) -> Callable[[Path], None]:
    """Open a file as the program's database, and read from it."""

    def opener(path: Path) -> None:
        if program == "Optuna":
            storage = open_storage(sqlite_url(path))
            storage.get_all_studies()
            storage.engine.dispose()
        else:
            assert Tracker(sqlite_url(path)).experiment("any", path.parent / "artifacts")

    return opener


@pytest.mark.parametrize(
    "name", ["plain", "with space", "100%20", "what?x=1", "a#b", "ü:@", "50%"], ids=str
)
def test_the_address_of_a_file_leads_to_that_file(
    name: str, copied: Path, open_file: Callable[[Path], None], tmp_path: Path
):
    folder = tmp_path / name
    folder.mkdir()
    path = folder / copied.name
    copied.rename(path)
    assert sqlite_file(sqlite_url(path)) == path
    open_file(path)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_the_address_of_an_ordinary_path_is_as_before():
    path = Path("/home/me/my results/ü/mlflow.db")
    assert sqlite_url(path) == f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database" * 9), "is damaged, or is not a SQLite"),
        (lambda path: path.write_bytes(path.read_bytes()[:6000]), "is damaged: restore it from"),
        (lambda path: path.write_bytes(path.read_bytes()[:HEADER]), "is damaged"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
    ids=["garbage", "truncated", "header", "folder"],
)
def test_a_damaged_database_is_named(
    damage: Callable[[Path], object],
    words: str,
    copied: Path,
    open_file: Callable[[Path], None],
):
    damage(copied)
    with pytest.raises(UserError, match=words) as raised:
        open_file(copied)
    assert str(copied) in str(raised.value)


@pytest.mark.parametrize(
    ("program", "version", "words"),
    [
        ("MLflow", "bd07f7e963c5", "bin/mlflow db upgrade sqlite:///{}`"),
        ("MLflow", "ffffffffffff", "was made by a newer MLflow"),
        ("Optuna", "v3.0.0.a", "bin/optuna storage upgrade --storage sqlite:///{}`"),
        ("Optuna", "v99.0.0.a", "was made by a newer Optuna"),
    ],
    indirect=["program"],
)
def test_tables_of_another_version_are_named_with_the_command(
    version: str, words: str, copied: Path, open_file: Callable[[Path], None]
):
    with closing(sqlite3.connect(copied)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [version])
    with pytest.raises(UserError) as raised:
        open_file(copied)
    assert words.format(copied) in str(raised.value)
    assert Path(sys.executable).parent.joinpath("mlflow").exists()  # the command is there


@pytest.mark.parametrize("program", ["Optuna", "MLflow"], indirect=True)
def test_a_database_of_the_other_program_is_refused_unchanged(
    program: str,
    open_file: Callable[[Path], None],
    optuna_file: Path,
    mlflow_file: Path,
    tmp_path: Path,
):
    foreign = shutil.copy(mlflow_file if program == "Optuna" else optuna_file, tmp_path / "x.db")
    before = foreign.read_bytes()
    with pytest.raises(UserError, match=f"and {program} cannot share it"):
        open_file(foreign)
    assert foreign.read_bytes() == before


def test_a_locked_database_is_waited_for_then_named(
    copied: Path, open_file: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(databases, "LOCK_TIMEOUT", 0.1)
    with closing(sqlite3.connect(copied)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"is locked by another program: .*to resume"):
            open_file(copied)
    open_file(copied)


@pytest.mark.parametrize("exists", [True, False])
def test_a_database_that_another_program_never_finishes_to_open_is_named(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It may be creating the tables: to go on without the lock would disturb it."""
    monkeypatch.setattr(databases, "LOCK_TIMEOUT", 0.1)
    file = tmp_path / "optuna.db"
    if exists:
        file.touch()
    with (
        FileLock(tmp_path / "optuna.db.lock"),
        pytest.raises(UserError, match=r"optuna.db.lock for 0 s: end it, then re-run the"),
    ):
        open_storage(sqlite_url(file))
    open_storage(sqlite_url(file)).engine.dispose()


def test_mlflow_waits_for_a_lock_as_long_as_optuna(tracker: Tracker):
    """MLflow itself sets a limit of 20 s in each session."""
    assert tracker.client
    store = tracker.client._tracking_client.store
    with store.ManagedSessionMaker() as session:
        assert session.execute(text("PRAGMA busy_timeout")).scalar() == 60_000


def test_one_process_at_a_time_creates_the_tables_of_optuna(tmp_path: Path):
    opened: list[optuna.storages.RDBStorage] = []
    barrier = threading.Barrier(3)

    def create() -> None:
        barrier.wait()
        opened.append(open_storage(sqlite_url(tmp_path / "new.db")))

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 3
    for storage in opened:
        storage.engine.dispose()


def test_one_process_at_a_time_creates_the_tables_of_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """MLflow's threads exclude each other; its processes do not."""

    def create(**addresses: str) -> str:
        with pytest.raises(Timeout):
            FileLock(tmp_path / "mlflow.db.lock").acquire(blocking=False)
        return "a client"

    monkeypatch.setattr(tracker_module, "MlflowClient", create)
    assert Tracker(sqlite_url(tmp_path / "mlflow.db")).client == "a client"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sqlite:////a/x.db", "sqlite+pysqlite:////a/b/../x.db", True),
        ("sqlite:////a/x.db", "sqlite:////a/y.db", False),
        ("postgresql+psycopg://me:1@h/x", "postgresql+psycopg2://you:2@h/x", True),
        ("postgresql+psycopg://h/x?options=-csearch_path%3Da", "postgresql+psycopg://h/x", False),
        ("postgresql+psycopg://h/x", "postgresql+psycopg://h/y", False),
        ("http://h:5000", "sqlite:////a/x.db", False),
        ("http://h:5000", "http://h:5000", False),
        ("no address", "no address", False),
    ],
)
def test_two_addresses_of_one_database(one: str, other: str, same: bool):
    assert same_database(one, other) is same


def test_a_defect_is_not_explained():
    wrong = ProgrammingError("SELEC 1", {}, sqlite3.ProgrammingError("syntax error"))
    assert database_error_message(wrong, "sqlite:///x.db", "MLflow") is None
    assert database_error_message(ValueError("is locked"), "sqlite:///x.db", "MLflow") is None
    locked = OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
    message = database_error_message(locked, "sqlite:///x.db", "MLflow")
    assert message is not None
    assert message.startswith("MLflow's database x.db is locked")
