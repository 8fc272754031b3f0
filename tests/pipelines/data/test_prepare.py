"""Preparing images passes the experiment's data settings to the packs."""

from pathlib import Path

import pytest
from rich.console import Console

from pipelines.config import Experiment
from pipelines.data.prepare import prepare


@pytest.mark.parametrize("label_resizing", ["nearest", "bilinear"])
def test_labels_are_resized_as_in_the_experiment(label_resizing: str, tmp_path: Path):
    experiment = Experiment.model_validate(
        {
            "name": "plain",
            "storage": str(tmp_path),
            "data": {
                "image_size": [32, 32],
                "label_resizing": label_resizing,
                "drawn": {"train": 2, "val": 1, "test": 1, "size": 48},
            },
        }
    )
    _, manifest = prepare(experiment, Console(quiet=True))
    assert manifest.label_resizing == label_resizing
