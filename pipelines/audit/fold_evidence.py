"""The evidence of one fold: computed with its network, stored in its folder, read again.

`evidence.npz` is written last: a fold that has it is complete.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.array_files import UNREADABLE, read_arrays
from faceseg.data.atomic_files import write_atomically
from faceseg.data.split_writer import NpyRowWriter
from faceseg.evaluation.batched_logits import batched_logits
from faceseg.evaluation.label_audit import EvidenceTable
from faceseg.evaluation.label_evidence import ReferenceCounter, gather_evidence
from faceseg.inference.predictor import Image, Labels, Predictor, argmax_labels, softmax
from pipelines.audit.fold_images import PackedImages

EVIDENCE, PREDICTIONS = "evidence.npz", "predictions.npy"
BATCH = 16  # images per call of the network


def compute_fold(
    predictor: Predictor,
    images: PackedImages,
    rows: NDArray[np.intp],
    folder: Path,
    progress: Callable[[int], None],
) -> None:
    """Compute and store the evidence against the labels of a fold, and their predictions.

    The network predicts each image twice, because the evidence depends on thresholds of all
    images and the probabilities of all would need too much memory.

    Args:
        predictor: A network that was not trained on the fold.
        images: All images.
        rows: The indices of those of the fold.
        folder: The folder of the fold.
        progress: Called with the number of predicted images after each.
    """
    counter = ReferenceCounter(predictor.classes)
    done = 0
    for labels, probabilities in _predicted(predictor, images, rows):
        counter.add(labels, probabilities)
        done += 1
        progress(done)
    reference = counter.reference()
    found = []
    predictions = NpyRowWriter(folder / PREDICTIONS, images.splits[0].labels.shape[1:])
    with predictions.file:
        for labels, probabilities in _predicted(predictor, images, rows):
            found.append(gather_evidence(labels, probabilities, reference, predictor.classes))
            predictions.append(argmax_labels(probabilities))
            done += 1
            progress(done)
        predictions.finish()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **EvidenceTable.of(found).arrays())
    write_atomically({folder / EVIDENCE: buffer.getvalue()})


def _predicted(
    predictor: Predictor, images: PackedImages, rows: NDArray[np.intp]
) -> Iterator[tuple[Labels, NDArray[np.float32]]]:
    pairs: Iterator[tuple[Image, Labels]] = (images.pair(int(row)) for row in rows)
    for labels, logits in batched_logits(predictor, pairs, BATCH):
        yield labels, softmax(logits)


def read_fold(folder: Path, count: int, num_classes: int) -> EvidenceTable | None:
    """Return the evidence of a complete fold; None if it must be computed.

    Args:
        folder: The folder of the fold.
        count: The number of its images.
        num_classes: The number of classes.
    """
    try:
        table = EvidenceTable.from_arrays(read_arrays(folder / EVIDENCE))
        predictions = open_predictions(folder)
    except UNREADABLE:
        return None
    lengths = {len(predictions), *map(len, table.arrays().values())}
    classes = {table.counts.shape[1:], table.joint.shape[1:]}
    complete = lengths == {count} and classes == {(num_classes, num_classes)}
    return table if complete else None


def open_predictions(folder: Path) -> NDArray[np.uint8]:
    """Return the predicted labels of a fold's images, uint8 (N, H, W), as a memory map."""
    predictions: NDArray[np.uint8] = np.load(folder / PREDICTIONS, mmap_mode="r")
    return predictions
