"""A file that a stranger made or that is damaged, and the verbs that meet it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Valid files, which a child process makes once and hostile files are made from.

    Attributes:
        network: A network of 32 x 32 pixels.
        photograph: A PNG of 80 x 48 pixels.
        mlflow: An MLflow database with an experiment, a run and a registered version.
        optuna: An Optuna database.
        experiment: An experiment on eight drawn faces, in a storage that contains their pack.
        summary: The line about them that `faceseg prepare` prints.
    """

    network: Path
    photograph: Path
    mlflow: Path
    optuna: Path
    experiment: Path
    summary: str


Write = Callable[[Path, Materials], object]


@dataclass(frozen=True, kw_only=True)
class HostileFile:
    """A hostile file.

    Attributes:
        name: What it is, in the ids of the tests.
        file: The name under which it is written; for a pack, the file of a pack that it replaces.
        write: Writes it to a path, made from the materials if need be.
        verbs: The keys of `verbs.VERBS` that it goes through.
    """

    name: str
    file: str
    write: Write
    verbs: tuple[str, ...]


def sparse(path: Path, _: Materials) -> None:
    """Give a file, which may exist, a size of 200 GB without storing them."""
    with path.open("ab") as file:
        file.truncate(200 * 2**30)


def content(made: bytes | Callable[[], bytes]) -> Write:
    """Return a function that writes these bytes, or those that a function returns."""
    return lambda path, _: path.write_bytes(made if isinstance(made, bytes) else made())
