"""One candidate against whoever has the seat: judged, handed over, and the reasoning kept."""

import time
from dataclasses import dataclass
from functools import reduce

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.config.secrets import redact
from pipelines.promote import decision_report, transfer
from pipelines.promote.decision import Decision, decide
from pipelines.promote.scored_version import ScoredVersion, read_scored_version
from pipelines.registry import alias_lock, publish
from pipelines.registry.alias_lock import RegistryAlias, parse_alias
from pipelines.tracking import Tracker
from pipelines.tracking.errors import user_errors

MAX_TAG_LENGTH = 1000  # of a reason, as a tag


@dataclass(frozen=True)
class Promotion:
    """One candidate against whoever has the seat. `standing` is what is known of `version`.

    The seat is at `tracker`, the candidate at `home`; as a rule they are one.
    """

    tracker: Tracker
    source: Tracker
    candidate: ScoredVersion
    candidate_version: ModelVersion
    alias: RegistryAlias
    experiment: Experiment
    console: Console

    @property
    def client(self) -> MlflowClient:
        """MLflow's."""
        return self.tracker.client

    def dry_run(self) -> bool:
        """Tell the decision, and change nothing."""
        decision = self._decide(self._state())
        if decision is None:
            return True
        self._print_decision(decision)
        self.console.print("dry run: nothing was changed")
        return decision.promoted

    def run(self) -> bool:
        """Decide, and hand the seat over. Who loses it to a faster one is judged again."""
        while True:
            state = self._state()
            decision = self._decide(state)
            if decision is None:
                return True
            if not decision.promoted:
                self._print_decision(decision)
                self._store_decision(decision, self.candidate_version, "refused")
                return False
            target = self._copy_to_target_model()
            if state is None:
                continue  # the model was made just now: somebody else may have been faster
            self._store_decision(
                decision, target, "let through"
            )  # first: a kill here loses no reasoning
            if alias_lock.move_alias(self.client, self.alias, state, str(target.version)):
                self.client.set_model_version_tag(target.name, target.version, "gate", "promoted")
                self._print_decision(decision)
                self._print_aliases(target, state.current)
                return True
            self.console.print("another promotion was faster: judged again, against its champion")

    def _state(self) -> alias_lock.AliasState | None:
        """Return who has the seat; None if there is no such model yet, or no version of it."""
        if not self.client.search_model_versions(f"name = '{self.alias.model}'", max_results=1):
            return None
        return alias_lock.read_alias(self.client, self.alias)

    def _decide(self, state: alias_lock.AliasState | None) -> Decision | None:
        """Return the decision; None if the candidate has the seat already."""
        champion = None
        if state is not None and state.current is not None:
            holder = self.client.get_model_version(self.alias.model, state.current)
            if self.candidate.run_id in (holder.run_id, holder.tags.get(transfer.ORIGIN_TAG)):
                self.console.print(
                    f"it is {self.alias.alias} of {self.alias.model} already: nothing to do",
                    highlight=False,
                )
                return None
            champion = read_scored_version(self.tracker, holder)
        return decide(self.candidate, champion, self.experiment.gate)

    def _copy_to_target_model(self) -> ModelVersion:
        """Return the candidate as a version of the seat's model, copied there if it is another."""
        model = self.alias.model
        if self.tracker.uri != self.source.uri:
            return transfer.transfer_version(
                self.source, self.candidate_version, self.tracker, model, self.experiment
            )
        if self.candidate_version.name == model:
            return self.candidate_version
        _ensure_model(self.tracker, model)
        known = self.client.search_model_versions(
            f"name = '{model}' and run_id = '{self.candidate.run_id}'"
        )
        if known:
            return known[0]
        address = f"models:/{self.candidate_version.name}/{self.candidate_version.version}"
        return self.client.copy_model_version(address, model)

    def _store_decision(self, decision: Decision, target: ModelVersion, outcome: str) -> None:
        """Store the whole reasoning on a version and its run: at home, if it was refused."""
        against = decision.champion or "nobody"
        tags = {
            "gate": outcome,
            "gate.against": against,
            "gate.reason": decision.reason[:MAX_TAG_LENGTH],
            "gate.at": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        if decision.interval is not None:
            low, high = decision.interval
            tags |= {"test_iou_low": f"{low:.4f}", "test_iou_high": f"{high:.4f}"}
        where = self.tracker if decision.promoted else self.source
        for key, value in tags.items():
            where.client.set_model_version_tag(target.name, target.version, key, value)
        with where.files(target.run_id) as folder:
            (folder / "gate").mkdir()
            name = f"{self.alias.model}-{self.alias.alias}-against-{against}"
            decision_report.write_decision(decision, folder / "gate", name)

    def _print_decision(self, decision: Decision) -> None:
        if decision.checks:
            self.console.print(decision_report.decision_table(decision))
        for note in decision.notes:
            self.console.print(f"note: {note}", highlight=False)
        self.console.print(decision_report.headline(decision), highlight=False, soft_wrap=True)

    def _print_aliases(self, target: ModelVersion, before: str | None) -> None:
        told = f"{self.alias.alias} of {self.alias.model} is version {target.version} now"
        told += f"; {self.alias.previous} is version {before}" if before else ""
        self.console.print(told, highlight=False)


def _ensure_model(tracker: Tracker, name: str) -> None:
    try:
        tracker.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


# --- `faceseg promote` and `faceseg rollback`: a decision takes effect, and a way back stays.


def promote(
    experiment: Experiment,
    console: Console,
    *,
    to: str | None = None,
    registry_uri: str | None = None,
    dry_run: bool = False,
) -> bool:
    """Put a study's best final up for a seat; return whether it has it, or would be given it.

    registry_uri: another MLflow, to which the version is brought if it is promoted there.
    """
    home, seat = Tracker(experiment.tracking_uri), parse_alias(experiment, to)
    with user_errors(home):
        version = find_candidate(home, experiment)
        standing = read_scored_version(home, version)
        console.print(
            f"candidate: {standing.name}, the best of study {experiment.study} by validation "
            f"(IoU {standing.metric('best/val_iou'):.4f})",
            highlight=False,
        )
    tracker = Tracker(registry_uri) if registry_uri else home
    with user_errors(tracker):
        contest = Promotion(tracker, home, standing, version, seat, experiment, console)
        return contest.dry_run() if dry_run else contest.run()


def rollback(experiment: Experiment, console: Console, *, of: str | None = None) -> None:
    """Exchange an alias's holder and the one before it."""
    tracker, seat = Tracker(experiment.tracking_uri), parse_alias(experiment, of)
    with user_errors(tracker):
        state = alias_lock.read_alias(tracker.client, seat)
        before, now = state.previous, state.current
        if now is None or before is None or before == now:
            raise UserError(
                f"{seat.model} has no version before its {seat.alias}: there is no way back"
            )
        if not alias_lock.move_alias(tracker.client, seat, state, before):
            raise UserError(
                f"version {now} of {seat.model} lost its place to another command in this very"
                " moment; look with `faceseg models`, and roll back again if you still want to"
            )
        said = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, for version {before}"
        tracker.client.set_model_version_tag(seat.model, now, "rolled_back", said)
        console.print(
            f"{seat.alias} of {seat.model} is version {before} again; {seat.previous} is version"
            f" {now}",
            highlight=False,
        )


def find_candidate(tracker: Tracker, experiment: Experiment) -> ModelVersion:
    """Return the version of a study's best final: by validation score, over all architectures."""
    model, study = experiment.tracking.registered_model, experiment.study
    found = tracker.client.get_experiment_by_name(experiment.name)
    runs = tracker.find_runs(found.experiment_id, study=study, kind="study") if found else []
    best: dict[str, publish.BestFinal] = {}
    if runs:
        prefix, tags = "faceseg.winner.", runs[0].data.tags
        winners = {key.removeprefix(prefix): tags[key] for key in tags if key.startswith(prefix)}
        best = publish.best_finals(tracker, found.experiment_id, study, model, winners)
    if not best:
        raise UserError(
            f"study {study} has no final in {redact(tracker.uri)} that is a version of {model}:"
            " run `faceseg study` with this experiment to its end first"
        )
    return tracker.client.get_model_version(
        model, reduce(publish.better_final, best.values()).version
    )
