"""The files of an experiment: its own, its overlays, and the bases of all of them."""

import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from faceseg.errors import UserError
from pipelines.config.included import find_experiment, is_included
from pipelines.config.plain_yaml import read_yaml, read_yaml_text
from pipelines.config.reading import VARIABLE
from pipelines.config.secrets import has_secret


def check_files_are_sent(file: Path, overrides: tuple[str, ...], sent: Container[Path]) -> None:
    """Check that all files of an experiment are sent with the job.

    Args:
        file: The experiment's file.
        overrides: The values of `--set`.
        sent: The files that are sent, relative to the working directory. Included experiments
            need not be among them, because they are installed on the nodes.

    Raises:
        UserError: The experiment's file, a base or an overlay is not sent.
    """
    for each in all_files(file, overrides):
        is_given_by_name = each.is_absolute() and is_included(each)
        if not is_given_by_name and Path(os.path.relpath(each)) not in sent:
            raise UserError(
                f"{each} is not sent with the job: it must be in the working directory "
                f"{Path.cwd()} and not be ignored by git or .rayignore. Submit from a folder that "
                "contains the experiment, its bases and the files of --set @FILE"
            )


def check_no_secrets(file: Path, overrides: tuple[str, ...]) -> None:
    """Check that the experiment's files, which are sent with a job, contain no secrets.

    Args:
        file: The experiment's file.
        overrides: The values of `--set`.

    Raises:
        UserError: An address in a file contains a password or a token.
    """
    for each in all_files(file, overrides):
        if has_secret(read_yaml(each)):
            raise UserError(
                f"{each} contains a password or a token in an address, and everyone on the cluster "
                "can read the files of a job: write ${NAME} in its place, and set NAME in the "
                "environment of the cluster's nodes"
            )


def all_files(file: Path, overrides: tuple[str, ...]) -> list[Path]:
    """Return the experiment's file, the overlays of `--set @FILE`, and all their bases."""
    overlays = [Path(each[1:]) for each in overrides if each.startswith("@")]
    return [found for each in (file, *overlays) for found in files_of(find_experiment(each))]


def files_of(file: Path) -> list[Path]:
    """Return an experiment's file and its bases; a file that cannot be read ends the list."""
    found: list[Path] = []
    while file not in found:
        found.append(file)
        try:
            content = read_yaml(file)
        except (OSError, ValueError, yaml.YAMLError, UserError):
            break  # `load` reports it
        if not isinstance(content, dict) or not content.get("base"):
            break
        file = find_experiment(Path(str(content["base"])), file.parent)
    return found


@contextmanager
def keep_unset_variables(file: Path, overrides: tuple[str, ...]) -> Iterator[None]:
    """Keep `${NAME}` as it is in the context where NAME is not set: it is set on the nodes.

    Args:
        file: The experiment's file.
        overrides: The values of `--set`.
    """
    files = [each for each in all_files(file, overrides) if each.is_file()]
    texts = [*overrides, *map(_text, files)]
    names = {name for text in texts for name in VARIABLE.findall(text)} - os.environ.keys()
    for name in names:
        os.environ[name] = f"${{{name}}}"
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def _text(file: Path) -> str:
    try:
        return read_yaml_text(file)
    except (OSError, UnicodeDecodeError, UserError):
        return ""  # `load` reports it
