"""Read an experiment's file: bases, overrides, environment variables, and error messages.

A file may name a `base:`, relative to its own folder, and contain only the values that differ.
`--set search.trials=50` overrides one value. `--set @FILE` overrides all values that FILE
contains, so one file adapts many experiments to a small machine. `${NAME}` is replaced by an
environment variable, and a value that begins with `${THIS_FOLDER}` is a path that starts from the
folder of its file. The message for an unknown key contains the most similar valid one.
"""

import difflib
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from faceseg.errors import UserError, without_secrets
from pipelines.config.included import (
    find_experiment,
    included_names,
    is_studied,
    studied_names,
)
from pipelines.config.overrides import apply_override, known_keys
from pipelines.config.plain_yaml import RepeatedKeyError, read_yaml
from pipelines.config.schema import Experiment

THIS_FOLDER = "${THIS_FOLDER}"
VARIABLE = re.compile(r"\$\{(\w+)\}")
MAX_BASES = 20
SECRET_KEYS = ("tracking.uri", "tracking.database", "checkpoints")


def load(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read an experiment, merge its bases, apply the overrides, and check the result.

    Args:
        path: A YAML file, or a name as for `find_experiment` where no such file exists.
        overrides: `KEY=VALUE` as for `apply_override`, or `@FILE` with a file or a name as for
            `path`; the last one wins.

    Returns:
        The experiment. Its name is the file's, unless the file contains another one.

    Raises:
        UserError: A file is missing or is not plain YAML, an override is malformed, an
            environment variable is not set, or a key or value is not valid.
    """
    file = find_experiment(path)
    content = _read(file, seen=())
    content.setdefault("name", file.stem)
    for override in overrides:
        if override.startswith("@"):
            content = _merge(content, _read(find_experiment(Path(override[1:])), seen=()))
        else:
            apply_override(content, override)
    content = _expand(content, path)
    _require_secrets(content, path)
    try:
        experiment = Experiment.model_validate(content)
    except ValidationError as error:
        problems = explain_errors(error, Experiment)
        raise UserError(f"{path} is not a valid experiment:\n{problems}") from error
    if is_studied(file) and path.name not in (file.name, file.parent.name):
        _require_study(path, load(file).study if overrides else experiment.study)
    return experiment


def _require_study(path: Path, study: str) -> None:
    """Raise UserError if a study's name refers to the file of a later study."""
    if path.name != study:
        raise UserError(
            f"there is no study {path} whose settings are known here: {find_experiment(path)} "
            f"contains those of the newest study of this experiment, {study}. Give the file and "
            "the values of --set with which the study was begun; `experiment.yaml` of its run in "
            "MLflow contains them"
        )


def _require_secrets(content: dict[str, Any], path: Path) -> None:
    """Raise UserError if an address contains `***`, which a study writes instead of a secret."""
    for name in SECRET_KEYS:
        value: Any = content
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if "***" in str(value):
            raise UserError(
                f"{path} contains {name} without its password or token, which a study does not "
                f"store: give the whole address with --set {name}=…"
            )


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    real = Path(os.path.realpath(path))  # `resolve` raises RuntimeError for a link to itself
    if real in seen:
        raise UserError(f"{path} is its own base, directly or indirectly; remove one `base:`")
    if len(seen) > MAX_BASES:
        raise UserError(f"{seen[0]} has a chain of more than {MAX_BASES} bases; join some")
    try:
        content = read_yaml(path)
    except FileNotFoundError as error:
        raise UserError(f"there is no experiment file {path}{_alternatives(path)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as an experiment: {error}") from error
    except RepeatedKeyError as error:
        raise UserError(f"{path} is ambiguous: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not plain YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must contain keys and values, not {type(content).__name__}")
    base = content.pop("base", None)
    own: dict[str, Any] = _expand_folder(content, path.parent)
    if base is None:
        return own
    below = _read(find_experiment(Path(str(base)), path.parent), (*seen, real))
    for key in ("name", "description"):  # they describe the base, not the derived experiment
        below.pop(key, None)
    return _merge(below, own)


def _alternatives(path: Path) -> str:
    """Return the rest of a message on a missing file: its neighbours and the included names."""
    neighbours = sorted(each.name for each in path.parent.glob("[!.]*.yaml"))
    nearby = f"; {path.parent} contains {', '.join(neighbours)}" if neighbours else ""
    folder = Path() if path.is_absolute() or ".." in path.parts else path.parent
    names = [*(included_names(folder) or included_names()), *studied_names()]
    return f"{nearby}. Experiments that can be given by name: {', '.join(names)}"


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _expand_folder(value: Any, folder: Path) -> Any:
    """Replace `${THIS_FOLDER}`, so that a file can refer to files in its own folder."""
    if isinstance(value, dict):
        return {key: _expand_folder(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_expand_folder(each, folder) for each in value]
    if not isinstance(value, str) or not value.startswith(THIS_FOLDER):
        return value
    return os.path.normpath(value.replace(THIS_FOLDER, str(folder), 1))


def _expand(value: Any, path: Path) -> Any:
    """Replace `${NAME}` by environment variables: paths of data differ between machines."""
    if isinstance(value, dict):
        return {key: _expand(each, path) for key, each in value.items()}
    if isinstance(value, list):
        return [_expand(each, path) for each in value]
    if not isinstance(value, str):
        return value
    for name in VARIABLE.findall(value):
        if name not in os.environ:
            raise UserError(
                f"{path} contains {value!r}, and the environment variable {name} is not set; set "
                "it, or override the value with --set"
            )
    return VARIABLE.sub(lambda match: os.environ[match[1]], value)


def explain_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the errors of a file of settings, one a line; `model` is what the file contains."""
    relevant = [each for each in error.errors() if not _is_irrelevant(each)]
    return "\n".join(f"  {_explain(each, model)}" for each in relevant)


def _is_irrelevant(error: Any) -> bool:
    """Return whether an error is about the other branch of a union (`lapa`, or a class set)."""
    wrong_branch = "[" in str(error["loc"][-1:])
    if error["type"] == "literal_error":
        return wrong_branch and isinstance(error["input"], dict)
    return wrong_branch and error["type"] == "model_type"


def _explain(error: Any, model: type[BaseModel]) -> str:
    # Pydantic's names of a union's branches contain a bracket, or begin with `constrained-`.
    branches = ("[", "constrained-")
    loc = [part for part in error["loc"] if not any(each in str(part) for each in branches)]
    place = ".".join(str(part) for part in loc)
    if error["type"] == "extra_forbidden":
        known = known_keys(loc[:-1], model)
        given = str(loc[-1])  # `hue` means `hue_degrees`, although other keys look more like it
        near = [key for key in known if key.startswith(f"{given}_")]
        near += difflib.get_close_matches(given, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    text = f"{place}: {message}" if place else message
    if error["type"] == "missing" or isinstance(error["input"], BaseModel | dict):
        return text  # the input is the whole section, which is too long to print
    return without_secrets(f"{text}; got {error['input']!r}")[:300]
