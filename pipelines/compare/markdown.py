"""The comparison for a repository or a message: one table a subject, then what to know of it."""

import pandas as pd

from pipelines.compare.collect import Record
from pipelines.compare.sections import MARKDOWN, Column, by_kind, class_rows, texts
from pipelines.compare.summary import summary
from pipelines.compare.table import kinds


def markdown(record: Record, table: pd.DataFrame) -> str:
    """Return the comparison as Markdown."""
    occlusion = ("Share of the IoU kept, by kind of occlusion", by_kind(kinds(record)))
    lines = [f"# {record.experiment}: comparison", "", " ".join(summary(record, table))]
    for title, columns in (*MARKDOWN, occlusion):
        lines += ["", f"## {title}", "", *_table(columns, table)]
    names = [str(name) for name in table["architecture"]]
    lines += ["", "## IoU by class", "", _row(["class", *names]), _ruler(len(names) + 1)]
    lines += [_row(row) for row in class_rows(record.classes.names, table)]
    lines += ["", "## Notes", "", *(f"- {note}" for note in notes(record, table))]
    return "\n".join(lines) + "\n"


def notes(record: Record, table: pd.DataFrame) -> list[str]:
    """Say what the numbers are: on what, of how many, and what not to read into them."""
    first = table.iloc[0]
    seeds = int(table["finals"].min())
    spread_note = (
        f"Means and standard deviations (±) are over {seeds} seeds of each winner."
        if seeds > 1
        else "One seed a winner: the spread of training is not known from this study."
    )
    occluded = int(record.contenders[0].finals[0].occlusion.images.max())
    return [
        f"Test split of {first['test_images']} images, looked at once a final; scored on each "
        "image's own size; IoU, Dice, precision and recall are means over foreground classes.",
        "Settings and epochs were chosen on the validation split alone. The training loss is of "
        "augmented images, an auxiliary head's included, and may lie above the validation loss.",
        spread_note,
        "The interval is a 95 % bootstrap over the test images; overlapping ones are not ranked.",
        f"Occlusion: {occluded} test images, occluders drawn by protocol occ-v1. Kept is the area "
        "under the curve of IoU over the share of the face covered, up to a half, as a share of "
        "the IoU without occlusion; mean over the kinds.",
        "Latency is of the network alone, one image at batch 1, with the threads given; memory is "
        "the peak of a process that loads it and answers, its framework included.",
        f"{record.manifest.image_size[0]} x {record.manifest.image_size[1]} pixels is the "
        "networks' grid; learning curves are scored on it.",
        f"Data {record.manifest.fingerprint[:12]}, commit {record.commit}, study {record.study}.",
    ]


def _table(columns: tuple[Column, ...], table: pd.DataFrame) -> list[str]:
    header = [column.heading for column in columns]
    return [_row(header), _ruler(len(header)), *(_row(row) for row in texts(columns, table))]


def _ruler(columns: int) -> str:
    return _row(["---", *["---:"] * (columns - 1)])


def _row(values: list[str]) -> str:
    """Return a line of a table; a bar in a name would split its cell."""
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
