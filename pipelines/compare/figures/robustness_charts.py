"""Charts of robustness: curves over severity, and maps of the IoU by class and kind."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from faceseg.metrics.confusion_matrix import Fractions, mean_of_defined
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.robustness.tables import class_iou_table
from pipelines.compare.analysis.comparison_table import occlusion_kinds
from pipelines.compare.figures.chart import (
    WIDTH,
    Chart,
    add_legend,
    legend_handle,
    limits_from_zero,
    make_subplots,
    ranked_models,
)
from pipelines.compare.figures.styles import SeriesStyle, series_styles
from pipelines.compare.formatting import DASH, readable_name
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy

SHOWN_SEVERITY = {"occlusion": 0.2, "corruption": 3.0}  # of a map, by suite
CAPTIONS = {
    "corruption": "Severity 0 is the clean image, 5 the strongest corruption. Kinds that "
    "Hendrycks and Dietterich define use their steps.",
    "geometry": "Each curve includes the unchanged image: at 1 where the axis is a factor, "
    "elsewhere at 0.",
}
LABELS = {
    "resolution": "resolution divided by",
    "framing": "size of the face, factor",
    "roll": "degrees",
    "flip": "0 unchanged, 1 mirrored",
    "shift": "share of the image's side",
}
# By policy: the line's style and the marker's fill.
POLICIES = (("visible", "-", "full"), ("unoccluded", "--", "none"))
MAX_WIDE_MODELS = 5  # with more, lines are thinner and markers smaller
MAX_LARGE_ROWS = 12  # classes; with more rows the font is smaller


def suite_curves(study: ComparedStudy, table: pd.DataFrame, suite: str) -> Chart | None:
    """Draw IoU over severity: one subplot per kind, with a band between the extreme seeds.

    Returns:
        The chart; None if a final run was not tested under the suite.
    """
    models, styles = ranked_models(study, table), series_styles(table)
    if not _all_tested(models, suite):
        return None
    rows = models[0].finals[0].rows[suite]
    kinds = [str(kind) for kind in rows.kind.unique() if kind != CLEAN]
    figure, axes = make_subplots(len(kinds))
    for axis, kind in zip(axes, kinds, strict=True):
        for model in models:
            _severity_line(axis, model, suite, kind, styles[model.name])
        axis.set(title=readable_name(kind), xlabel=LABELS.get(kind, "severity"))
    limits = limits_from_zero(axes)
    for axis in axes:
        axis.set(ylim=limits)
    axes[0].set_ylabel("test IoU")
    add_legend(figure, [legend_handle(styles[model.name], model.name) for model in models])
    return Chart(
        name=f"{suite}_curves",
        title=f"IoU under {'changes of geometry' if suite == 'geometry' else suite}",
        caption=f"{CAPTIONS[suite]} The band spans the seeds.",
        alt=f"Line plots of test IoU over severity for {', '.join(map(readable_name, kinds))}.",
        figure=figure,
    )


def class_maps(study: ComparedStudy, table: pd.DataFrame, suite: str) -> Chart | None:
    """Draw the IoU of each class under each kind, one map per model, averaged over final runs.

    Returns:
        The chart; None if a final run was not tested under the suite.
    """
    models = ranked_models(study, table)
    if not _all_tested(models, suite):
        return None
    severity = SHOWN_SEVERITY[suite]
    maps = [_mean_map(model, study, suite, severity) for model in models]
    columns = min(len(maps), 3)
    rows = -(-len(maps) // columns)
    names = [readable_name(name) for name in study.classes.names[1:]]
    height = rows * (0.27 * len(names) + 1.5) + 0.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for index, (model, values) in enumerate(zip(models, maps, strict=True)):
        axis = figure.add_subplot(rows, columns, index + 1)
        _draw_map(axis, values.to_numpy(), names if index % columns == 0 else [""] * len(names))
        kinds = [readable_name(str(kind)) for kind in values.columns]
        axis.set_xticks(range(len(kinds)), kinds, rotation=60, ha="right", rotation_mode="anchor")
        axis.set_title(model.name)
    at = (
        f"{100 * severity:.0f} % of the face covered"
        if suite == "occlusion"
        else (f"severity {severity:g}")
    )
    return Chart(
        name=f"{suite}_map",
        title=f"IoU by class and kind of {suite}",
        caption="IoU in percent of each class (rows) under each kind (columns), at the step "
        f"nearest to {at}. The first column is the clean image. Dark is low.",
        alt=f"Maps of IoU by class and kind of {suite} for "
        f"{', '.join(model.name for model in models)}.",
        figure=figure,
    )


def _all_tested(models: list[ComparedModel], suite: str) -> bool:
    return all(suite in final.rows for model in models for final in model.finals)


def _severity_line(
    axis: Axes, model: ComparedModel, suite: str, kind: str, style: SeriesStyle
) -> None:
    policy, neutral = SUITES[suite].policies[0], SUITES[suite].neutral(kind)
    lines = []
    for final in model.finals:
        rows = final.rows[suite]
        own = rows[(rows.policy == policy) & rows.kind.isin([kind, CLEAN])]
        severities = own.share.where(own.kind == kind, neutral)
        lines.append(own.assign(share=severities).sort_values("share").set_index("share").iou)
    runs = pd.concat(lines, axis=1)
    axis.plot(runs.index, runs.mean(axis=1), color=style.colour, marker=style.marker, markersize=4)
    if len(lines) > 1:
        axis.fill_between(runs.index, runs.min(axis=1), runs.max(axis=1), color=style.colour,
                          alpha=0.15, linewidth=0)  # fmt: skip


def _mean_map(
    model: ComparedModel, study: ComparedStudy, suite: str, severity: float
) -> pd.DataFrame:
    """Return the IoU of the foreground classes (rows) by kind (columns), the mean over runs."""
    version, policy = SUITES[suite].version, SUITES[suite].policies[0]
    maps = [
        class_iou_table(final.records.suite(version), study.classes, policy, severity)
        for final in model.finals
    ]
    mean = mean_of_defined(np.stack([each.to_numpy() for each in maps], axis=-1))
    return pd.DataFrame(mean[1:], columns=maps[0].columns)


def _draw_map(axis: Axes, values: Fractions, names: list[str]) -> None:
    axis.imshow(np.ma.masked_invalid(values), cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axis.set_facecolor("0.93")
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    size = 8.0 if len(values) <= MAX_LARGE_ROWS else 6.0
    for (row, column), value in np.ndenumerate(values):
        text = DASH if np.isnan(value) else f"{100 * value:.0f}"
        colour = "0.15" if np.isnan(value) or value > 0.5 else "white"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def occlusion_curves(study: ComparedStudy, table: pd.DataFrame) -> Chart:
    """Draw IoU over the share of the face covered: one subplot per kind, two lines per model."""
    styles, models = series_styles(table), ranked_models(study, table)
    kinds, slim = occlusion_kinds(study), len(models) > MAX_WIDE_MODELS
    figure, axes = make_subplots(len(kinds))
    for axis, kind in zip(axes, kinds, strict=True):
        for model in models:
            _occlusion_line(axis, occlusion_means(model), kind, styles[model.name], slim)
        axis.set(title=readable_name(kind), xlabel="share of the face covered", xlim=(-0.01, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right = max(axis.get_xlim()[1] for axis in axes)
    limits = limits_from_zero(axes)
    for axis in axes:
        axis.set(ylim=limits, xlim=(-0.01, right))
    axes[0].set_ylabel("test IoU")
    handles = [legend_handle(styles[model.name], model.name) for model in models]
    handles += [
        Line2D([], [], color="0.3", marker="o", label="visible: covered pixels are scored"),
        Line2D(
            [], [], color="0.3", linestyle="--", marker="o", markerfacecolor="none",
            label="unoccluded: covered pixels are left out",
        ),
    ]  # fmt: skip
    add_legend(figure, handles)
    return Chart(
        name="occlusion_curves",
        title="IoU under occlusion",
        caption="The flatter a curve, the more robust the network. 0 % is the clean image. Solid "
        "lines include the covered pixels, for which background is correct (or hair, under "
        "strands); dashed lines include only the pixels that stay visible. The band spans the "
        "seeds.",
        alt="Line plots of test IoU over the share of the face covered, for the kinds "
        f"{', '.join(readable_name(kind) for kind in kinds)} and each model.",
        figure=figure,
    )


def occlusion_means(model: ComparedModel) -> pd.DataFrame:
    """Return share and IoU by kind, severity and policy, averaged over a model's final runs.

    `low` and `high` are the lowest and the highest IoU of a run.
    """
    rows = pd.concat([final.rows["occlusion"] for final in model.finals])
    grouped = rows.groupby(["kind", "severity", "policy"], sort=False)
    return grouped.agg(
        share=("share", "mean"), iou=("iou", "mean"), low=("iou", "min"), high=("iou", "max")
    ).reset_index()


def _occlusion_line(
    axis: Axes, rows: pd.DataFrame, kind: str, style: SeriesStyle, slim: bool
) -> None:
    for policy, dashes, fill in POLICIES:
        line = rows[(rows.policy == policy) & rows.kind.isin([CLEAN, kind])].sort_values("share")
        options: dict[str, Any] = {"linestyle": dashes, "fillstyle": fill}
        options |= {"linewidth": 1.0, "markersize": 3.5} if slim else {"markersize": 5}
        axis.plot(line.share, line.iou, color=style.colour, marker=style.marker, **options)
        if policy == POLICIES[0][0]:
            axis.fill_between(
                line.share, line.low, line.high, color=style.colour, alpha=0.15, linewidth=0
            )
