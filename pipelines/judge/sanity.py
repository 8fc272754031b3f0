"""A check of the settings on a few validation images: whether others would score better.

A wrong scaling, order of channels or class map gives a network that runs and scores badly. Each
combination of what the file does not contain is tried, with the given map and with the map that
agrees best with the labels.

Shapes: K class ids of the network, C classes of the data.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet
from faceseg.data.images import resize_image
from faceseg.data.split import Split
from faceseg.errors import UserError
from faceseg.evaluation.baselines import LEARNED_MARGIN
from faceseg.inference.predictor import Predictor, labels_from_logits
from faceseg.metrics.confusion_matrix import class_iou, mean_of_defined, ratio
from pipelines.foreign.foreign_network import ForeignNetwork
from pipelines.foreign.settings import CHANNELS, LAYOUTS, SCALINGS, InputFormat
from pipelines.job.results import panel_indices

MARGIN = 0.05  # IoU by which other settings must score better: less can be chance on a few images
TIE = 0.02  # IoU; of settings that differ by less, those with the fewest changes are named
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class _Candidate:
    """Settings that were tried: how often each id (K) was predicted on each class (C)."""

    form: InputFormat
    class_ids: tuple[int, ...]
    counts: Counts

    def score(self, averaged: Collection[int]) -> float:
        """Return the mean IoU of the averaged classes."""
        return _score(self.counts, self.class_ids, averaged)


def check_settings(
    network: ForeignNetwork, classes: ClassSet, validation: Split, blind: Predictor
) -> float:
    """Return the IoU on a few validation images, if no other settings score better.

    Args:
        network: The network with the settings that were given.
        classes: The data's classes.
        validation: The validation images.
        blind: The baseline, a prediction that ignores the image.

    Returns:
        The mean IoU of the foreground classes in the map.

    Raises:
        UserError: Other settings score better, or none is better than a prediction that ignores
            the image.
    """
    images = [validation.original(index) for index in panel_indices(len(validation))]
    given = _Candidate(network.form, network.class_ids, _counts(network, images, len(classes)))
    own = _foreground(given.class_ids)
    score = given.score(own)
    others = _others(network, given, images, len(classes))
    gains = [(each, each.score(own) - score) for each in others]
    best = max(gain for _, gain in gains)
    if best > MARGIN:
        near = [each for each, gain in gains if gain > best - TIE]
        simplest = min(near, key=lambda each: len(_changes(each, given, classes)))
        raise UserError(_advice(simplest, given, classes, len(images)))
    baseline = _baseline_score(blind, images, classes, own)
    if not score >= baseline + LEARNED_MARGIN:
        raise UserError(
            f"the network has an IoU of {score:.3f} on {len(images)} validation images, and no "
            f"other layout, channels, scaling or map of the classes is better by {MARGIN}. A "
            f"prediction that ignores the image has {baseline:.3f}. Check the size of the input "
            "and the framing of the faces that the network was trained on"
        )
    return score


def _others(
    network: ForeignNetwork,
    given: _Candidate,
    images: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    classes: int,
) -> Iterator[_Candidate]:
    """Yield the other settings; those with which the network cannot run are left out."""
    form, known = network.form, network.known
    layouts = [form.layout] if "layout" in known else LAYOUTS
    channels = [form.channels] if "channels" in known else CHANNELS
    scalings = [form.scaling] if "scaling" in known else dict.fromkeys([form.scaling, *SCALINGS])
    for layout, order, scaling in product(layouts, channels, scalings):
        update = {"layout": layout, "channels": order, "scaling": scaling}
        other = network.with_form(form.model_copy(update=update))
        if other.form == given.form:
            counts = given.counts
        else:
            try:
                counts = _counts(other, images, classes)
            except Exception:  # noqa: S112  # of any kind: the runtime refuses these settings
                continue
        tried = _Candidate(other.form, given.class_ids, counts)
        yield tried
        yield _Candidate(other.form, _best_map(tried), counts)


def _counts(
    network: ForeignNetwork,
    images: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    classes: int,
) -> Counts:
    """Count the pixels of each pair of predicted id and true class, (K, C)."""
    total = np.zeros((len(network.class_ids), classes), np.int64)
    for image, truth in images:
        (logits,) = network.own_logits(resize_image(image, network.form.size)[None])
        total += _pair_counts(_largest(logits, truth.shape), truth, total.shape)
    return total


def _pair_counts(
    found: NDArray[np.integer], truth: NDArray[np.uint8], shape: tuple[int, ...]
) -> Counts:
    """Count the pixels of each pair (found, truth), where the truth is not ignored."""
    kept = truth != IGNORE
    codes = found[kept].astype(np.int64) * shape[1] + truth[kept]
    return np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)


def _largest(logits: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the id of the largest of logits (h, w, K) at an image's own size."""
    if logits.shape[-1] <= IGNORE:
        return labels_from_logits(logits, size).astype(np.intp)
    height, width = logits.shape[:2]
    rows = np.arange(size[0]) * height // size[0]
    columns = np.arange(size[1]) * width // size[1]
    return np.asarray(logits.argmax(axis=-1)[rows[:, None], columns])


