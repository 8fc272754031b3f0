import numpy as np
import pytest

from pipelines.compare.figures.image_charts import describe_lost_class
from pipelines.compare.figures.score_charts import pareto_front
from pipelines.compare.report.markdown_and_latex import escape_latex, render_latex
from tests.pipelines.compare.conftest import CLASSES


def test_the_front_is_what_no_other_beats():
    # b is dearer and worse than a; c is dearer and better; d costs as much as c and is worse.
    assert pareto_front([1.0, 2.0, 3.0, 3.0], [0.5, 0.4, 0.9, 0.8]) == [0, 2]
    assert pareto_front([1.0, 1.0], [0.5, 0.5]) == [0, 1]  # equals do not beat each other


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        # 20 pixels of the left eye: 4 found, 12 called skin, 4 background. IoU 4 / 20.
        ({(2, 2): 4, (2, 1): 12, (2, 0): 4}, "left eye: IoU 0.20, 60 % taken for skin"),
        # All of the skin is found, and 60 pixels of background too: 40 / 100.
        ({(1, 1): 40, (0, 1): 60}, "skin: IoU 0.40, drawn over background"),
        # Fifteen pixels are too few to speak of while another class is there.
        ({(1, 1): 40, (0, 1): 10, (2, 1): 15}, "skin: IoU 0.62, drawn over left eye"),
        ({(0, 0): 9}, "its truth is all background"),
    ],
)
def test_the_lost_class_is_told_with_what_it_was_taken_for(cells, words):
    counts = np.zeros((5, 5), dtype=np.int64)
    for cell, pixels in cells.items():
        counts[cell] = pixels
    assert describe_lost_class(counts, CLASSES) == words


def test_latex_has_a_row_a_network_and_nothing_that_tex_would_read(report):
    text = render_latex(report.study, report.table)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert {row.count(" & ") for row in rows} == {8}
    assert r"unet & $0.550 \pm 0.071$" in text
    assert "nan" not in text


def test_special_letters_are_escaped():
    assert escape_latex(r"a_b & 5% {x} \~^#$") == (
        r"a\_b \& 5\% \{x\} \textbackslash{}\textasciitilde{}\textasciicircum{}\#\$"
    )
