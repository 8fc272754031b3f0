"""`faceseg submit`: the same `faceseg study`, as a job on a Ray cluster.

The working directory's source travels, and the experiment's file in it; images, results and
secrets do not. What the nodes must have themselves is checked before anything is sent.
"""

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from faceseg.errors import UserError
from pipelines.cluster import ray_jobs, versions, working_directory
from pipelines.config import Experiment, load
from pipelines.config.reading import VARIABLE
from pipelines.config.secrets import PASSWORD

if TYPE_CHECKING:
    from rich.console import Console

JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # set by Ray in the environment of a job's command
AGENT_TIMEOUT = 60.0  # seconds that a head node has to come up
STOP_GRACE = 60  # seconds that a stopped study has to close its runs; Ray's own are 3


@dataclass(frozen=True)
class Submission:
    """What is sent: the experiment, where its file is, and the command's own words."""

    experiment: Experiment
    file: Path
    overrides: tuple[str, ...]
    commit: str

    @property
    def entrypoint(self) -> str:
        """The command that the cluster runs."""
        sets = [word for override in self.overrides for word in ("--set", override)]
        return shlex.join(["faceseg", "study", self.file.as_posix(), *sets])

    @property
    def metadata(self) -> dict[str, str]:
        """What the cluster shows of the job to everyone."""
        return {
            ray_jobs.STUDY_KEY: self.experiment.study,
            "faceseg.experiment": self.file.as_posix(),
            "faceseg.commit": self.commit,
        }

    @property
    def environment(self) -> dict[str, str]:
        """What the job finds in its environment; everyone on the cluster can read it."""
        variables = {"FACESEG_COMMIT": self.commit, "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_GRACE)}
        if backend := os.environ.get("KERAS_BACKEND"):
            variables["KERAS_BACKEND"] = backend
        return variables | versions.version_variables()


def send_submission(client: Any, order: Submission, console: "Console") -> str:
    """Send the working directory and start the job; return its name."""
    folder = Path.cwd()
    sizes = working_directory.files_to_send(folder, _excluded_paths(order.experiment))
    check_files_are_sent(order.file, order.overrides, sizes)
    working_directory.check_size(folder, sizes)
    name = f"{order.experiment.study}-{time.strftime('%Y%m%d-%H%M%S')}"
    with TemporaryDirectory(prefix="faceseg-submit-") as place:
        archive = Path(place) / "working-directory.zip"
        working_directory.write_archive(folder, sizes, archive)
        console.print(
            f"sending {len(sizes)} files, {archive.stat().st_size / 2**20:.1f} MiB packed",
            highlight=False,
        )
        environment = {"working_dir": str(archive), "env_vars": order.environment}
        _start(client, order, name, environment)
    return name


def _start(client: Any, order: Submission, name: str, environment: dict[str, Any]) -> None:
    """Start the job; a head node that has just come up takes none for some seconds."""
    until = time.monotonic() + AGENT_TIMEOUT
    while True:
        try:
            client.submit_job(
                entrypoint=order.entrypoint,
                submission_id=name,
                metadata=order.metadata,
                runtime_env=environment,
            )
        except RuntimeError as error:
            if "No available agent" not in str(error):
                raise
            if time.monotonic() > until:
                raise UserError(
                    f"the cluster has had no agent to take a job for {AGENT_TIMEOUT:g} s; `ray status` on "
                    "the head node says what it is missing"
                ) from error
            time.sleep(1)
        else:
            return


def read_submission(file: Path, overrides: tuple[str, ...], commit: str) -> Submission:
    """Read and check an experiment that is to run elsewhere; UserError says what cannot work."""
    check_secrets(overrides)
    if file.is_absolute():
        file = _inside(file)
    with keep_unset_variables(file, overrides):
        experiment = load(file, overrides)
    check_paths(experiment)
    return Submission(experiment, file, overrides, commit)


def check_secrets(overrides: tuple[str, ...]) -> None:
    """Refuse a password on the command line: the cluster shows a job's command to everyone."""
    for override in overrides:
        if PASSWORD.search(override):
            key = override.partition("=")[0]
            raise UserError(
                f"--set {key}=… holds a password, and a job's command is shown to everyone on the "
                f"cluster: write ${{NAME}} in its place in the experiment's file and set NAME in "
                "the environment of the cluster's nodes"
            )


def check_paths(experiment: Experiment) -> None:
    """Refuse places that lie in the job's own folder, which Ray removes, or stay at home."""
    check_storage(experiment)
    places = {"data.path": experiment.data.path}
    for name, (_, options) in experiment.networks.items():
        weights = options.get("encoder_weights")
        if weights not in (None, "none", "imagenet"):
            places[f"architectures.{name}.encoder_weights"] = Path(str(weights))
    for key, path in places.items():
        if path is not None and not _is_outside_job(path):
            raise UserError(
                f"{key}: {path} lies in the working directory, and data does not travel with a "
                f"job: give the absolute path that the nodes see it under, with --set {key}=/…"
            )


def check_storage(experiment: Experiment) -> None:
    """Refuse a storage in the job's own folder."""
    if not _is_outside_job(experiment.storage):
        raise UserError(
            f"storage: {experiment.storage} is relative, and would lie in the job's temporary "
            "folder, which is lost with the job: give an absolute path that every node sees, with "
            "--set storage=/shared/results"
        )


def check_job(experiment: Experiment) -> None:
    """Within a Ray job, refuse what a job would lose; nothing to do elsewhere."""
    if JOB_VARIABLE in os.environ:
        check_storage(experiment)


def check_files_are_sent(file: Path, overrides: tuple[str, ...], sizes: dict[Path, int]) -> None:
    """Refuse an experiment whose file, or one that it is made of, does not travel."""
    for each in all_files(file, overrides):
        inside = Path(os.path.relpath(each))
        if inside not in sizes:
            raise UserError(
                f"{each} does not travel: it must lie in the working directory {Path.cwd()}, "
                "where neither git nor .rayignore ignores it. Submit from the folder that holds "
                "the experiment, its bases and what --set @FILE names"
            )


def all_files(file: Path, overrides: tuple[str, ...]) -> list[Path]:
    """Return the files that an experiment is made of: its own, those laid over it, their bases."""
    laid = [Path(each[1:]) for each in overrides if each.startswith("@")]
    return [found for each in (file, *laid) for found in files_of(each)]


def files_of(file: Path) -> list[Path]:
    """Return an experiment's file and its bases'; one that cannot be read ends the list."""
    found: list[Path] = []
    while file not in found:
        found.append(file)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            break  # `load` has told it, or will
        if not isinstance(content, dict) or not content.get("base"):
            break
        file = file.parent / str(content["base"])
    return found


@contextmanager
def keep_unset_variables(file: Path, overrides: tuple[str, ...]) -> Iterator[None]:
    """Let `${NAME}` stand for itself where NAME is not set here: it is set on the nodes."""
    files = [each for each in all_files(file, overrides) if each.is_file()]
    texts = [*overrides, *(each.read_text("utf-8") for each in files)]
    names = {name for text in texts for name in VARIABLE.findall(text)} - os.environ.keys()
    for name in names:
        os.environ[name] = f"${{{name}}}"
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def _inside(file: Path) -> Path:
    try:
        return file.resolve().relative_to(Path.cwd().resolve())
    except ValueError as error:
        raise UserError(
            f"{file} lies outside of the working directory {Path.cwd()}, which is what travels: "
            "submit from a folder that holds it"
        ) from error


def _is_outside_job(path: Path) -> bool:
    """Return whether the nodes find a path by themselves; `${NAME}` is known only there."""
    return path.is_absolute() or str(path).startswith("${")


def _excluded_paths(experiment: Experiment) -> list[Path]:
    return [path for path in (experiment.storage, experiment.data.path) if path is not None]
