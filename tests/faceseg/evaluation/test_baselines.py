"""Predictors that ignore the image have lower summaries than one that uses it, in every suite."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.drawn.painting import draw_face
from faceseg.data.split import Split
from faceseg.evaluation.baselines import clean_class_iou, constant_background, mean_label_map
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.inference.predictor import Predictor
from faceseg.robustness.suites import AGREEMENT, CORRUPTION, GEOMETRY, SUITES, Suite
from faceseg.robustness.summary import (
    RobustnessSummary,
    consistency,
    corruption_errors,
    mean_errors,
    summarise,
)
from faceseg.robustness.tables import curves, score_table
from tests.faceseg.function_networks import predictor_of

SIZE = 48
COUNT = 4
Pixels = NDArray[np.uint8]
Known = list[tuple[Pixels, Pixels]]


@pytest.fixture(scope="module")
def known() -> Known:
    """Drawn faces and their mirror images, which a predictor can memorise."""
    drawn = [draw_face((7, "trivial", index), SIZE, 1.0) for index in range(COUNT)]
    faces = [(face.image, face.labels) for face in drawn]
    return faces + [
        (image[:, ::-1].copy(), LAPA.flip_table[labels[:, ::-1]]) for image, labels in faces
    ]


@pytest.fixture
def split(known: Known, write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    return write_pack(tmp_path, "val", known[:COUNT], (SIZE, SIZE))


def memorising(known: Known) -> Predictor:
    """Return a predictor of the labels of the known image with the highest correlation."""

    def thumbnail(image: Pixels) -> NDArray[np.float64]:
        small = cv2.resize(image, (12, 12), interpolation=cv2.INTER_AREA).astype(float).ravel()
        centred = small - small.mean()
        return centred / max(float(np.linalg.norm(centred)), 1e-9)

    thumbnails = np.stack([thumbnail(image) for image, _ in known])
    return predictor_of(lambda image: known[(thumbnails @ thumbnail(image)).argmax()][1], SIZE)


def clean_iou(predictor: Predictor, split: Split, limit: int) -> float:
    return float(np.nanmean(clean_class_iou(predictor, split, limit)[1:]))


def figures(predictor: Predictor, split: Split, suite: Suite, blind: float) -> dict[str, float]:
    """Return every summary of a suite, with signs so that higher is better."""
    conditions = evaluate_suite(predictor, split, suite, suite.kinds(LAPA), COUNT)
    by_kind, clean = curves(score_table(conditions, LAPA), suite.policies[0])
    found: RobustnessSummary = summarise(by_kind, clean, by_share=suite.by_share, blind=blind)
    values = {"iou": found.mean_iou, "retention": found.mean_retention}
    if suite is CORRUPTION:
        errors = corruption_errors(mean_errors(by_kind), dict.fromkeys(by_kind, 0.5))
        values["corruption error"] = -float(np.mean(list(errors.values())))
    if suite is GEOMETRY:
        agreement, _ = curves(score_table(conditions, LAPA), AGREEMENT)
        values |= consistency(agreement, clean, blind)
    return values


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_baselines_are_worse_in_every_summary(suite: Suite, known: Known, split: Split) -> None:
    labels = np.stack([labels for _, labels in known[:COUNT]])
    mean = mean_label_map(labels, LAPA)
    blind = clean_iou(mean, split, COUNT)
    assert 0.1 < blind < 0.9
    real = figures(memorising(known), split, suite, blind)
    assert not any(math.isnan(value) for value in real.values())
    for baseline in (mean, constant_background((SIZE, SIZE), LAPA)):
        beaten = figures(baseline, split, suite, blind)
        assert beaten.keys() == real.keys()
        for name, value in beaten.items():
            assert math.isnan(value) or value < real[name], name
        assert math.isnan(beaten["retention"])


def test_the_mean_label_map_has_the_most_frequent_class() -> None:
    labels = np.array([[[0, 1]], [[3, 1]], [[3, 2]]], np.uint8)
    image = np.full((1, 2, 3), 9, np.uint8)
    assert mean_label_map(labels, LAPA).predict(image).tolist() == [[3, 1]]
    assert constant_background((1, 2), LAPA).predict(image).tolist() == [[0, 0]]


def test_the_clean_score_is_of_the_first_images(known: Known, split: Split) -> None:
    assert clean_iou(memorising(known), split, limit=99) == 1
    first = mean_label_map(known[0][1][None], LAPA)
    assert clean_iou(first, split, limit=1) == 1
    assert clean_iou(first, split, limit=COUNT) < 1
