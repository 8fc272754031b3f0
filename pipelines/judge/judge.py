"""Test a network of another program on a study's data, as its finals are tested, and log it.

The run is a child of the study's run, with the kind `judged`. The comparison of the study shows it
as one more row.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Run
from rich.console import Console

from faceseg.data.atomic_files import write_atomically
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.inference.predictor import Predictor
from pipelines.cluster import versions
from pipelines.compare import comparison
from pipelines.compare.study_data.judged_rows import BASELINE_METRIC, JUDGED, LEFT_OUT_TAG
from pipelines.config import Experiment
from pipelines.config.names import check_network_name, judged_name
from pipelines.data.prepare import prepare
from pipelines.execution.assessment import assess, baseline_class_iou
from pipelines.job.context import StudyContext, study_sender
from pipelines.job.device_share import use_share
from pipelines.job.winners import read_winners
from pipelines.judge.card import CARD_FILE, judged_card
from pipelines.judge.foreign_network import ForeignNetwork, open_foreign_network
from pipelines.judge.network_files import check_format
from pipelines.judge.sanity import check_settings
from pipelines.judge.settings import NetworkFile, read_network_file
from pipelines.judge.trial_process import try_file
from pipelines.models.exported_models import checksum
from pipelines.studies.cleanup import wait_for_delivery
from pipelines.studies.resuming import require_same_images, require_same_masks
from pipelines.studies.study import check_experiment
from pipelines.tracking import Outbox, RunIdentity, Tracker

TEST_VERSION = 1  # of what is logged: a file is judged again after it changes


@dataclass(frozen=True, kw_only=True)
class JudgedFile:
    """A file that is judged: its name in tables, its checksum and its settings."""

    name: str
    path: Path
    sha256: str
    settings: NetworkFile

    @property
    def digest(self) -> str:
        """A digest of everything that the results depend on, besides the study."""
        content = [TEST_VERSION, self.sha256, self.settings.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def map_text(self) -> str:
        """The settings as JSON, which is YAML too."""
        return self.settings.model_dump_json(exclude_none=True, indent=1) + "\n"


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
        UserError: The file is refused or cannot run, the settings are incomplete, contradict the
            file or are wrong, or the study was begun on other images or with other occluders.
    """
    form = read_network_file(settings)
    check_format(path)
    form.class_ids(experiment.data.class_set)
    judged = JudgedFile(name=_name(path, name), path=path, sha256=checksum(path), settings=form)
    check_experiment(experiment)
    folder, manifest = prepare(experiment, console)
    context, study = _open_context(experiment, folder, manifest)
    if not _complete_runs(context, judged):
        network = _open(context, judged, console)
        _test(context, judged, network, console)
    else:
        console.print(f"{judged.name} was judged already, with the same settings")
    results = experiment.storage / experiment.name
    card = results / JUDGED / judged.name / CARD_FILE
    _fetch_card(context, judged, card)
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
    if runs:
        require_same_images(context, runs[0])
        require_same_masks(context, runs[0])
    return context, runs[0] if runs else None


def _open(context: StudyContext, judged: JudgedFile, console: Console) -> ForeignNetwork:
    """Open the file and check its settings."""
    experiment = context.experiment
    classes, threads = experiment.data.class_set, experiment.resources.threads
    console.print(f"trying {judged.path} in a process of its own", highlight=False)
    try_file(judged.path, judged.settings, classes, threads)
    if judged.path.suffix.lower() == ".keras":
        use_share(experiment.resources)
    network = open_foreign_network(judged.path, judged.settings, classes, threads)
    iou = check_settings(network, classes, context.validation, context.train)
    words = "; ".join(f"{key}: {value}" for key, value in network.form.words().items())
    console.print(f"IoU {iou:.3f} on a few validation images with {words}", highlight=False)
    return network


def _test(
    context: StudyContext, judged: JudgedFile, network: ForeignNetwork, console: Console
) -> None:
    """Test the network, and log its run."""
    classes, threads = context.experiment.data.class_set, context.experiment.resources.threads
    left_out = [each for each in range(1, len(classes)) if each not in network.class_ids]
    names = [classes.names[each] for each in left_out]
    outbox, at = _outbox(context, judged), time.time()
    outbox.open(
        context.dataset,
        trial=0,
        seed=0,
        commit=context.commit,
        data=context.manifest.fingerprint,
        **{LEFT_OUT_TAG: json.dumps(names)},
    )
    outbox.params({"file": judged.path.name, "sha256": judged.sha256, **_network_params(network)})
    console.print(f"testing {judged.name}", highlight=False)
    with study_sender(context) as sender:
        with outbox.files() as files:
            predictor = Predictor(network, classes)
            values = assess(
                context, "final", predictor, outbox, files, at=at, threads=threads,
                left_out=left_out,
            )  # fmt: skip
            values |= try_file(judged.path, judged.settings, classes, threads, measured=True)
            values["model/size_mb"] = judged.path.stat().st_size / 1024**2
            ious = baseline_class_iou(context, "final")
            values |= {
                f"{BASELINE_METRIC}{name}": float(iou)
                for name, iou in zip(classes.names, ious, strict=True)
            }
            records = EvaluationRecords.read(files / "confusion.npz")
            card = judged_card(context, judged.path.name, network, records, values)
            (files / CARD_FILE).write_text(card, encoding="utf-8")
            (files / "map.yaml").write_text(judged.map_text, encoding="utf-8")
        outbox.once(values, at)
        outbox.tags(state="complete")
        outbox.end("FINISHED")
        wait_for_delivery(context, sender, console)


def _network_params(network: ForeignNetwork) -> dict[str, str]:
    return {f"network.{key}": value for key, value in network.form.words().items()}


def _identity(context: StudyContext, judged: JudgedFile) -> dict[str, str]:
    # Without the tag `study`: the runs of a study are restored, closed and counted by it.
    return {
        "judged_in": context.experiment.study,
        "kind": JUDGED,
        "architecture": judged.name,
        "winner": judged.digest,
    }


def _outbox(context: StudyContext, judged: JudgedFile) -> Outbox:
    run = RunIdentity(
        experiment_id=context.experiment_id,
        name=judged.name,
        identity=_identity(context, judged),
        description=f"{judged.path.name}, trained by another program, tested once.",
        parent=context.study_run,
    )
    return Outbox(context.outboxes / f"{judged.name}-{judged.digest}", run)


def _complete_runs(context: StudyContext, judged: JudgedFile) -> list[Run]:
    data = context.manifest.fingerprint
    identity = _identity(context, judged)
    return context.tracker.find_runs(context.experiment_id, **identity, data=data, state="complete")


def _fetch_card(context: StudyContext, judged: JudgedFile, card: Path) -> None:
    run = _complete_runs(context, judged)[-1]
    with TemporaryDirectory(prefix="faceseg-") as folder:
        text = context.tracker.fetch(run.info.run_id, CARD_FILE, Path(folder)).read_bytes()
    write_atomically({card: text})
