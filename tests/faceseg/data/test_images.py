"""Reading of every supported kind of image file, and the errors for the other kinds."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.images import read_image, read_labels
from faceseg.data.problems import BadFile
from tests.faceseg.data.hostile_images import png_chunk

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def write_grey_png(path: Path, rows: list[list[int]], bits: int) -> None:
    """Write a grey PNG of 1, 2 or 4 bits, which Pillow cannot write."""
    lines = b""
    for row in rows:
        text = "".join(format(value, f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        lines += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), bits, 0, 0, 0, 0)
    body = (
        png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(lines))
        + png_chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_rgb_is_rgb_not_bgr(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), RED).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (2, 3, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (2, 2), 255).save(tmp_path / "a.png")
    assert np.all(read_image(tmp_path / "a.png") == 255)


def test_palette_colours_are_looked_up(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*BLUE, *GREEN])
    image.putdata([1, 0])
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[list(GREEN), list(BLUE)]]


def test_sixteen_bits_keep_their_high_byte(tmp_path: Path) -> None:
    # 257 * v is v scaled from 8 to 16 bits, so the result is v.
    grey = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    assert read_image(tmp_path / "grey.png")[0, :, 0].tolist() == [0, 100, 255]
    bgr = np.array([[[0, 257 * 7, 65535]]], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "rgb.png"), bgr)
    assert read_image(tmp_path / "rgb.png").tolist() == [[[255, 7, 0]]]


def test_transparent_pixels_show_white(tmp_path: Path) -> None:
    pixels = np.array([[[9, 9, 9, 0], [9, 9, 9, 255], [0, 0, 0, 51]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    # 51 / 255 = 0.2 of black over white leaves 0.8 * 255 = 204.
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [255, 9, 204]


def test_a_transparent_palette_colour_shows_white_without_a_warning(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*BLUE, *GREEN])
    image.putdata([1, 0])
    image.save(tmp_path / "a.png", transparency=b"\x00\xff")
    assert read_image(tmp_path / "a.png").tolist() == [[list(GREEN), [255, 255, 255]]]


def test_cmyk_is_converted_with_and_without_adobes_marker(tmp_path: Path) -> None:
    # No cyan, full magenta and yellow is red. Pillow writes Adobe's inverted form.
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "adobe.jpg", quality=100)
    red = read_image(tmp_path / "adobe.jpg")[4, 4]
    assert red[0] > 250
    assert red[1] < 5
    assert red[2] < 5
    # The same ink without the marker is stored uninverted, as Pillow writes its inverse.
    Image.new("CMYK", (8, 8), (255, 0, 0, 255)).save(tmp_path / "b.jpg", quality=100)
    content = (tmp_path / "b.jpg").read_bytes()
    start = content.index(b"\xff\xee")
    length = int.from_bytes(content[start + 2 : start + 4], "big")
    (tmp_path / "plain.jpg").write_bytes(content[:start] + content[start + 2 + length :])
    red = read_image(tmp_path / "plain.jpg")[4, 4]
    assert red[0] > 250
    assert red[1] < 5
    assert red[2] < 5


def test_a_png_named_jpg_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), GREEN).save(tmp_path / "a.jpg", format="PNG")
    assert read_image(tmp_path / "a.jpg")[0, 0].tolist() == list(GREEN)


IDS = np.array([[0, 1, 10], [7, 255, 4]], dtype=np.uint8)


def labels_in(folder: Path, image: Image.Image) -> NDArray[np.uint8]:
    image.save(folder / "a.png")
    return read_labels(folder / "a.png", LAPA)


def test_labels_in_eight_bits_keep_255(tmp_path: Path) -> None:
    labels = labels_in(tmp_path, Image.fromarray(IDS))
    assert labels.dtype == np.uint8
    assert labels.tolist() == IDS.tolist()


def test_labels_in_sixteen_bits_are_not_scaled(tmp_path: Path) -> None:
    assert labels_in(tmp_path, Image.fromarray(IDS.astype(np.uint16))).tolist() == IDS.tolist()


def test_palette_indices_are_the_ids_whatever_the_colours(tmp_path: Path) -> None:
    image = Image.fromarray(IDS, mode=None).convert("L")
    palette = Image.new("P", image.size)
    palette.putpalette([7] * 768)
    palette.putdata(IDS.ravel().tolist())
    assert labels_in(tmp_path, palette).tolist() == IDS.tolist()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_labels_of_few_bits_are_not_stretched(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1 if bits < 4 else 10
    rows = [[0, top, 1], [1, 0, top]]
    write_grey_png(tmp_path / "a.png", rows, bits)
    assert read_labels(tmp_path / "a.png", LAPA).tolist() == rows


def test_colour_labels_whose_channels_agree_are_read(tmp_path: Path) -> None:
    three = np.repeat(IDS[..., None], 3, axis=2)
    assert labels_in(tmp_path, Image.fromarray(three)).tolist() == IDS.tolist()
    opaque = np.dstack([three, np.full_like(IDS, 255)])
    assert labels_in(tmp_path, Image.fromarray(opaque)).tolist() == IDS.tolist()


def bad_label(path: Path, image: Image.Image) -> BadFile:
    image.save(path)
    with pytest.raises(BadFile) as caught:
        read_labels(path, LAPA)
    assert caught.value.file == str(path)
    return caught.value


def test_colour_labels_are_refused(tmp_path: Path) -> None:
    painted = Image.fromarray(LAPA.colour(IDS))
    assert "colour image" in bad_label(tmp_path / "a.png", painted).wrong


def test_transparent_labels_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.dstack([IDS, IDS]), mode="LA")
    assert "transparent" in bad_label(tmp_path / "a.png", image).wrong


def test_sixteen_bit_colour_labels_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.ones((2, 2, 3), dtype=np.uint16))
    with pytest.raises(BadFile, match="16-bit colour"):
        read_labels(tmp_path / "a.png", LAPA)


def test_jpeg_labels_are_refused(tmp_path: Path) -> None:
    assert "lossy" in bad_label(tmp_path / "a.jpg", Image.new("L", (8, 8))).wrong


def test_unknown_ids_are_counted_and_listed(tmp_path: Path) -> None:
    bad = bad_label(tmp_path / "a.png", Image.fromarray(np.array([[11, 37, 37]], dtype=np.uint8)))
    assert bad.wrong == "3 pixels have ids outside the class set: 11, 37"
    assert bad.expected == "ids 0 to 10, or 255 for ignored pixels"
    wide = Image.fromarray(np.array([[256, 0]], dtype=np.uint16))
    assert "256" in bad_label(tmp_path / "b.png", wide).wrong
