"""Load the model that an address, a run id or a path names."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faceseg.errors import UserError
from faceseg.inference.ensemble import load_networks
from faceseg.inference.predictor import Predictor, load
from pipelines.config.database_errors import sqlite_file
from pipelines.config.databases import sqlite_url
from pipelines.config.names import DEFAULT_STORAGE
from pipelines.models.exported_models import is_exported, open_exported

if TYPE_CHECKING:
    from pipelines.tracking import Tracker

RUN_ID = re.compile(r"[0-9a-f]{32}")
RUN_ADDRESS = re.compile(r"runs:/[0-9a-f]{32}/?")
CHECKPOINT = "checkpoints/best.keras"
RUN_CHECKPOINT = re.compile(rf"runs:/([0-9a-f]{{32}})/{re.escape(CHECKPOINT)}")


def open_model(model: str, tracking: str | None, *, gpu: bool = False) -> Predictor:
    """Load a model for prediction.

    Args:
        model: A registry address, a run (its best checkpoint is loaded, or those of its members),
            a `.keras` file or a file written by `faceseg export`, which runs in its own runtime on
            the CPU.
        tracking: The MLflow tracking URI; the default is that of `tracking_uri_for`.
        gpu: Whether to run on the GPU.

    Returns:
        A predictor.

    Raises:
        UserError: The model or MLflow cannot be reached, or there is no usable GPU.
    """
    if is_exported(Path(model)):
        if gpu:
            raise UserError(f"--gpu: {model} is an exported file, which runs on the CPU here")
        return open_exported(Path(model))
    address = resolve_address(model)
    in_mlflow = address.startswith(("models:/", "runs:/"))
    uri = tracking_uri_for(model, tracking) if in_mlflow else ""
    from faceseg.backends.device import configure_device  # imports a framework: not for exports

    try:
        configure_device(os.cpu_count() or 1, 1.0 if gpu else 0.0)
    except RuntimeError as error:
        raise UserError(f"--gpu: {error}") from error
    if not in_mlflow:
        return load(address)
    from pipelines.tracking import Tracker
    from pipelines.tracking.errors import user_errors

    tracker = Tracker(uri)
    with user_errors(tracker), TemporaryDirectory(prefix="faceseg-") as folder:
        try:
            return load_from_mlflow(tracker, address, Path(folder))
        except OSError as error:
            raise UserError(
                f"{model} contains no network: {error}. If the storage of {uri} was moved "
                "or copied, move its database and its folder `artifacts` together"
            ) from error


def load_from_mlflow(tracker: "Tracker", address: str, folder: Path) -> Predictor:
    """Load the model of an address in MLflow.

    A run of an ensemble, or of a mean with the mirror image, has no network of its own: its
    members' networks are loaded.

    Args:
        tracker: The MLflow store.
        address: An address as `resolve_address` returns it.
        folder: A folder for downloaded files.
    """
    from mlflow.artifacts import download_artifacts

    from pipelines.tracking.run_networks import fetch_networks, networks_of, views_of

    client = tracker.client  # checks the database, and makes it MLflow's default store
    if found := RUN_CHECKPOINT.fullmatch(address):
        run = client.get_run(found[1])
        if (networks := networks_of(run)) != [found[1]]:
            return load_networks(fetch_networks(tracker, networks, folder), views_of(run))
    return load(download_artifacts(artifact_uri=address, dst_path=str(folder)))


def resolve_address(model: str) -> str:
    """Return the full address of a model; for a run, the address of its best checkpoint."""
    if RUN_ID.fullmatch(model) and not Path(model).exists():
        model = f"runs:/{model}"
    if RUN_ADDRESS.fullmatch(model):
        return f"{model.rstrip('/')}/{CHECKPOINT}"
    return model


def tracking_uri_for(model: str, tracking: str | None) -> str:
    """Return the tracking URI to use for `model`.

    Args:
        model: The MLflow address, for the message.
        tracking: The URI given by the user, if any; else `MLFLOW_TRACKING_URI` is used, else the
            database in `results` in the current folder.

    Raises:
        UserError: There is none of them, or its sqlite file does not exist.
    """
    default = DEFAULT_STORAGE / "mlflow.db"
    uri = tracking or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri and default.is_file():
        uri = sqlite_url(default.resolve())
    if not uri:
        raise UserError(
            f"{model} is an MLflow address, but no tracking URI is set and there is no {default} "
            "in this folder: give --tracking URL, set MLFLOW_TRACKING_URI, or run the command in "
            f"the folder that contains {DEFAULT_STORAGE}"
        )
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise UserError(f"MLflow database {file} does not exist")
    return uri
