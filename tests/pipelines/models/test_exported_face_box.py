"""An exported network of face boxes crops and pastes back when it is opened here."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.inference.face_box import FaceBoxPredictor
from pipelines.models import exported_models
from pipelines.models.exported_models import ExportManifest, checksum, open_exported
from tests.faceseg.function_networks import FunctionNetwork, decode_labels


@pytest.mark.parametrize("boxed", [True, False])
def test_the_face_box_is_in_the_manifest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, boxed: bool
):
    network = FunctionNetwork(decode_labels, 32)
    monkeypatch.setattr(exported_models, "open_network", lambda *_: network)
    file = tmp_path / "model.onnx"
    file.write_bytes(b"a network")
    ExportManifest(
        format="onnx",
        precision="float32",
        file=file.name,
        sha256=checksum(file),
        bytes=9,
        grid=(32, 32),
        images=None,
        classes=LAPA,
        origin={"face_box": {"margin": 0.4}} if boxed else {},
        agreement={},
    ).write(tmp_path)
    predictor = open_exported(tmp_path)
    assert isinstance(predictor, FaceBoxPredictor) is boxed
    image = np.zeros((40, 40, 3), np.uint8)
    assert predictor.logits([image]).shape == ((1, 64, 64, 11) if boxed else (1, 32, 32, 11))
