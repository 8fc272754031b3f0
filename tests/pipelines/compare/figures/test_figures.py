"""The data behind the charts, and the number of their subplots."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.compare.analysis.comparison_table import build_table
from pipelines.compare.figures.chart import chart_style
from pipelines.compare.figures.image_charts import image_scores
from pipelines.compare.figures.robustness_charts import occlusion_means
from pipelines.compare.figures.score_charts import confusion_shares, pareto_chart
from pipelines.compare.figures.training_charts import learning_curves


def recounted(final, counts):
    tested = replace(final.tested, counts=counts)
    return replace(final, records=replace(final.records, tested=tested))


def test_rows_of_a_confusion_matrix_are_shares_of_the_true_class(find_model):
    # Two final runs are summed: 6 + 2 of 10 + 10 skin pixels are predicted as skin.
    counts = np.zeros((1, 5, 5), dtype=np.int64)
    counts[0, 0, 0], counts[0, 1, 1], counts[0, 1, 0] = 7, 6, 4
    second = counts.copy()
    second[0, 1, 1], second[0, 1, 0] = 2, 8
    unet = find_model("unet")
    finals = tuple(
        recounted(final, each) for final, each in zip(unet.finals, (counts, second), strict=True)
    )
    shares = confusion_shares(replace(unet, finals=finals))
    np.testing.assert_allclose(shares[:2, :2], [[1, 0], [0.6, 0.4]])
    assert np.isnan(shares[2:]).all()


def test_occlusion_curves_are_means_over_final_runs(find_model):
    # unet scores 0.5 and 0.6 on clean images, and half of that with half the face covered.
    rows = occlusion_means(find_model("unet"))
    line = rows[(rows.kind == "blob") & (rows.policy == "visible")]
    assert list(line.share) == [0.05, 0.1, 0.2, 0.35, 0.5]
    assert line.iou.iloc[-1] == pytest.approx(0.55 * 0.5)


def test_an_image_is_scored_over_the_classes_of_its_true_mask(find_model, study):
    # Skin has IoU 1/2, left eye 1. The right eye is predicted but absent, so it is left out.
    counts = np.zeros((6, 5, 5), dtype=np.int64)
    counts[0, 1, 1], counts[0, 1, 0], counts[0, 2, 2], counts[0, 0, 3] = 1, 1, 3, 5
    final = recounted(find_model("unet").finals[0], counts)
    scores = image_scores(final, study.classes)
    assert scores["photo-0"] == "0.750"
    assert scores["photo-1"] == "–"  # noqa: RUF001  # all background: undefined


def test_each_kind_and_architecture_has_a_subplot_and_none_is_empty(report):
    charts = report.charts
    # failures: 2 images of 3 networks, with three subplots each; search: the best score and two
    # settings of 3 networks.
    expected = {
        "learning_curves": 4, "occlusion_curves": 2, "occlusion_map": 3, "pareto": 3,
        "confusion": 3, "predictions": 10, "failures": 18, "search": 9,
    }  # fmt: skip
    assert {name: len(chart.figure.axes) for name, chart in charts.items()} == expected
    for chart in charts.values():
        assert all(axis.has_data() for axis in chart.figure.axes)


def test_a_figure_is_the_same_from_the_same_study(report):
    # Both charts are new, because saving a figure a second time changes its layout.
    with chart_style():
        one, other = (pareto_chart(report.study, report.table).data_uri() for _ in range(2))
    assert one == other


def test_both_policies_start_at_the_clean_score(report):
    chart = report.charts["occlusion_curves"]
    for axis in chart.figure.axes:
        assert len(axis.lines) == 6  # three architectures, two policies
        assert all(line.get_xdata()[0] == 0 for line in axis.lines)
    dashes = {line.get_linestyle() for line in chart.figure.axes[0].lines}
    assert dashes == {"-", "--"}


def test_one_epoch_and_losses_of_different_magnitude_can_be_drawn(study):
    final = study.models[0].finals[0]
    history = final.history.iloc[:1].assign(**{"val/loss": 900.0})
    model = replace(study.models[0], finals=(replace(final, history=history),))
    single = replace(study, models=(model,))
    with chart_style():
        chart = learning_curves(single, build_table(single, 50))
    assert chart.figure.axes[1].get_yscale() == "log"
    assert chart.png().startswith(b"\x89PNG")
