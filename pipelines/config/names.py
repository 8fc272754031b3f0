"""The rule for the names that an experiment contains.

A name becomes a part of other names and of paths. It is checked when the experiment is read,
against the strictest of these places:

- an experiment: `storage/NAME`, logs and locks, also on Windows and macOS; MLflow's experiments;
- a network: folders of its jobs, MLflow's logged models, tags and the alias `best-NAME`;
- a class: MLflow's metrics, such as `test/false_presence/NAME`;
- a registered model: MLflow's filters, and addresses such as `models:/NAME@champion`.
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator

# MLflow limits a metric's name and an alias to 250 characters, and file systems limit a file's
# name to 255 bytes. Names have prefixes and suffixes there, and two of them can be in one alias.
MAX_LENGTH = 100
DEFAULT_STORAGE = Path("results")  # in the current folder
# Files and folders of a storage, beside which the folder of an experiment's report is.
STORAGE_NAMES = (
    *("artifacts", "audit", "checkpoints", "compiled", "locks", "logs", "machine.yaml", "outbox"),
    *("packs", "mlflow.db", "mlflow.db.lock", "optuna.db", "optuna.db.lock"),
)
DATABASE_NAMES = ("mlflow.db", "optuna.db")  # SQLite adds -journal, -shm and -wal
# MLflow's own experiment keeps its files elsewhere; `faceseg doctor` writes to the other.
MLFLOW_EXPERIMENTS = ("default", "faceseg-doctor")
WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
)
# In claims and reports, these are not single networks.
PRETRAINED, ENSEMBLE = "pretrained", "ensemble"
# No network's own name contains a dot.
_MIRRORED, _JUDGED, _ENSEMBLE_OF = ".mirrored", ".judged", f"{ENSEMBLE}."
_SHOWN = 40  # characters of a wrong name in a message


def check_experiment_name(name: str) -> str:
    """Return an experiment's name; raise ValueError if a place that it reaches does not allow it.

    Example:
        >>> check_experiment_name("lapa-short.2")
        'lapa-short.2'
    """
    because = "it names a folder of reports, logs and an MLflow experiment"
    _check(name, "an experiment's name", "-_.", because, ascii_only=True, initial="")
    lower = name.lower()
    if name.endswith("."):
        raise ValueError(f"an experiment's name must not end with a dot: {because}")
    if lower.partition(".")[0] in WINDOWS_DEVICES:
        raise ValueError(f"{name!r} is a device on Windows, where no folder can have this name")
    if lower in STORAGE_NAMES or lower.startswith(DATABASE_NAMES):
        raise ValueError(
            f"{name!r} is a file or folder of every storage, beside the experiments' own folders; "
            "choose another name"
        )
    if lower in MLFLOW_EXPERIMENTS:
        raise ValueError(f"MLflow has an experiment {lower!r} for other runs; choose another name")
    return name


def check_network_name(name: str) -> str:
    """Return a network's name; raise ValueError if a place that it reaches does not allow it."""
    because = "it names folders, and a model and an alias in MLflow"
    _check(name, "a network's name", "-_", because, ascii_only=True, initial="")
    if name.lower() in (PRETRAINED, ENSEMBLE):
        raise ValueError(f"{name!r} has another meaning in reports and claims; choose another name")
    return name


def mirrored_name(network: str) -> str:
    """Return the name in tables and runs of a network's mean with its mirror image."""
    return f"{network}{_MIRRORED}"


def is_mirrored(name: str) -> bool:
    """Return whether a name in tables and runs is one of `mirrored_name`."""
    return name.endswith(_MIRRORED) and not is_ensemble(name)


def ensemble_name(members: Iterable[str]) -> str:
    """Return the name in tables and runs of the ensemble of some of an experiment's networks.

    Example:
        >>> ensemble_name(["unet", "segformer"])
        'ensemble.unet.segformer'
    """
    return _ENSEMBLE_OF + ".".join(members)


def ensemble_members_of(name: str) -> list[str]:
    """Return the members in a name of `ensemble_name`."""
    return name.removeprefix(_ENSEMBLE_OF).split(".")


def is_ensemble(name: str) -> bool:
    """Return whether a name in tables and runs is that of an ensemble."""
    return name == ENSEMBLE or name.startswith(_ENSEMBLE_OF)


def judged_name(network: str) -> str:
    """Return the name in tables and runs of a network of another program."""
    return f"{network}{_JUDGED}"


