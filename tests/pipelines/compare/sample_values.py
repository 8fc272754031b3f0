"""Values that synthetic studies share: settings, costs, learning curves and a manifest."""

import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import Manifest, SplitFacts

PARAMS = {
    "learning_rate": "0.0001",
    "batch_size": "8",
    "weight_decay": "0.0001",
    "dice_weight": "1.0",
    "cross_entropy_weight": "1.0",
    "encoder_learning_rate_factor": "1.0",
    "augmentation.strength": "1.0",
    "epochs": "3",
    "network.encoder_weights": "none",
}
SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "batch_size": {"choices": [4, 8, 16, 32]},
}
COSTS = {
    "latency/p50_ms": 5.0,
    "latency/p95_ms": 6.0,
    "latency/threads": 1.0,
    "latency/load": 0.1,
    "memory/peak_mb": 900.0,
    "model/parameters": 5e5,
    "model/macs": 1e6,
    "model/size_mb": 2.5,
    "seconds/training": 60.0,
    "epochs": 3.0,
}


def history(iou: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train/loss": [2.0, 1.0, 0.5],
            "val/loss": [2.2, 1.3, 1.1],
            "val/iou": [iou / 4, iou / 2, iou],
        }
    )


def make_manifest(classes: ClassSet, images: int = 6) -> Manifest:
    shares = dict.fromkeys(classes.names, 0.02)
    shares |= {classes.names[0]: 0.57, classes.names[1]: 0.38, classes.names[-1]: 0.0}
    facts = SplitFacts(
        count=images, photos=images, repeated=0, class_shares=shares, digest="d" * 32
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
