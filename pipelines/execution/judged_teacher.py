"""A network of another program as a teacher: its judged run in MLflow, and the file stored there.

`faceseg judge` has opened and run the file in a child process before it stored it. A worker opens
it only if its checksum is that of the run.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import Run

from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from pipelines.compare.study_data.judged_rows import newest_judged
from pipelines.config import Experiment
from pipelines.config.names import check_judged_name
from pipelines.foreign.foreign_network import open_foreign_network
from pipelines.foreign.settings import read_network_file
from pipelines.job.context import StudyContext
from pipelines.job.job import EnsembleMember
from pipelines.models.exported_models import checksum
from pipelines.tracking import Tracker

if TYPE_CHECKING:
    from faceseg.training.distillation import OutsideTeacher

MAP_FILE = "map.yaml"  # among the files of a judged run
STORED_TAG = "network_file"  # the name of the network among them


def stored_file(name: str) -> str:
    """Return the name among the files of a judged run of a network whose file has this name."""
    return f"network{Path(name).suffix.lower()}"


def pinned_teacher(
    tracker: Tracker, experiment_id: str, experiment: Experiment, data: str
) -> EnsembleMember | None:
    """Return the judged network that teaches in a study; None if the experiment names none.

    It is the one that was judged last under this name. Its digest is a part of that of the finals
    which it teaches, so a network that is judged later under the same name trains new ones.

    Args:
        tracker: The connection to MLflow.
        experiment_id: The MLflow experiment's id.
        experiment: The study's experiment.
        data: The fingerprint of its images.

    Raises:
        UserError: No such network was judged on these images, or its file was not stored.
    """
    distil = experiment.distil
    if distil is None or not distil.is_judged:
        return None
    command = (
        "faceseg judge FILE --classes MAP.yaml --data EXPERIMENT --name "
        f"{check_judged_name(distil.teacher)}"
    )
    run = newest_judged(tracker, experiment_id, experiment.study, data=data).get(distil.teacher)
    if run is None:
        raise UserError(
            f"distil.teacher: no network {distil.teacher} was judged on the images of this "
            f"experiment. Judge it first: {command}"
        )
    if f"faceseg.{STORED_TAG}" not in run.data.tags:
        raise UserError(
            f"distil.teacher: {distil.teacher} was judged by an earlier version, which did not "
            f"store its file. Judge it again: {command}"
        )
    return EnsembleMember(distil.teacher, run.data.tags["faceseg.winner"])


def judged_run(context: StudyContext, member: EnsembleMember) -> Run:
    """Return the newest complete run of a judged network with this digest.

    Raises:
        UserError: It was deleted.
    """
    found = newest_judged(
        context.tracker,
        context.experiment_id,
        context.experiment.study,
        architecture=member.architecture,
        winner=member.winner,
    )
    if not found:
        raise UserError(
            f"the run of the teacher {member.architecture} is not in MLflow any more: judge its "
            "file again with `faceseg judge`, then re-run the same command"
        )
    return found[member.architecture]


def open_judged(context: StudyContext, run: Run, folder: Path) -> "OutsideTeacher":
    """Download the network of a judged run into a folder and open it.

    Raises:
        UserError: A file is missing, is not the one that was judged, or its runtime is not
            installed.
    """
    from faceseg.training.distillation import OutsideTeacher  # a framework: not in the driver

    tracker, run_id = context.tracker, run.info.run_id
    classes = context.experiment.data.class_set
    settings = read_network_file(tracker.fetch(run_id, MAP_FILE, folder))
    path = tracker.fetch(run_id, run.data.tags[f"faceseg.{STORED_TAG}"], folder)
    if checksum(path) != run.data.params["sha256"]:
        raise UserError(
            f"the file {path.name} of MLflow's run {run_id} is not the one that was judged (its "
            "sha256 differs): judge the file again with `faceseg judge`"
        )
    threads = context.experiment.resources.threads
    network = open_foreign_network(path, settings, classes, threads)
    known = tuple(sorted(set(network.class_ids)))
    return OutsideTeacher(Predictor(network, classes), known)
