"""Servers of databases: whether one responds, within seconds, and their errors in words.

MLflow repeats a first connection that fails for two minutes, and has no setting for that; psycopg
waits 130 s for a server that does not answer. SQLAlchemy is imported where it is needed, so that
`--help` stays fast.
"""

import os
import time

from faceseg.errors import UserError, causes, first_line
from pipelines.config.database_errors import sqlite_file

CONNECT_TIMEOUT = 10  # seconds that a server has to accept a connection
PAUSE = 0.5  # seconds between two attempts
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")  # those that MLflow can use
SETTINGS = {"Optuna": "tracking.database", "MLflow": "tracking.uri"}
# PostgreSQL's messages for errors that waiting does not resolve.
REFUSALS = ("authentication failed", "does not exist", "permission denied", "no password supplied")


def limit_connect_time() -> None:
    """Let connections to PostgreSQL fail after CONNECT_TIMEOUT, unless the user has set a limit."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_TIMEOUT))


def check_server(url: str, program: str) -> None:
    """Connect to a database server; nothing happens for a SQLite file or an MLflow server.

    Args:
        url: The address of a program's database.
        program: Optuna or MLflow.

    Raises:
        UserError: The server has not responded for CONNECT_TIMEOUT, refuses the connection, or
            its driver is missing; or the address is malformed.
    """
    if not url.startswith(DATABASES) or sqlite_file(url) is not None:
        return
    from sqlalchemy import NullPool, create_engine

    limit_connect_time()
    until = time.monotonic() + CONNECT_TIMEOUT
    while True:
        try:
            create_engine(url, poolclass=NullPool).connect().close()
        except Exception as error:
            if words := refusal_message(error, url, program):
                raise UserError(words) from error
            if time.monotonic() + PAUSE < until and is_unavailable(error):
                time.sleep(PAUSE)
                continue
            if words := server_error_message(error, url, program):
                raise UserError(words) from error
            raise
        return


def server_error_message(error: BaseException, url: str, program: str) -> str | None:
    """Return advice on an error of a database server or its address; None for another error.

    Args:
        error: The error, with its causes.
        url: The database's address.
        program: Whose database it is: Optuna or MLflow.
    """
    if not url.startswith(DATABASES) or sqlite_file(url) is not None:
        return None
    if words := refusal_message(error, url, program):
        return words
    if not is_unavailable(error):
        return None
    return (
        f"{program}'s database {url} does not respond: {root_cause(error)}. Start it, or set "
        f"{SETTINGS[program]} to its address, then re-run the same command"
    )


def refusal_message(error: BaseException, url: str, program: str) -> str | None:
    """Return advice on an error that waiting does not resolve; arguments as above."""
    from sqlalchemy.exc import ArgumentError

    for each in causes(error, handled=True):
        if isinstance(each, ImportError):
            return (
                f"{program}'s database {url} needs a driver that is not installed ({each}); "
                "install faceseg[postgres] and use an address of the form postgresql+psycopg://…"
            )
        if isinstance(each, ArgumentError) or any(words in str(each) for words in REFUSALS):
            return (
                f"{program}'s database {url} cannot be opened: {root_cause(error)}. Expected in "
                f"{SETTINGS[program]}: postgresql+psycopg://USER:${{PASSWORD}}@HOST/DATABASE"
            )
    return None


def is_unavailable(error: BaseException) -> bool:
    """Return whether a database does not respond at present."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    return any(
        isinstance(each, OperationalError | InterfaceError) for each in causes(error, handled=True)
    )


def root_cause(error: BaseException) -> str:
    """Return the first line of the innermost error, without passwords."""
    *_, innermost = causes(error, handled=True)
    return first_line(innermost)
