"""Names of points cover neither each other nor a marker, however the points are placed."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from pipelines.compare.figures.chart import chart_style
from pipelines.compare.figures.point_labels import MARKER, place_labels
from pipelines.compare.figures.score_charts import pareto_chart
from tests.pipelines.compare.figures.test_styles import EIGHT

AREA = (0.0, 0.0, 270.0, 260.0)  # points; about a subplot of the chart
SIZE = (66.0, 11.0)


def apart(one, other):
    return (
        one[2] <= other[0] + 1e-6 or other[2] <= one[0] + 1e-6
        or one[3] <= other[1] + 1e-6 or other[3] <= one[1] + 1e-6
    )  # fmt: skip


def boxes(centres):
    placed = place_labels(centres, [SIZE] * len(centres), AREA)
    return [
        (x + right, y + up, x + right + SIZE[0], y + up + SIZE[1])
        for (x, y), (right, up) in zip(centres, placed, strict=True)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_ten_crowded_points_have_names_that_cover_nothing(seed):
    middle = np.array([60, 60]) + np.random.default_rng(seed).uniform(0, 140, 2)
    centres = middle + np.random.default_rng(seed).normal(0, 20, (10, 2))
    labels = boxes(centres)
    assert all(apart(one, other) for one, other in combinations(labels, 2))
    markers = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in centres]
    assert all(apart(label, marker) for label in labels for marker in markers)
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= 270 and box[3] <= 260 for box in labels)


def test_the_name_of_a_lone_point_is_right_above_it():
    (box,) = boxes([(100.0, 100.0)])
    assert (box[0] > 100, box[1] > 100) == (True, True)
    assert box[0] - 100 < 15


def test_a_name_at_the_right_edge_is_left_of_its_point():
    (box,) = boxes([(260.0, 100.0)])
    assert box[2] < 260


def test_ten_names_of_the_chart_do_not_cover_each_other():
    names = [*EIGHT, "ensemble", "judged-file"]
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"architecture": names, "iou": rng.uniform(0.40, 0.48, 10)})
    for key in ("latency_p50_ms", "memory_peak_mb", "model_parameters"):
        table[key], table[f"{key}_sd"] = 100 * rng.uniform(1, 1.5, 10), 0.0
    table["iou_low"], table["iou_high"] = table["iou"] - 0.05, table["iou"] + 0.05
    with chart_style():
        figure = pareto_chart(None, table).figure
        figure.draw_without_rendering()
        for axis in figure.axes:
            named = [text for text in axis.texts if text.get_text()]
            assert [text.get_text() for text in named] == names
            shown = [text.get_window_extent().extents for text in named]
            assert all(apart(one, other) for one, other in combinations(shown, 2))
