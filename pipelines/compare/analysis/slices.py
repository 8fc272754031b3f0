"""Scores on slices of the test images, for example small, dark or turned faces."""

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
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy

NO_FACTS = "all slices: the records of this study contain no facts about single images"


@dataclass(frozen=True)
class ComparedSlice:
    """A slice: its number of images, and the IoU of each model with its interval."""

    name: str
    images: int
    by_model: Mapping[str, Estimate]


@dataclass(frozen=True)
class SliceScores:
    """The slices, of which the first is all images, and the reason for each one left out."""

    rows: tuple[ComparedSlice, ...]
    left_out: tuple[str, ...]

    def worst(self, name: str) -> ComparedSlice | None:
        """Return the slice with a model's lowest IoU; None if there is no slice."""
        scored = [
            row for row in self.rows if row.name != ALL and math.isfinite(row.by_model[name].value)
        ]
        return min(scored, key=lambda row: row.by_model[name].value, default=None)


def score_slices(study: ComparedStudy, measurements: Measurements) -> SliceScores:
    """Score every model on every slice of the test images."""
    final = study.models[0].finals[0]
    facts = final.records.facts
    slices = slice_images(facts) if any(facts) else Slices((), (NO_FACTS,))
    every_image = np.ones(len(final.tested.ids), dtype=bool)
    groups = [(ALL, every_image), *((each.name, each.members) for each in slices.kept)]
    rows = [
        ComparedSlice(
            name,
            int(members.sum()),
            {
                model.name: _estimate(model, members, measurements.resamples)
                for model in study.models
            },
        )
        for name, members in groups
    ]
    return SliceScores(tuple(rows), slices.left_out)


def worst_slice_sentences(scores: SliceScores, names: Sequence[str]) -> list[str]:
    """Return one sentence per model: its worst slice, the interval and the number of images."""
    sentences = []
    for name in names:
        row = scores.worst(name)
        if row is None:
            continue
        worst, overall = row.by_model[name], scores.rows[0].by_model[name]
        sentences.append(
            f"{name} is worst on the slice '{row.name}' ({row.images} images): IoU "
            f"{worst.value:.3f} ({worst.fixed_low:.3f} to {worst.fixed_high:.3f}), against "
            f"{overall.value:.3f} on all images."
        )
    return sentences


def _estimate(model: ComparedModel, members: np.ndarray, resamples: int) -> Estimate:
    overlaps = np.stack([overlap_counts(final.tested.counts[members]) for final in model.finals])
    photos = np.array(model.finals[0].records.photos)[members]
    resampling = Resampling(tuple(str(photo) for photo in photos), resamples)
    return estimate(resample_score(overlaps, mean_iou, resampling))
