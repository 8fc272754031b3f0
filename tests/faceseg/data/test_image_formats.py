"""WebP, BMP, TIFF and GIF are read as JPEG and PNG are: orientation, alpha, depth, colours, ids."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from faceseg.data.classes import LAPA
from faceseg.data.image_formats import FORMATS, IMAGE_SUFFIXES
from faceseg.data.images import read_image, read_labels
from faceseg.data.problems import BadFile

RED = [255, 0, 0]
IDS = np.array([[0, 1, 10], [7, 255, 4]], dtype=np.uint8)


def half_red() -> Image.Image:
    """Return an image of 32 x 16 whose left half is red and whose right half is white."""
    pixels = np.full((16, 32, 3), 255, np.uint8)
    pixels[:, :16] = RED
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_read_whatever_its_suffix(tmp_path: Path, kind: str):
    half_red().save(tmp_path / "a.dat", kind)
    image = read_image(tmp_path / "a.dat")
    assert image.shape == (16, 32, 3)
    assert np.abs(image[8, 4].astype(int) - RED).max() < 8
    assert image[8, 28].min() > 245


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_a_listed_suffix_is_of_a_format_that_is_read_or_named(suffix: str):
    assert Image.registered_extensions().get(suffix, "HEIC") in (*FORMATS, "HEIC", "AVIF")


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])  # BMP and GIF have no orientation
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_the_orientation_is_applied_once(tmp_path: Path, kind: str, compression: str | None):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: left becomes top
    options = {"compression": compression} if kind == "TIFF" else {"lossless": True}
    half_red().save(tmp_path / "a", kind, exif=exif, **options)
    image = read_image(tmp_path / "a")
    assert image.shape == (32, 16, 3)
    assert image[4, 8].tolist() == RED
    assert image[28, 8].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "BMP"])
def test_transparent_pixels_show_white(tmp_path: Path, kind: str):
    pixels = np.array([[[9, 9, 9, 0], [9, 9, 9, 255], [0, 0, 0, 51]]], dtype=np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(tmp_path / "a", kind, **options)
    # 51 / 255 = 0.2 of black over white leaves 0.8 * 255 = 204. Most BMP files have no alpha.
    expected = [9, 9, 0] if kind == "BMP" else [255, 9, 204]
    assert read_image(tmp_path / "a")[0, :, 0].tolist() == expected


def test_a_transparent_colour_of_a_gif_shows_white(tmp_path: Path):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.putdata([1, 0])
    image.save(tmp_path / "a.gif", transparency=0)
    assert read_image(tmp_path / "a.gif").tolist() == [[RED, [255, 255, 255]]]


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_sixteen_bits_keep_their_high_byte(tmp_path: Path, compression: str | None):
    # 257 * v is v scaled from 8 to 16 bits, so the result is v.
    grey = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.tif", compression=compression)
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 100, 255]
    Image.fromarray(grey.astype(">u2")).save(tmp_path / "big.tif", compression=compression)
    assert read_image(tmp_path / "big.tif")[0, :, 0].tolist() == [0, 100, 255]


def test_cmyk_of_a_tiff_is_not_inverted(tmp_path: Path):
    # No cyan, full magenta and yellow is red.
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[4, 4].tolist() == RED


@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_without_a_known_white_are_refused(tmp_path: Path, mode: str):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(BadFile, match="whose white is unknown"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["bmp", "tif"])
@pytest.mark.parametrize("palette", [False, True])
def test_labels_keep_their_ids(tmp_path: Path, suffix: str, palette: bool):
    image = Image.fromarray(IDS)
    if palette:
        image.putpalette([channel for id_ in range(256) for channel in (id_, 0, 255 - id_)])
    image.save(tmp_path / f"a.{suffix}")
    assert read_labels(tmp_path / f"a.{suffix}", LAPA).tolist() == IDS.tolist()


def test_labels_of_a_tiff_of_sixteen_bits_are_not_scaled(tmp_path: Path):
    Image.fromarray(IDS.astype(np.uint16)).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert read_labels(tmp_path / "a.tif", LAPA).tolist() == IDS.tolist()


def test_labels_that_may_have_changed_are_refused(tmp_path: Path):
    image = Image.fromarray(IDS)
    white_is_zero = TiffImagePlugin.ImageFileDirectory_v2()
    white_is_zero[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 0
    image.save(tmp_path / "a.webp")
    image.save(tmp_path / "d.gif")  # here Pillow's writer renumbers the colours that occur
    image.save(tmp_path / "b.tif", compression="jpeg")
    image.save(tmp_path / "c.tif", tiffinfo=white_is_zero)
    for name in ("a.webp", "b.tif", "c.tif", "d.gif"):
        with pytest.raises(BadFile, match="may have changed the ids"):
            read_labels(tmp_path / name, LAPA)
