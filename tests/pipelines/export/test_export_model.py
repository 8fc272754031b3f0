"""`faceseg export` as a whole: the files that it writes, and the refusals."""

import io
import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from PIL import Image
from rich.console import Console

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.inference.predictor import load
from faceseg.networks.saving import save_network
from pipelines.demo.networks import open_networks
from pipelines.export import verification
from pipelines.export.export_model import ExportOptions, export_model
from pipelines.export.sample_images import draw_sample_images, read_sample_images
from pipelines.models import runtimes
from pipelines.models.exported_models import checksum, is_exported, open_exported
from pipelines.models.formats import FORMATS, export_targets
from pipelines.serve.served_model import model_source


def small_network(seed: int) -> keras.Model:
    """Return a network of one 3x3 convolution, which exports quickly."""
    image = keras.Input((32, 32, 3))
    weights = keras.initializers.RandomNormal(seed=seed)
    layer = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer=weights)
    return keras.Model(image, layer(image))


@pytest.fixture
def model(tmp_path: Path, few: ClassSet) -> str:
    path = tmp_path / "best.keras"
    save_network(small_network(1), path, few, {"made_for": "a test"})
    return str(path)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=150)


def output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_folder_contains_the_file_and_its_manifest(
    model: str, few: ClassSet, console: Console, tmp_path: Path
):
    out = tmp_path / "exported"
    export_model(model, "onnx", ExportOptions(out=out, precisions=("float32", "int8")), console)
    assert sorted(each.name for each in out.iterdir()) == ["onnx-float32", "onnx-int8"]
    manifest = json.loads((out / "onnx-int8" / "model.json").read_text(encoding="utf-8"))
    assert manifest["classes"]["names"] == list(few.names)
    assert manifest["grid"] == [32, 32]
    assert manifest["images"] is None
    assert manifest["origin"]["model"] == model
    assert manifest["origin"]["made_for"] == "a test"  # from the metadata of the network's file
    assert manifest["sha256"] == checksum(out / "onnx-int8" / "model.onnx")
    assert manifest["agreement"]["test_images"] == 32
    assert manifest["agreement"]["calibration_images"] == 100
    inside = onnx.load(str(out / "onnx-int8" / "model.onnx"))
    assert {each.key: each.value for each in inside.metadata_props}["colour"] == "RGB"
    table = output(console)
    assert "onnx-int8" in table
    assert table.count("kept") == 2
    for path in (out / "onnx-int8", out / "onnx-int8" / "model.onnx"):
        assert is_exported(path)
        opened = open_exported(path)
        assert opened.predict(np.zeros((7, 9, 3), np.uint8)).shape == (7, 9)
        assert opened.origin == manifest["origin"]
        source = model_source(str(path), None, threads=1)  # of `faceseg serve`
        assert source.load(source.resolve()).predictor.origin == manifest["origin"]
    (shown,) = open_networks([str(out / "onnx-int8")], None)  # of `faceseg demo`
    assert shown.title == "onnx-int8"
    assert not is_exported(Path(model))


