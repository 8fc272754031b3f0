"""`faceseg rollback`: exchange the current and the previous version of an alias."""

import time

from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.registry import aliases
from pipelines.registry.aliases import parse_alias
from pipelines.tracking import Tracker
from pipelines.tracking.errors import user_errors


def rollback(experiment: Experiment, console: Console, *, of: str | None = None) -> None:
    """Exchange the current and the previous version of an alias.

    Args:
        experiment: Its tracking URI and registered model are used.
        console: Receives the new state.
        of: The alias, `NAME@ALIAS`; by default `champion` of the experiment's model.

    Raises:
        UserError: There is no previous version, or another command moved the alias first.
    """
    tracker, alias = Tracker(experiment.tracking_uri), parse_alias(experiment, of)
    with user_errors(tracker):
        state = aliases.read_alias(tracker.client, alias)
        before, now = state.previous, state.current
        if now is None or before is None or before == now:
            raise UserError(
                f"{alias.model} has no version before its {alias.name}, so it cannot be rolled back"
            )
        if not aliases.move_alias(tracker.client, alias, state, before):
            raise UserError(
                f"another command moved {alias.name} of {alias.model} away from version {now} at"
                " the same time; see `faceseg models EXPERIMENT`, and repeat the rollback if"
                " necessary"
            )
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, for version {before}"
        tracker.client.set_model_version_tag(alias.model, now, "rolled_back", text)
        console.print(
            f"{alias.name} of {alias.model} is version {before} again; {alias.previous} is version"
            f" {now}",
            highlight=False,
        )
