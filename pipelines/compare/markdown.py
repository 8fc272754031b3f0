"""The comparison for a person in a terminal or a repository: few columns, spread beside means."""

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from pipelines.compare.collect import Record


def cells(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the columns people ask for first, as text, one mapping a row."""
    return [_cells(row) for row in table.to_dict("records")]


def _cells(row: dict[Hashable, Any]) -> dict[str, str]:
    return {
        "architecture": row["architecture"],
        "IoU": spread(row, "iou"),
        "95 % interval": f"{row['iou_low']:.3f} to {row['iou_high']:.3f}",
        "Dice": spread(row, "dice"),
        "small parts": spread(row, "iou_small"),
        "boundary": spread(row, "boundary_iou"),
        "occluded": f"{100 * row['retention']:.0f} %",
        "ms": f"{row['latency_p50_ms']:.1f}",
        "parameters": f"{row['model_parameters'] / 1e6:.2f} M",
        "learning rate": f"{row['learning_rate']:.2g}",
        "batch": f"{row['batch_size']:.0f}",
    }


def spread(row: dict[Hashable, Any], score: str) -> str:
    """Return a mean, with the standard deviation over seeds where there are several."""
    deviation = row[f"{score}_sd"]
    if math.isnan(deviation):
        return f"{row[score]:.3f}"
    return f"{row[score]:.3f} ± {deviation:.3f}"


def markdown(record: Record, table: pd.DataFrame) -> str:
    """Return the comparison as Markdown."""
    rows = cells(table)
    header = list(rows[0])
    lines = [f"# {record.experiment}: comparison", "", _row(header), _row(["---"] * len(header))]
    lines += [_row(list(row.values())) for row in rows]
    lines += ["", *(f"- {note}" for note in notes(record, table))]
    return "\n".join(lines) + "\n"


def notes(record: Record, table: pd.DataFrame) -> list[str]:
    """Say what the numbers are: on what, of how many, and what not to read into them."""
    first = table.iloc[0]
    seeds = int(first["finals"])
    spread_note = (
        f"Means and standard deviations are over {seeds} seeds of each winner."
        if seeds > 1
        else "One seed a winner: the spread of training is not known from this study."
    )
    return [
        f"Test split of {first['test_images']} images, looked at once a final; scored on each "
        "image's own size; IoU, Dice, precision and recall are means over foreground classes.",
        spread_note,
        "The interval is a 95 % bootstrap over the test images; overlapping ones are not ranked.",
        "`occluded` is the share of the IoU that is kept under occlusion (mean over kinds and "
        "severities); `ms` one image through the network at batch 1.",
        f"Data {record.manifest.fingerprint[:12]}, commit {record.commit}, study {record.study}.",
    ]


def _row(values: list[str]) -> str:
    return "| " + " | ".join(values) + " |"
