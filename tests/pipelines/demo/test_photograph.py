"""The files that are accepted as a photograph, and how they are read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.errors import UserError
from pipelines.demo import photograph
from pipelines.demo.photograph import MAX_BYTES, MAX_SIDE, read_upload


def test_a_photograph_is_turned_upright(tmp_path: Path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: left becomes top
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    found = read_upload(tmp_path / "turned.png", tmp_path)
    assert found.pixels.shape == (40, 20, 3)
    assert (found.pixels[:20] == 255).all()
    assert not found.scaled


def test_a_large_photograph_is_downscaled(tmp_path: Path):
    Image.new("RGB", (4 * MAX_SIDE, MAX_SIDE), "red").save(tmp_path / "wide.png")
    found = read_upload(tmp_path / "wide.png", tmp_path)
    assert found.pixels.shape == (MAX_SIDE // 4, MAX_SIDE, 3)
    assert found.scaled
    assert found.file_size == (MAX_SIDE, 4 * MAX_SIDE)


def test_the_digest_is_of_content_and_shape(tmp_path: Path):
    for name, size in (("a", (8, 4)), ("b", (8, 4)), ("c", (4, 8))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    first, same, other = (read_upload(tmp_path / f"{name}.png", tmp_path).digest for name in "abc")
    assert first == same
    assert first != other


def test_a_text_file_is_refused_without_naming_its_path(tmp_path: Path):
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")
    with pytest.raises(UserError, match="no JPEG or PNG image") as error:
        read_upload(tmp_path / "text.jpg", tmp_path)
    assert str(tmp_path) not in str(error.value)


def test_the_number_of_pixels_is_checked_before_decoding(tmp_path: Path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="too large"):
        read_upload(tmp_path / "bomb.png", tmp_path)


def test_the_size_is_checked_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    monkeypatch.setattr(photograph, "read_image", lambda path: pytest.fail("it was read"))
    with pytest.raises(UserError, match="20 MB"):
        read_upload(tmp_path / "large.png", tmp_path)


@pytest.mark.parametrize("name", ["../secret.png", "link.png", "gone.png"])
def test_files_outside_the_uploads_are_refused(tmp_path: Path, name: str):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (uploads / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="was deleted"):
        read_upload(uploads / name, uploads)
