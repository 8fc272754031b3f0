"""The model registry: each final becomes a version, with its scores as tags.

A version is a pyfunc model that is complete: images in, labels out, the library beside the
network, and a card that says how good it is. Its aliases say what it is for:
`best-<architecture>`, `champion` for the one in use, and `previous` for the one before. The first
study sets `champion`; then `pipelines.promote` does.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import mlflow.pyfunc
from mlflow.utils import requirements_utils

import faceseg
from faceseg.evaluation.records import EvaluationRecords
from pipelines.job.context import StudyContext
from pipelines.job.job import Job
from pipelines.registry import alias_lock, pyfunc
from pipelines.registry.card import MODEL_CARD, model_card
from pipelines.tracking import Outbox, Tracker

# The scores that a version bears as tags, where they are defined.
SCORE_TAGS = {
    **{
        f"test_{name}": f"test/{name}"
        for name in ("iou", "dice", "precision", "recall", "iou_small", "boundary_iou")
    },
    "occlusion_retention": "occlusion/retention",
}
MODEL_CODE = Path(__file__).parent / "pyfunc.py"  # MLflow stores it beside the network


def register_final(
    context: StudyContext, job: Job, outbox: Outbox, final: Path, values: dict[str, float]
) -> None:
    """Make a final a version of the registered model, with its card.

    final: the folder of its `checkpoints/best.keras` and `confusion.npz`. A final that is done
    again finds its version and leaves it.
    """
    network = final / "checkpoints" / "best.keras"
    card = model_card(context, job, EvaluationRecords.read(final / "confusion.npz"), values)
    tags = {
        "architecture": job.key.architecture,
        "study": job.study,
        "seed": str(job.seed),
        "data": context.manifest.fingerprint,
        "commit": context.commit,
        **{
            tag: f"{values[name]:.4f}"
            for tag, name in SCORE_TAGS.items()
            if math.isfinite(values[name])
        },
        "latency_p50_ms": f"{values['latency/p50_ms']:.2f}",
    }
    model = context.experiment.tracking.registered_model
    with outbox.version(model, job.key.architecture, tags, card) as folder:
        write_model(folder, network, card)


@dataclass(frozen=True)
class BestFinal:
    """The best of some finals: its version in the registry, its run and its `best/val_iou`."""

    score: float
    version: str
    run_id: str


def best_finals(
    tracker: Tracker, experiment_id: str, study: str, model: str, winners: Mapping[str, str]
) -> dict[str, BestFinal]:
    """Return each architecture's best final by validation score, of equals the first version.

    winners: the digest of each architecture's winning settings. The test plays no part.
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
    """Return the one with the higher validation score; of equals the earlier version."""
    return max(one, other, key=lambda each: (each.score, -int(each.version)))


def set_aliases(context: StudyContext, winners: dict[str, str]) -> dict[str, str]:
    """Point `best-<architecture>` at each architecture's best final, by validation score.

    `champion` is set only if there is none: from then on the gate decides (`faceseg promote`).
    winners: the digest of each architecture's winning settings. Returns alias to version.
    """
    client = context.tracker.client
    name = context.experiment.tracking.registered_model
    best = best_finals(
        context.tracker, context.experiment_id, context.experiment.study, name, winners
    )
    chosen = {f"best-{architecture}": each.version for architecture, each in best.items()}
    for alias, version in chosen.items():
        client.set_registered_model_alias(name, alias, version)
    if best:
        seat, first = alias_lock.RegistryAlias(name), reduce(better_final, best.values()).version
        state = alias_lock.read_alias(client, seat)
        if state.current is None and alias_lock.move_alias(client, seat, state, first):
            chosen[seat.alias] = first
    return chosen


def write_model(folder: Path, network: Path, card: str) -> None:
    """Write a pyfunc model around a saved network into a new folder.

    The library travels with it: nothing but packages of the index is needed to load it.
    """
    from faceseg.networks.saving import read_metadata  # loads a framework, which no driver needs

    classes, origin = read_metadata(network)
    # MLflow would look through every installed package (3.4 s) to see whether the versions named
    # are those installed: `pyfunc.requirements` has just read them there.
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
