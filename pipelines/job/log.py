"""The log of a study: what its driver, coordinator and workers did, in `storage/logs/STUDY.log`.

All processes append to one file, one line per event: time (UTC), level, host, role and process,
module, run, message. Lines of a traceback are indented. The file is for people: nothing reads it,
and the terminal's output does not depend on it. On a node that does not share the storage, the
file contains the events of that node.
"""

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from faceseg.errors import UserError
from pipelines.config.secrets import redact

LEVEL_VARIABLE = "FACESEG_LOG"
DEFAULT_LEVEL = "INFO"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PACKAGES = ("pipelines", "faceseg")
FORMAT = "%(asctime)s %(levelname)s %(host)s %(role)s/%(process)d %(name)s [%(run)s] %(message)s"
NO_RUN = "-"

logger = logging.getLogger(__name__)
_run: ContextVar[str] = ContextVar("run", default=NO_RUN)
_open_handlers: list["StudyLogHandler"] = []


class StudyLogHandler(logging.FileHandler):
    """Append records to a study's log. A full or missing disk never raises here.

    The code that cannot work without the disk reports that error.
    """

    def __init__(self, path: Path, role: str) -> None:
        super().__init__(path, mode="a", encoding="utf-8", delay=True)
        self.path = path
        self.role = role
        self.setFormatter(RedactingFormatter(FORMAT))
        self.addFilter(self._add_fields)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            if self.stream is None:
                self.path.parent.mkdir(exist_ok=True)  # the storage itself is not made here
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Ignore the errors of the disk, and handle others as logging does."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def _add_fields(self, record: logging.LogRecord) -> bool:
        fields = {"host": socket.gethostname(), "role": self.role, "run": _run.get()}
        record.__dict__ = fields | record.__dict__  # a record may name its run itself, by `extra`
        return True


class RedactingFormatter(logging.Formatter):
    """Format a record as one line without passwords; further lines are indented."""

    converter: Callable[[float | None], time.struct_time] = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return str(redact(super().format(record))).replace("\n", "\n    ")


def open_log(storage: Path, study: str, role: str) -> None:
    """Append the events of this process to a study's log until `close_log` or the process's end.

    A second call for the same file and role changes nothing; one for another file replaces it.

    Args:
        storage: The experiment's storage.
        study: The study's name, or that of the experiment's single trainings.
        role: What this process is: `driver`, `coordinator`, `worker-3`.

    Raises:
        UserError: `FACESEG_LOG` is not a logging level.
    """
    level = log_level()
    path = (storage / "logs" / f"{study}.log").absolute()
    if any((each.path, each.role) == (path, role) for each in _open_handlers):
        return
    close_log()
    handler = StudyLogHandler(path, role)
    _open_handlers.append(handler)
    for name in PACKAGES:
        package = logging.getLogger(name)
        package.addHandler(handler)
        package.setLevel(level)
        package.propagate = False  # the terminal shows what it shows without a log


def close_log() -> None:
    """Stop appending to the log of a study."""
    while _open_handlers:
        handler = _open_handlers.pop()
        for name in PACKAGES:
            package = logging.getLogger(name)
            package.removeHandler(handler)
            package.setLevel(logging.NOTSET)
            package.propagate = True
        with suppress(OSError):  # a full disk: what was not written is lost
            handler.close()


@contextmanager
def study_log(storage: Path, study: str, role: str = "driver") -> Iterator[None]:
    """Log the events of this process, and how it ends, to a study's log.

    Args:
        storage: The experiment's storage.
        study: The study's name.
        role: What this process is.

    Raises:
        UserError: `FACESEG_LOG` is not a logging level.
    """
    open_log(storage, study, role)
    try:
        logger.info("%s started", role)
        yield
        logger.info("%s finished", role)
    except UserError as error:
        logger.error("%s stopped: %s", role, error)  # the message is the cause
        raise
    except KeyboardInterrupt:
        logger.warning("%s was interrupted", role)
        raise
    except BaseException:
        logger.exception("%s failed", role)
        raise
    finally:
        close_log()


@contextmanager
def log_run(label: str) -> Iterator[None]:
    """Name the run that all events of this thread belong to."""
    token = _run.set(label)
    try:
        yield
    finally:
        _run.reset(token)


def log_level() -> str:
    """Return the level of the log: that of the environment variable `FACESEG_LOG`, or INFO.

    Raises:
        UserError: The variable is not a logging level.
    """
    level = os.environ.get(LEVEL_VARIABLE, "").strip().upper() or DEFAULT_LEVEL
    if level not in LEVELS:
        raise UserError(
            f"{LEVEL_VARIABLE}={level} is not a logging level; expected {', '.join(LEVELS)}"
        )
    return level


def log_environment() -> dict[str, str]:
    """Return the environment variables that give another process the same level."""
    level = os.environ.get(LEVEL_VARIABLE)
    return {LEVEL_VARIABLE: level} if level else {}
