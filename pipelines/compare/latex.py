"""The table for a paper: LaTeX with booktabs."""

import math
from typing import Any

import pandas as pd

from pipelines.compare.collect import Record
from pipelines.compare.formats import amount

SPECIAL = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
HEADINGS = (
    "network", "IoU", r"95\,\% interval", "Dice", "small parts", "outlines", "occluded",
    "ms", "parameters",
)  # fmt: skip


def latex(record: Record, table: pd.DataFrame) -> str:
    """Return a `table` environment; it needs the package booktabs."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    images, seeds = int(table["test_images"].iloc[0]), int(table["finals"].min())
    caption = (
        f"{escaped(record.experiment)}: {images} test images, {seeds} "
        f"seed{'s' if seeds > 1 else ''} a network ($\\pm$: standard deviation over seeds). IoU "
        "and Dice are means over the foreground classes; the interval is a bootstrap over "
        "photographs; `occluded' is the mean IoU under occ-v1; ms is the median time of an image."
    )
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{caption}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(HEADINGS) - 1)}}}",
            r"\toprule",
            " & ".join(HEADINGS) + r" \\",
            r"\midrule",
            *(" & ".join(_cells(row)) + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return text in which nothing means anything to TeX."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _cells(row: dict[Any, Any]) -> list[str]:
    interval = (
        "--" if math.isnan(row["iou_low"]) else f"{row['iou_low']:.3f}--{row['iou_high']:.3f}"
    )
    return [
        escaped(str(row["architecture"])),
        _mean(row, "iou"),
        interval,
        *(_mean(row, key) for key in ("dice", "iou_small", "boundary_iou", "occluded_iou")),
        _mean(row, "latency_p50_ms", 1),
        amount(row["model_parameters"]).replace(" ", r"\,"),
    ]


def _mean(row: dict[Any, Any], key: str, digits: int = 3) -> str:
    value, deviation = row[key], row[f"{key}_sd"]
    if math.isnan(value):
        return "--"
    text = f"{value:.{digits}f}"
    return text if math.isnan(deviation) else f"${text} \\pm {deviation:.{digits}f}$"
