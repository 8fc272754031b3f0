"""Turn errors of Optuna's and MLflow's databases into messages with advice.

The errors are recognised by the messages of SQLite, MLflow, Alembic and Optuna.
"""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from faceseg.errors import causes
from pipelines.config.file_errors import file_error_message
from pipelines.config.secrets import redact

RESUME = "then re-run the same command to resume"


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite address; None for another database, or one in memory."""
    if not url.startswith("sqlite"):
        return None
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        name = make_url(url).database
    except ArgumentError:
        return None
    return Path(name) if name and name != ":memory:" and not name.startswith("file:") else None


def database_error_message(error: BaseException, url: str, program: str) -> str | None:
    """Return a message with advice on a database error; None for any other error.

    Errors of files are included, because a database is a file. A database error whose message is
    not recognised has no advice.

    Args:
        error: The error, with its causes.
        url: The database's address.
        program: The program that uses the database: Optuna or MLflow.
    """
    file = sqlite_file(url)
    place = f"{program}'s database {file or redact(url)}"
    for each in causes(error):
        text = str(each)
        if schema := _schema_message(text, url, place):
            return schema
        if not _is_from_database(each):
            continue
        for words, advice in SQLITE_ADVICE.items():
            if file is not None and words in text.lower():
                return f"{place} {advice}"
    return file_error_message(error)


_DAMAGED = (
    "is damaged{}: restore it from a copy, or begin again in another folder with "
    "--set storage=FOLDER"
)
_UNWRITABLE = (
    "cannot be written to{}: allow this user to write to the file and its folder, or give another "
    f"folder with --set storage=FOLDER; {RESUME}"
)
SQLITE_ADVICE = {
    "is locked": f"is locked by another program: close that program, {RESUME}",
    "file is not a database": _DAMAGED.format(", or is not a SQLite file"),
    "malformed": _DAMAGED.format(""),
    "no such table": _DAMAGED.format(" (a table is missing)"),
    "no such column": _DAMAGED.format(" (a column is missing)"),
    "readonly database": _UNWRITABLE.format(""),
    "unable to open database file": _UNWRITABLE.format(" or opened"),
    "database or disk is full": f"cannot grow: the disk is full. Free some space, {RESUME}",
    "disk i/o error": "cannot be read or written (disk I/O error): free some space or repair the "
    f"disk, {RESUME}",
}


def _is_from_database(error: BaseException) -> bool:
    """Return whether the class of an error is one of SQLite, SQLAlchemy, MLflow or Optuna."""
    modules = ("sqlite3", "sqlalchemy", "mlflow", "optuna")
    return type(error).__module__.partition(".")[0] in modules


def _schema_message(text: str, url: str, place: str) -> str | None:
    """Return a message on tables of another version; None for any other error."""
    if found := re.search(r"out-of-date database schema \(found version (\w+)", text):
        if _mlflow_migration_exists(found[1]):
            return (
                f"{place} was made by an older MLflow: copy the database, then run "
                f"`{_program('mlflow')} db upgrade {shlex.quote(redact(url))}`, {RESUME}"
            )
        return f"{place} was made by a newer MLflow, or by another program: {_NEWER}"
    if "Can't locate revision identified by" in text:
        return f"{place} was made by a newer version, or by another program: {_NEWER}"
    if "no longer compatible with the table schema" in text:
        if "optuna storage upgrade" in text:
            return (
                f"{place} was made by an older Optuna: copy the database, then run "
                f"`{_program('optuna')} storage upgrade --storage {shlex.quote(redact(url))}`, "
                f"{RESUME}"
            )
        return f"{place} was made by a newer Optuna, or by another program: {_NEWER}"
    return None


_NEWER = (
    "run the command with the installation that made it, or set tracking.uri (MLflow) or "
    "tracking.database (Optuna) to another database"
)


def _mlflow_migration_exists(revision: str) -> bool:
    """Return whether the installed MLflow can upgrade tables of this revision."""
    spec = find_spec("mlflow")
    folders = spec.submodule_search_locations if spec else None
    return any(
        any(Path(folder).glob(f"store/db_migrations/versions/{revision}_*.py"))
        for folder in folders or ()
    )


def _program(name: str) -> str:
    """Return the command of a program that is installed beside this Python."""
    return shlex.quote(str(Path(sys.executable).with_name(name)))
