"""Preparing images passes the experiment's data settings to the packs."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from faceseg.data.split import open_split
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


def test_images_are_cropped_to_their_face_as_in_the_experiment(tmp_path: Path):
    data = {"image_size": [64, 64], "drawn": {"train": 2, "val": 1, "test": 1, "size": 128}}
    data["drawn"]["difficulty"] = 0  # faces that BlazeFace finds
    experiment = {"name": "face", "storage": str(tmp_path), "data": data}
    whole, _ = prepare(Experiment.model_validate(experiment), Console(quiet=True))
    data["face_box"] = {"margin": 0.2}
    output = Console(file=io.StringIO(), width=1000)
    folder, manifest = prepare(Experiment.model_validate(experiment), output)
    assert "cropped to their face, except none" in output.file.getvalue()
    assert manifest.crop is not None
    assert manifest.crop.settings == {"margin": 0.2}
    # The faces fill more of the crops than of the images.
    background = [(open_split(each, "train").labels == 0).mean() for each in (whole, folder)]
    assert background[1] < background[0] - 0.1
    shown, expected = (open_split(each, "test").original(0) for each in (whole, folder))
    np.testing.assert_array_equal(shown[0], expected[0])


def test_images_without_a_face_are_counted(lapa_folder: Path, tmp_path: Path):
    data = {"source": "directory", "path": str(lapa_folder), "image_size": [32, 32]}
    experiment = {"name": "none", "storage": str(tmp_path), "data": {**data, "face_box": {}}}
    output = Console(file=io.StringIO(), width=1000)
    _, manifest = prepare(Experiment.model_validate(experiment), output)
    assert "cropped to their face, except 4 train, 2 val, 2 test" in output.file.getvalue()
    assert manifest.crop is not None
    assert manifest.crop.settings == {"margin": 0.4}
