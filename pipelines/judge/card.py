"""The card of a judged network, in Markdown: its scores with intervals, and its settings."""

from collections.abc import Mapping, Sequence

from faceseg.evaluation.records import EvaluationRecords
from pipelines.compare.escaping import escape_markdown
from pipelines.foreign.foreign_network import ForeignNetwork
from pipelines.job.context import StudyContext
from pipelines.registry.card import Rows, data_terms, retention_rows, score_rows

CARD_FILE = "card.md"


def judged_card(
    context: StudyContext,
    file: str,
    network: ForeignNetwork,
    records: EvaluationRecords,
    values: Mapping[str, float],
) -> str:
    """Return the card of a judged network as Markdown.

    Args:
        context: The study on whose data it was tested.
        file: The name of its file.
        network: The network.
        records: The evaluation records of its test.
        values: Its metrics, by their names in MLflow.

    Raises:
        ValueError: `records` contain no test.
    """
    if records.tested is None:
        raise ValueError("a card needs the records of a test")
    names = context.experiment.data.class_set.names
    left_out = [names[each] for each in network.left_out]
    data, manifest = context.experiment.data, context.manifest
    means, classes = score_rows(records.tested, records, data.class_set)
    classes = [each for each in classes if each["name"] not in _readable(left_out)]
    missing = (
        [f"It does not have {', '.join(map(escape_markdown, left_out))}: no mean contains them."]
        if left_out
        else []
    )
    form = "; ".join(f"{key}: {value}" for key, value in network.form.words().items())
    kept = [{"name": name, "value": f"{share:.0%}"} for name, share in retention_rows(values)]
    suites = ["## Robustness", "", "The share of the clean IoU that remains.", "",
              *_table(("condition", "retention"), kept), ""]  # fmt: skip
    return "\n".join(
        [
            f"# {escape_markdown(file)}",
            "",
            "A network of another program, tested by `faceseg judge` as a final of a study is.",
            f"Its input, as it was given here: {escape_markdown(form)}.",
            "",
            "## Scores",
            "",
            f"Measured on {len(records.ids)} test images ({len(set(records.photos))} photographs), "
            "at their own size. Intervals are 95 % intervals over photographs. Whether the network "
            "was trained on these images is not known here.",
            *missing,
            "",
            *_table(("score", "value", "interval"), means),
            "",
            *_table(("class", "IoU", "interval"), [_without_colour(each) for each in classes]),
            "",
            *(suites if kept else []),
            "## Cost",
            "",
            f"{values['latency/p50_ms']:.1f} ms per image (median, one image per call, "
            f"CPU threads: {values['latency/threads']:.0f}); "
            f"{values['memory/peak_mb']:.0f} MB of memory at most; "
            f"{values['model/size_mb']:.1f} MB on disk.",
            "",
            "## Data",
            "",
            f"Source `{data.source}`; fingerprint `{manifest.fingerprint}`. Terms: "
            f"{escape_markdown(data_terms(data))}.",
            "",
        ]
    )


def _readable(names: Sequence[str]) -> set[str]:
    return {name.replace("_", " ") for name in names}


def _without_colour(row: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key != "colour"}


def _table(headings: Sequence[str], rows: Rows) -> list[str]:
    cells = [list(headings), ["---"] * len(headings)]
    cells += [[escape_markdown(value) for value in row.values()] for row in rows]
    return [f"| {' | '.join(each)} |" for each in cells]
