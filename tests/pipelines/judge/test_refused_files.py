"""What is refused before any score: formats that run code, hostile files, incomplete settings."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.inference.predictor import load
from pipelines.foreign.file_formats import MAX_BYTES, check_format
from pipelines.foreign.foreign_network import ForeignNetwork, open_foreign_network
from pipelines.foreign.network_files import open_network_file
from pipelines.foreign.settings import NetworkFile, read_network_file
from pipelines.judge.trial_process import require_run, try_file
from tests.pipelines.conftest import RunFaceseg

from .colour_networks import class_map, keras_network, write_onnx

RIGHT = {"classes": class_map(), "channels": "RGB", "scaling": "0 to 1"}
ANY = (None, None, None, None)


def opened(path: Path, **changes: Any) -> ForeignNetwork:
    return open_foreign_network(path, NetworkFile.model_validate(RIGHT | changes), LAPA, 1)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("bisenet.pth", "torch.onnx.export"),
        ("bisenet.pt2", "torch.onnx.export"),
        ("network.pkl", "export it as ONNX"),
        ("saved_model.pb", "tf.lite.TFLiteConverter.from_saved_model"),
        ("old.h5", "keras.saving.load_model"),
        ("weights.safetensors", "build the network"),
        ("network.zip", r"\.onnx, \.tflite, \.keras"),
        ("missing.onnx", "there is no file"),
    ],
)
def test_other_formats_are_refused_with_how_to_convert_them(name: str, advice: str, tmp_path: Path):
    if "missing" not in name:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=advice):
        check_format(tmp_path / name)


def test_a_saved_model_is_refused(tmp_path: Path):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match="from_saved_model"):
        check_format(tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path):
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse
    with pytest.raises(UserError, match=r"2\.1 GB; at most 2 GB"):
        check_format(tmp_path / "huge.onnx")


def external(tensor: Any) -> Any:
    """Let a tensor point to a file outside of the model's folder."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


@pytest.mark.parametrize("place", ["weight", "attribute of a subgraph"])
def test_weights_in_other_files_are_refused(place: str, tmp_path: Path):
    model = onnx.load(str(write_onnx(tmp_path / "network.onnx")))
    if place == "weight":
        external(model.graph.initializer[0])
    else:
        hidden = external(numpy_helper.from_array(np.zeros(2, np.float32), "hidden"))
        constant = helper.make_node("Constant", [], ["hidden"], value=hidden)
        inner = helper.make_graph([constant], "inner", [], [])
        model.graph.node.append(
            helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner)
        )
    (tmp_path / "network.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="keeps weights in other files"):
        open_network_file(tmp_path / "network.onnx")


@pytest.mark.parametrize("name", ["noise.onnx", "noise.tflite", "noise.keras"])
def test_a_damaged_file_is_a_user_error(name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(2000))
    with pytest.raises(UserError, match=name):
        open_network_file(tmp_path / name)


def test_code_in_a_keras_file_is_refused(tmp_path: Path):
    image = keras.Input((8, 8, 3))
    network = keras.Model(image, keras.layers.Lambda(lambda pixels: pixels * 2)(image))
    network.save(tmp_path / "code.keras")
    with pytest.raises(UserError, match="cannot be loaded safely"):
        open_network_file(tmp_path / "code.keras")


def test_a_file_that_needs_all_memory_is_stopped(tmp_path: Path):
    """A few hundred bytes that request 4 terabytes."""
    shape = numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["sum"]),
            helper.make_node("Add", ["image", "sum"], ["out"]),
        ],
        "bomb",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 64, 64, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None] * 4)],
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save_model(model, str(tmp_path / "bomb.onnx"))
    with pytest.raises(UserError, match=r"bomb\.onnx"):
        try_file(tmp_path / "bomb.onnx", NetworkFile.model_validate(RIGHT), LAPA, 1)


def test_a_file_that_never_ends_is_stopped(tmp_path: Path):
    file = write_onnx(tmp_path / "network.onnx")
    with pytest.raises(UserError, match=r"did not predict an image within 0\.01 s"):
        try_file(file, NetworkFile.model_validate(RIGHT), LAPA, 1, seconds=0.01)


