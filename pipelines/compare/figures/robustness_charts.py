"""Curves under corruption and geometry, and maps of which class suffers under which kind."""

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
    SeriesStyle,
    add_legend,
    legend_handle,
    limits_from_zero,
    make_subplots,
    ranked_models,
    series_styles,
)
from pipelines.compare.formatting import DASH, readable_name
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults

SHOWN_SEVERITY = {"occlusion": 0.2, "corruption": 3.0}  # by suite: the severity that a map shows
CAPTIONS = {
    "corruption": "0 is the clean image, 5 the worst; the steps of a kind are those of Hendrycks "
    "and Dietterich where they have it.",
    "geometry": "Each curve holds the image as it is: at 1 where the axis is a factor, else at 0.",
}
LABELS = {
    "resolution": "detail divided by",
    "framing": "size of the face, times",
    "roll": "degrees",
    "flip": "0 as it is, 1 mirrored",
    "shift": "share of the side",
}
MAX_LARGE_ROWS = 12  # classes; more rows need a smaller letter


def suite_curves(record: StudyResults, table: pd.DataFrame, suite: str) -> Chart | None:
    """Draw IoU over severity: a plot a kind; the band is from the lowest to the highest seed."""
    contenders, looked = ranked_models(record, table), series_styles(table)
    if any(suite not in final.rows for each in contenders for final in each.finals):
        return None
    rows = contenders[0].finals[0].rows[suite]
    kinds = [str(kind) for kind in rows.kind.unique() if kind != CLEAN]
    figure, axes = make_subplots(len(kinds))
    for axis, kind in zip(axes, kinds, strict=True):
        for each in contenders:
            _line(axis, each, suite, kind, looked[each.name])
        axis.set(title=readable_name(kind), xlabel=LABELS.get(kind, "severity"))
    heights = limits_from_zero(axes)
    for axis in axes:
        axis.set(ylim=heights)
    axes[0].set_ylabel("test IoU")
    add_legend(figure, [legend_handle(looked[each.name], each.name) for each in contenders])
    return Chart(
        f"{suite}_curves",
        f"Under {'changes of geometry' if suite == 'geometry' else suite}",
        f"{CAPTIONS[suite]} The band spans the seeds.",
        f"Line plots of test IoU over severity for {', '.join(map(readable_name, kinds))}.",
        figure,
    )


