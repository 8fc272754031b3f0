"""`faceseg predict` on files: the results, the refusals and the skipped images."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.drawn import draw_face
from pipelines.tracking import Tracker
from tests.faceseg.data.hostile_images import jpeg_of_many_scans, palette_png_without_palette
from tests.pipelines.conftest import RunFaceseg

pytestmark = pytest.mark.usefixtures("working_folder")


def half_red(size: tuple[int, int] = (32, 64)) -> Image.Image:
    """Return an image whose left half is red and whose right half is green."""
    pixels = np.zeros((*size, 3), dtype=np.uint8)
    pixels[:, : size[1] // 2, 0] = 255
    pixels[:, size[1] // 2 :, 1] = 255
    return Image.fromarray(pixels)


def test_masks_overlays_and_shares_of_a_folder(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    (tmp_path / "photos" / "more").mkdir(parents=True)
    half_red().save(tmp_path / "photos" / "one.png")
    half_red((20, 40)).save(tmp_path / "photos" / "more" / "two.PNG")
    code, output = run_faceseg("predict", network, "photos", "--out", "out")
    assert code == 0
    assert "2 of 2 images labelled" in output
    with Image.open("out/masks/one.png") as mask:
        assert mask.mode == "P"
        assert mask.getpalette()[:33] == [channel for colour in LAPA.palette for channel in colour]
        labels = np.asarray(mask)
    expected = np.repeat([[1, 2]], 32, axis=1).repeat(32, axis=0)
    np.testing.assert_array_equal(labels, expected)
    with Image.open("out/masks/two.png") as mask:
        assert mask.size == (40, 20)
    with Image.open("out/overlays/one.jpg") as overlay:
        left = np.asarray(overlay)[16, 8].astype(int)
    assert np.abs(left - [128, 76, 128]).max() <= 6  # half of red, half of skin's (0, 153, 255)
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    shares = results["images"]["one"]["shares"]
    assert (shares["skin"], shares["left_eyebrow"], shares["hair"]) == (0.5, 0.5, 0.0)
    assert results["images"]["one"]["size"] == [32, 64]
    assert results["unreadable"] == {}


def test_an_exif_rotation_is_applied(run_faceseg: RunFaceseg, network: Path, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: left becomes top
    half_red().save(tmp_path / "turned.jpg", quality=95, exif=exif)
    assert run_faceseg("predict", network, "turned.jpg", "--out", "out")[0] == 0
    with Image.open("out/masks/turned.png") as mask:
        labels = np.asarray(mask)
    assert labels.shape == (64, 32)
    assert (labels[:28] == 1).all()
    assert (labels[36:] == 2).all()


def test_unreadable_images_are_reported_and_the_others_labelled(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "good.png")
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    code, output = run_faceseg("predict", network, "*.png", "text.jpg", "--out", "out")
    assert code == 1
    assert "skipped: text.jpg" in output
    assert "skipped: short.png" in output
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    assert list(results["images"]) == ["good"]
    assert sorted(results["unreadable"]) == ["short.png", "text.jpg"]
    code, output = run_faceseg("predict", network, "text.jpg", "--out", "other")
    assert code == 2
    assert "none of 1 images" in output
    assert not Path("other").exists()


def test_files_that_break_or_occupy_a_decoder_lose_no_other(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "a.png")
    half_red().save(tmp_path / "z.webp")
    (tmp_path / "palette.png").write_bytes(palette_png_without_palette())
    (tmp_path / "scans.jpg").write_bytes(jpeg_of_many_scans(3000))
    (tmp_path / "phone.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic")
    names = ("a.png", "palette.png", "phone.jpg", "scans.jpg", "z.webp")
    code, output = run_faceseg("predict", network, *names, "--out", "out")
    assert code == 1
    words = " ".join(output.split())
    assert "2 of 5 images labelled" in words
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    assert list(results["images"]) == ["a", "z"]
    assert "a palette image without a palette" in results["unreadable"]["palette.png"]
    assert "a HEIC image" in results["unreadable"]["phone.jpg"]
    assert "101 scans or more" in results["unreadable"]["scans.jpg"]


def test_existing_results_are_not_overwritten_without_the_option(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "one.png")
    assert run_faceseg("predict", network, "one.png", "--out", "out")[0] == 0
    code, output = run_faceseg("predict", network, "one.png", "--out", "out")
    assert code == 2
    assert "--overwrite" in output
    assert run_faceseg("predict", network, "one.png", "--out", "out", "--overwrite")[0] == 0


def test_a_folder_that_cannot_be_written_is_an_error(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "one.png")
    code, output = run_faceseg("predict", network, "one.png", "--out", "one.png")
    assert code == 2
    assert "cannot be written" in output


def mask_of(name: str) -> np.ndarray:
    with Image.open(f"out/masks/{name}.png") as mask:
        return np.asarray(mask)


def test_the_mirrored_image_counts_as_half(run_faceseg: RunFaceseg, network: Path, tmp_path: Path):
    half_red().save(tmp_path / "one.png")
    assert run_faceseg("predict", network, "one.png", "--out", "out", "--flip")[0] == 0
    assert (mask_of("one")[:, :31] == 1).all()
    # Green is left brow in the image and right brow in its mirror, 1/2 each; nose is 0.7 in both.
    assert (mask_of("one")[:, 33:] == 6).all()


def test_clean_removes_small_islands(run_faceseg: RunFaceseg, network: Path, tmp_path: Path):
    # Ten pixels are one pixel of the grid. After bilinear resizing its blue exceeds the red on
    # 2 x 2 pixels only.
    pixels = np.zeros((320, 320, 3), dtype=np.uint8)
    pixels[..., 0] = 255
    pixels[100:110, 100:110] = (100, 0, 155)
    pixels[200:240, 200:240] = (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    assert run_faceseg("predict", network, "one.png", "--out", "out")[0] == 0
    np.testing.assert_array_equal(np.argwhere(mask_of("one")[:150] == 3)[[0, -1]],
                                  [[104, 104], [105, 105]])  # fmt: skip
    assert (
        run_faceseg("predict", network, "one.png", "--out", "out", "--overwrite", "--clean")[0] == 0
    )
    assert (mask_of("one")[:150] == 1).all()
    assert (mask_of("one")[205:235, 205:235] == 3).all()


def test_an_address_without_a_tracking_uri_is_a_user_error(
    run_faceseg: RunFaceseg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    half_red().save(tmp_path / "one.png")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, output = run_faceseg("predict", "models:/faceseg@champion", "one.png")
    assert code == 2
    assert "--tracking" in output
    assert not (tmp_path / "mlflow.db").exists()
    code, output = run_faceseg(
        "predict", "models:/x@champion", "one.png", "--tracking", "sqlite:///none.db"
    )
    assert code == 2
    assert "MLflow database none.db does not exist" in output


def test_a_model_that_is_not_found_is_told_with_the_store(
    run_faceseg: RunFaceseg, tmp_path: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
):
    """Neither --tracking nor MLFLOW_TRACKING_URI is given."""
    tracker.client.search_registered_models()  # creates the tables
    store = tmp_path / "results" / "mlflow.db"
    store.parent.mkdir()
    shutil.copy(tracker.uri.removeprefix("sqlite:///"), store)
    half_red().save(tmp_path / "one.png")
    for words in (
        ("predict", "models:/nothing@champion", "one.png"),
        ("demo", "models:/nothing@a"),
    ):
        monkeypatch.delenv("MLFLOW_TRACKING_URI")  # MLflow's client sets it with its store
        code, output = run_faceseg(*words)
        assert code == 2
        assert f"MLflow at sqlite:///{store}" in output
        assert "nothing" in output


def test_a_file_that_is_no_model_is_a_user_error(run_faceseg: RunFaceseg, tmp_path: Path):
    half_red().save(tmp_path / "one.png")
    code, output = run_faceseg("predict", "one.png", "one.png")
    assert code == 2
    assert "not a model saved by faceseg" in output


def test_faces_are_labelled_and_listed(run_faceseg: RunFaceseg, network: Path, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    group = np.full((300, 400, 3), (0, 0, 255), np.uint8)  # blue: the right brow, for the network
    portrait = draw_face((1, "train", 1), 200, 0.5).image
    group[100:300, 200:400] = np.rot90(portrait, -1)
    Image.fromarray(group).save(tmp_path / "photos" / "group.png")
    half_red().save(tmp_path / "photos" / "none.png")
    code, output = run_faceseg("predict", network, "photos", "--faces", "--out", "out")
    assert code == 0, output
    assert "1 face found; none in 1 of 2 images, which were labelled as a whole" in output
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    assert results["faces"] is True
    (face,) = results["images"]["group"]["faces"]
    assert face["roll"] == pytest.approx(90, abs=10)
    assert face["score"] > 0.65
    x, y, width, height = face["box"]
    assert (x + width / 2, y + height / 2) == pytest.approx((300, 200), abs=40)
    assert results["images"]["none"]["faces"] == []
    assert "no face was found" in results["images"]["none"]["note"]
    assert results["images"]["none"]["shares"]["skin"] == 0.5
    with Image.open("out/masks/group.png") as mask:
        assert not np.asarray(mask)[:40, :40].any()  # outside the face's crop: background


def test_a_detector_needs_the_switch_and_a_file(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "one.png")
    words = ("predict", network, "one.png", "--out", "out")
    code, output = run_faceseg(*words, "--detector", "none.onnx")
    assert (code, "--detector is for --faces" in output) == (2, True)
    code, output = run_faceseg(*words, "--faces", "--detector", "none.onnx")
    assert (code, "none.onnx does not exist" in output) == (2, True)
    assert not (tmp_path / "out").exists()
