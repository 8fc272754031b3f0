"""`faceseg predict` on files: the results, the refusals and the skipped images."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from pipelines.predict.image_files import find_images, result_names

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.fixture
def network(network_file: Path) -> Path:
    return network_file


@pytest.fixture(autouse=True)
def working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Change into the test's folder."""
    monkeypatch.chdir(tmp_path)


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


def test_names_that_are_not_utf8_are_labelled_and_listed(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    good, bad = os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"na\xefve.png")
    half_red().save(tmp_path / good)
    (tmp_path / bad).write_text("no image", encoding="utf-8")
    code, output = run_faceseg("predict", network, ".", "--out", "out")
    assert code == 1
    assert r"skipped: na\xefve.png" in output
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    (image,) = results["images"].values()
    assert (image["file"], list(results["unreadable"])) == (good, [bad])
    assert (Path("out") / image["mask"]).is_file()
    code, output = run_faceseg("predict", network, good, "--out", "out")
    assert code == 2
    assert "would be overwritten" in output


def test_what_was_labelled_before_an_error_is_listed(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "a.png")
    half_red().save(tmp_path / "b.png")
    (tmp_path / "out" / "masks" / "b.png").mkdir(parents=True)
    code, output = run_faceseg(
        "predict", network, "a.png", "b.png", "--out", "out", "--batch", "1", "--overwrite"
    )
    assert code == 2
    assert "b.png cannot be written" in output
    results = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))
    assert list(results["images"]) == ["a"]


def test_the_longest_name_of_a_file_is_labelled(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / f"{'a' * 251}.png")  # 255 bytes, the limit of Linux and macOS
    assert run_faceseg("predict", network, "*.png", "--out", "out")[0] == 0


def test_results_in_the_folder_of_the_images_are_not_labelled_again(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "a.png")
    for out in (".", ".", "more"):
        code, output = run_faceseg("predict", network, ".", "--out", out, "--overwrite")
        assert code == 0
        assert "1 of 1 images labelled" in output


def test_a_broken_link_is_reported_as_a_link(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("objects/none")
    code, output = run_faceseg("predict", network, ".", "--out", "out")
    assert code == 1
    assert "b.png: a link to objects/none, where no file is" in output


def test_existing_results_are_not_overwritten_without_the_option(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    half_red().save(tmp_path / "one.png")
    assert run_faceseg("predict", network, "one.png", "--out", "out")[0] == 0
    code, output = run_faceseg("predict", network, "one.png", "--out", "out")
    assert code == 2
    assert "--overwrite" in output
    assert run_faceseg("predict", network, "one.png", "--out", "out", "--overwrite")[0] == 0


def test_an_image_is_not_overwritten_by_a_result(run_faceseg: RunFaceseg, tmp_path: Path):
    (tmp_path / "masks").mkdir()
    half_red().save(tmp_path / "masks" / "one.png")
    before = (tmp_path / "masks" / "one.png").read_bytes()
    code, output = run_faceseg("predict", "model", "masks/one.png", "--out", ".", "--overwrite")
    assert code == 2
    assert "one.png is one of the images" in output
    assert (tmp_path / "masks" / "one.png").read_bytes() == before


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


def test_a_video_becomes_an_overlay_and_shares_by_frame(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    film = cv2.VideoWriter(
        str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 32)
    )
    for _ in range(5):
        film.write(cv2.cvtColor(np.asarray(half_red()), cv2.COLOR_RGB2BGR))
    film.release()
    code, _ = run_faceseg(
        "predict", network, "--video", "film.avi", "--frames", "3", "--out", "out"
    )
    assert code == 0
    results = json.loads(Path("out/film.json").read_text(encoding="utf-8"))
    assert len(results["frames"]) == 3
    assert results["frames"][0]["skin"] == pytest.approx(0.5, abs=0.05)
    written = cv2.VideoCapture("out/film.mp4")
    frames = sum(written.read()[0] for _ in range(5))
    written.release()
    assert frames == 3
    assert run_faceseg("predict", network, "--video", "film.avi", "--out", "out")[0] == 2


def test_a_video_whose_name_is_not_utf8_is_a_user_error(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    film = os.fsdecode(b"caf\xe9.avi")
    (tmp_path / film).touch()
    for words in (("--video", film), ("--video", "film.avi", "--out", os.fsdecode(b"\xe9"))):
        code, output = run_faceseg("predict", network, *words)
        assert code == 2
        assert r"\xe9" in output
        assert "not UTF-8" in output


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a/x.jpg", "b/y.jpg"], ["x", "y"]),
        (["a/x.jpg", "b/x.jpg", "b/c/y.jpg"], ["a/x", "b/x", "b/c/y"]),
        (["a/x.jpg", "a/x.png", "a/y.png"], ["x.jpg", "x.png", "y.png"]),
    ],
)
def test_results_of_equal_stems_have_different_names(
    tmp_path: Path, files: list[str], expected: list[str]
):
    assert result_names([tmp_path / file for file in files]) == expected


def test_an_image_is_found_once_and_results_are_not_found(tmp_path: Path):
    (tmp_path / "photos" / "out").mkdir(parents=True)
    for name in ("photos/b.jpg", "photos/a.png", "photos/out/c.png", "photos/notes.txt"):
        (tmp_path / name).touch()
    folder = tmp_path / "photos"
    found = find_images([str(folder), str(folder / "*.jpg"), str(folder / "b.jpg")], folder / "out")
    assert [path.name for path in found] == ["a.png", "b.jpg"]


@pytest.mark.parametrize("word", ["nothing-here", "none/*.jpg"])
def test_a_pattern_that_matches_no_image_is_an_error(tmp_path: Path, word: str):
    with pytest.raises(UserError, match=r"matches no image") as error:
        find_images([word], tmp_path)
    assert word in str(error.value)


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


def test_a_file_that_is_no_model_is_a_user_error(run_faceseg: RunFaceseg, tmp_path: Path):
    half_red().save(tmp_path / "one.png")
    code, output = run_faceseg("predict", "one.png", "one.png")
    assert code == 2
    assert "not a model saved by faceseg" in output