def test_a_file_that_runs_is_measured(tmp_path: Path):
    file = write_onnx(tmp_path / "network.onnx")
    found = try_file(file, NetworkFile.model_validate(RIGHT), LAPA, 1, measured=True)
    assert found["latency/p50_ms"] > 0
    assert found["latency/threads"] == 1
    assert found["memory/peak_mb"] > 10


def test_the_verb_refuses_before_it_prepares_the_data(
    run_faceseg: RunFaceseg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.yaml").write_text("classes: {0: background, 1: skin}", encoding="utf-8")
    (tmp_path / "bisenet.pth").write_bytes(b"")
    words = ("judge", "bisenet.pth", "--classes", "map.yaml", "--data", "quickstart")
    code, output = run_faceseg(*words)
    assert code == 2
    assert "error: bisenet.pth is refused" in output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bisenet.pth", "map.yaml"]


# --- The settings.


def test_what_the_file_does_not_contain_is_asked_for(tmp_path: Path):
    file = write_onnx(tmp_path / "network.onnx", shape=ANY)
    with pytest.raises(UserError, match="layout, channels, scaling, size of its input"):
        open_foreign_network(file, NetworkFile(classes=class_map()), LAPA, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "NHWC"}, r"layout: the map has NHWC, but .* itself has NCHW"),
        ({"size": [32, 64]}, r"size: the map has \(32, 64\), but .* itself has \(64, 64\)"),
        ({"classes": {0: "background", 1: "skinn"}}, "'skin'"),
        ({"classes": {0: "background", 1: "background"}}, "one class of the data set only"),
    ],
)
def test_a_contradiction_is_told(changes: dict[str, Any], message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        opened(write_onnx(tmp_path / "network.onnx"), **changes)


def test_another_number_of_class_ids_is_told(tmp_path: Path):
    file = write_onnx(tmp_path / "network.onnx")
    network = opened(file, classes=class_map(range(10)))
    with pytest.raises(UserError, match=r"the shape \(1, 11, 64, 64\), but the map has 10 class"):
        require_run(file, network)


def test_one_of_several_outputs_is_named(tmp_path: Path):
    file = write_onnx(tmp_path / "network.onnx", outputs=2)
    with pytest.raises(UserError, match=r"several outputs.*out0 .*out1"):
        opened(file)
    assert opened(file, output="out0").output.name == "out0"


def test_a_network_of_faceseg_needs_no_settings(network_file: Path):
    """Its pixels are unscaled RGB in NHWC, which its metadata implies."""
    network = open_foreign_network(network_file, NetworkFile(classes=class_map()), LAPA, 1)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    expected = load(network_file).logits(list(image))
    np.testing.assert_allclose(network.predict_on_batch(image), expected, rtol=1e-6)


def test_ids_of_one_class_are_joined(tmp_path: Path):
    keras_network().save(tmp_path / "network.keras")
    joined = class_map() | {3: "left_eyebrow", 10: "background"}
    network = opened(tmp_path / "network.keras", classes=joined)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    target = np.array([0, 1, 2, 2, 4, 5, 6, 7, 8, 9, 0])
    own = network.own_logits(image).argmax(axis=-1)
    np.testing.assert_array_equal(network.predict_on_batch(image).argmax(axis=-1), target[own])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: {0: background, 2: skin}", "without a gap"),
        ("classes: {0: background, 1: skin}\nscalling: imagenet", "did you mean 'scaling'"),
        ("classes: {0: background, 1: skin}\nscaling: {mean: [0, 0, 0], std: [1, 0, 1]}", "std"),
        ("classes: {0: background, 1: skin}\nsize: [100000, 64]", "size"),
        ("- background", "must contain the key `classes`"),
    ],
)
def test_a_wrong_map_is_a_user_error(text: str, message: str, tmp_path: Path):
    (tmp_path / "map.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_network_file(tmp_path / "map.yaml")
