"""Optuna's database: open it, wait while it is unavailable, and explain its errors."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from faceseg.errors import UserError
from pipelines.config.database_errors import database_error_message, sqlite_file
from pipelines.config.database_servers import (
    is_unavailable,
    limit_connect_time,
    refusal_message,
    root_cause,
)
from pipelines.config.databases import LOCK_TIMEOUT, open_database
from pipelines.search.failure_policy import disk_error_message

DATABASE_TIMEOUT = 90.0  # seconds that a server may be unavailable
RETRY_PAUSES = (0.2, 5.0)  # seconds between two attempts, at first and at most
Result = TypeVar("Result")
logger = logging.getLogger(__name__)


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Open Optuna's database; create its tables if it is new. Concurrent writers wait.

    Raises:
        UserError: The database is damaged, or cannot be used with this Optuna.
    """
    limit_connect_time()
    with open_database(url, "Optuna"):
        if url.startswith("sqlite"):
            options: dict[str, Any] = {"connect_args": {"timeout": LOCK_TIMEOUT}}
        else:  # a connection that a restarted server has dropped is detected before it is used
            options = {"pool_pre_ping": True}
        return optuna.storages.RDBStorage(url, engine_kwargs=options)


def retry_while_unavailable(
    url: str, action: Callable[[], Result], note_outage: Callable[[str], None] = lambda reason: None
) -> Result:
    """Return what `action` returns; repeat it while the database is unavailable.

    Args:
        url: The database's address.
        action: A call that may be repeated after it failed half-way.
        note_outage: Called with the reason before each repetition.

    Raises:
        UserError: Waiting does not help: the disk is full, the address is wrong, or the server was
            unavailable for `DATABASE_TIMEOUT` seconds. Other errors are raised as they are.
    """
    until, pause = time.monotonic() + DATABASE_TIMEOUT, RETRY_PAUSES[0]
    while True:
        try:
            return action()
        except (SQLAlchemyError, StorageInternalError, OSError, ImportError) as error:
            _raise_if_permanent(url, error)
            if not is_unavailable(error):
                raise
            if time.monotonic() > until:
                if locked := database_error_message(error, url, "Optuna"):
                    raise UserError(locked) from error
                raise UserError(
                    f"Optuna's database {url} has not responded for "
                    f"{DATABASE_TIMEOUT:.0f} s: {root_cause(error)}. Finished work is kept: start "
                    "the database, then re-run the same command to resume"
                ) from error
            note_outage(root_cause(error))
            logger.warning("%s is unavailable, retrying: %s", url, root_cause(error))
        time.sleep(pause)
        pause = min(2 * pause, RETRY_PAUSES[1])


def _raise_if_permanent(url: str, error: Exception) -> None:
    """Raise UserError for an error that waiting does not resolve."""
    file = sqlite_file(url)
    if file is not None and (words := disk_error_message(error, file.parent)):
        raise UserError(f"Optuna's database {file}: {words}") from error
    damaged = file is not None and "is locked" not in root_cause(error)
    if damaged and (words := database_error_message(error, url, "Optuna")):
        raise UserError(words) from error
    if words := refusal_message(error, url, "Optuna"):
        raise UserError(words) from error
