"""The checks that run on a node: the operations that a worker will perform there.

Each method returns its finding in a few words, or raises UserError with what to do.
"""

import os
import shutil
import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from faceseg.backends.cards import read_driver, visible_cards
from faceseg.backends.gpu_checks import (
    CudaBuild,
    check_architecture,
    check_driver,
    check_libraries,
    check_visible,
)
from faceseg.errors import UserError, without_secrets
from pipelines.cluster import versions
from pipelines.tracking import Tracker

MIN_FREE_BYTES = 2 * 2**30  # space for some checkpoints, packs and artifacts
CREDENTIALS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"


class NodeChecks:
    """An actor on one node. It requests no CPU, so it can run during a study."""

    def clock(self) -> float:
        """Return this node's time, in seconds since 1970."""
        return time.time()

    def versions(self, expected: dict[str, str]) -> str:
        """Compare this node's Python, packages and source with the driver's."""
        if wrong := versions.differences(expected, versions.installed_versions()):
            raise UserError(
                f"{'; '.join(wrong)}. Install the same lock file on every node (infra/README.md)"
            )
        return f"same as the driver's: Python {expected['python']}, Ray {expected['ray']}"

    def storage(self, folder: Path, name: str) -> None:
        """Write a file `name` into a folder of the storage."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(socket.gethostname(), encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"storage {folder.parent} cannot be written ({error.strerror}): mount it there, "
                "writable for the user of Ray, or give another with --set storage=/…"
            ) from error

    def list_files(self, folder: Path) -> list[str]:
        """Return the names of the files in a folder; empty if it does not exist."""
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    def remove(self, folder: Path) -> None:
        """Remove a folder."""
        shutil.rmtree(folder, ignore_errors=True)

    def disk(self, storage: Path) -> str:
        """Check the free space of the storage's disk."""
        free = shutil.disk_usage(storage).free
        if free < MIN_FREE_BYTES:
            raise UserError(
                f"{free / 2**30:.1f} GiB are free in {storage}, expected "
                f"{MIN_FREE_BYTES / 2**30:g}: free space, or give a storage on another disk"
            )
        return f"{free / 2**30:.0f} GiB free"

    def checkpoints(self, address: str) -> str:
        """Write, read and remove a file at the checkpoints' address."""
        import fsspec

        content = os.urandom(16)
        try:
            system, root = fsspec.core.url_to_fs(address)
            path = f"{root.rstrip('/')}/doctor-{content.hex()}"
            system.makedirs(root, exist_ok=True)
            system.pipe_file(path, content)
            found = system.cat_file(path)
            system.rm(path)
        except Exception as error:  # each file system raises its own errors
            raise UserError(
                f"{address} cannot be used: {type(error).__name__}: {error}. Install its package "
                "(fsspec) and set its credentials on this node, or give another address"
            ) from error
        if found != content:
            raise UserError(f"{address} returns other content than was written")
        return "written and read back"

    def mlflow(self, uri: str, experiment_id: str) -> str:
        """Write a run with a metric and a file, read it back, and delete it."""
        try:
            client = Tracker(uri).client
            run = client.create_run(experiment_id, run_name=f"doctor on {socket.gethostname()}")
            run_id = run.info.run_id
            client.log_metric(run_id, "answer", 42.0)
            client.log_text(run_id, "answer", "answer.txt")
            with TemporaryDirectory() as folder:
                file = Path(client.download_artifacts(run_id, "answer.txt", folder)).read_text()
            metric = client.get_run(run_id).data.metrics.get("answer")
            client.set_terminated(run_id)
            client.delete_run(run_id)
        except Exception as error:  # MLflow re-raises what its stores and its client raise
            raise UserError(mlflow_error_message(uri, error)) from error
        if (metric, file) != (42.0, "answer"):
            raise UserError(f"MLflow at {uri} returns {metric} and {file!r}, not what was sent")
        return "a run was written and read back"

    # The checks of GPUs run in a process that Ray has given a share of one, as a worker's.

    def gpu_driver(self) -> str:
        """Check NVIDIA's driver, and that it is new enough for the framework."""
        return check_driver(read_driver(), _cuda_build())

    def gpu_libraries(self) -> str:
        """Check that the framework is installed with CUDA."""
        return check_libraries(_cuda_build())

    def gpu_visible(self) -> str:
        """Check CUDA_VISIBLE_DEVICES, as Ray sets it from its own, and MIG."""
        return check_visible(read_driver())

    def gpu_code(self) -> str:
        """Check that the framework contains code for this process's GPU."""
        driver = read_driver()
        cards = visible_cards(driver.cards) or driver.cards
        return check_architecture(cards, _cuda_build(), driver)

    def gpu(self, gpus: float) -> str:
        """Claim a share of a GPU as a worker does; return the name of the GPU."""
        from faceseg.backends.device import configure_device

        return configure_device(1, gpus).name


def _cuda_build() -> CudaBuild:
    from faceseg.backends.device import cuda_build  # loads a framework

    return cuda_build()


def mlflow_error_message(uri: str, error: Exception) -> str:
    """Return a message that MLflow cannot be used, with the usual reasons."""
    reason = without_secrets(" ".join(str(error).split()))[:300]
    return (
        f"MLflow at {uri} cannot be used: {reason}. Check that it runs and is reachable from this "
        f"node and, if it requires a login, that {CREDENTIALS} are set there; see infra/README.md"
    )
