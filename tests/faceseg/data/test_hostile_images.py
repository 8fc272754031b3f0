"""Files that are laborious or break a decoder are bad files, in bounded time."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.image_formats import MAX_SCANS, count_scans
from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from tests.faceseg.data.hostile_images import (
    broken,
    encoded,
    gif_with_comments,
    jpeg_of_many_scans,
    laborious,
)


@pytest.mark.parametrize("name", laborious())
@pytest.mark.timeout(30)
def test_a_laborious_file_is_refused_before_it_is_decoded(tmp_path: Path, name: str):
    (tmp_path / "a").write_bytes(laborious()[name]())
    with pytest.raises(BadFile):
        read_image(tmp_path / "a")


@pytest.mark.parametrize("name", broken())
def test_all_that_a_decoder_raises_is_a_bad_file(tmp_path: Path, name: str):
    (tmp_path / "a").write_bytes(broken()[name])
    with pytest.raises(BadFile) as bad:
        read_image(tmp_path / "a")
    assert "\n" not in bad.value.wrong
    assert "Error" not in bad.value.wrong


def test_a_palette_image_without_a_palette_is_named(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(broken()["a palette image without a palette"])
    with pytest.raises(BadFile, match="a palette image without a palette"):
        read_image(tmp_path / "a.png")


def test_the_limit_of_scans_is_inclusive(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(jpeg_of_many_scans(MAX_SCANS))
    assert read_image(tmp_path / "a.jpg").shape == (64, 64, 3)
    (tmp_path / "a.jpg").write_bytes(jpeg_of_many_scans(MAX_SCANS + 1))
    with pytest.raises(BadFile, match="101 scans or more"):
        read_image(tmp_path / "a.jpg")


def test_scans_of_previews_and_after_the_end_do_not_count():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", progressive=True)
    honest = buffer.getvalue()
    assert count_scans(honest) == honest.count(b"\xff\xda") == 10
    baseline = encoded("JPEG")
    assert count_scans(baseline) == 1
    preview = b"\xff\xe1" + struct.pack(">H", len(honest) + 2) + honest
    assert count_scans(baseline[:2] + preview + baseline[2:] + honest * 20) == 1
    # libjpeg skips fill bytes, and bytes that are no marker, before a marker.
    start = honest.index(b"\xff\xda")
    assert count_scans(honest[:start] + b"\x00\xff\xff" + honest[start:]) == 10
    assert count_scans(encoded("PNG")) == 0


def test_only_the_first_of_many_frames_is_decoded(tmp_path: Path):
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:])
        red, green, blue = read_image(tmp_path / "a")[15, 20].tolist()
        assert red > 250, kind
        assert max(green, blue) < 5, kind
    content = encoded("GIF", (4, 4), "P")
    frame = content[content.index(b"\x2c") : -1]
    (tmp_path / "a").write_bytes(content[:-1] + frame * 100_000 + b";")
    assert read_image(tmp_path / "a").shape == (4, 4, 3)


def test_a_gif_may_have_a_comment(tmp_path: Path):
    (tmp_path / "a.gif").write_bytes(gif_with_comments(b"\x21\xfe\x05hello\x00"))
    assert read_image(tmp_path / "a.gif").shape == (4, 4, 3)


def test_warnings_that_are_errors_do_not_refuse_a_file(tmp_path: Path):
    # Pillow warns of a size between its limit and twice that; ours is below.
    Image.new("1", (10_000, 9_500)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadFile, match="too large"):
            read_image(tmp_path / "a.png")
