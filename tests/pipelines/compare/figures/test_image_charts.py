"""The description of the worst class of an image, worked by hand."""

import numpy as np
import pytest

from pipelines.compare.figures.image_charts import describe_lost_class
from tests.pipelines.compare.conftest import CLASSES


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        # 20 pixels of the left eye: 4 correct, 12 predicted as skin, 4 as background. IoU 4 / 20.
        ({(2, 2): 4, (2, 1): 12, (2, 0): 4}, "left eye: IoU 0.20, 60 % predicted as skin"),
        # All 40 skin pixels are correct, and 60 of background are predicted as skin: 40 / 100.
        ({(1, 1): 40, (0, 1): 60}, "skin: IoU 0.40, also predicted on background"),
        # A class with 15 pixels is too small to be named while another class is present.
        ({(1, 1): 40, (0, 1): 10, (2, 1): 15}, "skin: IoU 0.62, also predicted on left eye"),
        ({(0, 0): 9}, "the true mask is all background"),
    ],
)
def test_the_lost_class_is_described_with_its_confusion(cells, words):
    counts = np.zeros((5, 5), dtype=np.int64)
    for cell, pixels in cells.items():
        counts[cell] = pixels
    assert describe_lost_class(counts, CLASSES) == words
