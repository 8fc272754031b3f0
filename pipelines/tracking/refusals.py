"""Detect requests that MLflow refuses permanently, log the rest of their batch, describe them.

A refused record stays in its outbox as `*.refused`, with MLflow's reason in `*.reason`.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode

from faceseg.errors import first_line

REFUSED, REASON = ".refused", ".reason"  # suffixes of a record's files
INVALID = ErrorCode.Name(INVALID_PARAMETER_VALUE)
# MLflow's codes for requests that it would refuse again.
PERMANENT_ERRORS = (INVALID, "BAD_REQUEST", "MALFORMED_REQUEST", "RESOURCE_DOES_NOT_EXIST")
MAX_REASONS_SHOWN = 3  # different reasons in a message; the rest are counted
_MAX_LENGTH = 300  # characters of a reason in a message
Entity = TypeVar("Entity")


def is_permanent(error: MlflowException) -> bool:
    """Return whether MLflow would refuse the same request again."""
    return error.error_code in PERMANENT_ERRORS


def log_accepted(
    log: Callable[[list[Entity]], None], entities: list[Entity], batch_size: int
) -> None:
    """Log entities in batches; if MLflow refuses some of them, log the others.

    Args:
        log: Logs a batch, all of it or nothing.
        entities: Metrics, params or tags.
        batch_size: The largest number of entities in a batch.

    Raises:
        MlflowException: MLflow refused entities (the error has the reason of each, and the code
            INVALID_PARAMETER_VALUE), or failed in another way.
    """
    refused: list[str] = []
    for start in range(0, len(entities), batch_size):
        refused += _log_and_collect(log, entities[start : start + batch_size])
    if refused:
        raise MlflowException("; ".join(refused), error_code=INVALID_PARAMETER_VALUE)


def _log_and_collect(log: Callable[[list[Entity]], None], batch: list[Entity]) -> list[str]:
    """Log a batch, in halves if MLflow refuses it; return the reasons of refused entities."""
    try:
        log(batch)
    except MlflowException as error:
        if error.error_code != INVALID:
            raise
        if len(batch) == 1:
            return [first_line(error)]
        middle = len(batch) // 2
        return _log_and_collect(log, batch[:middle]) + _log_and_collect(log, batch[middle:])
    return []


def describe_refusals(outboxes: Path) -> str:
    """Return a message on the records in a study's outboxes that MLflow refused; '' for none."""
    reasons = {file: _reason(file) for file in sorted(outboxes.glob(f"*/*{REFUSED}"))}
    if not reasons:
        return ""
    lines = [
        f"MLflow refused {len(reasons)} records of this study, which no retry can store; the "
        f"other values of the same records are stored. They are in {outboxes} as *{REFUSED}:"
    ]
    for reason, count in Counter(reasons.values()).most_common(MAX_REASONS_SHOWN):
        first = next(file.parent.name for file in reasons if reasons[file] == reason)
        times = f"{count} records, the first of {first}" if count > 1 else first
        lines.append(f"  {times}: {reason[:_MAX_LENGTH]}")
    if (rest := len(set(reasons.values())) - MAX_REASONS_SHOWN) > 0:
        lines.append(f"  and {rest} other reasons")
    return "\n".join(lines)


def _reason(file: Path) -> str:
    """Return the first line of MLflow's reason for refusing a record."""
    try:
        return first_line(file.with_suffix(REASON).read_text(encoding="utf-8"))
    except FileNotFoundError:  # an earlier version was killed between the two files
        return "for an unknown reason"
