"""A saved network contains its classes and origin, loads unchanged, and cannot run code."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from faceseg.inference.predictor import load as load_predictor
from faceseg.networks import build
from faceseg.networks.saving import load_network, read_metadata, save_network

ORIGIN = {"architecture": "segnet", "seed": 3, "val_iou": 0.25, "where": "Zürich"}


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A SegNet, because it has layers of `faceseg.networks.layers`."""
    keras.utils.set_random_seed(1)
    return build("segnet", (32, 32, 3), 4, width=0.125)


@pytest.fixture(scope="module")
def saved(
    network: keras.Model, four_classes: ClassSet, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("run") / "checkpoints" / "best.keras"
    save_network(network, path, four_classes, ORIGIN)
    return path


def test_a_loaded_network_has_the_same_predictions_classes_and_origin(
    network: keras.Model, saved: Path, four_classes: ClassSet
) -> None:
    loaded, classes, origin = load_network(saved)
    assert classes == four_classes
    assert origin == ORIGIN
    image = np.random.default_rng(0).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    before = Predictor(network, four_classes).predict(image)
    assert len(np.unique(before)) > 1
    np.testing.assert_array_equal(Predictor(loaded, classes).predict(image), before)
    # The same for a folder that contains one such file, as downloaded from an artifact store.
    np.testing.assert_array_equal(load_predictor(saved.parent.parent).predict(image), before)


def test_the_metadata_can_be_read_without_the_network(saved: Path, four_classes: ClassSet) -> None:
    assert read_metadata(saved) == (four_classes, ORIGIN)


def test_keras_alone_can_load_it(saved: Path) -> None:
    assert keras.saving.load_model(saved, compile=False).output_shape == (None, 32, 32, 4)


def test_the_name_must_end_in_keras(
    network: keras.Model, tmp_path: Path, four_classes: ClassSet
) -> None:
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        save_network(network, tmp_path / "best.h5", four_classes, {})


def test_a_save_that_fails_leaves_the_old_file_and_no_other(
    saved: Path, tmp_path: Path, four_classes: ClassSet
) -> None:
    class Broken:
        def save(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise OSError("No space left on device")

    path = tmp_path / "best.keras"
    path.write_bytes(saved.read_bytes())
    with pytest.raises(OSError, match="No space left"):
        save_network(Broken(), path, four_classes, {})
    with pytest.raises(TypeError):  # not JSON
        save_network(Broken(), path, four_classes, {"folder": path})
    assert [each.name for each in tmp_path.iterdir()] == ["best.keras"]
    assert read_metadata(path)[1] == ORIGIN


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.keras", tmp_path):
        with pytest.raises(UserError, match="there is no file"):
            load_network(path)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"PK\x03\x04 and then nothing"])
def test_another_file_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not a model saved by faceseg.*give a best\.keras"):
        load_network(path)


def test_a_truncated_file_is_rejected(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(UserError, match="is not a model saved by faceseg"):
        load_network(path)


def test_a_plain_keras_file_is_rejected(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 1)])
    model.save(tmp_path / "plain.keras")
    with pytest.raises(UserError, match=r"no faceseg\.json can be read"):
        load_network(tmp_path / "plain.keras")


def copy_but(saved: Path, path: Path, member: str, content: bytes) -> None:
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == member else old.read(name))


@pytest.mark.parametrize(
    "metadata",
    [
        "{",
        "[]",
        '{"origin": {}}',
        '{"classes": {"names": ["one"]}, "origin": {}}',
        json.dumps({"classes": None, "origin": {}}),
    ],
)
def test_invalid_metadata_is_rejected(saved: Path, tmp_path: Path, metadata: str) -> None:
    copy_but(saved, tmp_path / "best.keras", "faceseg.json", metadata.encode())
    with pytest.raises(UserError, match=r"no faceseg\.json can be read"):
        load_network(tmp_path / "best.keras")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_damaged_network_is_rejected(saved: Path, tmp_path: Path, member: str) -> None:
    copy_but(saved, tmp_path / "best.keras", member, b"{}")
    with pytest.raises(UserError, match="cannot be loaded safely"):
        load_network(tmp_path / "best.keras")


def test_code_in_the_file_is_rejected_and_not_run(tmp_path: Path, four_classes: ClassSet) -> None:
    trace = tmp_path / "attacked"

    # Keras stores the code of a lambda. This one uses only Python's builtins.
    attack = keras.layers.Lambda(
        lambda images, place: (open(place, "w").close(), images)[1],
        output_shape=(4, 4, 3),
        arguments={"place": str(trace)},
    )
    model = keras.Sequential([keras.Input((4, 4, 3)), attack])
    path = tmp_path / "best.keras"
    save_network(model, path, four_classes, {})
    trace.unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"cannot be loaded safely: .*Lambda"):
        load_network(path)
    assert not trace.exists()
    # The attack is real: without safe mode Keras runs the code.
    keras.saving.load_model(path, safe_mode=False).predict_on_batch(np.zeros((1, 4, 4, 3)))
    assert trace.exists()


@pytest.mark.parametrize(
    "member", ["../escaped", "assets/../../escaped", "/escaped", "..\\escaped"]
)
def test_a_member_that_points_outside_is_rejected(saved: Path, tmp_path: Path, member: str) -> None:
    path = tmp_path / "given" / "best.keras"
    path.parent.mkdir()
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/note.txt", "a member of assets has Keras unpack the file")
        archive.writestr(member, "attack")
    with pytest.raises(UserError, match=r"cannot be loaded safely: its member .* points outside"):
        load_predictor(path)
    assert [each.name for each in tmp_path.rglob("*")] == ["given", "best.keras"]
    assert not Path("/escaped").exists()


# Keras's file contains modules and classes of layers. Other modules in it must not be imported.
OTHER_CODE = {
    "a function of a module": ("Activation", {"module": "attack", "class_name": "function"}),
    "a function of Python's": ("Activation", {"module": "os", "class_name": "function"}),
    "a class of a module": (None, {"module": "attack", "class_name": "Attack"}),
    "a switch of Keras's": (
        None,
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization"},
    ),
    "a pickled module": (None, {"module": "keras.layers", "class_name": "TorchModuleWrapper"}),
}


@pytest.mark.parametrize("name", OTHER_CODE)
def test_a_file_with_other_code_is_rejected_and_does_not_import_it(
    name: str, tmp_path: Path, four_classes: ClassSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "attacked"
    attack = f"open({str(trace)!r}, 'w').close()\nclass Attack: ...\ndef system(x): return x\n"
    (tmp_path / "attack.py").write_text(attack, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Activation("relu")])
    path = tmp_path / "whole.keras"
    save_network(model, path, four_classes, {})
    within, named = OTHER_CODE[name]
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    layer = config["config"]["layers"][1]
    assert layer["class_name"] == "Activation"
    if within:
        layer["config"]["activation"] = {**named, "config": "system", "registered_name": "system"}
    else:
        config["config"]["layers"][1] = {**named, "config": {}, "registered_name": None}
    copy_but(path, tmp_path / "best.keras", "config.json", json.dumps(config).encode())
    with pytest.raises(UserError, match="cannot be loaded safely"):
        load_predictor(tmp_path / "best.keras")
    assert not trace.exists()
