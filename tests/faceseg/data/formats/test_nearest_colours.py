"""Colours along smoothed borders, and colours that no palette and no mixture explains."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from faceseg.data.formats.nearest_colours import ColourCounts, ColourTable
from faceseg.data.problems import BadFile

BLACK, RED, BLUE, PURPLE = (0, 0, 0), (250, 0, 0), (0, 0, 250), (125, 0, 125)
TABLE = ColourTable({BLACK: 0, RED: 1, BLUE: 2, PURPLE: 3})
FILE = Path("a.png")


def row(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image of one row that begins and ends with a long run of its end's colours."""
    return np.array([[colours[0]] * 40 + list(colours) + [colours[-1]] * 40], dtype=np.uint8)


def test_a_mixture_takes_the_nearer_of_the_two_sides() -> None:
    labels, counts = TABLE.labels(row(BLACK, (100, 0, 0), (150, 0, 0), RED), FILE)
    assert labels[0, 39:45].tolist() == [0, 0, 0, 1, 1, 1]
    assert counts == ColourCounts(84, 2, 0)


def test_a_mixture_never_takes_a_colour_that_is_not_nearby() -> None:
    # (130, 0, 120) is almost purple, but between red and blue.
    pixels = row(RED, (130, 0, 120), BLUE)
    assert TABLE.labels(pixels, FILE)[0][0, 39:44].tolist() == [1, 1, 1, 2, 2]
    pixels[0, 38] = PURPLE  # three columns from the mixture
    assert TABLE.labels(pixels, FILE)[0][0, 39:44].tolist() == [1, 1, 1, 2, 2]
    pixels[0, 39] = PURPLE  # two columns from it
    assert TABLE.labels(pixels, FILE)[0][0, 39:44].tolist() == [3, 1, 3, 2, 2]
    labels, _ = TABLE.labels(row(PURPLE, (130, 0, 120), BLUE), FILE)
    assert labels[0, 39:44].tolist() == [3, 3, 3, 2, 2]


def test_equally_near_colours_give_the_lowest_id() -> None:
    # The exact middle of blue (2) and black (0), and the same in the other direction.
    for pixels in (row(BLUE, (0, 0, 125), BLACK), row(BLACK, (0, 0, 125), BLUE)):
        assert TABLE.labels(pixels, FILE)[0][0, 41] == 0


def test_a_smoothed_ellipse_has_the_class_that_covers_most_of_each_pixel() -> None:
    # An independent picture of the same ellipse: 8 x 8 samples of each pixel.
    large = Image.new("L", (8 * 64, 8 * 64))
    ImageDraw.Draw(large).ellipse((80, 130, 430, 400), fill=1)
    coverage = np.asarray(large, dtype=float).reshape(64, 8, 64, 8).mean(axis=(1, 3))
    pixels = np.round(coverage[..., None] * np.array(RED)).astype(np.uint8)
    labels, counts = TABLE.labels(pixels, FILE)
    clear = coverage != 0.5
    np.testing.assert_array_equal(labels[clear], (coverage > 0.5)[clear])
    assert counts.mixed == np.sum((coverage > 0) & (coverage < 1)) > 100
    assert counts.unknown == 0


def test_a_colour_that_is_no_mixture_is_ignored_and_counted() -> None:
    pixels = np.full((64, 64, 3), BLACK, dtype=np.uint8)
    pixels[:, 32:] = RED
    pixels[10, 10] = (0, 250, 0)
    pixels[50, 32] = (0, 250, 0)  # on the border, but farther from black than red is
    labels, counts = TABLE.labels(pixels, FILE)
    assert labels[10, 10] == labels[50, 32] == 255
    assert counts == ColourCounts(4096, 0, 2)


def test_a_part_that_is_not_in_the_palette_is_refused() -> None:
    pixels = np.full((64, 64, 3), BLACK, dtype=np.uint8)
    pixels[20:28, 20:28] = (0, 250, 0)
    with pytest.raises(BadFile, match=r"1.6% of the pixels .* nearby: \(0, 250, 0\) 64 times"):
        TABLE.labels(pixels, FILE)


def test_a_map_without_exact_colours_is_refused_with_the_most_frequent_ones() -> None:
    pixels = np.full((10, 10, 3), BLACK, dtype=np.uint8)
    pixels[:2] = (7, 8, 9)
    pixels[2, :5] = (1, 2, 3)
    with pytest.raises(BadFile) as caught:
        TABLE.labels(pixels, FILE)
    assert caught.value.wrong == (
        "25.0% of the pixels have colours that are not in the palette: (7, 8, 9) 20 times, "
        "(1, 2, 3) 5 times"
    )


def test_a_rounded_colour_inside_a_part_takes_its_class() -> None:
    labels, counts = TABLE.labels(row(RED, RED, RED, (248, 1, 0), RED, RED, RED), FILE)
    assert np.all(labels == 1)
    assert counts == ColourCounts(87, 1, 0)
