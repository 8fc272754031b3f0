"""`faceseg promote`: decide by the gate, record the decision and move the alias."""

from dataclasses import dataclass
from functools import reduce

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.job.winners import read_winners
from pipelines.promote import transfer
from pipelines.promote.decision import GateDecision, decide
from pipelines.promote.decision_report import decision_tags, print_decision, store_decision
from pipelines.promote.scored_version import (
    ScoredVersion,
    read_champion,
    read_scored_version,
)
from pipelines.registry import aliases, publish
from pipelines.registry.aliases import RegistryAlias, parse_alias
from pipelines.tracking import Tracker
from pipelines.tracking.errors import user_errors
from pipelines.tracking.model_versions import ensure_model


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """The promotion of one candidate.

    Attributes:
        tracker: The MLflow server of the alias.
        source: The MLflow server of the candidate, as a rule the same.
        candidate: The candidate and its scores.
        candidate_version: The candidate as MLflow returns it.
        alias: The alias to move.
        experiment: The experiment, whose gate decides.
        console: Receives the decision.
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
        """The MLflow client of the alias's server."""
        return self.tracker.client

    def dry_run(self) -> bool:
        """Print the decision without changing anything; return whether it is to promote."""
        decision = self._decide(aliases.find_alias(self.client, self.alias))
        if decision is None:
            return True
        print_decision(decision, self.console)
        self.console.print("dry run: nothing was changed")
        return decision.promoted

    def run(self) -> bool:
        """Decide and move the alias; decide again if another promotion moved it first."""
        while True:
            state = aliases.find_alias(self.client, self.alias)
            decision = self._decide(state)
            if decision is None:
                return True
            if not decision.promoted:
                print_decision(decision, self.console)
                self._store_decision(decision, self.candidate_version, "refused")
                return False
            target = self._copy_to_target_model()
            if state is None:
                continue  # the model was created just now; another client may have set the alias
            # Before the move, so that a kill cannot lose the record of the decision.
            self._store_decision(decision, target, "let through")
            if aliases.move_alias(self.client, self.alias, state, str(target.version)):
                self.client.set_model_version_tag(target.name, target.version, "gate", "promoted")
                print_decision(decision, self.console)
                self._print_aliases(target, state.current)
                return True
            self.console.print(
                "another promotion moved the alias first: comparing with its version"
            )

    def _decide(self, state: aliases.AliasState | None) -> GateDecision | None:
        """Return the decision; None if the alias points to the candidate already."""
        champion = None
        if state is not None and state.current is not None:
            current = self.client.get_model_version(self.alias.model, state.current)
            if self.candidate.run_id in (current.run_id, current.tags.get(transfer.ORIGIN_TAG)):
                self.console.print(
                    f"it is {self.alias.name} of {self.alias.model} already: nothing to do",
                    highlight=False,
                )
                return None
            champion = read_champion(self.tracker, current, self.candidate, self.console)
        return decide(self.candidate, champion, self.experiment.gate)

    def _copy_to_target_model(self) -> ModelVersion:
        """Return the candidate as a version of the alias's model, copied there if necessary."""
        model = self.alias.model
        if self.tracker.uri != self.source.uri:
            return transfer.transfer_version(
                self.source, self.candidate_version, self.tracker, model, self.experiment
            )
        if self.candidate_version.name == model:
            return self.candidate_version
        ensure_model(self.client, model)
        known = self.client.search_model_versions(
            f"name = '{model}' and run_id = '{self.candidate.run_id}'"
        )
        if known:
            return known[0]
        address = f"models:/{self.candidate_version.name}/{self.candidate_version.version}"
        return self.client.copy_model_version(address, model)

    def _store_decision(self, decision: GateDecision, target: ModelVersion, outcome: str) -> None:
        """Store the decision on a version and its run; a refusal on the candidate's server."""
        tags = decision_tags(decision, outcome)
        if decision.interval is not None:
            low, high = decision.interval
            tags |= {"test_iou_low": f"{low:.4f}", "test_iou_high": f"{high:.4f}"}
        where = self.tracker if decision.promoted else self.source
        for key, value in tags.items():
            where.client.set_model_version_tag(target.name, target.version, key, value)
        store_decision(decision, where, target.run_id, self.alias)

    def _print_aliases(self, target: ModelVersion, before: str | None) -> None:
        text = f"{self.alias.name} of {self.alias.model} is version {target.version} now"
        text += f"; {self.alias.previous} is version {before}" if before else ""
        self.console.print(text, highlight=False)


def promote(
    experiment: Experiment,
    console: Console,
    *,
    to: str | None = None,
    registry_uri: str | None = None,
    dry_run: bool = False,
) -> bool:
    """Promote a study's best final if the gate lets it through.

    Args:
        experiment: The experiment of the study.
        console: Receives the decision.
        to: The alias to move, `NAME@ALIAS`; by default `champion` of the experiment's model.
        registry_uri: Another MLflow server, to which the version is copied if it is promoted.
        dry_run: Whether to print the decision only.

    Returns:
        Whether the alias points to the candidate, or would after a dry run.

    Raises:
        UserError: MLflow refused, or the study has no final that can be compared.
    """
    source, alias = Tracker(experiment.tracking_uri), parse_alias(experiment, to)
    with user_errors(source):
        version = find_candidate(source, experiment)
        candidate = read_scored_version(source, version)
        console.print(
            f"candidate: {candidate.name}, the best of study {experiment.study} by validation "
            f"(IoU {candidate.metric('best/val_iou'):.4f})",
            highlight=False,
        )
    tracker = Tracker(registry_uri) if registry_uri else source
    with user_errors(tracker):
        promotion = Promotion(
            tracker=tracker,
            source=source,
            candidate=candidate,
            candidate_version=version,
            alias=alias,
            experiment=experiment,
            console=console,
        )
        return promotion.dry_run() if dry_run else promotion.run()


def find_candidate(tracker: Tracker, experiment: Experiment) -> ModelVersion:
    """Return the version of a study's best final over all architectures, by validation score.

    Raises:
        UserError: The study has no registered final.
    """
    model, study = experiment.tracking.registered_model, experiment.study
    found = tracker.client.get_experiment_by_name(experiment.name)
    runs = tracker.find_runs(found.experiment_id, study=study, kind="study") if found else []
    best: dict[str, publish.BestFinal] = {}
    if runs:
        winners = read_winners(runs[0].data.tags)
        best = publish.best_finals(tracker, found.experiment_id, study, model, winners)
    if not best:
        raise UserError(
            f"study {study} has no final in {tracker.uri} that is a version of {model}:"
            " let `faceseg study` finish this experiment first"
        )
    return tracker.client.get_model_version(
        model, reduce(publish.better_final, best.values()).version
    )
