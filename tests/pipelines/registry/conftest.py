"""Fixtures: the folder of a final, and a study in a real MLflow store."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from faceseg.data.manifest import Manifest, SplitFacts
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.tracking import Tracker


@pytest.fixture(scope="module")
def final_folder(network_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a final: its network, and the records of two images.

    Skin (1): all 30 pixels of the first image are labelled skin, all 30 of the second hair (10).
    """
    folder = tmp_path_factory.mktemp("final")
    (folder / "checkpoints").mkdir()
    shutil.copy(network_file, folder / "checkpoints" / "best.keras")
    counts = np.zeros((2, 11, 11), dtype=np.int64)
    counts[0, 1, 1] = counts[1, 1, 10] = 30
    ids = ("a_0", "b_0")
    tested = SplitEvaluation(
        ids=ids,
        counts=counts,
        boundary=np.zeros((2, 11, 2), np.int64),
        outline=np.zeros((2, 2), np.int64),
        calibration=np.zeros((2, 15, 3)),
    )
    EvaluationRecords(
        ids=ids, conditions=(), baseline_iou=0.1, tested=tested, facts=({}, {})
    ).write(folder / "confusion.npz")
    return folder


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    experiment = Experiment.model_validate(
        {
            "name": "registry",
            "storage": tmp_path,
            "tracking": {"registered_model": f"model-{tmp_path.name}"},
        }
    )
    counted = SplitFacts(count=2, photos=2, repeated=0, class_shares={}, digest="")
    manifest = Manifest.model_construct(fingerprint="abcdef", splits={"test": counted})
    return StudyContext(
        experiment=experiment,
        packs=tmp_path,
        manifest=manifest,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run="study",
        commit="commit1",
    )
