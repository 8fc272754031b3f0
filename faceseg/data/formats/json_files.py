"""Strict reading of JSON files that others wrote: bounded in size, nesting and number of values.

Only what the models name is checked; other keys are ignored. The nesting is bounded by pydantic's
parser (200 levels).
"""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from faceseg.data.file_reading import FileTooLargeError, read_at_most
from faceseg.data.problems import BadFile, unreadable_file

T = TypeVar("T")

MAX_BYTES = 2**29
MAX_VALUES = 50_000_000  # a parsed value takes about 40 bytes of memory
MAX_NAME_SHOWN = 80  # characters of a value that a message repeats


Point = Annotated[list[float], Field(min_length=2, max_length=2)]  # x and y
Points = Annotated[list[Point], FailFast()]


class Checked(BaseModel):
    """A JSON object of which some keys are used. A number written as text is not a number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


def read_json(file: Path, kind: TypeAdapter[T], expected: str) -> T:
    """Read a JSON file.

    Args:
        file: The file, in UTF-8.
        kind: The type of its content.
        expected: The content that is expected, for the message of an error.

    Raises:
        BadFile: The file is unreadable, too large, no JSON, or its content has another type.
    """
    content = read_text(file, expected)
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise BadFile(file, f"more than {MAX_VALUES:,} values", expected)
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        raise BadFile(file, describe(error), expected) from error


def read_text(file: Path, expected: str) -> bytes:
    """Return the bytes of a text file without its byte order mark.

    Raises:
        BadFile: The file is unreadable or larger than 512 MiB.
    """
    try:
        return read_at_most(file, MAX_BYTES).removeprefix(b"\xef\xbb\xbf")
    except FileTooLargeError as error:
        raise BadFile(file, f"a file of more than {MAX_BYTES / 2**20:.0f} MiB", expected) from error
    except OSError as error:
        raise unreadable_file(file, error, expected) from error


def describe(error: ValidationError) -> str:
    """Return where the first problem of a validation is, and which one."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{shown(place)}: {first['msg']}" if place else first["msg"]


def shown(value: object) -> str:
    """Return a value of a file for a message, shortened."""
    text = str(value)
    return text if len(text) <= MAX_NAME_SHOWN else f"{text[:MAX_NAME_SHOWN]}…"
