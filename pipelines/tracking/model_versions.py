"""Create and list the versions of MLflow's registered models."""

from functools import partial

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient

from pipelines.tracking.paging import all_pages


def create_version(
    client: MlflowClient,
    name: str,
    model_id: str,
    *,
    run_id: str,
    tags: dict[str, str],
    description: str,
) -> None:
    """Create a version of a registered model, which is created if it does not exist.

    Args:
        client: The client of MLflow's default store.
        name: The name of the registered model.
        model_id: The id of the logged model with the version's files.
        run_id: The run of the version.
        tags: The tags of the version.
        description: The description of the version in Markdown.
    """
    ensure_model(client, name)
    client.create_model_version(
        name,
        source=f"models:/{model_id}",
        run_id=run_id,
        tags=tags,
        description=description,
        model_id=model_id,
    )


def ensure_model(client: MlflowClient, name: str) -> None:
    """Create a registered model, unless it exists."""
    try:
        client.create_registered_model(
            name, description="Face parsing: an RGB photograph in, a label map of its size out."
        )
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def list_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return the versions of a registered model, the newest first; empty if it does not exist."""
    search = client.search_model_versions
    return all_pages(partial(search, f"name = '{name}'", order_by=["version_number DESC"]))
