"""Databases of Optuna and MLflow: addresses of SQLite files, and opening them.

SQLAlchemy is imported where it is needed, so that `--help` stays fast.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from faceseg.data.file_reading import open_without_waiting
from faceseg.errors import UserError
from pipelines.config.database_errors import RESUME, database_error_message, sqlite_file

LOCK_TIMEOUT = 60.0  # seconds to wait for another program that holds a SQLite file
OWN_TABLES = {"Optuna": {"studies", "trials"}, "MLflow": {"experiments", "runs"}}


def sqlite_url(path: Path) -> str:
    """Return the address of a SQLite file: SQLAlchemy would decode `%20`, `?` and `#` in a path."""
    from sqlalchemy import URL, make_url

    plain = f"sqlite:///{path}"
    parsed = make_url(plain)
    if parsed.database == str(path) and not parsed.query:
        return plain
    # MLflow creates the parent folder of a plain `sqlite:///` address, without decoding it.
    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string(hide_password=False)


def same_database(one: str, other: str) -> bool:
    """Return whether two addresses are those of one database and, in PostgreSQL, one schema."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    files = sqlite_file(one), sqlite_file(other)
    if files[0] is not None and files[1] is not None:
        return os.path.realpath(files[0]) == os.path.realpath(files[1])
    try:
        first, second = make_url(one), make_url(other)
    except ArgumentError:
        return False
    kinds = {each.get_backend_name() for each in (first, second)}
    places = {(each.host, each.port, each.database) for each in (first, second)}
    options = {str(each.query.get("options")) for each in (first, second)}  # may select a schema
    return first.database is not None and all(len(found) == 1 for found in (kinds, places, options))


@contextmanager
def open_database(url: str, program: str) -> Iterator[None]:
    """Check a SQLite file, and hold a lock while a program opens it and creates its tables.

    Of several programs that create the tables of one file at once, all but one fail. Other
    databases are not checked here.

    Args:
        url: The database's address.
        program: Optuna or MLflow.

    Raises:
        UserError: The database is locked, damaged, belongs to the other program or to another
            version, its folder cannot be used, or another program does not finish opening it.
    """
    file = sqlite_file(url)
    try:
        if file is None:
            yield
            return
        with _creation_lock(file):
            _check_tables(file, program)
            yield
    except Exception as error:
        if words := database_error_message(error, url, program):
            raise UserError(words) from error
        raise


@contextmanager
def _creation_lock(file: Path) -> Iterator[None]:
    """Hold a lock beside the file; a folder that cannot be written to has a file already."""
    path, timeout = file.with_name(f"{file.name}.lock"), 2 * LOCK_TIMEOUT
    lock = FileLock(path, timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:  # an OSError too
        raise UserError(
            f"another program is opening the database {file}, and has held {path} for "
            f"{timeout:.0f} s: end it, {RESUME}"
        ) from error
    except OSError:
        if not file.exists():
            raise
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _check_tables(file: Path, program: str) -> None:
    """Read the names of a file's tables.

    Raises:
        UserError: They are those of the other program, or it is no file.
        sqlite3.Error: The file is locked or damaged.
        OSError: It cannot be read.
    """
    try:
        open(file, "rb", opener=open_without_waiting).close()
    except FileNotFoundError:
        return  # of other errors the system's have more words than SQLite's
    if not file.is_file():  # SQLite would read from a pipe for ever
        raise UserError(f"{file} is a pipe or a device; expected {program}'s database, a file")
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=LOCK_TIMEOUT)) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in rows}
    for other, own in OWN_TABLES.items():
        if other != program and own <= tables:
            raise UserError(
                f"{file} is the database of {other}, and {program} cannot share it: give "
                f"{program} a file of its own, with --set "
                f"tracking.{'database' if program == 'Optuna' else 'uri'}=sqlite:///PATH"
            )


@cache
def wait_for_locks() -> None:
    """Make all SQLite connections of this process wait LOCK_TIMEOUT for another program.

    MLflow waits 5 s when it opens a database and 20 s later, and has no setting for that.
    """
    from sqlalchemy import Engine, event

    def set_timeout(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(_busy_timeout())

    def keep_timeout(  # noqa: PLR0917  # SQLAlchemy passes these arguments by position
        connection: object,
        cursor: object,
        statement: str,
        parameters: object,
        context: object,
        executemany: bool,
    ) -> tuple[str, object]:
        own = statement.startswith("PRAGMA busy_timeout")
        return _busy_timeout() if own else statement, parameters

    event.listen(Engine, "connect", set_timeout)
    event.listen(Engine, "before_cursor_execute", keep_timeout, retval=True)


def _busy_timeout() -> str:
    return f"PRAGMA busy_timeout = {round(1000 * LOCK_TIMEOUT)}"
