"""The table of agreement, worked by hand: a mask that is shifted by one pixel is detected."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.images import read_image
from tests.benchmarks.agreement import SIZES, compared, moved, write_photographs

# Two maps of 6 x 8 pixels: background, and a class of 4 x 5 pixels in its middle.
LABELS = np.zeros((6, 8), np.uint8)
LABELS[1:5, 2:7] = 1


def test_equal_maps_agree_wholly():
    row = compared("a way", [LABELS, LABELS], [LABELS, LABELS], 3)
    assert (row.photographs, row.equal, row.other, row.iou, row.worst) == (2, 1.0, 0, 1.0, 1.0)


def test_a_shift_of_one_pixel_is_detected():
    row = compared("a way", [LABELS, LABELS], [LABELS, moved(LABELS)], 3)
    assert row.other == 8  # the first column of the class, and the one after its last
    assert row.equal == 1 - 8 / 96
    assert row.iou == 36 / 44  # of 40 pixels 36 are hit, 4 missed, 4 too many
    assert row.worst == 40 / 48


def test_a_map_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="shape"):
        compared("a way", [LABELS], [LABELS.T], 3)


def test_photographs_have_their_sizes_after_their_rotation(tmp_path: Path):
    (tmp_path / "from").mkdir()
    Image.new("RGB", (90, 70), "teal").save(tmp_path / "from" / "one.png")
    paths = write_photographs([tmp_path / "from"], tmp_path)
    assert [read_image(path).shape[:2] for path in paths] == list(SIZES)
    assert len(set(SIZES)) == 20
