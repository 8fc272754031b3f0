"""Reading an experiment's file: bases, overrides, environment variables, and what is wrong.

A file may name a `base:` beside it and say only what differs; `--set search.trials=50`
overrides one value, and `--set @FILE` all that FILE says: so one file fits many experiments to
a small machine. `${NAME}` stands for an environment variable. Unknown keys are refused with the
nearest right one.
"""

import difflib
import os
import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from faceseg.errors import UserError
from pipelines.config.schema import Experiment

VARIABLE = re.compile(r"\$\{(\w+)\}")


def load(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read, merge, override and check an experiment; UserError says what is wrong."""
    content = _read(path, seen=())
    content.setdefault("name", path.stem)
    for override in overrides:
        if override.startswith("@"):
            content = _merge(content, _read(Path(override[1:]), seen=()))
        else:
            _override(content, override)
    content = _expand(content, path)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        told = [each for each in error.errors() if not _is_irrelevant(each)]
        problems = "\n".join(f"  {_explain(each)}" for each in told)
        raise UserError(f"{path} is not a valid experiment:\n{problems}") from error


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise UserError(f"{path}: its bases lead back to itself; remove one `base:`")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no experiment file {path}{_nearby(path)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as an experiment: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not plain YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold keys and values, not {type(content).__name__}")
    base = content.pop("base", None)
    if base is None:
        return content
    below = _read(path.parent / str(base), (*seen, path.resolve()))
    below.pop("name", None)  # a variant is an experiment of its own
    return _merge(below, content)


def _nearby(path: Path) -> str:
    known = sorted(each.name for each in path.parent.glob("[!.]*.yaml"))
    return f"; {path.parent} holds {', '.join(known)}" if known else ""


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _expand(value: Any, path: Path) -> Any:
    """Put environment variables in the place of `${NAME}`: where data lies differs by machine."""
    if isinstance(value, dict):
        return {key: _expand(each, path) for key, each in value.items()}
    if isinstance(value, list):
        return [_expand(each, path) for each in value]
    if not isinstance(value, str):
        return value
    for name in VARIABLE.findall(value):
        if name not in os.environ:
            raise UserError(
                f"{path} says {value!r}, and the environment variable {name} is not set; set it, "
                "or give the value with --set"
            )
    return VARIABLE.sub(lambda match: os.environ[match[1]], value)


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(
            f"--set takes KEY=VALUE, such as search.trials=50, or @FILE, not {override!r}"
        )
    *holders, last = key.strip().split(".")
    section = content
    for holder in holders:
        if section.get(holder) is None:  # not there, or there with nothing in it
            section[holder] = {}
        section = section[holder]
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {holder!r} is a value, not a section")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {override}: the value is not plain YAML: {error}") from error


def _is_irrelevant(error: Any) -> bool:
    """Return whether an error speaks of a branch (`lapa`, or a class set) that was not meant."""
    wrong_branch = "[" in str(error["loc"][-1:])
    if error["type"] == "literal_error":
        return wrong_branch and isinstance(error["input"], dict)
    return wrong_branch and error["type"] == "model_type"


def _explain(error: Any) -> str:
    loc = [part for part in error["loc"] if "[" not in str(part)]  # pydantic's names of branches
    place = ".".join(str(part) for part in loc)
    if error["type"] == "extra_forbidden":
        known = _known_keys(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    text = f"{place}: {message}" if place else message
    if error["type"] == "missing" or isinstance(error["input"], BaseModel | dict):
        return text  # what was given is the whole section: no help
    return f"{text}; got {error['input']!r}"[:300]


def _known_keys(place: list[Any]) -> list[str]:
    """Return the keys of the section at `place`, by walking the models' fields."""
    model: type[BaseModel] = Experiment
    for part in place:
        if part in model.model_fields:
            model = _section(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the model within an annotation such as `Range | None` or `dict[str, Network]`."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None
