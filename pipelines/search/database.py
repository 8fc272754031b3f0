"""Optuna's database: opened, waited for while it is away, and its troubles told in words."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError

from faceseg.errors import UserError, first_line
from pipelines.config.secrets import redact
from pipelines.search import failure_policy

DATABASE_TIMEOUT = 90.0  # seconds that a server may be away
RETRY_PAUSES = (0.2, 5.0)  # seconds between two tries, at first and at most
# What waiting does not mend, in PostgreSQL's words.
REFUSALS = ("authentication failed", "does not exist", "permission denied", "no password supplied")
Result = TypeVar("Result")


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Open Optuna's database, made and migrated if it is new. Many writers wait, not fail."""
    if url.startswith("sqlite"):
        return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})
    # A connection that a restarted server has dropped is noticed before it is used.
    return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})


def retry_while_unavailable(url: str, action: Callable[[], Result]) -> Result:
    """Return what `action` returns; call it again while the database is away.

    Raises UserError where waiting does not help: a full disk, a wrong address, a server that
    stays away. Anything else is raised as it is.
    """
    until, pause = time.monotonic() + DATABASE_TIMEOUT, RETRY_PAUSES[0]
    while True:
        try:
            return action()
        except (SQLAlchemyError, StorageInternalError, OSError, ImportError) as error:
            _raise_if_permanent(url, error)
            if not _is_unavailable(error):
                raise
            if time.monotonic() > until:
                raise UserError(
                    f"Optuna's database {redact(url)} has not answered for {DATABASE_TIMEOUT:.0f} s: "
                    f"{_root(error)}. What was done is kept: start it, and the same command goes on"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, RETRY_PAUSES[1])


def _raise_if_permanent(url: str, error: Exception) -> None:
    """Raise UserError for what no waiting mends."""
    if url.startswith("sqlite") and (
        words := failure_policy.disk_error_message(error, _folder(url))
    ):
        raise UserError(f"Optuna's database {url}: {words}") from error
    for each in failure_policy.error_chain(error):
        if isinstance(each, ImportError):
            raise UserError(
                f"Optuna's database {redact(url)} needs a driver that is not installed ({each}); "
                "install faceseg[postgres] and address it as postgresql+psycopg://…"
            ) from error
        if isinstance(each, ArgumentError) or any(words in str(each) for words in REFUSALS):
            raise UserError(
                f"Optuna's database {redact(url)} cannot be opened: {_root(error)}. Expected in "
                "tracking.database: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
            ) from error


def _is_unavailable(error: Exception) -> bool:
    kinds = (OperationalError, InterfaceError)
    return any(isinstance(each, kinds) for each in failure_policy.error_chain(error))


def _folder(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).parent


def _root(error: Exception) -> str:
    """Return the first line of what was wrong at first, without passwords."""
    *_, first = failure_policy.error_chain(error)
    return str(redact(first_line(first)))
