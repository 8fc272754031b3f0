"""A foreign network in the comparison of a study: it and the study's own were tested alike.

The images are flat-coloured faces, for which a network that was not trained scores well.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.drawn import draw_face
from pipelines.config import load
from pipelines.tracking import Tracker
from tests.pipelines.judge.colour_networks import class_map, write_onnx

from .conftest import ComparedStudy

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]

COUNTS = {"train": 12, "val": 6, "test": 6}
FLAT = """
name: flat
data: {source: directory, path: photographs, image_size: [64, 64]}
architectures: {unet: {alpha: 0.35, width: 0.1, encoder_weights: none, batch_norm_momentum: 0.5}}
training: {epochs: 2}
search:
  trials: 1
  space: {learning_rate: {low: 3.0e-3, high: 3.0e-2, log: true}, batch_size: {choices: [4, 8]}}
  random_trials: 1
  pruner: none
finals: {seeds: 1}
robustness:
  kinds: [gray_square]
  corruption: [grey]
  geometry: [flip]
  trial_images: 2
  final_images: 6
resources: {workers: 1, cpus: 1}
"""
NO_HAIR = tuple(range(10))  # LaPa's classes without hair


@pytest.fixture(scope="module")
def flat(folder: Path, faceseg: Callable[..., Any]) -> Path:
    """Return the folder of a finished study on flat-coloured faces."""
    for split, count in COUNTS.items():
        for part in ("images", "labels"):
            (folder / "photographs" / split / part).mkdir(parents=True)
        for number in range(count):
            labels = draw_face((split, number), 72, 0.2).labels
            noise = np.random.default_rng(number).normal(0, 12, (72, 72, 3))
            image = np.clip(LAPA.colour(labels).astype(float) + noise, 0, 255).astype(np.uint8)
            place = folder / "photographs" / split
            cv2.imwrite(str(place / "images" / f"{split}{number}.png"), image[..., ::-1])
            cv2.imwrite(str(place / "labels" / f"{split}{number}.png"), labels)
    (folder / "flat.yaml").write_text(FLAT, encoding="utf-8")
    done = faceseg(folder, "study", "flat.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def write_network(folder: Path) -> str:
    """Write colours.onnx; return its map."""
    write_onnx(folder / "colours.onnx", scaling="imagenet", ids=NO_HAIR)
    classes = "\n".join(f"  {own}: {name}" for own, name in class_map(NO_HAIR).items())
    return f"classes:\n{classes}\nchannels: RGB\nscaling: imagenet\n"


def test_a_judged_network_stands_beside_the_study_s_own(flat: Path, faceseg: Callable[..., Any]):
    results = flat / "results" / "flat"
    before = pd.read_csv(results / "comparison.csv").set_index("architecture").loc["unet"]
    right = write_network(flat)
    (flat / "map.yaml").write_text(right.replace("RGB", "BGR"), encoding="utf-8")
    words = ("judge", "colours.onnx", "--classes", "map.yaml", "--data", "flat.yaml")

    refused = faceseg(flat, *words)
    assert refused.returncode == 2
    assert "channels: RGB instead of BGR" in refused.stderr

    (flat / "map.yaml").write_text(right, encoding="utf-8")
    done = faceseg(flat, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(results / "comparison.csv").set_index("architecture")
    judged, own = table.loc["colours.judged"], table.loc["unet"]
    assert judged.iou_low < judged.iou < judged.iou_high
    assert judged.iou > own.iou
    assert np.isfinite([judged.occluded_iou, judged.corruption_iou, judged.geometry_iou]).all()
    assert judged.latency_p50_ms > 0
    others = [f"iou/{name}" for name in LAPA.names[1:10]]
    assert list(own[others]) == list(before[others])  # no other class changes
    assert own.iou == pytest.approx(np.nanmean(own[others].astype(float)))
    assert own["iou/hair"] == before["iou/hair"]
    assert np.isnan(judged["iou/hair"])
    for file in ("comparison.md", "comparison.html"):
        text = (results / file).read_text(encoding="utf-8")
        assert "Left out of the mean of every network: hair" in text
    card = (results / "judged" / "colours.judged" / "card.md").read_text(encoding="utf-8")
    assert "It does not have hair" in card
    assert f"{judged.iou:.3f}" in card

    again = faceseg(flat, *words)
    assert again.returncode == 0
    assert "judged already" in again.stdout

    challenge = faceseg(flat, "promote", "flat.yaml", "--challenger", "colours")
    assert challenge.returncode == 0, challenge.stdout + challenge.stderr
    assert "colours.judged may " in challenge.stdout
    assert "class hair" not in challenge.stdout


def test_a_judged_network_teaches(flat: Path, faceseg: Callable[..., Any]):
    """It is asked for before the study starts; another one of the name teaches a new final."""
    taught = "distil={student: unet, teacher: tutor.judged}"
    study = ("study", "flat.yaml", "--set", taught)
    refused = faceseg(flat, *study)
    assert refused.returncode == 2
    assert "no network tutor.judged was judged" in refused.stderr

    store = ComparedStudy(
        load(flat / "flat.yaml", (taught,)), Tracker(f"sqlite:///{flat / 'results' / 'mlflow.db'}")
    )
    words = ("judge", "colours.onnx", "--classes", "tutor.yaml", "--data", "flat.yaml")
    teachers = []
    for more in ("", "size: [64, 64]\n"):  # the same network with another digest
        (flat / "tutor.yaml").write_text(write_network(flat) + more, encoding="utf-8")
        for command in ((*words, "--name", "tutor"), study):
            done = faceseg(flat, *command)
            assert done.returncode == 0, done.stdout + done.stderr
        runs = store.runs(kind="final", architecture="unet-distilled")
        assert len(runs) == len(teachers) + 1
        teachers = [run.data.params["teachers.tutor.judged"] for run in runs]
        assert {run.data.tags["faceseg.taught_by"] for run in runs} == {"tutor.judged"}
    assert len(set(teachers)) == 2
    newest = store.tracker.client.get_run(teachers[-1])
    assert newest.data.tags["faceseg.architecture"] == "tutor.judged"
    (alone,) = store.runs(kind="final", architecture="unet")
    assert runs[-1].data.params["seed"] == alone.data.params["seed"]
    assert runs[-1].data.metrics["seconds/teacher"] > 0
    assert runs[-1].data.metrics["train/loss"] != alone.data.metrics["train/loss"]
    report = (flat / "results" / "flat" / "comparison.md").read_text(encoding="utf-8")
    assert "with the probabilities of tutor.judged as a further term of the loss" in report
