"""The comparison as one self-contained page: no script, nothing fetched, fit for print."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.compare.analysis.comparison_table import LEGACY, occlusion_kinds, other_suites
from pipelines.compare.analysis.slices import worst_slice_sentences
from pipelines.compare.figures.chart import series_styles
from pipelines.compare.formatting import (
    DASH,
    Row,
    format_mean_and_deviation,
    format_score,
    format_share,
    readable_name,
)
from pipelines.compare.report import columns, comparison_text
from pipelines.compare.report.columns import Column, table_cells
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.report.method import limits, method, network_options, notes
from pipelines.compare.study_data.study_results import StudyResults
from pipelines.compare.study_data.worker_time import worker_time_sentences, worker_time_table

TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Bar:
    """A number with its bar: `width` in percent of the whole."""

    text: str
    width: float
    colour: str


@dataclass(frozen=True)
class Whisker:
    """An interval and its mean on a scale that all rows share, in percent of its width."""

    low: float
    high: float
    mean: float


def render_html(report: ComparisonReport) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(TEMPLATE).render(
        **_table_context(report), **_comparison_context(report)
    )
    return text.lstrip()


def _table_context(report: ComparisonReport) -> dict[str, Any]:
    """Return what the page shows of the table and the figures."""
    record, table = report.study, report.table
    return {
        "record": record,
        "facts": _facts(record, table),
        "looks": series_styles(table),
        "tables": {
            "scores": _table_part("Scores on the test split", columns.SCORES, table),
            "speed": _table_part("Speed and size", columns.SPEED, table),
            "settings": _table_part("Chosen settings", columns.SETTINGS, table),
            "cost": _table_part("What it took to train", columns.COST, table),
            "kinds": _table_part(
                "Share of the IoU kept, by kind",
                columns.kind_columns(occlusion_kinds(record)),
                table,
            ),
            "suites": _table_part(
                "Corruption and geometry, means over kinds and severities",
                columns.suite_columns(other_suites(record), table),
                table,
            ),
        },
        "whiskers": _whiskers(table),
        "networks": network_options(record),
        "classes": _classes(record, table),
        "absent": classes_without_pixels(record),
        "charts": report.charts,
        "legacy": _legacy(table),
        "dash": DASH,
    }


def _comparison_context(report: ComparisonReport) -> dict[str, Any]:
    """Return what the page shows of comparisons."""
    record, table = report.study, report.table
    return {
        "advice": report.advice,
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
        "spending": worker_time_table(record.worker_time, report.names),
        "spending_notes": worker_time_sentences(record.worker_time),
        "method": method(record, table, report.evidence),
        "limits": limits(report),
        "notes": notes(record, table),
    }


def classes_without_pixels(record: StudyResults) -> list[str]:
    """Return the foreground classes that no test image shows, in words."""
    counts = record.models[0].finals[0].tested.counts.sum(axis=(0, 2))
    names = record.classes.names
    return [readable_name(names[place]) for place in range(1, len(names)) if counts[place] == 0]


def _facts(record: StudyResults, table: pd.DataFrame) -> list[str]:
    """Return the few facts below the title."""
    splits = record.manifest.splits
    images = ", ".join(f"{facts.count} {name}" for name, facts in splits.items())
    height, width = record.manifest.image_size
    least, most = int(table["finals"].min()), int(table["finals"].max())
    seeds = str(least) if least == most else f"{least} to {most}"
    return [
        f"images: {images}",
        f"grid {width} × {height}",  # noqa: RUF001  # the sign for 'by'
        f"{len(record.classes)} classes",
        f"{seeds} seed{'' if most == 1 else 's'} a winner",
        f"study {record.study}",
    ]


def _table_part(title: str, columns: tuple[Column, ...], table: pd.DataFrame) -> dict[str, Any]:
    return {"title": title, "columns": columns, "rows": table_cells(columns, table)}


def _whiskers(table: pd.DataFrame) -> list[Whisker]:
    """Place each row's interval between the least and the greatest of all."""
    low = min(table["iou_low"].min(), table["iou"].min())
    high = max(table["iou_high"].max(), table["iou"].max())
    width = float(high - low) or 1.0
    placed = 100 * (table[["iou_low", "iou_high", "iou"]] - low) / width
    return [Whisker(*(round(float(place), 1) for place in row)) for row in placed.to_numpy()]


def _classes(record: StudyResults, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a foreground class: name, colour, share of the pixels, a bar a network."""
    shares = record.manifest.splits["test"].class_shares
    rows: list[dict[Any, Any]] = table.to_dict("records")
    colours = [look.colour for look in series_styles(table).values()]
    return [
        {
            "name": readable_name(name),
            "colour": "#{:02x}{:02x}{:02x}".format(*colour),
            "share": format_share(shares.get(name, 0.0)) if shares.get(name) else DASH,
            "small": place in record.classes.small,
            "bars": [_bar(row, f"iou/{name}", bar) for row, bar in zip(rows, colours, strict=True)],
        }
        for place, (name, colour) in enumerate(
            zip(record.classes.names, record.classes.palette, strict=True)
        )
        if place > 0
    ]


def _bar(row: Row, name: str, colour: str) -> Bar:
    value = row[name]
    return Bar(
        format_mean_and_deviation(row, name),
        0.0 if math.isnan(value) else round(100 * value, 1),
        colour,
    )


def _legacy(table: pd.DataFrame) -> list[list[str]]:
    """Return a row an architecture: the reference study's four, then the true four."""
    true = [name.removeprefix("legacy_") for name in LEGACY]
    return [
        [str(row["architecture"]), *(format_score(row[name]) for name in (*LEGACY, *true))]
        for row in table.to_dict("records")
    ]
