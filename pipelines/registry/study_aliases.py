"""Set the aliases of a study's versions: `best-<architecture>`, and `champion` if there is none.

An alias `best-<architecture>` belongs to one data set. It moves to a version with a better
validation score on the same data. A version that was trained on other data leaves it where it is,
because their scores cannot be compared; but photographs replace drawn faces.
"""

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.exceptions import MlflowException

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from pipelines.job.context import StudyContext
from pipelines.registry import aliases
from pipelines.registry.champion_floor import ChampionFloor, champion_floor
from pipelines.registry.publish import BestFinal, best_finals, better_final


@dataclass(frozen=True, kw_only=True)
class TrainedVersion:
    """What decides whether a version keeps or gets an alias `best-<architecture>`.

    Attributes:
        version: Its number.
        study: Its study.
        data: The fingerprint of its data, which includes the classes.
        score: Its `best/val_iou`.
        drawn: Whether its data are drawn faces.
        photographs: Whether its data are photographs with the classes of drawn faces.
    """

    version: str
    study: str
    data: str
    score: float
    drawn: bool = False
    photographs: bool = False


def set_aliases(context: StudyContext, winners: dict[str, str]) -> list[str]:
    """Set the aliases of a study's best finals, which are selected by validation score.

    Args:
        context: The study.
        winners: The digest of each architecture's winning settings.

    Returns:
        For each alias a message: where it points, or why it was not set.
    """
    client, model = context.tracker.client, context.experiment.tracking.registered_model
    study = context.experiment.study
    best = best_finals(context.tracker, context.experiment_id, study, model, winners)
    if not best:
        return []
    current = client.get_registered_model(model).aliases
    messages = []
    for architecture, final in best.items():
        alias = f"best-{architecture}"
        version = current.get(alias)
        holder = None if version is None else _read_holder(context, str(version))
        if reason := reason_to_keep(holder, _trained_version(context, final)):
            messages.append(f"{alias} of {model} stays at version {version}: {reason}")
            continue
        client.set_registered_model_alias(model, alias, final.version)
        messages.append(_registered(model, alias, final.version))
    return messages + _set_first_champion(context, reduce(better_final, best.values()))


def reason_to_keep(holder: TrainedVersion | None, candidate: TrainedVersion) -> str | None:
    """Return why an alias must not move from `holder` to `candidate`; None if it may."""
    if holder is None or holder.version == candidate.version:
        return None
    if holder.data != candidate.data:
        if holder.drawn and candidate.photographs:
            return None
        return (
            f"study {holder.study} trained it on other data, so it cannot be compared with "
            f"version {candidate.version}. To keep data sets apart, give each its own "
            "tracking.registered_model"
        )
    if holder.score >= candidate.score:
        return (
            f"its validation IoU is {holder.score:.4f}, that of version {candidate.version} "
            f"is {candidate.score:.4f}"
        )
    return None


def _trained_version(context: StudyContext, final: BestFinal) -> TrainedVersion:
    data = context.experiment.data
    return TrainedVersion(
        version=final.version,
        study=context.experiment.study,
        data=context.manifest.fingerprint,
        score=final.score,
        photographs=data.source != "drawn" and data.class_set == LAPA,
    )


def _read_holder(context: StudyContext, version: str) -> TrainedVersion | None:
    """Return the version that holds an alias; None if its run or score is lost."""
    client, model = context.tracker.client, context.experiment.tracking.registered_model
    try:
        found = client.get_model_version(model, version)
        run = client.get_run(found.run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    if "best/val_iou" not in run.data.metrics:
        return None
    inputs = run.inputs.dataset_inputs
    return TrainedVersion(
        version=version,
        study=found.tags.get("study", "unknown"),
        data=found.tags.get("data", ""),
        score=run.data.metrics["best/val_iou"],
        drawn=bool(inputs) and inputs[0].dataset.name == "drawn",
    )


def _set_first_champion(context: StudyContext, final: BestFinal) -> list[str]:
    """Set `champion` if it does not exist and the final has learned more than the mean map."""
    client, model = context.tracker.client, context.experiment.tracking.registered_model
    champion = aliases.RegistryAlias(model)
    state = aliases.read_alias(client, champion)
    if state.current is not None:
        return []
    try:
        floor = _read_floor(context, final)
    except UserError as error:  # its file is lost: the study's other results are not affected
        return [f"no champion of {model} was set: {error}"]
    if not floor.ok:
        return [
            f"no champion of {model} was set: version {final.version}, the best by validation, "
            f"has a test IoU of {floor.iou:.3f}, and it must be {floor.rule}. Train longer, or on "
            "more images"
        ]
    if not aliases.move_alias(client, champion, state, final.version):
        return []
    return [_registered(model, champion.name, final.version)]


def _read_floor(context: StudyContext, final: BestFinal) -> ChampionFloor:
    with TemporaryDirectory(prefix="faceseg-") as folder:
        file = context.tracker.fetch(final.run_id, "confusion.npz", Path(folder))
        try:
            records = EvaluationRecords.read(file)
        except ValueError as error:
            raise UserError(f"version {final.version} cannot be a champion: {error}") from error
    return champion_floor(records, context.experiment.data.class_set, context.experiment.gate)


def _registered(model: str, alias: str, version: str) -> str:
    return f"registered: models:/{model}@{alias} is version {version}"
