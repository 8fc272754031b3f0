"""Overriding single values of an experiment: `--set KEY=VALUE`.

The value of a text or a path is taken as it is typed, because YAML reads ` #2` in a path as a
comment, `12` in a name as a number, and `no` as false. All other values are YAML.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from faceseg.errors import UserError
from pipelines.config.plain_yaml import MAX_DEPTH, load_yaml
from pipelines.config.schema import Experiment

SHOWN = 150  # characters of an override in a message
NULLS = ("", "null", "Null", "NULL")


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one value in the content of an experiment's file.

    Args:
        content: The content; sections that are missing are added.
        override: `KEY=VALUE` with a dotted key. `null` removes a value, also of a text. Text
            that is quoted as a whole is YAML.

    Raises:
        UserError: The override has another form, its value is not plain YAML, or its key
            continues below a value.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(
            "--set requires KEY=VALUE, such as search.trials=50, or @FILE; got "
            f"{_shown(override)!r}"
        )
    names = key.strip().split(".")
    if len(names) > MAX_DEPTH:
        raise UserError(f"--set {_shown(override)}: the key has more than {MAX_DEPTH} levels")
    section = content
    for parent in names[:-1]:
        if section.get(parent) is None:  # missing or empty
            section[parent] = {}
        section = section[parent]
        if not isinstance(section, dict):
            raise UserError(f"--set {_shown(override)}: {parent!r} is a value, not a section")
    section[names[-1]] = _read_value(names, text, override)


def _shown(override: str) -> str:
    return override if len(override) <= SHOWN else f"{override[:SHOWN]}…"


def known_keys(place: Sequence[Any], model: type[BaseModel] = Experiment) -> list[str]:
    """Return the valid keys of the section at `place`, or else of the nearest section above.

    Args:
        place: The keys that lead to the section.
        model: What the whole file contains.
    """
    whole = model
    for length in range(1, len(place) + 1):
        sections = [each for each in _field_types(place[:length], whole) if _is_section(each)]
        model = sections[0] if sections else model
    return list(model.model_fields)


def _read_value(names: Sequence[str], text: str, override: str) -> Any:
    """Return the value that a text stands for in the field of these names."""
    if _is_text_field(names) and not _is_quoted(text):
        return None if text in NULLS else text
    try:
        return load_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(
            f"--set {_shown(override)}: the value is not plain YAML: {error}"
        ) from error


def _is_quoted(text: str) -> bool:
    """Return whether the whole text is one quoted YAML value, as a program writes it."""
    if text[:1] not in ("'", '"'):
        return False
    try:
        return isinstance(load_yaml(text), str) and text[-1] == text[0]
    except yaml.YAMLError:
        return False


def _is_text_field(names: Sequence[str]) -> bool:
    """Return whether a field contains text or a path, and nothing else but None."""
    types = [each for each in _field_types(names) if each is not NoneType]
    return bool(types) and all(
        each in (str, Path)
        or (get_origin(each) is Literal and all(isinstance(word, str) for word in get_args(each)))
        for each in types
    )


def _field_types(names: Sequence[Any], model: type[BaseModel] = Experiment) -> list[Any]:
    """Return the types that the field of these names may have; none if there is no such field."""
    found: list[Any] = [model]
    for name in names:
        found = [each for above in found for each in _types_below(above, str(name))]
    return found


def _types_below(above: Any, name: str) -> Iterator[Any]:
    if get_origin(above) is dict:
        yield from _branches(get_args(above)[1])
    elif get_origin(above) is tuple:
        yield from _branches(get_args(above)[0])
    elif _is_section(above) and name in above.model_fields:
        yield from _branches(above.model_fields[name].annotation)


def _branches(annotation: Any) -> Iterator[Any]:
    """Yield the types of a union, such as `Range` and `None` of `Range | None`."""
    if get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _branches(each)
    elif get_origin(annotation) is Annotated:
        yield from _branches(get_args(annotation)[0])
    else:
        yield annotation


def _is_section(each: Any) -> bool:
    return isinstance(each, type) and issubclass(each, BaseModel)
