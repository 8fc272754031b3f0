"""How each contender does on parts of the test images: small faces, dark ones, turned ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from faceseg.evaluation.slices import ALL, Slices, slice_images
from faceseg.statistics import (
    Estimate,
    Resampling,
    estimate,
    mean_iou,
    overlap_counts,
    resample_score,
)
from pipelines.compare.analysis.comparisons import Measurements
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults

NO_FACTS = "Nothing is known of the single images: this study's records hold no facts of them."


@dataclass(frozen=True)
class SliceScore:
    """A slice: how many images and photographs, and by contender the IoU with its interval."""

    name: str
    images: int
    by_model: Mapping[str, Estimate]


@dataclass(frozen=True)
class SliceScores:
    """All slices, all images first, and a sentence for each that was left out."""

    rows: tuple[SliceScore, ...]
    left_out: tuple[str, ...]

    def worst(self, name: str) -> SliceScore | None:
        """Return the slice of a contender's lowest IoU; None if there is no slice."""
        told = [
            row for row in self.rows if row.name != ALL and math.isfinite(row.by_model[name].value)
        ]
        return min(told, key=lambda row: row.by_model[name].value, default=None)


def score_slices(record: StudyResults, evidence: Measurements) -> SliceScores:
    """Score every contender on every slice of the test images."""
    final = record.models[0].finals[0]
    known = final.records.facts
    found = slice_images(known) if any(known) else Slices((), (NO_FACTS,))
    everything = np.ones(len(final.tested.ids), dtype=bool)
    groups = [(ALL, everything), *((each.name, each.members) for each in found.kept)]
    rows = [
        SliceScore(
            name,
            int(members.sum()),
            {each.name: _estimate(each, members, evidence.resamples) for each in record.models},
        )
        for name, members in groups
    ]
    return SliceScores(tuple(rows), found.left_out)


def worst_slice_sentences(found: SliceScores, names: Sequence[str]) -> list[str]:
    """Name each contender's worst slice, with its interval and n."""
    told = []
    for name in names:
        row = found.worst(name)
        if row is None:
            continue
        here, overall = row.by_model[name], found.rows[0].by_model[name]
        told.append(
            f"{name} is worst on the slice '{row.name}': IoU {here.value:.3f} "
            f"({here.fixed_low:.3f} to {here.fixed_high:.3f}, {row.images} images) against "
            f"{overall.value:.3f} on all"
        )
    return told


def _estimate(contender: ComparedModel, members: np.ndarray, resamples: int) -> Estimate:
    finals = contender.finals
    tallies = np.stack([overlap_counts(final.tested.counts[members]) for final in finals])
    photos = np.array(finals[0].records.photos)[members]
    resampling = Resampling(tuple(str(each) for each in photos), resamples)
    return estimate(resample_score(tallies, mean_iou, resampling))
