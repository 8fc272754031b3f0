"""`faceseg predict` with a network that was trained on face boxes crops without being asked to."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import faceseg
from faceseg.data.drawn import draw_face
from faceseg.networks.saving import load_network, save_network
from tests.hostile.motion_jpeg import avi, jpeg

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.fixture
def boxed_file(network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the network as if it was trained on face boxes; change into the test's folder."""
    monkeypatch.chdir(tmp_path)
    network, classes, _ = load_network(network_file)
    assert isinstance(network, keras.Model)
    save_network(network, Path("boxed.keras"), classes, {"face_box": {"margin": 0.1}})
    return Path("boxed.keras")


def test_faces_are_cropped_and_pasted_back(run_faceseg: RunFaceseg, boxed_file: Path):
    photo = np.full((300, 400, 3), 128, np.uint8)
    photo[20:276, 10:266] = draw_face((1, "train", 1), 256, 0.5).image
    Image.fromarray(photo).save("face.png")
    Image.new("RGB", (64, 48), "red").save("red.png")
    code, output = run_faceseg("predict", boxed_file, "face.png", "red.png", "--out", "out")
    assert code == 0, output
    assert "1 face found; none in 1 of 2 images, which were labelled as a whole" in " ".join(
        output.split()
    )
    images = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))["images"]
    assert images["red"]["note"] == "no face was found; the whole image was labelled"
    (face,) = images["face"]["faces"]
    assert images["face"]["shares"]["background"] > 0.5  # all that is outside of the crop
    # The same labels as in Python, and as with --faces.
    labels = faceseg.load(boxed_file).predict(photo)
    np.testing.assert_array_equal(np.asarray(Image.open("out/masks/face.png")), labels)
    assert run_faceseg("predict", boxed_file, "face.png", "--faces", "--out", "again")[0] == 0
    np.testing.assert_array_equal(np.asarray(Image.open("again/masks/face.png")), labels)
    column, row, width, height = face["box"]
    inside = np.zeros(labels.shape, bool)
    # A margin of 0.1 on each side, and 0.08 of the crop upwards; the roll adds a few pixels.
    reach = 0.3 * width
    inside[
        max(0, int(row - reach)) : int(row + height + reach),
        max(0, int(column - reach)) : int(column + width + reach),
    ] = True
    assert not labels[~inside].any()
    assert labels[inside].any()


def test_a_video_too(run_faceseg: RunFaceseg, boxed_file: Path):
    Path("red.avi").write_bytes(avi([jpeg(colour="red")] * 2))
    code, output = run_faceseg("predict", boxed_file, "--video", "red.avi", "--out", "out")
    assert code == 0, output
    assert "no face in 2 of them" in " ".join(output.split())
