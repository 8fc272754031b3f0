"""`faceseg models`: list the versions of the registered model with their scores and lineage."""

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.registry.aliases import parse_alias
from pipelines.tracking import Tracker
from pipelines.tracking.errors import user_errors
from pipelines.tracking.model_versions import list_versions

COLUMNS = ("version", "aliases", "architecture", "test IoU", "occluded", "ms")
DASH = "–"  # noqa: RUF001  # stands for a missing value


@dataclass(frozen=True, kw_only=True)
class ModelVersionRow:
    """A version of the registered model, as one row of the table.

    Attributes:
        version: Its number.
        aliases: The aliases that point to it, sorted.
        tags: Its tags in MLflow.
        final: Which final of its study it is.
    """

    version: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    final: str

    def cells(self) -> list[str]:
        """Return the cells of the row, in the order of COLUMNS."""
        tags = self.tags
        return [
            self.version,
            "\n".join(self.aliases) or DASH,
            tags.get("architecture", DASH),
            self._iou(),
            tags.get("occlusion_retention", DASH),
            tags.get("latency_p50_ms", DASH),
        ]

    def lineage(self) -> str:
        """Return the line that describes the origin of the version and the gate's decision."""
        tags = self.tags
        facts = [f"study {tags.get('study', 'unknown')}, {self.final}"]
        facts += [f"{name} {tags[name][:12]}" for name in ("commit", "data") if name in tags]
        if "gate" in tags:
            facts.append(f"{tags['gate']} against {tags.get('gate.against', 'nobody')}")
        return f"version {self.version}: {', '.join(facts)}"

    def _iou(self) -> str:
        """Return the test IoU, with its interval if the gate has compared the version."""
        value, low, high = (
            self.tags.get(name, "") for name in ("test_iou", "test_iou_low", "test_iou_high")
        )
        return f"{value}\n{low} to {high}" if low and high else value or DASH


def print_model_versions(
    experiment: Experiment, console: Console, *, of: str | None = None
) -> None:
    """Print the versions of a registered model, the newest first.

    Args:
        experiment: Its tracking URI and registered model are used.
        console: Receives the table.
        of: Another registered model, `NAME` or `NAME@ALIAS`.

    Raises:
        UserError: MLflow cannot be reached, or the model has no versions.
    """
    tracker, model = Tracker(experiment.tracking_uri), parse_alias(experiment, of).model
    with user_errors(tracker):
        rows = read_model_versions(tracker, model)
    if not rows:
        raise UserError(
            f"{model!r} has no versions in {tracker.uri}: let `faceseg study` finish this "
            "experiment first"
        )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title=model, title_justify="left")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=True)
    for row in rows:
        table.add_row(*row.cells(), style="bold" if "champion" in row.aliases else None)
    console.print(table)
    for row in rows:
        console.print(row.lineage(), highlight=False, soft_wrap=True)


def read_model_versions(tracker: Tracker, model: str) -> list[ModelVersionRow]:
    """Return the versions of a registered model, the newest first; empty if it does not exist."""
    aliases: dict[str, list[str]] = {}
    versions = list_versions(tracker.client, model)
    if versions:
        for alias, version in tracker.client.get_registered_model(model).aliases.items():
            aliases.setdefault(str(version), []).append(alias)
    return [
        ModelVersionRow(
            version=str(each.version),
            aliases=tuple(sorted(aliases.get(str(each.version), ()))),
            tags=dict(each.tags),
            final=_final_description(tracker, each),
        )
        for each in versions
    ]


def _final_description(tracker: Tracker, version: ModelVersion) -> str:
    """Return the number of the final and the digest of the settings with which it trained."""
    try:
        tags = tracker.client.get_run(version.run_id).data.tags
    except MlflowException:
        return "its run was deleted"
    number, winner = tags.get("faceseg.trial"), tags.get("faceseg.winner", "")
    return "not a final" if number is None else f"final {number} of {winner[:8]}"
