"""Which file an experiment's path or name refers to.

In this order:

1. a file of this path;
2. an experiment that is part of the program: `quickstart`. They are in `experiments/` at the top
   of the repository, and in `pipelines/experiments/` of an installed wheel. A name may contain a
   folder: `reference/drawn`;
3. an experiment whose study wrote `results/NAME/experiment.yaml`, by its name or by its study's
   name: `mine`, `mine-1a2b3c4d`.
"""

import re
from pathlib import Path

from pipelines.config.names import DEFAULT_STORAGE

EXPERIMENT_FILE = "experiment.yaml"  # a study writes it into STORAGE/NAME
STUDY_NAME = re.compile(r"(.+)-[0-9a-f]{8}")
_IN_WHEEL = Path(__file__).parents[1] / "experiments"
_IN_REPOSITORY = Path(__file__).parents[2] / "experiments"


def included_folder() -> Path:
    """Return the folder of the included experiments."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_REPOSITORY


def find_experiment(path: Path, folder: Path = Path()) -> Path:
    """Return the file that an experiment's path or name refers to.

    Args:
        path: A file relative to `folder`, an absolute path, or a name of an experiment.
        folder: The folder that relative paths start from.

    Returns:
        The file that a name refers to where no file `folder / path` exists; otherwise
        `folder / path`, whether or not it exists.
    """
    file = folder / path
    if file.is_file() or path.is_absolute() or not path.name or ".." in path.parts:
        return file
    included = included_folder() / path.with_name(f"{path.name}.yaml")
    if not path.suffix and included.is_file():
        return included
    return _find_studied(path) or file


def _find_studied(path: Path) -> Path | None:
    """Return the file that the study of this name, or of an experiment of this name, wrote."""
    if len(path.parts) > 1 or path.suffix in (".yaml", ".yml"):
        return None
    names = [path.name, *(match[1] for match in [STUDY_NAME.fullmatch(path.name)] if match)]
    files = (DEFAULT_STORAGE / name / EXPERIMENT_FILE for name in names)
    return next((file for file in files if file.is_file()), None)


def is_studied(file: Path) -> bool:
    """Return whether a file is one that `find_experiment` finds by the name of a study."""
    return file == DEFAULT_STORAGE / file.parent.name / EXPERIMENT_FILE


def is_included(file: Path) -> bool:
    """Return whether a file is one of the included experiments."""
    return file.resolve().is_relative_to(included_folder().resolve())


def included_names(folder: Path = Path()) -> list[str]:
    """Return the names of the included experiments in one folder of theirs."""
    found = included_folder().joinpath(folder).glob("*.yaml")
    return sorted((folder / file.stem).as_posix() for file in found)


def studied_names() -> list[str]:
    """Return the names of the experiments whose studies wrote a file into `results`."""
    return sorted(file.parent.name for file in DEFAULT_STORAGE.glob(f"*/{EXPERIMENT_FILE}"))
