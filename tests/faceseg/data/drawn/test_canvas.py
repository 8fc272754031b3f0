"""Colours and labels of a canvas cover the same cells, with the right areas."""

import numpy as np
import pytest

from faceseg.data.drawn.canvas import SCALE, Canvas
from faceseg.data.drawn.materials import rgb


def disc(middle, radius, corners=60):
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + middle


def box(left, top, right, bottom):
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


# A pixel is 3 x 3 cells. The first box contains the centres of columns 3 to 7 and rows 0 to 2,
# which are pixel (0, 1) and two thirds of pixel (0, 2). The second box has one column less.
@pytest.mark.parametrize(("right", "expected"), [(7.4, [0, 4, 4, 0]), (6.4, [0, 4, 0, 0])])
def test_a_pixel_has_the_class_of_most_of_its_cells(right, expected):
    canvas = Canvas(4)
    canvas.fill(box(2.6, -0.4, right, 2.4), rgb(255, 255, 255), label=4)
    assert SCALE == 3
    assert canvas.label_map()[0].tolist() == expected
    assert canvas.label_map()[1:].max() == 0


def test_colour_and_label_cover_the_same_cells():
    rng = np.random.default_rng(0)
    canvas = Canvas(32)
    for _ in range(20):
        outline = rng.uniform(-10, 106, 2) + rng.uniform(-25, 25, (5, 2))
        bright, label = (255, 1) if rng.uniform() < 0.6 else (0, 0)
        canvas.fill(outline, rgb(bright, bright, bright), label=label)
    assert np.array_equal(canvas.colour[0] > 127, canvas.labels == 1)
    assert np.array_equal(canvas.picture()[..., 0] > 127.5, canvas.label_map() == 1)


@pytest.mark.parametrize("radius", [2.5, 6.0, 20.0])
def test_an_outline_covers_its_area(radius):
    canvas = Canvas(32)
    areas = []
    for shift in np.linspace(0, 1, 12):
        canvas.labels[:] = 0
        canvas.fill(disc([48 + shift, 47 - 0.6 * shift], radius), rgb(1, 1, 1), label=1)
        areas.append(canvas.labels.sum())
    assert np.mean(areas) == pytest.approx(np.pi * radius**2, rel=0.03)


def test_an_outline_off_the_canvas_paints_nothing():
    canvas = Canvas(8)
    canvas.fill(disc([-50, 10], 5), rgb(9, 9, 9), label=3, softness=1.0)
    canvas.tint(disc([10, 90], 5), 0.5, 1.0)
    assert canvas.colour.max() == 0
    assert canvas.labels.max() == 0
