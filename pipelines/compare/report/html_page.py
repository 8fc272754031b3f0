"""The comparison as one self-contained HTML page, without scripts or external files."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.compare.analysis.comparison_table import LEGACY, occlusion_kinds, other_suites
from pipelines.compare.analysis.slices import worst_slice_sentences
from pipelines.compare.figures.styles import series_styles
from pipelines.compare.formatting import (
    DASH,
    Row,
    format_mean_and_deviation,
    format_score,
    format_share,
    readable_name,
)
from pipelines.compare.report import columns, comparison_text
from pipelines.compare.report.advice import use_command
from pipelines.compare.report.cells import filled_columns, table_cells
from pipelines.compare.report.columns import Column
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.report.method import limits, method, network_options, notes
from pipelines.compare.study_data.study_results import ComparedStudy
from pipelines.compare.study_data.worker_time import worker_time_sentences, worker_time_table

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Bar:
    """A number with a bar; `width` is a percentage of the full width."""

    text: str
    width: float
    colour: str


@dataclass(frozen=True)
class Whisker:
    """An interval and its mean as positions on a scale from 0 to 100 that all rows share."""

    low: float
    high: float
    mean: float


def render_html(report: ComparisonReport) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["anchor"] = _anchor
    text = environment.get_template(TEMPLATE).render(
        **_table_context(report), **_comparison_context(report)
    )
    return text.lstrip()


def _anchor(title: str) -> str:
    """Return the identifier of a section: its title in lower case, with hyphens."""
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")


def _table_context(report: ComparisonReport) -> dict[str, Any]:
    """Return the template's variables for the table and the charts."""
    study, table = report.study, report.table
    return {
        "study": study,
        "facts": _facts(study, table),
        "styles": series_styles(table),
        "tables": {
            "scores": _table_part("Scores on the test split", columns.score_columns(table), table),
            "speed": _table_part("Speed and size", columns.speed_columns(table), table),
            "settings": _table_part("Chosen settings", columns.SETTINGS, table),
            "cost": _table_part("Training cost", columns.cost_columns(table), table),
            "kinds": _table_part(
                "Retention by kind of occlusion (share of the IoU kept)",
                columns.kind_columns(occlusion_kinds(study)),
                table,
            ),
            "suites": _table_part(
                "Corruption and geometry, means over kinds and severities",
                columns.suite_columns(other_suites(study), table),
                table,
            ),
        },
        "whiskers": _whiskers(table),
        "networks": network_options(study),
        "classes": _classes(study, table),
        "classes_without_pixels": classes_without_pixels(study),
        "charts": report.charts,
        "legacy": _legacy(table),
        "dash": DASH,
    }


def _comparison_context(report: ComparisonReport) -> dict[str, Any]:
    """Return the template's variables for comparisons, search, worker time and method."""
    study, table = report.study, report.table
    return {
        "advice": report.advice,
        "use_command": use_command(report.study, report.advice[0].name) if report.advice else "",
        "summary": report.summary,
        "pairs": comparison_text.pair_table(report.pairs),
        "pair_notes": comparison_text.pair_notes(report.pairs),
        "claims": comparison_text.claim_table(report.claims),
        "own_claims": comparison_text.claim_table(report.own_claims),
        "slices": comparison_text.slice_table(report.slices, report.names),
        "worst_slices": worst_slice_sentences(report.slices, report.names),
        "left_out": report.slices.left_out,
        "searches": comparison_text.search_table(report.searches),
        "settings": comparison_text.setting_table(report.searches),
        "importance_notes": comparison_text.importance_notes(report.searches),
        "worker_time": worker_time_table(study.worker_time, report.names),
        "worker_time_notes": worker_time_sentences(study.worker_time),
        "method": method(study, table, report.measurements),
        "limits": limits(report),
        "notes": notes(study, table),
    }


def classes_without_pixels(study: ComparedStudy) -> list[str]:
    """Return the foreground classes that no test image shows, as words."""
    counts = study.models[0].finals[0].tested.counts.sum(axis=(0, 2))
    names = study.classes.names
    return [readable_name(names[index]) for index in range(1, len(names)) if counts[index] == 0]


def _facts(study: ComparedStudy, table: pd.DataFrame) -> list[str]:
    """Return the short facts below the title."""
    splits = study.manifest.splits
    images = ", ".join(f"{facts.count} {name}" for name, facts in splits.items())
    height, width = study.manifest.image_size
    least, most = int(table["finals"].min()), int(table["finals"].max())
    seeds = str(least) if least == most else f"{least} to {most}"
    return [
        f"images: {images}",
        f"input {width} × {height} pixels",  # noqa: RUF001  # the multiplication sign
        f"{len(study.classes)} classes",
        f"{seeds} seed{'' if most == 1 else 's'} per winner",
        f"study {study.name}",
    ]


def _table_part(title: str, columns: tuple[Column, ...], table: pd.DataFrame) -> dict[str, Any]:
    """Return a table without its empty columns; it has no columns if all are empty."""
    filled = filled_columns(columns, table)
    return {"title": title, "columns": filled, "rows": table_cells(filled, table)}


def _whiskers(table: pd.DataFrame) -> list[Whisker]:
    """Return each row's interval on the scale from the lowest to the highest end of all rows."""
    low = min(table["iou_low"].min(), table["iou"].min())
    high = max(table["iou_high"].max(), table["iou"].max())
    width = float(high - low) or 1.0
    scaled = 100 * (table[["iou_low", "iou_high", "iou"]] - low) / width
    return [Whisker(*(round(float(value), 1) for value in row)) for row in scaled.to_numpy()]


def _classes(study: ComparedStudy, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row per foreground class: name, colour, share of the pixels, a bar per model."""
    shares = study.manifest.splits["test"].class_shares
    rows: list[dict[Any, Any]] = table.to_dict("records")
    colours = [style.colour for style in series_styles(table).values()]
    return [
        {
            "name": readable_name(name),
            "colour": "#{:02x}{:02x}{:02x}".format(*colour),
            "share": format_share(shares.get(name, 0.0)) if shares.get(name) else DASH,
            "small": index in study.classes.small,
            "bars": [_bar(row, f"iou/{name}", bar) for row, bar in zip(rows, colours, strict=True)],
        }
        for index, (name, colour) in enumerate(
            zip(study.classes.names, study.classes.palette, strict=True)
        )
        if index > 0
    ]


def _bar(row: Row, name: str, colour: str) -> Bar:
    value = row[name]
    return Bar(
        format_mean_and_deviation(row, name),
        0.0 if math.isnan(value) else round(100 * value, 1),
        colour,
    )


def _legacy(table: pd.DataFrame) -> list[list[str]]:
    """Return one row per model: the scores by the reference study's formulas, then the correct."""
    correct = [name.removeprefix("legacy_") for name in LEGACY]
    return [
        [str(row["architecture"]), *(format_score(row[name]) for name in (*LEGACY, *correct))]
        for row in table.to_dict("records")
    ]
