"""Judge a network of another program on a study's data, and write the comparison with it."""

from pathlib import Path

from mlflow.entities import Run
from rich.console import Console

from faceseg.data.atomic_files import write_atomically
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.compare import comparison
from pipelines.compare.study_data.judged_rows import JUDGED
from pipelines.config import Experiment
from pipelines.config.names import check_network_name, judged_name
from pipelines.data.prepare import prepare
from pipelines.execution.assessment import baseline
from pipelines.foreign.file_formats import check_format
from pipelines.foreign.foreign_network import ForeignNetwork, open_foreign_network
from pipelines.foreign.settings import read_network_file
from pipelines.job.context import StudyContext
from pipelines.job.device_share import use_share
from pipelines.job.winners import read_winners
from pipelines.judge.card import CARD_FILE
from pipelines.judge.judged_run import JudgedFile, JudgedRun
from pipelines.judge.sanity import check_settings
from pipelines.judge.trial_process import try_file
from pipelines.models.exported_models import checksum
from pipelines.search.leases import study_lock
from pipelines.studies.resuming import require_same_images, require_same_masks
from pipelines.studies.study import check_experiment
from pipelines.tracking import Tracker


def judge_file(
    path: Path, settings: Path, experiment: Experiment, console: Console, *, name: str | None
) -> Path:
    """Test a network of another program, log it, and write the study's comparison with it.

    A file that was judged with the same settings is not tested again.

    Args:
        path: An `.onnx`, `.tflite` or `.keras` file.
        settings: MAP.yaml.
        experiment: The experiment on whose data the network is tested.
        console: Receives the progress and the results.
        name: The network's name in tables; by default that of the file.

    Returns:
        The network's card.

    Raises:
        UserError: The file is refused or cannot run; the settings are incomplete, contradict the
            file or are wrong; the study runs now, or was begun on other images or occluders.
    """
    form = read_network_file(settings)
    check_format(path)
    form.class_ids(experiment.data.class_set)
    judged = JudgedFile(name=_name(path, name), path=path, sha256=checksum(path), settings=form)
    check_experiment(experiment)
    folder, manifest = prepare(experiment, console)
    results = experiment.storage / experiment.name
    card = results / JUDGED / judged.name / CARD_FILE
    with study_lock(experiment):
        context, study = _open_context(experiment, folder, manifest)
        run = JudgedRun(context, judged)
        if run.is_complete:
            console.print(f"{judged.name} was judged already, with the same settings")
        else:
            network = _open(context, judged, console)
            console.print(f"testing {judged.name}", highlight=False)
            run.test(network, console)
        write_atomically({card: run.read_card()})
        if study is not None and read_winners(study.data.tags):
            comparison.compare_study(context.tracker, experiment, results, console)
        else:
            console.print(
                f"{experiment.name} has no results of its own yet; after `faceseg study`, its "
                f"comparison contains {judged.name}",
                highlight=False,
            )
    return card


def _name(path: Path, name: str | None) -> str:
    try:
        return judged_name(check_network_name(name or path.stem))
    except ValueError as error:
        raise UserError(f"{error}. Give another one with --name") from error


def _open_context(
    experiment: Experiment, folder: Path, manifest: Manifest
) -> tuple[StudyContext, Run | None]:
    """Return the context of the experiment's study, and the study's run if there is one."""
    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    runs = tracker.find_runs(experiment_id, study=experiment.study, kind="study")
    context = StudyContext(
        experiment=experiment,
        packs=folder,
        manifest=manifest,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run=runs[0].info.run_id if runs else "",
        commit=versions.commit(),
    )
    if not runs:
        return context, None
    require_same_images(context, runs[0])
    require_same_masks(context, runs[0])
    return context, runs[0]


def _open(context: StudyContext, judged: JudgedFile, console: Console) -> ForeignNetwork:
    """Open the file and check its settings."""
    experiment = context.experiment
    classes, threads = experiment.data.class_set, experiment.resources.threads
    console.print(f"trying {judged.path} in a process of its own", highlight=False)
    try_file(judged.path, judged.settings, classes, threads)
    if judged.path.suffix.lower() == ".keras":
        use_share(experiment.resources)
    network = open_foreign_network(judged.path, judged.settings, classes, threads)
    iou = check_settings(network, classes, context.validation, baseline(context))
    words = "; ".join(f"{key}: {value}" for key, value in network.form.words().items())
    console.print(f"IoU {iou:.3f} on a few validation images with {words}", highlight=False)
    return network