def is_judged(name: str) -> bool:
    """Return whether a name in tables and runs is one of `judged_name`."""
    return name.endswith(_JUDGED)


def check_judged_name(name: str) -> str:
    """Return the network's own name in a name of `judged_name`; raise ValueError if it has none."""
    return check_network_name(name.removesuffix(_JUDGED))


def is_trained(name: str) -> bool:
    """Return whether a name in tables and runs is that of a network that the study trained."""
    return not (is_ensemble(name) or is_mirrored(name) or is_judged(name))


def check_claimed_network(name: str) -> str:
    """Return what a claim is about; raise ValueError unless it can be a network's name."""
    return name if name == PRETRAINED or is_ensemble(name) else check_network_name(name)


def check_class_names(names: Iterable[str]) -> None:
    """Raise ValueError if MLflow would refuse the metrics of a class of this name."""
    for name in names:
        _check(name, "a class's name", "-_. ", "it is a part of the names of metrics in MLflow")


def check_registered_model(name: str) -> str:
    """Return a registered model's name; raise ValueError if MLflow cannot register or find it."""
    because = "it is a part of MLflow's addresses, such as models:/NAME@champion"
    return _check(name, "a registered model's name", "-_. ", because)


def check_model_version(text: str) -> str:
    """Return `NAME/VERSION`, a version of a registered model; raise ValueError otherwise."""
    name, slash, version = text.partition("/")
    if not slash or not (version.isascii() and version.isdigit()):
        raise ValueError(
            "expected a registered model and the number of its version, such as faceseg/3"
        )
    check_registered_model(name)
    return text


def check_folder_name(name: str) -> str:
    """Return the name of a folder inside a given one; raise ValueError if it is outside."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(name).anchor
    if not path.parts or outside or not name.isprintable():
        raise ValueError("expected the name of a folder inside each split, such as labels")
    return name


def shown(name: str) -> str:
    """Return a name as messages contain it: escaped if it cannot be printed, shortened if long."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _check(
    name: str,
    subject: str,
    marks: str,
    because: str,
    *,
    ascii_only: bool = False,
    initial: str = "_",
) -> str:
    """Return a name of letters, digits and `marks`; raise ValueError for any other.

    Args:
        name: The name.
        subject: What it names, for the message.
        marks: The other characters that it may contain.
        because: The reason for the rule, for the message.
        ascii_only: Whether letters and digits are those of ASCII, as in names of files.
        initial: The marks that it may begin with.
    """
    if len(name) > MAX_LENGTH:
        raise ValueError(
            f"{subject} has at most {MAX_LENGTH} characters, not {len(name)}: {because}"
        )
    strange = [
        each
        for each in dict.fromkeys(name)
        if each not in marks and not (each.isalnum() and (each.isascii() or not ascii_only))
    ]
    begins = name[:1].isalnum() or name[:1] in tuple(initial)
    if not strange and begins and name == name.strip() and any(map(str.isalnum, name)):
        return name
    letters = "letters from A to Z" if ascii_only else "letters"
    others = ", ".join("spaces" if mark == " " else f"'{mark}'" for mark in marks)
    beginning = "a letter or a digit" + (f" or '{initial}'" if initial else "")
    found = f"{shown(name)!r} contains {', '.join(map(ascii, strange[:5]))}" if strange else ""
    raise ValueError(
        f"{subject} consists of {letters}, digits, {others} and begins with {beginning}, because "
        f"{because}; {found or repr(shown(name)) + ' does not'}{_similar(name, marks, ascii_only)}"
    )


def _similar(name: str, marks: str, ascii_only: bool) -> str:
    """Return the suggestion of a valid name for a message; empty if none is similar."""
    kept = re.compile(rf"[^\w{re.escape(marks)}]+", re.ASCII if ascii_only else re.UNICODE)
    similar = kept.sub("-", name).strip("-_. ")
    return f"; for instance {similar!r}" if similar and similar != name else ""


ExperimentName = Annotated[str, AfterValidator(check_experiment_name)]
ClaimedNetwork = Annotated[str, AfterValidator(check_claimed_network)]
RegisteredModel = Annotated[str, AfterValidator(check_registered_model)]
ModelVersion = Annotated[str, AfterValidator(check_model_version)]
FolderName = Annotated[str, AfterValidator(check_folder_name)]
