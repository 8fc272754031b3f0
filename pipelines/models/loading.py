"""Which network is meant by the first word of `faceseg predict`."""

import os
import re
from pathlib import Path

from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor, load
from pipelines.models.exported_models import is_exported, open_exported

RUN_ID = re.compile(r"[0-9a-f]{32}")
RUN_ADDRESS = re.compile(r"runs:/[0-9a-f]{32}/?")
CHECKPOINT = "checkpoints/best.keras"
SQLITE = "sqlite:///"


def open_model(model: str, tracking: str | None, *, gpu: bool = False) -> Predictor:
    """Load a registry address, a run or a file; tracking: where MLflow is.

    A run means its best checkpoint. What `faceseg export` has made runs in its own runtime, on
    the CPU.
    """
    if is_exported(Path(model)):
        if gpu:
            raise UserError(f"--gpu: {model} is an exported file, which runs on the CPU here")
        return open_exported(Path(model))
    address = resolve_address(model)
    in_mlflow = address.startswith(("models:/", "runs:/"))
    uri = tracking_uri_for(model, tracking) if in_mlflow else ""
    from faceseg.backends.device import (
        configure_device,  # loads a framework, which an address does not need
    )

    try:
        configure_device(os.cpu_count() or 1, 1.0 if gpu else 0.0)
    except RuntimeError as error:
        raise UserError(f"--gpu: {error}") from error
    if not in_mlflow:
        return load(address)
    import mlflow

    from pipelines.tracking import Tracker
    from pipelines.tracking.errors import user_errors

    mlflow.set_tracking_uri(uri)
    with user_errors(Tracker(uri)):
        try:
            return load(address)
        except OSError as error:
            raise UserError(f"{model} holds no network: {error}") from error


def resolve_address(model: str) -> str:
    """Return the full address of a model: a run's is that of its best checkpoint."""
    if RUN_ID.fullmatch(model) and not Path(model).exists():
        model = f"runs:/{model}"
    if RUN_ADDRESS.fullmatch(model):
        return f"{model.rstrip('/')}/{CHECKPOINT}"
    return model


def tracking_uri_for(model: str, tracking: str | None) -> str:
    uri = tracking or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise UserError(
            f"{model} is one of MLflow's addresses, and nothing says where MLflow is: give"
            " --tracking URL or set MLFLOW_TRACKING_URI, such as sqlite:///results/mlflow.db"
        )
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise UserError(f"there is no MLflow database {uri.removeprefix(SQLITE)}")
    return uri
