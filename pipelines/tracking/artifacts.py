"""Artifacts of runs on a disk that is full: MLflow leaves half a file, and hides the reason."""

import os
from pathlib import Path
from tempfile import TemporaryFile

from mlflow.tracking import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from faceseg.data.atomic_files import write_atomically
from pipelines.config.file_errors import file_error_message

PROBED = 4096  # bytes that are written to find out whether a folder is full


def log_files(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Store the files of a folder as artifacts of a run; in a local folder all or none.

    Raises:
        MlflowException: MLflow refuses the files.
        OSError: A file cannot be written.
    """
    uri = client.get_run(run_id).info.artifact_uri
    if not is_local_uri(uri):
        client.log_artifacts(run_id, str(folder))
        return
    target = Path(local_file_uri_to_path(uri))
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    write_atomically({target / path.relative_to(folder): path.read_bytes() for path in files})


def full_folder_message(folder: Path) -> str | None:
    """Return advice if a folder takes no file, which makes a download fail; None if it does."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBED))
    except OSError as error:
        return file_error_message(OSError(error.errno, os.strerror(error.errno or 0), str(folder)))
    return None
