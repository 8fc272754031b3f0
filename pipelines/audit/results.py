"""The files of an audit: `audit.csv` of all images, `audit.html` and `relabel.txt` of the first.

Text in the CSV file is escaped for spreadsheets; the page escapes its text in the template.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from faceseg.data.atomic_files import write_atomically
from faceseg.evaluation.label_audit import EvidenceTable, Suspicion
from pipelines.audit.fold_images import PackedImages
from pipelines.compare.escaping import csv_text
from pipelines.config import Experiment

CSV, PAGE, LIST = "audit.csv", "audit.html", "relabel.txt"


@dataclass(frozen=True, kw_only=True)
class AuditedLabels:
    """A complete audit of N images.

    Attributes:
        experiment: The experiment.
        images: The images.
        files: The name of each image's label file, relative to the data folder.
        evidence: The evidence against the labels.
        ranking: All images, the most suspicious first.
        predictions: The predicted labels of each fold's images, in their order.
        fold_of: The fold of each image, (N,).
        network: The name of the network.
    """

    experiment: Experiment
    images: PackedImages
    files: Sequence[str]
    evidence: EvidenceTable
    ranking: Sequence[Suspicion]
    predictions: Sequence[NDArray[np.uint8]]
    fold_of: NDArray[np.intp]
    network: str

    def prediction(self, index: int) -> NDArray[np.uint8]:
        """Return the predicted labels (H, W) of an image."""
        fold = self.fold_of[index]
        return np.array(self.predictions[fold][int((self.fold_of[:index] == fold).sum())])


def write_results(audited: AuditedLabels, folder: Path, top: int) -> Path:
    """Write the three files; return the page.

    Args:
        audited: The audit.
        folder: The folder for the files; existing ones are overwritten.
        top: The number of images on the page and in the list.
    """
    from pipelines.audit.page import render_page

    first = audited.ranking[:top]
    names = "".join(f"{audited.files[each.index]}\n" for each in first)
    write_atomically(
        {
            folder / CSV: csv_text(ranking_table(audited)).encode(),
            folder / LIST: names.encode(),
            folder / PAGE: render_page(audited, first).encode(),
        }
    )
    return folder / PAGE


def ranking_table(audited: AuditedLabels) -> pd.DataFrame:
    """Return one row for each image, the most suspicious first."""
    names = audited.images.names
    return pd.DataFrame(
        [
            {
                "file": audited.files[each.index],
                "split": names[each.index][0],
                "image": names[each.index][1],
                "score": round(each.score, 4),
                "reason": each.reason,
                "details": each.details,
                "iou": round(float(audited.evidence.iou[each.index]), 4),
                "label_quality": round(float(audited.evidence.quality[each.index]), 4),
            }
            for each in audited.ranking
        ]
    )
