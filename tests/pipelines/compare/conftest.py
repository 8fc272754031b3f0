"""A small study made in code: three architectures, two seeds each, five classes, six images."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from faceseg.classes import ClassSet
from faceseg.data.manifest import Manifest, SplitFacts
from faceseg.metrics import confusion_per_image
from pipelines.compare.collect import Contender, Final, Record
from pipelines.panel import Panel

CLASSES = ClassSet(
    names=("background", "skin", "left_eye", "right_eye", "hat"),
    palette=((0, 0, 0), (0, 153, 255), (255, 255, 102), (255, 255, 204), (102, 0, 51)),
    pairs=((2, 3),),
    small=(2, 3),
    face=(1, 2, 3),
    eyes=(2, 3),
)
IMAGES = 6
SIZE = 16
PARAMS = {
    "learning_rate": "0.003",
    "batch_size": "8",
    "weight_decay": "0.0001",
    "dice_weight": "1.0",
    "cross_entropy_weight": "1.0",
    "encoder_learning_rate_factor": "1.0",
    "augmentation.strength": "1.0",
    "epochs": "3",
    "network.encoder_weights": "none",
}
SCORES = (
    *("iou", "dice", "precision", "recall", "iou_small", "boundary_iou", "iou_with_background"),
    *("pixel_accuracy", "iou_per_image", "iou_worst_tenth", "calibration_error"),
    *("calibration_error_foreground", "iou/skin", "iou/left_eye", "iou/right_eye"),
    *("legacy_iou", "legacy_precision", "legacy_recall"),
)
RUNS = {  # by architecture: the IoU of its two finals, the wrong share of pixels, latency, MACs
    "unet": ((0.50, 0.60), 0.30, 4.0, 1e6),
    "pspnet": ((0.20, 0.20), 0.80, 9.0, 2e6),
    "segnet": ((0.70, 0.80), 0.05, 5.0, 8e6),
}


def truths() -> np.ndarray:
    """A face with two eyes on every image, and no hat on any."""
    labels = np.zeros((IMAGES, SIZE, SIZE), dtype=np.uint8)
    labels[:, 3:14, 3:13] = 1
    labels[:, 6:8, 4:7] = 2
    labels[:, 6:8, 9:12] = 3
    return labels


def spoilt(labels: np.ndarray, wrong: float, seed: int) -> np.ndarray:
    """Labels in which about this share of the pixels is another class that occurs."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 4, labels.shape).astype(np.uint8)
    return np.where(rng.random(labels.shape) < wrong, noise, labels)


def make_final(name: str, seed: int) -> Final:
    scores, wrong, latency, macs = RUNS[name]
    iou = scores[seed]
    labels, ids = truths(), tuple(f"photo-{number}" for number in range(IMAGES))
    predicted = spoilt(labels, wrong, seed)
    rng = np.random.default_rng(9)
    images = rng.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    metrics = {
        **{f"test/{score}": iou for score in SCORES},
        "test/legacy_dice": 1.9,
        "occlusion/retention": 0.8,
        "occlusion/mean_iou": 0.8 * iou,
        "occlusion/blob/retention": 0.7,
        "occlusion/eye_band/retention": 0.9,
        "latency/p50_ms": latency,
        "latency/p95_ms": 1.5 * latency,
        "latency/threads": 1.0,
        "memory/peak_mb": 900.0,
        "model/parameters": 5e5,
        "model/macs": macs,
        "model/size_mb": 2.5,
        "seconds/training": 60.0 + 20 * seed,
        "epochs": 3.0,
    }
    return Final(
        number=seed,
        seed=100 + seed,
        run_id=f"{name}-{seed}",
        metrics=metrics,
        params=dict(PARAMS),
        history=history(iou),
        occlusion=occlusion(iou),
        test_ids=ids,
        test_counts=confusion_per_image(labels, predicted, len(CLASSES)),
        panel=Panel(
            ids[:2],
            {ids[place]: images[place] for place in range(2)},
            {ids[place]: labels[place] for place in range(2)},
            {ids[place]: predicted[place] for place in range(2)},
        ),
    )


def history(iou: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train/loss": [2.0, 1.0, 0.5],
            "val/loss": [2.2, 1.3, 1.1],
            "val/iou": [iou / 4, iou / 2, iou],
        }
    )


def occlusion(iou: float) -> pd.DataFrame:
    steps = [("clean", 0.0, 0.0)]
    steps += [("blob", share, share) for share in (0.05, 0.1, 0.2, 0.35, 0.5)]
    steps += [("eye_band", step, 0.1 * step) for step in (1.0, 2.0, 3.0)]
    rows = [
        {"kind": kind, "severity": severity, "share": share, "policy": policy, "images": IMAGES,
         "iou": iou * (1 - (1.0 if policy == "visible" else 0.5) * share)}
        for kind, severity, share in steps
        for policy in ("visible", "unoccluded")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def make_manifest(classes: ClassSet = CLASSES) -> Manifest:
    shares = dict(zip(classes.names, (0.57, 0.38, 0.025, 0.025, 0.0), strict=True))
    facts = SplitFacts(
        count=IMAGES, photos=IMAGES, repeated=0, class_shares=shares, digest="d" * 32
    )
    return Manifest(
        pack_version=1,
        key="k" * 20,
        fingerprint="fedcba9876543210" * 2,
        classes=classes,
        image_size=(64, 64),
        on_bad="stop",
        source={"source": "made"},
        splits={"train": facts, "val": facts, "test": facts},
        shared_photos={},
        sides=(),
        problems=(),
        warnings=(),
        versions={},
        files={},
    )


@pytest.fixture
def record() -> Record:
    """The study: segnet best, then unet, then pspnet."""
    contenders = tuple(
        Contender(
            name,
            (make_final(name, 0), make_final(name, 1)),
            Counter(complete=3, pruned=2, failed=1),
            trial_seconds=300.0,
            trial_epochs=12,
        )
        for name in RUNS
    )
    return Record(
        "made",
        "made-12345678",
        "studyrun",
        "abcdef012345",
        make_manifest(),
        contenders,
        "A study made up for its tests.",
    )


@pytest.fixture
def contender(record: Record) -> Callable[[str], Contender]:
    """Find an architecture of the study by name."""
    return lambda name: next(each for each in record.contenders if each.name == name)
