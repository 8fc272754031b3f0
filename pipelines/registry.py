"""The model registry: each final becomes a version, with its scores as tags.

A version is a pyfunc model that needs nothing but this package: images in, labels out. Its
aliases say what it is for: `best-<architecture>`, and `champion` for the one in use.
"""

import math
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc

from pipelines import pyfunc
from pipelines.context import Context
from pipelines.search.job import Job
from pipelines.tracking import Outbox

SCORES = ("iou", "dice", "precision", "recall", "iou_small", "boundary_iou")
MODEL_CODE = Path(__file__).parent / "pyfunc.py"  # MLflow stores it beside the network


def register(
    context: Context, job: Job, outbox: Outbox, network: Path, values: dict[str, float]
) -> None:
    """Make a final's network (a `.keras` file) a version of the registered model.

    A final that is done again finds its version and leaves it.
    """
    tags = {
        "architecture": job.key.architecture,
        "study": job.study,
        "seed": str(job.seed),
        "data": context.manifest.fingerprint,
        "commit": context.commit,
        **{
            f"test_{score}": f"{values[f'test/{score}']:.4f}"
            for score in SCORES
            if math.isfinite(values[f"test/{score}"])
        },
        "occlusion_retention": f"{values['occlusion/retention']:.4f}",
        "latency_p50_ms": f"{values['latency/p50_ms']:.2f}",
    }
    model = context.experiment.tracking.registered_model
    with outbox.version(model, job.key.architecture, tags) as folder:
        write_model(folder, network)


def set_aliases(context: Context, winners: dict[str, str]) -> dict[str, str]:
    """Point `best-<architecture>` at each architecture's best final, by validation score.

    `champion` is set only if there is none: from then on a gate decides. winners: the digest
    of each architecture's winning settings. Returns alias to version.
    """
    client = context.tracker.client
    name = context.experiment.tracking.registered_model
    aliases: dict[str, tuple[float, str]] = {}
    for architecture, winner in winners.items():
        runs = context.tracker.find_runs(
            context.experiment_id,
            study=context.experiment.study,
            kind="final",
            architecture=architecture,
            winner=winner,
        )
        for run in runs:
            found = client.search_model_versions(
                f"name = '{name}' and run_id = '{run.info.run_id}'"
            )
            if found and "best/val_iou" in run.data.metrics:
                candidate = (run.data.metrics["best/val_iou"], str(found[0].version))
                key = f"best-{architecture}"
                aliases[key] = max(aliases.get(key, (-1.0, "")), candidate)
    for alias, (_, version) in aliases.items():
        client.set_registered_model_alias(name, alias, version)
    chosen = {alias: version for alias, (_, version) in aliases.items()}
    if aliases and "champion" not in client.get_registered_model(name).aliases:
        chosen["champion"] = max(aliases.values())[1]
        client.set_registered_model_alias(name, "champion", chosen["champion"])
    return chosen


def write_model(folder: Path, network: Path) -> None:
    """Write a pyfunc model around a saved network into a new folder."""
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(MODEL_CODE),
        artifacts={"network": network.as_uri() if network.is_absolute() else str(network)},
        signature=pyfunc.signature(),
        input_example=pyfunc.example(),
        pip_requirements=pyfunc.requirements(),
        metadata=_metadata(),
    )


def _metadata() -> dict[str, Any]:
    return {"made_by": "faceseg", "made_at": int(time.time())}
