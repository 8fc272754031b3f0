"""Harmless files, which pass through the verbs: a refusal of the others has another reason."""

import shutil
from collections.abc import Iterator

from PIL import Image

from tests.hostile import image_files, label_files
from tests.hostile.database_files import LOADING
from tests.hostile.hostile_file import HostileFile, Materials, Write, content

# A whole export converts a network, which takes seconds.
LEFT_OUT = ("export",)


def harmless_files() -> Iterator[HostileFile]:
    """Yield files with those verbs that end with exit code 0 and take no seconds."""
    stripes = bytes(column * 11 // 80 for column in range(80)) * 48
    labels = Image.frombytes("L", label_files.SIZE, stripes)
    files: dict[str, tuple[str, Write, tuple[str, ...]]] = {
        "a photograph": ("a.png", _copy("photograph"), image_files.FOLDERS + image_files.UPLOADS),
        "labels": ("a.png", lambda path, _: labels.save(path), label_files.PREPARING),
        "settings": (
            "a.yaml",
            content(b"data: {drawn: {train: 2, val: 2, test: 2}}"),
            ("--set @FILE", "base"),
        ),
        "a network": (
            "best.keras",
            _copy("network"),
            ("predict with it", "serve it", "demo of it"),
        ),
        "a database": ("mlflow.db", _copy("mlflow"), ("models", "ui", *LOADING)),
        "Optuna's database": ("optuna.db", _copy("optuna"), ("Optuna",)),
        "a note in a pack": ("note.txt", content(b"mine"), ("prepare, packed",)),
    }
    for name, (file, write, verbs) in files.items():
        kept = tuple(each for each in verbs if each not in LEFT_OUT)
        yield HostileFile(name=name, file=file, write=write, verbs=kept)


def _copy(material: str) -> Write:
    def write(path: object, materials: Materials) -> None:
        shutil.copy(getattr(materials, material), str(path))

    return write
