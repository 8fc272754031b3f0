"""Fixtures: synthetic studies in real MLflow stores."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.tracking import Tracker
from tests.pipelines.promote.synthetic_studies import SyntheticFinal, write_experiment, write_study

Study = Callable[..., Path]


@pytest.fixture
def write_studies(tmp_path: Path, model: str) -> Callable[..., Path]:
    """Return a function that writes a study: `write_studies(tracker, "name", SyntheticFinal())`.

    It returns the path of the study's experiment file.
    """

    def write(tracker: Tracker, name: str, *finals: SyntheticFinal) -> Path:
        path = write_experiment(tmp_path, f"{name}-{model}", tracker.uri, model)
        write_study(tracker, load(path), *finals)
        return path

    return write


@pytest.fixture
def study(tracker: Tracker, write_studies: Callable[..., Path]) -> Study:
    """Return a function that writes a study into the store on sqlite."""
    return partial(write_studies, tracker)
