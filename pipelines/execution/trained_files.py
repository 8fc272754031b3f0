"""The table of a training's epochs, and finding an earlier training's files in the storage.

MLflow may lose a final's run: its database is deleted, or another one is used. The run's files may
still be in the storage. Its network and epochs are then read from there instead of trained again.
"""

import logging
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.inference.predictor import Predictor, load
from faceseg.networks.saving import read_metadata
from faceseg.training.loop import Epoch, TrainingOutcome, best_epoch
from pipelines.job.context import StudyContext
from pipelines.job.job import Job

NETWORK = Path("checkpoints") / "best.keras"
HISTORY, RECORDS = "history.csv", "confusion.npz"
VARIANT = "variant"  # in a network's origin: the job's network, if it is a variant
IDENTITY = ("architecture", "study", "kind", "trial", "seed", "val_iou")
logger = logging.getLogger(__name__)


def network_origin(context: StudyContext, job: Job, val_iou: float) -> dict[str, Any]:
    """Return what is stored in the file of a job's network about its training."""
    name, (architecture, _) = (
        job.key.architecture,
        context.experiment.trained_networks[job.key.architecture],
    )
    return {
        "architecture": architecture,
        **({VARIANT: name} if name != architecture else {}),
        "study": job.study,
        "kind": job.key.kind,
        "trial": job.key.number,
        "seed": job.seed,
        "val_iou": val_iou,
        "face_share": context.face_share,
        **context.face_box,
        "commit": context.commit,
        "backend": keras.backend.backend(),
    }


def history_table(history: tuple[Epoch, ...]) -> pd.DataFrame:
    """Return the epochs as a table, one row each."""
    return pd.DataFrame(
        [{"epoch": epoch.number, "time": epoch.time, **epoch.metrics} for epoch in history]
    )


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read a table that `history_table` returned, with the digits that it was written with."""
    rows = pd.read_csv(path).to_dict("records")
    return tuple(
        Epoch(
            number=int(row.pop("epoch")),
            time=float(row.pop("time")),
            metrics={str(name): float(value) for name, value in row.items()},
        )
        for row in rows
    )


def restore_training(context: StudyContext, job: Job) -> tuple[TrainingOutcome, Predictor] | None:
    """Read the training of a final that was complete once from the files in the storage.

    Args:
        context: The study.
        job: The job.

    Returns:
        Its outcome and its network; None if the job was never complete, if the files are lost or
        damaged, or if the network was tested on other images.
    """
    if job.recorded is None:
        return None
    artifacts = context.experiment.storage / "artifacts"
    for folder in sorted(artifacts.glob("*/artifacts")):
        try:
            if not _is_of_job(folder, context, job):
                continue
            history = read_history(folder / HISTORY)
            best = best_epoch(history)
            outcome = TrainingOutcome(
                stop_reason="finished" if len(history) == job.settings.epochs else "stopped early",
                history=history,
                best_epoch=best.number,
                best_iou=float(best.metrics["val/iou"]),
            )
            predictor = load(folder / NETWORK)
        except (UserError, OSError, ValueError, KeyError) as error:
            logger.warning("%s cannot be used: %s", folder, error)
        else:
            logger.info("restored from %s", folder)
            return outcome, predictor
    return None


def _is_of_job(folder: Path, context: StudyContext, job: Job) -> bool:
    """Return whether a run's files belong to a job, with the score that Optuna recorded."""
    if not all((folder / name).is_file() for name in (NETWORK, HISTORY, RECORDS)):
        return False
    _, origin = read_metadata(folder / NETWORK)
    wanted = network_origin(context, job, job.recorded or 0.0)
    if any(origin.get(key) != wanted.get(key) for key in (*IDENTITY, VARIANT)):
        return False
    return EvaluationRecords.read(folder / RECORDS).ids == context.test.ids
