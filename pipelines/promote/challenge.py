"""`faceseg promote --challenger`: the gate's decision on a network that `faceseg judge` tested.

No alias moves, since a judged network is no version of a registered model.
"""

import json
from dataclasses import replace

from mlflow.entities import Run
from rich.console import Console

from faceseg.errors import UserError, check_choice
from faceseg.evaluation.left_out import records_without
from pipelines.compare.study_data.judged_rows import LEFT_OUT_TAG, newest_judged
from pipelines.config import Experiment
from pipelines.config.names import is_judged, judged_name
from pipelines.promote.decision import decide
from pipelines.promote.decision_report import decision_tags, print_decision, store_decision
from pipelines.promote.scored_version import ScoredVersion, read_champion, read_scored_run
from pipelines.registry import aliases
from pipelines.registry.aliases import RegistryAlias, parse_alias
from pipelines.tracking import Tracker
from pipelines.tracking.errors import user_errors


def challenge(
    experiment: Experiment,
    console: Console,
    name: str,
    *,
    to: str | None = None,
    registry_uri: str | None = None,
    dry_run: bool = False,
) -> bool:
    """Compare a judged network with the champion by the gate; move no alias.

    Args:
        experiment: The experiment on whose data the network was judged.
        console: Receives the decision.
        name: The network's name in the comparison, with or without `.judged`.
        to: The alias of the champion, `NAME@ALIAS`; by default `champion` of the experiment's
            model.
        registry_uri: Another MLflow server, which has the champion.
        dry_run: Whether to print the decision only. Otherwise it is stored with the judged run.

    Returns:
        Whether the gate would let the network through.

    Raises:
        UserError: MLflow refused, no such network was judged, or the two cannot be compared.
    """
    source, alias = Tracker(experiment.tracking_uri), parse_alias(experiment, to)
    with user_errors(source):
        run = _find_run(source, experiment, name if is_judged(name) else judged_name(name))
        judged = run.data.tags["faceseg.architecture"]
        candidate = read_scored_run(source, run, judged, model=alias.model, version=judged)
    tracker = Tracker(registry_uri) if registry_uri else source
    with user_errors(tracker):
        champion = _champion(tracker, alias, candidate, console)
    if champion is not None:
        champion = _without_classes(champion, run)
    decision = decide(candidate, champion, experiment.gate)
    print_decision(decision, console)
    console.print(
        f"{judged} is no version of {alias.model}, so {alias.name} was not moved", highlight=False
    )
    if not dry_run:
        with user_errors(source):
            outcome = "would be let through" if decision.promoted else "refused"
            source.set_tags(run.info.run_id, **decision_tags(decision, outcome))
            store_decision(decision, source, run.info.run_id, alias)
    return decision.promoted


def _find_run(tracker: Tracker, experiment: Experiment, name: str) -> Run:
    """Return the newest complete run of a judged network."""
    found = tracker.client.get_experiment_by_name(experiment.name)
    latest = newest_judged(tracker, found.experiment_id, experiment.study) if found else {}
    if not latest:
        raise UserError(
            f"no network was judged on the data of {experiment.name}; "
            f"test one first: faceseg judge FILE --classes MAP.yaml --data EXPERIMENT"
        )
    check_choice("challenger", name, latest)
    return latest[name]


def _champion(
    tracker: Tracker, alias: RegistryAlias, candidate: ScoredVersion, console: Console
) -> ScoredVersion | None:
    state = aliases.find_alias(tracker.client, alias)
    if state is None or state.current is None:
        return None
    version = tracker.client.get_model_version(alias.model, state.current)
    return read_champion(tracker, version, candidate, console)


def _without_classes(champion: ScoredVersion, run: Run) -> ScoredVersion:
    """Return the champion without the classes that the judged network does not have."""
    names = json.loads(run.data.tags[f"faceseg.{LEFT_OUT_TAG}"])
    known = champion.classes.names
    ids = [known.index(each) for each in names if each in known]
    records = champion.records
    reduced = records_without(records, champion.classes, ids, records.baseline_iou)
    return replace(champion, records=reduced)
