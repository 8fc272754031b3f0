"""The experiments that are part of the program, which can be given by name: `quickstart`.

They are in `experiments/` at the top of the repository, and in `pipelines/experiments/` of an
installed wheel. A name may contain a folder: `reference/drawn`. An existing file has precedence.
"""

from pathlib import Path

_IN_WHEEL = Path(__file__).parents[1] / "experiments"
_IN_REPOSITORY = Path(__file__).parents[2] / "experiments"


def included_folder() -> Path:
    """Return the folder of the included experiments."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_REPOSITORY


def find_experiment(path: Path, folder: Path = Path()) -> Path:
    """Return the file that an experiment's path or name refers to.

    Args:
        path: A file relative to `folder`, an absolute path, or an included experiment's name.
        folder: The folder that relative paths start from.

    Returns:
        The included experiment's file where `path` is its name and no such file exists;
        `folder / path` otherwise, whether or not that file exists.
    """
    file = folder / path
    included = included_folder() / path.with_name(f"{path.name}.yaml") if path.name else file
    is_name = not path.is_absolute() and not path.suffix and ".." not in path.parts
    return included if is_name and not file.is_file() and included.is_file() else file


def is_included(file: Path) -> bool:
    """Return whether a file is one of the included experiments."""
    return file.resolve().is_relative_to(included_folder().resolve())


def included_names(folder: Path = Path()) -> list[str]:
    """Return the names of the included experiments in one folder of theirs."""
    found = included_folder().joinpath(folder).glob("*.yaml")
    return sorted((folder / file.stem).as_posix() for file in found)
