"""`faceseg predict` on files as people keep them: links, odd names, results among the images."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.pipelines.conftest import RunFaceseg

pytestmark = pytest.mark.usefixtures("working_folder")


def write_image(path: Path) -> None:
    Image.new("RGB", (64, 32), "red").save(path)


def test_names_that_are_not_utf8_are_labelled_and_listed(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    good, bad = os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"na\xefve.png")
    write_image(tmp_path / good)
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
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
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
    write_image(tmp_path / f"{'a' * 251}.png")  # 255 bytes, the limit of Linux and macOS
    assert run_faceseg("predict", network, "*.png", "--out", "out")[0] == 0


def test_results_in_the_folder_of_the_images_are_not_labelled_again(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    write_image(tmp_path / "a.png")
    for out in (".", ".", "more"):
        code, output = run_faceseg("predict", network, ".", "--out", out, "--overwrite")
        assert code == 0
        assert "1 of 1 images labelled" in output


def test_a_broken_link_is_reported_as_a_link(
    run_faceseg: RunFaceseg, network: Path, tmp_path: Path
):
    write_image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("objects/none")
    code, output = run_faceseg("predict", network, ".", "--out", "out")
    assert code == 1
    assert "b.png: a link to objects/none, where no file is" in output


def test_an_image_is_not_overwritten_by_a_result(run_faceseg: RunFaceseg, tmp_path: Path):
    (tmp_path / "masks").mkdir()
    write_image(tmp_path / "masks" / "one.png")
    before = (tmp_path / "masks" / "one.png").read_bytes()
    code, output = run_faceseg("predict", "model", "masks/one.png", "--out", ".", "--overwrite")
    assert code == 2
    assert "one.png is one of the images" in output
    assert (tmp_path / "masks" / "one.png").read_bytes() == before


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