def test_a_file_with_other_weights_is_refused_and_removed(
    model: str, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    original = verification.write_onnx
    monkeypatch.setattr(
        verification, "write_onnx", lambda _, *others: original(small_network(2), *others)
    )  # TFLiteConverter.from_concrete_functions does this to a Keras network without a warning
    with pytest.raises(UserError, match=r"onnx-float32 does not agree with Keras: .*removed"):
        export_model(model, "onnx", ExportOptions(out=tmp_path / "exported"), console)
    assert "refused" in output(console)
    assert not (tmp_path / "exported").exists()


def test_a_file_that_its_runtime_cannot_run_is_refused_and_removed(
    model: str, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As LiteRT and an 8-bit lraspp: converted without an error, and refused by the delegate."""

    def broken(*_: object) -> None:
        raise RuntimeError("failed to create XNNPACK runtime\nNode number 136")

    monkeypatch.setattr(verification, "open_network", broken)
    with pytest.raises(UserError, match=r"onnx-float32 was .* ONNX Runtime cannot run it: failed"):
        export_model(model, "onnx", ExportOptions(out=tmp_path / "exported"), console)
    assert not (tmp_path / "exported").exists()


def test_a_failed_conversion_leaves_no_files(
    model: str, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def half_way(network: object, path: Path, *others: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(verification, "write_onnx", half_way)
    with pytest.raises(KeyboardInterrupt):
        export_model(model, "onnx", ExportOptions(out=tmp_path / "exported"), console)
    assert not (tmp_path / "exported").exists()


def test_existing_files_are_not_overwritten_without_the_option(
    model: str, console: Console, tmp_path: Path
):
    target = tmp_path / "exported" / "onnx-float32"
    export_model(model, "onnx", ExportOptions(out=target.parent), console)
    with pytest.raises(UserError, match="--overwrite"):
        export_model(model, "onnx", ExportOptions(out=target.parent), console)
    (target / "old").touch()
    export_model(model, "onnx", ExportOptions(out=target.parent, overwrite=True), console)
    assert sorted(each.name for each in target.iterdir()) == ["model.json", "model.onnx"]
    (target / "model.json").unlink()
    with pytest.raises(UserError, match="refuses to delete it"):
        export_model(model, "onnx", ExportOptions(out=target.parent, overwrite=True), console)


def test_a_changed_file_is_not_opened(model: str, console: Console, tmp_path: Path):
    export_model(model, "onnx", ExportOptions(out=tmp_path), console)
    file = tmp_path / "onnx-float32" / "model.onnx"
    manifest = file.with_name("model.json")
    text = manifest.read_text(encoding="utf-8")
    facts = json.loads(text) | {"grid": [10**6, 32]}
    manifest.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"takes images of \[32, 32, 3\]; expected \[1000000, 32, 3"
    ):
        open_exported(file)
    manifest.write_text(" " * 2_000_000 + text, encoding="utf-8")
    with pytest.raises(UserError, match="was not written by `faceseg export`"):
        open_exported(file)
    manifest.write_text(text, encoding="utf-8")
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(UserError, match="sha256"):
        open_exported(file)
    (file.parent / "model.json").unlink()
    with pytest.raises(UserError, match=r"contains no model\.json"):
        open_exported(file)


def test_no_photograph_both_tests_and_calibrates(console: Console, tmp_path: Path):
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    Image.open(tmp_path / "0.png").save(tmp_path / "again.png")
    (tmp_path / "bad.jpg").write_text("no image", encoding="utf-8")
    samples = read_sample_images(tmp_path, (32, 32), console)
    assert len(samples.test) == 3
    assert len(samples.calibration) == 2
    assert "skipped" in output(console)
    both = [*samples.test, *samples.calibration, *draw_sample_images((32, 32)).test]
    assert len({image.tobytes() for image in both}) == 5 + 32
    with pytest.raises(UserError, match="does not exist"):
        read_sample_images(tmp_path / "nowhere", (32, 32), console)
    (tmp_path / "few").mkdir()
    Image.open(tmp_path / "0.png").save(tmp_path / "few" / "0.png")
    with pytest.raises(UserError, match="expected 2 or more"):
        read_sample_images(tmp_path / "few", (32, 32), console)


def test_an_unsupported_precision_or_format_is_an_error():
    with pytest.raises(UserError, match="'float16'; expected float32 or int8"):
        export_targets("onnx", ["float16"])
    with pytest.raises(UserError, match="Did you mean 'onnx'"):
        export_targets("onx", ["float32"])
    with pytest.raises(UserError, match=r"no format tfjs: .*--format onnx"):
        export_targets("tfjs", ["float32"])
    assert [each.name for each in export_targets("litert", ["int8", "int8"])] == ["litert-int8"]
    assert all(export_targets(name, each.precisions) for name, each in FORMATS.items())


def test_a_missing_package_is_an_error_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(runtimes, "import_module", absent)
    with pytest.raises(UserError, match=r"pip install 'faceseg\[export\]'"):
        runtimes.import_extra("onnx")


def test_an_exported_file_is_not_exported_again(
    model: str, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    export_model(model, "onnx", ExportOptions(out=tmp_path), console)
    exported = open_exported(tmp_path / "onnx-float32")
    monkeypatch.setattr("pipelines.export.export_model.open_model", lambda *_: exported)
    with pytest.raises(UserError, match="exported already"):
        export_model("model.onnx", "onnx", ExportOptions(out=tmp_path / "again"), console)


def test_a_mean_is_not_exported_as_one_of_its_networks(
    model: str, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mean = load(model).mirrored()
    monkeypatch.setattr("pipelines.export.export_model.open_model", lambda *_: mean)
    with pytest.raises(UserError, match="export the runs of its members"):
        export_model("a" * 32, "onnx", ExportOptions(out=tmp_path), console)
