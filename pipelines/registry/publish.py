"""Register each final as a version of the registered model, with its scores as tags.

A version is a complete pyfunc model: images in, labels out. It contains the network, the library
and a model card. Aliases mark its role: `best-<architecture>`; `champion`, the version in use;
and `previous`, the version before. A study sets them (`study_aliases`); `pipelines.promote` moves
`champion`.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow.pyfunc
from mlflow.utils import requirements_utils

import faceseg
from faceseg.evaluation.records import EvaluationRecords
from pipelines.job.context import StudyContext
from pipelines.job.job import Job
from pipelines.registry import pyfunc
from pipelines.registry.card import MODEL_CARD, model_card
from pipelines.tracking import Outbox, Tracker

# The tags that contain a version's scores, and their metrics. Undefined scores get no tag.
SCORE_TAGS = {
    **{
        f"test_{name}": f"test/{name}"
        for name in ("iou", "dice", "precision", "recall", "iou_small", "boundary_iou")
    },
    "occlusion_retention": "occlusion/retention",
}
MODEL_CODE = Path(__file__).parent / "pyfunc.py"  # MLflow stores a copy beside the network


def register_final(
    context: StudyContext, job: Job, outbox: Outbox, final: Path, values: dict[str, float]
) -> None:
    """Register a final as a version of the registered model, with its card.

    A final that is repeated finds its version and leaves it unchanged.

    Args:
        context: The study.
        job: The final.
        outbox: Stores the version until it is sent to MLflow.
        final: The folder that contains `checkpoints/best.keras` and `confusion.npz`.
        values: The final metrics, by their names in MLflow.
    """
    network = final / "checkpoints" / "best.keras"
    card = model_card(context, job, EvaluationRecords.read(final / "confusion.npz"), values)
    tags = version_tags(
        values,
        architecture=job.key.architecture,
        study=job.study,
        seed=str(job.seed),
        data=context.manifest.fingerprint,
        commit=context.commit,
    )
    model = context.experiment.tracking.registered_model
    with outbox.version(model, job.key.architecture, tags, card) as folder:
        write_model(folder, network, card)


def version_tags(values: Mapping[str, float], **origin: str) -> dict[str, str]:
    """Return the tags of a version: its origin and the scores among a final's metrics."""
    scores = {tag: values.get(name, math.nan) for tag, name in SCORE_TAGS.items()}
    return {
        **origin,
        **{tag: f"{value:.4f}" for tag, value in scores.items() if math.isfinite(value)},
        "latency_p50_ms": f"{values['latency/p50_ms']:.2f}",
    }


@dataclass(frozen=True)
class BestFinal:
    """The best of some finals: its version in the registry, its run and its `best/val_iou`."""

    score: float
    version: str
    run_id: str


def best_finals(
    tracker: Tracker, experiment_id: str, study: str, model: str, winners: Mapping[str, str]
) -> dict[str, BestFinal]:
    """Return each architecture's best final by validation score; the first version if equal.

    The test score plays no part.

    Args:
        tracker: The MLflow server.
        experiment_id: The MLflow experiment.
        study: The name of the study.
        model: The name of the registered model.
        winners: The digest of each architecture's winning settings.
    """
    found: dict[str, BestFinal] = {}
    for architecture, winner in winners.items():
        runs = tracker.find_runs(
            experiment_id, study=study, kind="final", architecture=architecture, winner=winner
        )
        for run in runs:
            versions = tracker.client.search_model_versions(
                f"name = '{model}' and run_id = '{run.info.run_id}'"
            )
            if versions and "best/val_iou" in run.data.metrics:
                score, number = run.data.metrics["best/val_iou"], str(versions[0].version)
                candidate = BestFinal(score, number, run.info.run_id)
                found[architecture] = better_final(found.get(architecture, candidate), candidate)
    return found


def better_final(one: BestFinal, other: BestFinal) -> BestFinal:
    """Return the final with the higher validation score; the earlier version if equal."""
    return max(one, other, key=lambda each: (each.score, -int(each.version)))


def write_model(folder: Path, network: Path, card: str) -> None:
    """Write a pyfunc model around a saved network.

    The model contains the library, so that loading it requires only packages from an index.

    Args:
        folder: The folder to create.
        network: The `.keras` file.
        card: The model card, in Markdown.
    """
    from faceseg.networks.saving import read_metadata  # imports a framework: not in the driver

    classes, origin = read_metadata(network)
    # MLflow would search every installed package (3.4 s) to verify the pinned versions, which
    # `pip_requirements` has just read from there.
    requirements_utils._MODULES_TO_PACKAGES = requirements_utils._MODULES_TO_PACKAGES or {}
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(MODEL_CODE),
        code_paths=[str(Path(faceseg.__file__).parent)],
        artifacts={"network": network.as_uri() if network.is_absolute() else str(network)},
        signature=pyfunc.signature(),
        input_example=pyfunc.input_example(),
        pip_requirements=pyfunc.pip_requirements(),
        metadata={
            "made_by": f"faceseg {faceseg.__version__}",
            "made_at": int(time.time()),
            "classes": list(classes.names),
            "palette": [list(colour) for colour in classes.palette],
            "origin": origin,
        },
    )
    (folder / MODEL_CARD).write_text(card, encoding="utf-8")
