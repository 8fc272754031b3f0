"""A trained network as one file: a `.keras` archive that also says what its classes are.

Keras's archive is a zip of JSON and HDF5. One more member, `faceseg.json`, makes it complete:
the class set (names, ids, palette, left/right pairs) and where the network comes from. Keras
ignores the extra member, so any Keras program with this package installed can load the file.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras

from faceseg import networks  # noqa: F401  # registers the layers that a file may name
from faceseg.classes import ClassSet
from faceseg.errors import UserError

MEMBER = "faceseg.json"


def save(network: keras.Model, path: Path, classes: ClassSet, origin: dict[str, Any]) -> None:
    """Write `network` to `path`, which must end in `.keras`, replacing it in one step.

    origin: JSON-able facts about where it comes from (architecture, seed, scores …).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{path.name}")
    network.save(unfinished)
    facts = {"classes": classes.model_dump(), "origin": origin}
    with zipfile.ZipFile(unfinished, "a") as archive:
        archive.writestr(MEMBER, json.dumps(facts, indent=1))
    unfinished.replace(path)


def read_facts(path: Path) -> tuple[ClassSet, dict[str, Any]]:
    """Return the class set and the origin stored in a file written by `save`."""
    try:
        with zipfile.ZipFile(path) as archive:
            facts = json.loads(archive.read(MEMBER))
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; expected a model saved by faceseg") from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise UserError(
            f"{path} is not a model saved by faceseg: it holds no {MEMBER}; "
            "give a best.keras of a run, or a registry address"
        ) from error
    return ClassSet.model_validate(facts["classes"]), facts["origin"]


def load(path: Path) -> tuple[keras.Model, ClassSet, dict[str, Any]]:
    """Load network, class set and origin; code inside the file is refused (safe mode)."""
    classes, origin = read_facts(path)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} cannot be loaded safely: {reason}") from error
    return network, classes, origin