def class_maps(record: StudyResults, table: pd.DataFrame, suite: str) -> Chart | None:
    """Draw the IoU of each class under each kind, a map a network; finals are averaged."""
    contenders = ranked_models(record, table)
    if any(suite not in final.rows for each in contenders for final in each.finals):
        return None
    at = SHOWN_SEVERITY[suite]
    maps = [_mean_map(each, record, suite, at) for each in contenders]
    columns = min(len(maps), 3)
    rows = -(-len(maps) // columns)
    names = [readable_name(name) for name in record.classes.names[1:]]
    height = rows * (0.27 * len(names) + 1.5) + 0.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for place, (each, found) in enumerate(zip(contenders, maps, strict=True)):
        axis = figure.add_subplot(rows, columns, place + 1)
        _map(axis, found.to_numpy(), names if place % columns == 0 else [""] * len(names))
        axis.set_xticks(range(found.shape[1]), [readable_name(str(kind)) for kind in found.columns],
                        rotation=60, ha="right", rotation_mode="anchor")  # fmt: skip
        axis.set_title(each.name)
    what = f"{100 * at:.0f} % of the face covered" if suite == "occlusion" else f"severity {at:g}"
    return Chart(
        f"{suite}_map",
        f"Which part suffers under which {suite}",
        f"IoU in percent of each class (rows) under each kind (columns), at {what} or the step "
        "nearest to it; the first column is the clean image. Dark is low.",
        f"Maps of IoU by class and kind of {suite} for {', '.join(e.name for e in contenders)}.",
        figure,
    )


def _line(axis: Axes, contender: ComparedModel, suite: str, kind: str, look: SeriesStyle) -> None:
    policy, neutral = SUITES[suite].policies[0], SUITES[suite].neutral(kind)
    tables = [final.rows[suite] for final in contender.finals]
    lines = []
    for rows in tables:
        own = rows[(rows.policy == policy) & rows.kind.isin([kind, CLEAN])]
        places = own.share.where(own.kind == kind, neutral)
        lines.append(own.assign(share=places).sort_values("share").set_index("share").iou)
    found = pd.concat(lines, axis=1)
    axis.plot(found.index, found.mean(axis=1), color=look.colour, marker=look.marker, markersize=4)
    if len(lines) > 1:
        axis.fill_between(found.index, found.min(axis=1), found.max(axis=1), color=look.colour,
                          alpha=0.15, linewidth=0)  # fmt: skip


def _mean_map(
    contender: ComparedModel, record: StudyResults, suite: str, at: float
) -> pd.DataFrame:
    """Return classes by kinds, foreground only, the mean over finals."""
    version, policy = SUITES[suite].version, SUITES[suite].policies[0]
    maps = [
        class_iou_table(final.records.suite(version), record.classes, policy, at)
        for final in contender.finals
    ]
    mean = mean_of_defined(np.stack([found.to_numpy() for found in maps], axis=-1))
    return pd.DataFrame(mean[1:], columns=maps[0].columns)


def _map(axis: Axes, values: Fractions, names: list[str]) -> None:
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


def occlusion_curves(record: StudyResults, table: pd.DataFrame) -> Chart:
    """Draw IoU over the share of the face covered: a plot a kind, two lines a network."""
    looked, contenders = series_styles(table), ranked_models(record, table)
    shown = occlusion_kinds(record)
    figure, axes = make_subplots(len(shown))
    for axis, kind in zip(axes, shown, strict=True):
        for each in contenders:
            _occlusion_line(axis, occlusion_means(each), kind, looked[each.name])
        axis.set(title=readable_name(kind), xlabel="share of the face covered", xlim=(-0.01, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right = max(axis.get_xlim()[1] for axis in axes)
    heights = limits_from_zero(axes)
    for axis in axes:
        axis.set(ylim=heights, xlim=(-0.01, right))
    axes[0].set_ylabel("test IoU")
    lines = [legend_handle(looked[each.name], each.name) for each in contenders]
    styles = [
        Line2D([], [], color="0.3", marker="o", label="visible: covered pixels count"),
        Line2D(
            [], [], color="0.3", linestyle="--", marker="o", markerfacecolor="none",
            label="unoccluded: covered pixels left out",
        ),
    ]  # fmt: skip
    add_legend(figure, [*lines, *styles])
    return Chart(
        "occlusion_curves",
        "Under occlusion",
        "The flatter, the steadier: 0 % is the clean image; solid lines also score the covered "
        "pixels, which should be called background (or hair, under strands), dashed lines only "
        "what stays in sight. The band spans the seeds.",
        "Line plots of test IoU over the share of the face covered, for the kinds "
        f"{', '.join(readable_name(kind) for kind in shown)} and each architecture.",
        figure,
    )


def occlusion_means(contender: ComparedModel) -> pd.DataFrame:
    """Return share and IoU by kind, severity and policy: mean, least and most of the finals."""
    rows = pd.concat([final.rows["occlusion"] for final in contender.finals])
    grouped = rows.groupby(["kind", "severity", "policy"], sort=False)
    return grouped.agg(
        share=("share", "mean"), iou=("iou", "mean"), low=("iou", "min"), high=("iou", "max")
    ).reset_index()


def _occlusion_line(axis: Axes, rows: pd.DataFrame, kind: str, look: SeriesStyle) -> None:
    for policy, dashes, fill in POLICIES:
        line = rows[(rows.policy == policy) & rows.kind.isin(["clean", kind])].sort_values("share")
        options: dict[str, Any] = {"linestyle": dashes, "fillstyle": fill}
        axis.plot(
            line.share, line.iou, color=look.colour, marker=look.marker, markersize=5, **options
        )
        if policy == POLICIES[0][0]:
            axis.fill_between(
                line.share, line.low, line.high, color=look.colour, alpha=0.15, linewidth=0
            )


POLICIES = (("visible", "-", "full"), ("unoccluded", "--", "none"))
