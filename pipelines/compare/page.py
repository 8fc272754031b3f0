"""The comparison as one self-contained page: no script, nothing fetched, fit for print."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.compare import sections
from pipelines.compare.chart import Chart, looks, readable
from pipelines.compare.charts import draw
from pipelines.compare.collect import Record
from pipelines.compare.formats import DASH, Row, score, share, spread
from pipelines.compare.markdown import notes
from pipelines.compare.sections import Column, grid
from pipelines.compare.summary import summary
from pipelines.compare.table import LEGACY, kinds

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


def page(record: Record, table: pd.DataFrame, charts: Mapping[str, Chart] | None = None) -> str:
    """Return the page; `charts` are drawn here unless the caller has drawn them."""
    drawn = draw(record, table) if charts is None else charts
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        record=record,
        facts=_facts(record, table),
        summary=summary(record, table),
        looks=looks(table),
        tables={
            "scores": _shown("Scores on the test split", sections.SCORES, table),
            "speed": _shown("Speed and size", sections.SPEED, table),
            "settings": _shown("Chosen settings", sections.SETTINGS, table),
            "cost": _shown("What it took to train", sections.COST, table),
            "kinds": _shown(
                "Share of the IoU kept, by kind", sections.by_kind(kinds(record)), table
            ),
        },
        whiskers=_whiskers(table),
        networks=networks(record),
        classes=_classes(record, table),
        absent=absent(record),
        charts=drawn,
        legacy=_legacy(table),
        notes=notes(record, table),
        dash=DASH,
    )


def absent(record: Record) -> list[str]:
    """Return the foreground classes that no test image shows, in words."""
    counts = record.contenders[0].finals[0].test_counts.sum(axis=(0, 2))
    names = record.classes.names
    return [readable(names[place]) for place in range(1, len(names)) if counts[place] == 0]


def networks(record: Record) -> dict[str, str]:
    """Return by architecture what was asked of its network, as text.

    Weights from a file are named by the file alone: its folder is one machine's affair.
    """
    found = {}
    for each in record.contenders:
        options = {
            key.removeprefix("network."): value
            for key, value in each.finals[0].params.items()
            if key.startswith("network.") and value != "None"
        }
        if "encoder_weights" in options:
            options["encoder_weights"] = Path(options["encoder_weights"]).name
        texts = [f"{readable(key)} {value}" for key, value in options.items()]
        found[each.name] = ", ".join(texts) or "its defaults"
    return found


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
