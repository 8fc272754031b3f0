"""Submit a study to a Ray cluster: `faceseg submit` starts `faceseg study` there as a job.

The source code in the working directory is sent, with the experiment's file; images, results and
secrets are not. Paths that would not exist on the nodes are refused before anything is sent.
"""

import os
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from faceseg.errors import UserError
from pipelines.cluster import ray_jobs, versions, working_directory
from pipelines.cluster.child_processes import JOB_VARIABLE
from pipelines.cluster.experiment_files import (
    all_files,
    check_files_are_sent,
    check_no_secrets,
    keep_unset_variables,
)
from pipelines.config import Experiment, load
from pipelines.config.included import is_studied
from pipelines.config.secrets import has_secret

if TYPE_CHECKING:
    from rich.console import Console

AGENT_TIMEOUT = 60.0  # seconds for a new head node to accept jobs
STOP_GRACE = 60  # seconds for a stopped study to close its runs; Ray's default is 3


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A study to submit.

    Attributes:
        experiment: The checked experiment.
        file: The experiment's file relative to the working directory, or an experiment's name.
        overrides: The values of `--set`.
        commit: The commit of the source code.
    """

    experiment: Experiment
    file: Path
    overrides: tuple[str, ...]
    commit: str

    @property
    def entrypoint(self) -> str:
        """The command that the job runs."""
        options = [word for override in self.overrides for word in ("--set", override)]
        return shlex.join(["faceseg", "study", self.file.as_posix(), *options])

    @property
    def metadata(self) -> dict[str, str]:
        """The job's metadata, which everyone on the cluster can read."""
        return {
            ray_jobs.STUDY_KEY: self.experiment.study,
            "faceseg.experiment": self.file.as_posix(),
            "faceseg.commit": self.commit,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The job's environment variables, which everyone on the cluster can read."""
        variables = {"FACESEG_COMMIT": self.commit, "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_GRACE)}
        if backend := os.environ.get("KERAS_BACKEND"):
            variables["KERAS_BACKEND"] = backend
        if level := os.environ.get("FACESEG_LOG"):  # of the study's log
            variables["FACESEG_LOG"] = level
        return variables | versions.version_variables()


def send_submission(client: Any, submission: Submission, console: "Console") -> str:
    """Send the working directory's source code and start the job.

    Args:
        client: Ray's client of the job server.
        submission: The study to submit.
        console: Receives one line with the number of files and their size.

    Returns:
        The job's name.

    Raises:
        UserError: A file of the experiment would not be sent, the working directory is too
            large, or the cluster does not accept jobs.
    """
    folder = Path.cwd()
    sizes = working_directory.files_to_send(folder, _excluded_paths(submission.experiment))
    sizes |= _written_files(submission)
    check_files_are_sent(submission.file, submission.overrides, sizes)
    working_directory.check_size(folder, sizes)
    name = f"{submission.experiment.study}-{time.strftime('%Y%m%d-%H%M%S')}"
    with TemporaryDirectory(prefix="faceseg-submit-") as temporary:
        archive = Path(temporary) / "working-directory.zip"
        working_directory.write_archive(folder, sizes, archive)
        console.print(
            f"sending {len(sizes)} files, {archive.stat().st_size / 2**20:.1f} MiB packed",
            highlight=False,
        )
        environment = {"working_dir": str(archive), "env_vars": submission.environment}
        _start(client, submission, name, environment)
    return name


def _start(client: Any, submission: Submission, name: str, environment: dict[str, Any]) -> None:
    """Start the job; retry while a head node that has just started does not accept jobs."""
    deadline = time.monotonic() + AGENT_TIMEOUT
    while True:
        try:
            client.submit_job(
                entrypoint=submission.entrypoint,
                submission_id=name,
                metadata=submission.metadata,
                runtime_env=environment,
            )
        except RuntimeError as error:
            if "No available agent" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise UserError(
                    f"the cluster has not accepted the job for {AGENT_TIMEOUT:g} s, because it has "
                    "no available agent; run `ray status` on the head node to find the reason"
                ) from error
            time.sleep(1)
        else:
            return


def read_submission(file: Path, overrides: tuple[str, ...], commit: str) -> Submission:
    """Read an experiment and check that it can run on a cluster.

    Args:
        file: The experiment's file in the working directory, or a name as for `find_experiment`.
        overrides: The values of `--set`.
        commit: The commit of the source code.

    Returns:
        The study to submit.

    Raises:
        UserError: The experiment is not valid, its file is outside the working directory, an
            override or a file contains a secret, or a path would not exist on the nodes.
    """
    check_secrets(overrides)
    if file.is_absolute():
        file = _relative_to_working_directory(file)
    with keep_unset_variables(file, overrides):
        experiment = load(file, overrides)
    check_no_secrets(file, overrides)
    check_paths(experiment)
    return Submission(experiment=experiment, file=file, overrides=overrides, commit=commit)


def check_secrets(overrides: tuple[str, ...]) -> None:
    """Raise UserError on a secret in an override: everyone on the cluster can read it."""
    for override in overrides:
        if has_secret(override):
            key = override.partition("=")[0]
            raise UserError(
                f"--set {key}=… contains a password or a token, and everyone on the cluster can "
                "read a job's command: write ${NAME} in its place in the experiment's file, and "
                "set NAME in the environment of the cluster's nodes"
            )


def check_paths(experiment: Experiment) -> None:
    """Raise UserError on a path in the working directory: it would not exist on the nodes."""
    check_storage(experiment)
    paths = {"data.path": experiment.data.path}
    for name, (_, options) in experiment.networks.items():
        weights = options.get("encoder_weights")
        if weights not in (None, "none", "imagenet"):
            paths[f"architectures.{name}.encoder_weights"] = Path(str(weights))
    for key, path in paths.items():
        if path is not None and not _is_outside_job(path):
            raise UserError(
                f"{key}: {path} is in the working directory, and data is not sent with a job: "
                f"give the absolute path of the data on the nodes with --set {key}=/…"
            )


def check_storage(experiment: Experiment) -> None:
    """Raise UserError on a relative storage: Ray removes the job's folder with all its files."""
    if not _is_outside_job(experiment.storage):
        raise UserError(
            f"storage: {experiment.storage} is relative, so it would be in the job's temporary "
            "folder, which Ray removes: give an absolute path that every node can reach, with "
            "--set storage=/shared/results"
        )


def check_job(experiment: Experiment, overrides: tuple[str, ...] = ()) -> None:
    """Raise UserError on a relative storage or on a secret in the command of a Ray job.

    Outside of a job, nothing is checked. `ray job submit` starts one without `faceseg submit`.
    """
    if JOB_VARIABLE in os.environ:
        check_storage(experiment)
        check_secrets(overrides)


def _relative_to_working_directory(file: Path) -> Path:
    try:
        return file.resolve().relative_to(Path.cwd().resolve())
    except ValueError as error:
        raise UserError(
            f"{file} is outside the working directory {Path.cwd()}, and only that directory is "
            "sent: submit from a folder that contains the file"
        ) from error


def _is_outside_job(path: Path) -> bool:
    """Return whether a path can exist on the nodes; `${NAME}` is resolved there."""
    return path.is_absolute() or str(path).startswith("${")


def _written_files(submission: Submission) -> dict[Path, int]:
    """Return the sizes of the experiment's files in `results`, whose other files are not sent."""
    files = all_files(submission.file, submission.overrides)
    return {file: file.stat().st_size for file in files if is_studied(file) and file.is_file()}


def _excluded_paths(experiment: Experiment) -> list[Path]:
    return [path for path in (experiment.storage, experiment.data.path) if path is not None]
