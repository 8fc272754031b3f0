"""`faceseg audit`: train a network for each fold, rank all labels, write the page and the lists."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from faceseg.data.atomic_folder import locked
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation.label_audit import EvidenceTable, Suspicion, rank_labels
from faceseg.evaluation.label_evidence import EVIDENCE_VERSION
from pipelines.audit.fold_evidence import compute_fold, open_predictions, read_fold
from pipelines.audit.fold_images import PackedImages, folds_of, open_images
from pipelines.audit.fold_training import FoldTrainer
from pipelines.audit.label_files import label_files
from pipelines.audit.results import AuditedLabels, write_results
from pipelines.config import Experiment
from pipelines.data.prepare import image_source, prepare
from pipelines.job.device_share import use_share
from pipelines.studies.study import check_experiment

DEFAULT_NETWORK = "unet"
PRINTED = 10  # rows of the terminal's table
WEAK_IOU = 0.3  # with the labels of most images; below it, the ranking is not to be trusted


def audit_labels(
    experiment: Experiment, console: Console, *, folds: int, top: int, network: str | None = None
) -> Path:
    """Find the labels that are most likely wrong, in all splits, and write them with pictures.

    An interrupted audit is resumed. A finished one is not repeated: only its files are written.

    Args:
        experiment: The experiment; its images are checked and its training settings are used.
        console: Receives the progress and a short table.
        folds: The number of networks; each is trained on the images outside of its fold.
        top: The number of images on the page and in the list.
        network: One of the experiment's networks; by default `unet`, or else the first.

    Returns:
        The page, `audit.html`; `audit.csv` and `relabel.txt` are beside it.

    Raises:
        UserError: The experiment cannot run here or has no such network, there are too few images
            for the folds, a loss is not finite, or another process runs the same audit.
    """
    network = _network(experiment, network)
    check_experiment(experiment)
    pack, manifest = prepare(experiment, console)
    use_share(experiment.resources)
    images = open_images(pack)
    fold_of = folds_of(images, folds, experiment.seed)
    name = f"{experiment.name}-{_digest(experiment, manifest, network, folds)}"
    storage = experiment.storage / "audit" / name
    storage.mkdir(parents=True, exist_ok=True)
    try:
        with locked(storage, timeout=0):
            evidence = _FoldRunner(experiment, images, network, console).run(fold_of, storage)
    except Timeout as error:
        raise UserError(
            f"another process runs this audit in {storage}; wait for it, or stop it"
        ) from error
    audited = AuditedLabels(
        experiment=experiment,
        images=images,
        files=label_files(image_source(experiment.data), images),
        evidence=evidence,
        ranking=rank_labels(evidence, experiment.data.class_set, experiment.data.image_size),
        predictions=[open_predictions(_fold_folder(storage, each)) for each in range(folds)],
        fold_of=fold_of,
        network=network,
    )
    page = write_results(audited, experiment.storage / experiment.name / "audit", top)
    usual = float(np.median(evidence.iou))
    if usual < WEAK_IOU:
        console.print(
            f"the networks agree with the labels of most images poorly (median IoU {usual:.2f}), "
            "so the ranking means little: train longer with --set training.epochs=N, or add images",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    console.print(_table(audited.ranking[: min(top, PRINTED)], audited.files))
    return page


class _FoldRunner:
    """Computes the evidence of the folds that are not complete yet."""

    def __init__(
        self, experiment: Experiment, images: PackedImages, network: str, console: Console
    ) -> None:
        self._experiment = experiment
        self._images = images
        self._network = network
        self._console = console
        self._trainer: FoldTrainer | None = None  # a finished audit needs no framework

    def run(self, fold_of: NDArray[np.intp], storage: Path) -> EvidenceTable:
        """Return the evidence of all images, in their order."""
        tables = []
        folds, classes = int(fold_of.max()) + 1, len(self._experiment.data.class_set)
        for fold in range(folds):
            rows = np.flatnonzero(fold_of == fold)
            folder = _fold_folder(storage, fold)
            table = read_fold(folder, len(rows), classes)
            if table is None:
                self._compute(fold_of, fold, folder, f"fold {fold + 1} of {folds}")
                table = read_fold(folder, len(rows), classes)
            if table is None:
                raise UserError(f"{folder} was modified meanwhile; run the same command again")
            tables.append(table)
        order = np.argsort(np.argsort(fold_of, kind="stable"))
        return EvidenceTable.joined(tables).take(order)

    def _compute(self, fold_of: NDArray[np.intp], fold: int, folder: Path, title: str) -> None:
        if self._trainer is None:
            self._trainer = FoldTrainer(self._experiment, self._network, self._console)
        inside, outside = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        folder.mkdir(exist_ok=True)
        predictor, iou = self._trainer.train(self._images, outside, folder, title)
        with Progress(console=self._console, transient=True) as progress:
            task = progress.add_task(f"{title}: checking", total=2 * len(inside))
            compute_fold(
                predictor,
                self._images,
                inside,
                folder,
                lambda done: progress.update(task, completed=done),
            )
        self._trainer.remove_files(folder)
        self._console.print(
            f"{title}: val IoU {iou:.4f}, {len(inside)} images checked", highlight=False
        )


def _network(experiment: Experiment, name: str | None) -> str:
    """Return the network to train; raise UserError if the experiment does not have it."""
    known = experiment.networks
    if name is None:
        return DEFAULT_NETWORK if DEFAULT_NETWORK in known else next(iter(known))
    if name not in known:
        raise UserError(
            f"{name!r} is not among this experiment's architectures: {', '.join(known)}"
        )
    return name


def _digest(experiment: Experiment, manifest: Manifest, network: str, folds: int) -> str:
    """Return a digest of everything that the evidence depends on."""
    content = {
        "version": EVIDENCE_VERSION,
        "images": manifest.fingerprint,
        "network": experiment.networks[network],
        "training": experiment.training.model_dump(mode="json"),
        "seed": experiment.seed,
        "folds": folds,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _fold_folder(storage: Path, fold: int) -> Path:
    return storage / f"fold-{fold + 1}"


def _table(ranking: Sequence[Suspicion], files: Sequence[str]) -> Table:
    """Return the terminal's table of the first images."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("", "labels", "reason", "score", "details"):
        table.add_column(heading, justify="right" if heading in ("", "score") else "left")
    for place, each in enumerate(ranking, start=1):
        cells = (files[each.index], each.reason, f"{each.score:.2f}", each.details)
        table.add_row(str(place), *cells)
    return table
