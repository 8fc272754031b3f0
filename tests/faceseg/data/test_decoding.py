"""Damaged files raise BadFile, EXIF rotation is applied, and Pillow's warnings are silenced."""

import contextlib
import io
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from faceseg.data import decoding
from faceseg.data.image_formats import FORMATS
from faceseg.data.images import read_image
from faceseg.data.problems import BadFile, UnknownFormat


def content_of(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(buffer, format=kind, exif=exif)
    return buffer.getvalue()


# An upright image with a black row at its top, as stored under each of the EXIF orientations.
TOP_ROW = np.full((4, 6), 255, dtype=np.uint8)
TOP_ROW[0] = 0
STORED = {
    1: TOP_ROW,
    2: TOP_ROW[:, ::-1],
    3: TOP_ROW[::-1, ::-1],
    4: TOP_ROW[::-1],
    5: TOP_ROW.T,
    6: np.rot90(TOP_ROW, 1),
    7: TOP_ROW[::-1, ::-1].T,
    8: np.rot90(TOP_ROW, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotation_brings_the_top_row_to_the_top(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png")[..., 0].tolist() == TOP_ROW.tolist()


def test_a_sideways_jpeg_of_a_camera_is_rotated(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content_of("JPEG"))  # 32 x 24, orientation 6
    assert read_image(tmp_path / "a.jpg").shape == (32, 24, 3)


def test_an_unknown_orientation_changes_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (4, 6, 3)


def test_the_error_of_an_empty_file_names_it_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(BadFile, match=r"a\.jpg: empty file \(0 bytes\)"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    content = content_of(kind)
    (tmp_path / "a").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadFile):
        read_image(tmp_path / "a")


def test_a_flipped_bit_in_a_png_is_detected_by_the_checksum(tmp_path: Path) -> None:
    content = bytearray(content_of("PNG"))
    content[content.index(b"IDAT") + 40] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BadFile):
        read_image(tmp_path / "a.png")


def test_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("RGB", (2, 2)).save(tmp_path / "icon.png", format="ICO")
    for name in ("text.jpg", "icon.png"):
        with pytest.raises(UnknownFormat, match="no image of a known format"):
            read_image(tmp_path / name)


def test_a_known_format_that_is_not_read_is_named(tmp_path: Path) -> None:
    for content, name in (
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC image, which is not read"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1", "an AVIF image, which is not read"),
        (b"%PDF-1.7\n", "a PDF document, which is not read"),
    ):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(UnknownFormat, match=f"{name}.*: convert it to one"):
            read_image(tmp_path / "a.jpg")


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(BadFile, match="cannot be read"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    "side", [9_000, 14_000]
)  # above MAX_PIXELS, and above Pillow's error limit
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    content = bytearray(content_of("PNG"))
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BadFile, match="too large"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", FORMATS)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_gives_an_image_or_bad_file(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    content = bytearray(content_of(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(content)))
    (tmp_path / "a").write_bytes(content[:end])
    # Any other exception fails the test.
    with contextlib.suppress(BadFile):
        assert read_image(tmp_path / "a").dtype == np.uint8


def test_threads_do_not_warn_and_the_filters_are_restored(tmp_path: Path) -> None:
    # An APNG control chunk with no frames makes Pillow warn when it is opened.
    body = b"acTL" + bytes(8)
    chunk = (8).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    content = content_of("PNG")
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    before = list(warnings.filters)
    with pytest.warns(UserWarning, match="APNG"), Image.open(tmp_path / "a.png"):
        pass
    with ThreadPoolExecutor(8) as pool:  # warnings are errors in tests
        shapes = {image.shape for image in pool.map(read_image, [tmp_path / "a.png"] * 64)}
    assert shapes == {(32, 24, 3)}
    assert list(warnings.filters) == before
    assert decoding._SILENCED._inside == 0
