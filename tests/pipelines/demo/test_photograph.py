"""The files that are accepted as a photograph, and how they are read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.errors import UserError
from pipelines.demo.photograph import MAX_BYTES, MAX_SIDE, read_upload
from tests.faceseg.data.hostile_images import jpeg_of_many_scans


def test_a_photograph_is_turned_upright(tmp_path: Path, decoders: DecoderProcesses):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: left becomes top
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    found = read_upload(tmp_path / "turned.png", tmp_path, decoders)
    assert found.pixels.shape == (40, 20, 3)
    assert (found.pixels[:20] == 255).all()
    assert not found.scaled


def test_a_large_photograph_is_downscaled(tmp_path: Path, decoders: DecoderProcesses):
    Image.new("RGB", (4 * MAX_SIDE, MAX_SIDE), "red").save(tmp_path / "wide.png")
    found = read_upload(tmp_path / "wide.png", tmp_path, decoders)
    assert found.pixels.shape == (MAX_SIDE // 4, MAX_SIDE, 3)
    assert found.scaled
    assert found.file_size == (MAX_SIDE, 4 * MAX_SIDE)


def test_the_digest_is_of_content_and_shape(tmp_path: Path, decoders: DecoderProcesses):
    for name, size in (("a", (8, 4)), ("b", (8, 4)), ("c", (4, 8))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    files = (tmp_path / f"{name}.png" for name in "abc")
    first, same, other = (read_upload(file, tmp_path, decoders).digest for file in files)
    assert first == same
    assert first != other


def test_a_text_file_is_refused_without_naming_its_path(tmp_path: Path, decoders: DecoderProcesses):
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")
    with pytest.raises(UserError, match="no image of a known format") as error:
        read_upload(tmp_path / "text.jpg", tmp_path, decoders)
    assert str(tmp_path) not in str(error.value)


def test_the_number_of_pixels_is_checked_before_decoding(
    tmp_path: Path, decoders: DecoderProcesses
):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(UserError, match="too large"):
        read_upload(tmp_path / "bomb.png", tmp_path, decoders)


def test_the_size_is_checked_before_reading(tmp_path: Path, decoders: DecoderProcesses):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UserError, match="20 MB"):
        read_upload(tmp_path / "large.png", tmp_path, decoders)


@pytest.mark.parametrize("name", ["../secret.png", "link.png", "gone.png"])
def test_files_outside_the_uploads_are_refused(
    tmp_path: Path, decoders: DecoderProcesses, name: str
):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (uploads / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="was deleted"):
        read_upload(uploads / name, uploads, decoders)


def test_a_laborious_file_is_given_up_and_the_next_one_read(tmp_path: Path):
    (tmp_path / "slow.jpg").write_bytes(jpeg_of_many_scans(100, (3000, 3000)))
    Image.new("RGB", (8, 8)).save(tmp_path / "next.png")
    with DecoderProcesses(1, seconds=0.1) as impatient:
        with pytest.raises(UserError, match=r"takes more than 0\.1 s of processor time"):
            read_upload(tmp_path / "slow.jpg", tmp_path, impatient)
        assert read_upload(tmp_path / "next.png", tmp_path, impatient).file_size == (8, 8)
