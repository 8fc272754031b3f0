"""The pinned reference of mean corruption errors, read from a model registry."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from faceseg.errors import UserError
from pipelines.compare.study_data.corruption_reference import read_corruption_reference
from pipelines.config import Experiment
from pipelines.tracking import Tracker


def rows(images: int = 4, **iou: list[float]) -> pd.DataFrame:
    """Return a table of cor-v1: the clean row, then two severities of each kind."""
    clean = {"kind": "clean", "share": 0.0, "policy": "truth", "iou": 0.9, "images": images}
    return pd.DataFrame(
        [clean]
        + [
            {**clean, "kind": kind, "share": share, "iou": score}
            for kind, scores in iou.items()
            for share, score in zip((1.0, 2.0), scores, strict=True)
        ]
    )


@dataclass
class Final:
    """A final run with its tables only."""

    rows: dict[str, pd.DataFrame]


@pytest.fixture
def pinned(tracker: Tracker, experiment_id: str, tmp_path: Path) -> Experiment:
    """Return an experiment that pins version 1, tested under two kinds; version 2 has no scores."""
    client, model = tracker.client, f"model-{tmp_path.name}"
    client.create_registered_model(model)
    for number in range(2):
        run = client.create_run(experiment_id).info.run_id
        if number == 0:
            with tracker.files(run) as folder:
                rows(grey=[0.8, 0.6], jpeg=[0.5, 0.3]).to_csv(folder / "corruption.csv")
        client.create_model_version(model, source=f"runs:/{run}/model", run_id=run)
    return Experiment(name="made", storage=tmp_path, corruption_reference=f"{model}/1")


def test_the_mean_corruption_error_by_hand(tracker: Tracker, pinned: Experiment):
    reference = read_corruption_reference(tracker, pinned)
    assert reference is not None
    # Errors of the reference: 1 - 0.7 = 0.3, 1 - 0.4 = 0.6. Of the final run: 0.15 and 0.9.
    assert reference.errors == pytest.approx({"grey": 0.3, "jpeg": 0.6})
    final = Final({"corruption": rows(grey=[0.85, 0.85], jpeg=[0.2, 0.0])})
    assert reference.mean_error(final) == pytest.approx((0.5 + 1.5) / 2)
    assert reference.mean_error(
        Final({"corruption": rows(grey=[0.8, 0.6], jpeg=[0.5, 0.3])})
    ) == pytest.approx(1)


def test_other_images_or_kinds_raise(tracker: Tracker, pinned: Experiment):
    reference = read_corruption_reference(tracker, pinned)
    assert reference is not None
    for other in (rows(images=5, grey=[0.8, 0.6]), rows(fog=[0.8, 0.6])):
        with pytest.raises(UserError, match="was measured on 4 images under grey, jpeg"):
            reference.mean_error(Final({"corruption": other}))


def test_a_missing_or_unsuitable_reference_raises(tracker: Tracker, pinned: Experiment):
    name = str(pinned.corruption_reference).removesuffix("/1")
    without = pinned.model_copy(update={"corruption_reference": f"{name}/2"})
    with pytest.raises(UserError, match="was not tested under cor-v1"):
        read_corruption_reference(tracker, without)
    absent = pinned.model_copy(update={"corruption_reference": f"{name}/3"})
    with pytest.raises(UserError, match=f"has no version 3 of {name}"):
        read_corruption_reference(tracker, absent)
    assert read_corruption_reference(tracker, Experiment(name="made")) is None
    with pytest.raises(ValueError, match="corruption_reference"):
        Experiment(name="made", corruption_reference="models:/faceseg@champion")
