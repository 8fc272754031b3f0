"""The registered model in a new environment that contains only the model's own requirements.

Not part of `make test`: it installs TensorFlow from the package index, which takes minutes.
`python -m pytest tests/environment`
"""

import subprocess
import sys
from pathlib import Path

import pytest

from faceseg.data.classes import LAPA
from faceseg.networks import build_unet
from faceseg.networks.saving import save_network
from pipelines.registry import publish

PREDICT = """
import base64, io, sys
import mlflow, pandas
from PIL import Image

model = mlflow.pyfunc.load_model(sys.argv[1])
(result,) = model.predict(pandas.DataFrame([model.input_example]))
labels = Image.open(io.BytesIO(base64.b64decode(result)))
print("labels", labels.mode, labels.size)
"""


@pytest.mark.timeout(1800)
def test_the_model_predicts_in_an_environment_of_its_own_requirements(tmp_path: Path):
    options = {"alpha": 0.35, "width": 0.25, "encoder_weights": None}
    network = build_unet(input_shape=(64, 64, 3), num_classes=len(LAPA), **options)
    save_network(network, tmp_path / "best.keras", LAPA, {})
    publish.write_model(tmp_path / "model", tmp_path / "best.keras", "# a card")
    environment = tmp_path / "environment"
    python = environment / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--requirement"]
    subprocess.run([*install, tmp_path / "model" / "requirements.txt"], check=True)
    packages = subprocess.run(
        [python, "-m", "pip", "list"], check=True, capture_output=True, text=True
    ).stdout
    for absent in ("faceseg", "ray", "optuna"):
        assert f"\n{absent} " not in packages
    done = subprocess.run(
        [python, "-I", "-c", PREDICT, tmp_path / "model"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "labels L (32, 32)" in done.stdout
