"""Databases of MLflow and Optuna that are damaged, of another program, or from a stranger."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.hostile.hostile_file import HostileFile, Materials, Write, content

READING = ("compare", "promote", "rollback", "models", "ui")
LOADING = ("predict from it", "demo from it", "serve from it")
OF_RUNS = ("compare", "status", "clean", "promote", "rollback", "demo from it")
OF_VERSIONS = ("promote", "rollback", "models", *LOADING)


def database_files() -> Iterator[HostileFile]:
    """Yield databases; those that MLflow can open meet no study, which would begin."""
    for name, write in _unusable().items():
        verbs = ("study", "compare", "models", "ui", "status", "clean", *LOADING, "Optuna")
        yield HostileFile(name=name, file="mlflow.db", write=write, verbs=verbs)
    for name, write in _foreign().items():
        verbs = ("study", *READING, "status", "predict from it", "serve from it")
        yield HostileFile(name=name, file="mlflow.db", write=write, verbs=verbs)
    for name, write in _runs_of_a_stranger().items():
        yield HostileFile(name=name, file="mlflow.db", write=write, verbs=OF_RUNS)
    for name, write in _versions_of_a_stranger().items():
        yield HostileFile(name=name, file="mlflow.db", write=write, verbs=OF_VERSIONS)
    empty = content(b"")  # MLflow creates its tables, which takes seconds
    yield HostileFile(name="an empty database", file="mlflow.db", write=empty, verbs=("models",))


def _unusable() -> dict[str, Write]:
    return {
        "a database of text": content(b"no database " * 900),
        "a database of zeros": content(bytes(100_000)),
        "a header of a database": content(b"SQLite format 3\0" + bytes(84)),
        "a database of wrong pages": content(b"SQLite format 3\0" + b"\xff" * 20_000),
        "a database that is a folder": lambda path, _: path.mkdir(),
        "a database that is a pipe": lambda path, _: os.mkfifo(path),
        "a database linked to itself": lambda path, _: path.symlink_to(path),
        "a database of endless zeros": lambda path, _: path.symlink_to("/dev/zero"),
    }


def _foreign() -> dict[str, Write]:
    return {
        "the first pages of a database": _cut_off,
        "a database of an older MLflow": _changed(_VERSION.format("bd07f7e963c5")),
        "a database of a newer MLflow": _changed(_VERSION.format("ffffffffffff")),
        "the database of Optuna": _copy_of_optuna,
        "a database without runs": _changed("DROP TABLE runs"),
        "a database without versions": _changed("DROP TABLE model_versions"),
        "a database with another table": _changed("ALTER TABLE experiments RENAME name TO title"),
    }


def _runs_of_a_stranger() -> dict[str, Write]:
    """Return databases that MLflow opens, with runs that it does not write."""
    return {
        "a run of an unknown status": _changed("UPDATE runs SET status = 'NAPPING'"),
        "a run begun at a text": _changed("UPDATE runs SET start_time = 'noon', end_time = 'x'"),
        "a run in a stage of its own": _changed("UPDATE runs SET lifecycle_stage = 'x'"),
        "a deleted experiment": _changed("UPDATE experiments SET lifecycle_stage = 'deleted'"),
        "tags of markup": _changed("UPDATE tags SET value = '[bold]<script>[/nothing]' || value"),
        "tags of 5 MB": _changed("UPDATE tags SET value = hex(zeroblob(2500000))"),
        "tags of bytes": _changed("UPDATE tags SET value = x'ff00fe'"),
        "a run without tags": _changed("DELETE FROM tags"),
    }


def _versions_of_a_stranger() -> dict[str, Write]:
    """Return databases that MLflow opens, with versions of a model that it does not write."""
    place = "UPDATE model_versions SET storage_location = '{0}', source = '{0}'"
    return {
        "a version in a system folder": _changed(place.format("file:///etc")),
        "a version of a file": _changed(place.format("/etc/passwd")),
        "a version outside": _changed(place.format("../../../../etc/passwd")),
        "a version of no address": _changed(place.format("://")),
        "a version of another program": _changed(place.format("x-unknown://host/path")),
        "an alias of no version": _changed(
            "UPDATE registered_model_aliases SET version = 99",
        ),
        "an alias of text": _changed("UPDATE registered_model_aliases SET version = 'many'"),
        "tags of a version in markup": _changed(
            "UPDATE model_version_tags SET value = '[bold]<script>[/nothing]' || value"
        ),
        "scores of text": _changed("UPDATE model_version_tags SET value = 'many'"),
        "a version of no run": _changed("UPDATE model_versions SET run_id = 'nothing'"),
    }


_VERSION = "UPDATE alembic_version SET version_num = '{}'"


def _changed(statement: str) -> Write:
    """Return a function that copies the database of MLflow and changes the copy."""

    def write(path: Path, materials: Materials) -> None:
        shutil.copy(materials.mlflow, path)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            database.execute(statement)

    return write


def _cut_off(path: Path, materials: Materials) -> None:
    path.write_bytes(materials.mlflow.read_bytes()[:5000])


def _copy_of_optuna(path: Path, materials: Materials) -> None:
    shutil.copy(materials.optuna, path)
