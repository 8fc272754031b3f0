"""Errors that the program did not cause end in one paragraph and exit code 2; defects do not."""

import errno
import os
import resource
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from ray.exceptions import RaySystemError, RayTaskError
from requests import HTTPError, Response

import faceseg
from pipelines.cli.foreign_errors import explanation
from pipelines.config import databases
from pipelines.config.database_errors import sqlite_file
from pipelines.config.file_errors import file_error_message
from pipelines.tracking import Tracker
from pipelines.tracking.errors import mlflow_error_message
from tests.infra.processes import free_port
from tests.pipelines.cli.conftest import RunCommand

pytestmark = pytest.mark.usefixtures("same_default_store")


@pytest.fixture
def storage(tracker: Tracker) -> Path:
    """A storage with an MLflow database, in the current folder."""
    assert tracker.client
    file = sqlite_file(tracker.uri)
    assert file is not None
    folder = Path("results")
    folder.mkdir()
    shutil.copy(file, folder / "mlflow.db")
    return folder


def assert_one_paragraph(result: tuple[int, str, str], words: str) -> None:
    code, out, err = result
    assert code == 2, err
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in out + err


# --- Each verb that opens the storage, with each state of the storage's database.


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def make_older(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")


def replace_by_optuna(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE studies (id INT)")
        database.execute("CREATE TABLE trials (id INT)")


STATES = {
    damage: "is damaged: restore it from a copy",
    make_older: "bin/mlflow db upgrade sqlite:////",
    replace_by_optuna: "is the database of Optuna, and MLflow cannot share it",
}


@pytest.mark.parametrize("change", STATES)
@pytest.mark.parametrize("verb", ["study", "compare", "ui", "promote", "rollback", "models"])
def test_a_database_that_cannot_be_used(  # noqa: PLR0917  # fixtures
    verb: str,
    change: Callable[[Path], None],
    command: RunCommand,
    tiny: Path,
    storage: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("the server was started"))
    change(storage / "mlflow.db")
    port = ["--port", str(free_port())] if verb == "ui" else []
    assert_one_paragraph(command(verb, str(tiny), *port), STATES[change])


@pytest.mark.parametrize("verb", ["compare", "promote"])
def test_a_locked_database_is_named(
    verb: str, command: RunCommand, tiny: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(databases, "LOCK_TIMEOUT", 0.1)
    with closing(sqlite3.connect(storage / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_one_paragraph(command(verb, str(tiny)), "is locked by another program")


def test_a_shared_database_is_refused_before_anything_is_written(command: RunCommand, tiny: Path):
    shared = ("--set", "tracking.database=sqlite:///results/mlflow.db")
    words = "MLflow and Optuna cannot share the database sqlite:///"
    assert_one_paragraph(command("study", str(tiny), *shared), words)
    assert list(Path.cwd().iterdir()) == []


# --- A storage that cannot be written to.


@contextmanager
def full_disk() -> Iterator[None]:
    """Files of this process can have no more than 1,000 bytes; it may be root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_storage_that_is_full_after_preparing_is_named(command: RunCommand, tiny: Path):
    assert command("prepare", str(tiny))[0] == 0
    with full_disk():
        result = command("study", str(tiny))
    assert_one_paragraph(result, "results/mlflow.db cannot be read or written (disk I/O error)")


@pytest.mark.parametrize("verb", ["study", "prepare", "train", "audit", "tune-machine"])
@pytest.mark.parametrize("place", ["/proc/results", "FILE/results"])
def test_a_storage_that_cannot_be_made_is_named(
    verb: str, place: str, command: RunCommand, tiny: Path
):
    Path("FILE").touch()
    network = ["unet"] if verb == "train" else []
    assert_one_paragraph(command(verb, str(tiny), *network, f"--set=storage={place}"), place)


# --- Errors by their owner.


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def full(name: str | None = "best.keras") -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (full(), "best.keras: No space left on device. Advice: free some space"),
        (full(None), "a file: No space left on device"),
        (PermissionError(errno.EACCES, "no", "/data"), "/data: Permission denied. Advice: allow"),
        (OSError(errno.EMFILE, "no"), "Too many open files. Advice: raise the limit"),
        (caused(RuntimeError("not saved"), full()), "best.keras: No space left"),
        (shutil.Error([("a", "out/a", str(full("a")))]), "out/a: No space left on device. Advice"),
        (FileNotFoundError(2, "No usable temporary directory"), "space there, or set TMPDIR"),
        (MemoryError(), "this machine has too little free memory"),
        (RaySystemError("the raylet is gone"), "Ray failed while the command ran: "),
        (MlflowException("API request to http://h/x failed with exception: timeout"), "MLflow at"),
    ],
)
def test_an_error_from_outside_is_explained(error: Exception, words: str):
    message = explanation(error)
    assert message is not None
    assert words in message


def while_handling(error: Exception, handled: Exception) -> Exception:
    error.__context__ = handled
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a defect"),
        KeyError("a defect"),
        while_handling(KeyError("a defect"), full()),
        OSError(errno.EBADF, os.strerror(errno.EBADF)),
        FileNotFoundError(errno.ENOENT, "no", str(Path(faceseg.__file__).parent / "page.css")),
        zipfile.BadZipFile("a defect"),
        MlflowException.invalid_parameter_value("a defect"),
        ModuleNotFoundError("No module named 'faceseg.gone'", name="faceseg.gone"),
    ],
    ids=repr,
)
def test_a_defect_is_not_explained(error: Exception):
    assert explanation(error) is None
    assert file_error_message(error) is None


def test_a_task_s_error_is_told_by_its_cause():
    wrapped = RayTaskError("work", "Traceback ...", full())
    message = explanation(wrapped)
    assert message is not None
    assert "No space left" in message
    assert explanation(RayTaskError("work", "Traceback ...", ValueError("a defect"))) is None


@pytest.mark.parametrize("verbose", [False, True])
def test_a_defect_keeps_its_traceback_and_says_how_to_report_it(
    verbose: bool, command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object) -> None:
        raise ValueError("of http://me:geheim@host")

    monkeypatch.setattr("pipelines.data.prepare.prepare", fail)
    code, _, err = command(*(["--verbose"] if verbose else []), "prepare", str(tiny))
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert "ValueError: of http://me:***@host" in err
    assert f"this is a defect of faceseg {faceseg.__version__}. Please report it" in err


# --- MLflow's refusals.


def http_error(status: int) -> HTTPError:
    response = Response()
    response.status_code = status
    return HTTPError(f"{status} Client Error", response=response)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (http_error(401), "refuses these credentials (401 Client Error): sign in"),
        (http_error(403), "refuses these credentials (403 Client Error): sign in as a user who"),
        (http_error(500), "does not respond"),
    ],
)
def test_a_refusal_of_mlflow_is_no_outage(error: Exception, words: str):
    message = mlflow_error_message(error, "http://me:geheim@host:5000")
    assert message is not None
    assert words in message
    assert "geheim" not in message
