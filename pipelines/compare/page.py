"""The comparison as one self-contained page: no script, nothing fetched, fit for print."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.compare import grids, sections
from pipelines.compare.chart import looks, readable
from pipelines.compare.collect import Record
from pipelines.compare.formats import DASH, Row, score, share, spread
from pipelines.compare.method import limits, method, notes
from pipelines.compare.networks import networks
from pipelines.compare.report import Report
from pipelines.compare.sections import Column, grid
from pipelines.compare.slicing import worst_words
from pipelines.compare.spending import spending_grid, spending_notes
from pipelines.compare.table import LEGACY, kinds, other_suites

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


def page(report: Report) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(TEMPLATE).render(**_scores(report), **_answers(report))
    return text.lstrip()


def _scores(report: Report) -> dict[str, Any]:
    """Return what the page shows of the table and the figures."""
    record, table = report.record, report.table
    return {
        "record": record,
        "facts": _facts(record, table),
        "looks": looks(table),
        "tables": {
            "scores": _shown("Scores on the test split", sections.SCORES, table),
            "speed": _shown("Speed and size", sections.SPEED, table),
            "settings": _shown("Chosen settings", sections.SETTINGS, table),
            "cost": _shown("What it took to train", sections.COST, table),
            "kinds": _shown(
                "Share of the IoU kept, by kind", sections.by_kind(kinds(record)), table
            ),
            "suites": _shown(
                "Corruption and geometry, means over kinds and severities",
                sections.by_suite(other_suites(record), table),
                table,
            ),
        },
        "whiskers": _whiskers(table),
        "networks": networks(record),
        "classes": _classes(record, table),
        "absent": absent(record),
        "charts": report.charts,
        "legacy": _legacy(table),
        "dash": DASH,
    }


def _answers(report: Report) -> dict[str, Any]:
    """Return what the page shows of comparisons."""
    record, table = report.record, report.table
    return {
        "advice": report.advice,
        "summary": report.summary,
        "pairs": grids.pair_grid(report.pairs),
        "pair_notes": grids.pair_notes(report.pairs),
        "claims": grids.claim_grid(report.claims),
        "own_claims": grids.claim_grid(report.own_claims),
        "slices": grids.slice_grid(report.slices, report.names),
        "worst_slices": worst_words(report.slices, report.names),
        "left_out": report.slices.left_out,
        "searches": grids.search_grid(report.searches),
        "settings": grids.setting_grid(report.searches),
        "importance_notes": grids.importance_notes(report.searches),
        "spending": spending_grid(record.spending, report.names),
        "spending_notes": spending_notes(record.spending),
        "method": method(record, table, report.evidence),
        "limits": limits(report),
        "notes": notes(record, table),
    }


def absent(record: Record) -> list[str]:
    """Return the foreground classes that no test image shows, in words."""
    counts = record.contenders[0].finals[0].tested.counts.sum(axis=(0, 2))
    names = record.classes.names
    return [readable(names[place]) for place in range(1, len(names)) if counts[place] == 0]


def _facts(record: Record, table: pd.DataFrame) -> list[str]:
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


def _shown(title: str, columns: tuple[Column, ...], table: pd.DataFrame) -> dict[str, Any]:
    return {"title": title, "columns": columns, "rows": grid(columns, table)}


def _whiskers(table: pd.DataFrame) -> list[Whisker]:
    """Place each row's interval between the least and the greatest of all."""
    low = min(table["iou_low"].min(), table["iou"].min())
    high = max(table["iou_high"].max(), table["iou"].max())
    width = float(high - low) or 1.0
    placed = 100 * (table[["iou_low", "iou_high", "iou"]] - low) / width
    return [Whisker(*(round(float(place), 1) for place in row)) for row in placed.to_numpy()]


def _classes(record: Record, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a foreground class: name, colour, share of the pixels, a bar a network."""
    shares = record.manifest.splits["test"].class_shares
    rows: list[dict[Any, Any]] = table.to_dict("records")
    colours = [look.colour for look in looks(table).values()]
    return [
        {
            "name": readable(name),
            "colour": "#{:02x}{:02x}{:02x}".format(*colour),
            "share": share(shares.get(name, 0.0)) if shares.get(name) else DASH,
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
    return Bar(spread(row, name), 0.0 if math.isnan(value) else round(100 * value, 1), colour)


def _legacy(table: pd.DataFrame) -> list[list[str]]:
    """Return a row an architecture: the reference study's four, then the true four."""
    true = [name.removeprefix("legacy_") for name in LEGACY]
    return [
        [str(row["architecture"]), *(score(row[name]) for name in (*LEGACY, *true))]
        for row in table.to_dict("records")
    ]
