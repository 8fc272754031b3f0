"""A registered version as a pyfunc model: label maps, probabilities and refusals."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.job.context import StudyContext
from tests.pipelines.registry.registered_final import final


def encoded(image: np.ndarray, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_version_returns_label_maps_of_the_images_size(context: StudyContext, final_folder: Path):
    """Left red, right blue, 48 rows of 80 pixels: ids 1 and 3, except in the blurred middle."""
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    image = np.zeros((48, 80, 3), dtype=np.uint8)
    image[:, :40, 0] = image[:, 40:, 2] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned right by 90 degrees: 80 rows of 48
    pictures = [
        encoded(image, "JPEG", quality=95),
        encoded(image[:20, :30], "PNG"),
        encoded(image, "JPEG", quality=95, exif=turned),
    ]
    results = model.predict(pd.DataFrame({"image": pictures}))
    maps = [Image.open(io.BytesIO(base64.b64decode(text))) for text in results]
    assert [(each.format, each.mode) for each in maps] == [("PNG", "L")] * 3
    whole, small, upright = (np.asarray(each) for each in maps)
    assert whole.shape == (48, 80)
    assert np.all(whole[:, :36] == 1)
    assert np.all(whole[:, 44:] == 3)
    assert small.shape == (20, 30)
    assert np.all(small == 1)
    assert upright.shape == (80, 48)
    assert np.all(upright[:36] == 1)
    assert np.all(upright[44:] == 3)


def test_probabilities_sum_to_one_and_agree_with_the_labels(
    context: StudyContext, final_folder: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    image = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    given = pd.DataFrame({"image": [encoded(image, "PNG")]})
    (result,) = model.predict(given, params={"probabilities": True})
    found = np.load(io.BytesIO(base64.b64decode(result)), allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float16, (40, 60, 11))
    np.testing.assert_allclose(found.astype(float).sum(axis=-1), 1, atol=0.01)
    (result,) = model.predict(given)
    labels = np.asarray(Image.open(io.BytesIO(base64.b64decode(result))))
    ranked = np.sort(found.astype(float), axis=-1)
    sure = ranked[..., -1] - ranked[..., -2] > 0.002  # beyond the resolution of float16
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(found.argmax(axis=-1)[sure], labels[sure])


def test_an_input_that_is_not_an_image_is_refused_with_its_number(
    context: StudyContext, final_folder: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    whole = encoded(np.zeros((8, 8, 3), np.uint8), "PNG")
    for broken, words in (
        ("?", "image 1 is not base64"),
        (base64.b64encode(b"text").decode(), "image 1: no image of a known format"),
        (whole[:-16], "image 1: broken or truncated"),
    ):
        with pytest.raises(mlflow.MlflowException, match=words):
            model.predict(pd.DataFrame({"image": [whole, broken]}))


LOAD_WITHOUT_FACESEG = """
import sys

own = [each for each in sys.meta_path if "editable" in getattr(each, "__module__", "")]
sys.meta_path = [each for each in sys.meta_path if each not in own]
sys.path_importer_cache.clear()
import importlib.util

assert importlib.util.find_spec("faceseg") is None
import mlflow
import pandas

model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(pandas.DataFrame([model.input_example])))
import faceseg

assert faceseg.__file__.startswith(sys.argv[1])
"""


@pytest.mark.slow
def test_the_model_needs_no_faceseg_installed(
    context: StudyContext, final_folder: Path, tmp_path: Path
):
    final(context, final_folder, "unet", 0, 0.5)
    name = context.experiment.tracking.registered_model
    folder = mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path=tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD_WITHOUT_FACESEG, folder.rstrip("/")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "iVBOR" in done.stdout  # the start of a PNG in base64
