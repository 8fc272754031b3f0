"""Preparing images passes the experiment's data settings to the packs."""

from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from faceseg.errors import UserError
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


def test_labels_of_half_the_size_are_packed_with_the_setting_that_the_error_offers(
    lapa_folder: Path, tmp_path: Path
):
    for file in lapa_folder.glob("*/labels/*"):
        with Image.open(file) as labels:
            labels.resize((20, 16), Image.Resampling.NEAREST).save(file)
    data = {"source": "directory", "path": str(lapa_folder), "image_size": [32, 32]}
    experiment = {"name": "half", "storage": str(tmp_path), "data": data}
    with pytest.raises(UserError, match=r"data\.label_size: resize"):
        prepare(Experiment.model_validate(experiment), Console(quiet=True))
    data["label_size"] = "resize"
    _, manifest = prepare(Experiment.model_validate(experiment), Console(quiet=True))
    assert {name: split.count for name, split in manifest.splits.items()} == {
        "train": 4,
        "val": 2,
        "test": 2,
    }