def _best_map(tried: _Candidate) -> tuple[int, ...]:
    """Return the class with which each id overlaps most; ids never predicted keep theirs.

    Only classes of the given map are considered: where the data shows a class that the network does
    not have, it predicts another one.
    """
    hits = tried.counts
    predicted, true = hits.sum(axis=1), hits.sum(axis=0)
    iou = np.nan_to_num(ratio(hits, predicted[:, None] + true[None] - hits))
    known = sorted(set(tried.class_ids))
    best = np.array(known)[iou[:, known].argmax(axis=1)]
    return tuple(
        int(best[own]) if predicted[own] else target for own, target in enumerate(tried.class_ids)
    )


def _score(counts: Counts, class_ids: Sequence[int], averaged: Collection[int]) -> float:
    """Return the mean IoU of the averaged classes, from counts (K, C)."""
    classes = counts.shape[1]
    confusion = np.zeros((classes, classes), np.int64)
    for own, target in enumerate(class_ids):
        confusion[:, target] += counts[own]
    return float(np.nan_to_num(mean_of_defined(class_iou(confusion)[sorted(averaged)])))


def _foreground(class_ids: Collection[int]) -> set[int]:
    return set(class_ids) - {0}


def _baseline_score(
    blind: Predictor,
    images: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    classes: ClassSet,
    averaged: Collection[int],
) -> float:
    """Return the IoU of the baseline on these images."""
    total = np.zeros((len(classes), len(classes)), np.int64)
    for image, truth in images:
        total += _pair_counts(blind.predict(image), truth, total.shape)
    return _score(total, range(len(classes)), averaged)


def _changes(best: _Candidate, given: _Candidate, classes: ClassSet) -> list[str]:
    """Return what to change in the map, one text for each key or class id."""
    now, then = given.form.words(), best.form.words()
    changes = [f"{key}: {then[key]} instead of {now[key]}" for key in now if now[key] != then[key]]
    changes += [
        f"class id {own}: {classes.names[right]} instead of {classes.names[wrong]}"
        for own, (right, wrong) in enumerate(zip(best.class_ids, given.class_ids, strict=True))
        if right != wrong
    ]
    return changes


def _advice(best: _Candidate, given: _Candidate, classes: ClassSet, images: int) -> str:
    """Return the message that names the wrong settings and the better ones."""
    averaged = _foreground(given.class_ids)
    return (
        f"the map of the network is wrong: on {images} validation images it has an IoU of "
        f"{given.score(averaged):.3f}, and {best.score(averaged):.3f} with "
        f"{'; '.join(_changes(best, given, classes))}. Correct the map, if the network was trained "
        "so"
    )
