"""Several studies, one after the other: what each changed for every network that two of them have.

Answers what a correction was worth: a row a study and network, with its gain over the study before.
All must have been tested on the same images; how they were trained is what differs.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from faceseg.errors import UserError
from faceseg.statistics import (
    Estimate,
    Measured,
    difference,
    estimate,
)
from pipelines.compare.collect import Contender, Record, collect
from pipelines.compare.formats import DASH, score
from pipelines.compare.table import RESAMPLES, measured_iou
from pipelines.config import Experiment
from pipelines.tracking import Tracker

HEADINGS = ("network", "study", "IoU", "gain on the study before", "95 % interval", "seeds")


def run(experiments: Sequence[Experiment], console: Console) -> Path:
    """Compare studies in the order given; write steps.csv and steps.md beside the last report.

    Returns their folder. UserError if a study is missing or was tested on other images.
    """
    records = [collect(Tracker(each.tracking_uri), each.name, each.study) for each in experiments]
    rows = steps(records)
    last = experiments[-1]
    folder = last.storage / last.name
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / "steps.csv", index=False)
    (folder / "steps.md").write_text(markdown(rows), encoding="utf-8")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if place > 1 else "left")
    for cells in texts(rows):
        table.add_row(*cells)
    console.print(table)
    return folder


def steps(records: Sequence[Record], resamples: int = RESAMPLES) -> pd.DataFrame:
    """Return a row a network and study, networks in the order of the first study that has them.

    `iou` with `low` and `high` (photographs alone); `gain` over the last study before it that has
    the network, with `gain_low` and `gain_high` (training noise included where there are seeds).
    """
    check_same_images(records)
    names = dict.fromkeys(each.name for record in records for each in record.contenders)
    rows = []
    for name in names:
        before: Measured | None = None
        for record in records:
            contender = next((each for each in record.contenders if each.name == name), None)
            if contender is None:
                continue
            now = measured_iou(contender.finals, resamples)
            gain = difference(now, before) if before else None
            rows.append(_row(record, contender, estimate(now), gain))
            before = now
    return pd.DataFrame(rows)


def check_same_images(records: Sequence[Record]) -> None:
    """Raise UserError if two studies were tested on other images or other classes."""
    first, *others = records
    ids = first.contenders[0].finals[0].tested.ids
    counts = first.contenders[0].finals[0].tested.counts.sum(axis=2)
    for record in others:
        if record.classes != first.classes:
            raise UserError(
                f"{record.study} and {first.study} have other classes: nothing to compare"
            )
        for final in (final for each in record.contenders for final in each.finals):
            tested = final.tested
            if tested.ids != ids or not np.array_equal(tested.counts.sum(axis=2), counts):
                raise UserError(
                    f"{record.study} was tested on other images than {first.study}: studies can be "
                    "compared on the same images alone, with the same labels at their own size"
                )


def texts(rows: pd.DataFrame) -> list[list[str]]:
    """Return the cells as people read them."""
    return [
        [
            str(row["network"]),
            str(row["study"]),
            f"{score(row['iou'])} ({row['low']:.3f} to {row['high']:.3f})",
            f"{row['gain']:+.3f}" if np.isfinite(row["gain"]) else DASH,
            f"{row['gain_low']:+.3f} to {row['gain_high']:+.3f}"
            if np.isfinite(row["gain_low"])
            else DASH,
            str(row["seeds"]),
        ]
        for row in rows.to_dict("records")
    ]


def markdown(rows: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *texts(rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(
    record: Record, contender: Contender, now: Estimate, gain: Estimate | None
) -> dict[str, object]:
    return {
        "network": contender.name,
        "study": record.experiment,
        "iou": now.value,
        "low": now.fixed_low,
        "high": now.fixed_high,
        "gain": gain.value if gain else np.nan,
        "gain_low": gain.low if gain else np.nan,
        "gain_high": gain.high if gain else np.nan,
        "seeds": len(contender.finals),
        "images": len(contender.finals[0].tested.ids),
        "commit": record.commit,
    }
