"""The file of records is read as it was written, and every score can be computed from it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.data.split import Split
from faceseg.evaluation import robustness
from faceseg.evaluation.baselines import mean_label_map
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import evaluate_split
from faceseg.robustness import suites
from faceseg.robustness.tables import score_table


@pytest.fixture
def split(write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    items = DrawnFaces(counts={"test": 4}, size=48).items("test")
    return write_pack(tmp_path, "test", [item.read() for item in items], (32, 32))


@pytest.fixture
def records(split: Split) -> EvaluationRecords:
    """Records of a baseline: all four images are tested, two of them with every suite."""
    predictor = mean_label_map(split.labels, LAPA)
    kinds: dict[Any, tuple[str, ...]] = {
        suites.OCCLUSION: ("gray_square", "eye_band"),
        suites.CORRUPTION: ("low_light",),
        suites.GEOMETRY: ("resolution", "flip"),
    }
    conditions = tuple(
        condition
        for suite, each in kinds.items()
        for condition in robustness.evaluate_suite(predictor, split, suite, each, 2)
    )
    facts = ({"yaw_degrees": 1 / 3, "occluder": "none"}, {}, {"occluder": "hand"}, {})
    return EvaluationRecords(
        ids=split.ids,
        conditions=conditions,
        baseline_iou=0.1,
        tested=evaluate_split(predictor, split),
        facts=facts,
    )


def test_written_records_are_read_back(records: EvaluationRecords, tmp_path: Path) -> None:
    records.write(tmp_path / "records.npz")
    found = EvaluationRecords.read(tmp_path / "records.npz")
    assert found.ids == records.ids
    assert found.photos == records.photos
    assert found.baseline_iou == records.baseline_iou
    assert found.facts == records.facts
    assert [condition.severity for condition in found.conditions] == [
        condition.severity for condition in records.conditions
    ]
    for suite in (each.version for each in suites.SUITES.values()):
        expected = score_table(records.suite(suite), LAPA)
        assert score_table(found.suite(suite), LAPA).equals(
            expected
        )  # with NaN at the same positions
    assert found.tested is not None
    assert records.tested is not None
    np.testing.assert_equal(found.tested.scores(LAPA), records.tested.scores(LAPA))


def test_the_jawline_is_read_back_and_may_be_missing(
    records: EvaluationRecords, tmp_path: Path
) -> None:
    assert records.tested is not None
    measured = np.array([[4.5, 1], [0, 0], [1.5, 1], [0, 0]])
    for jawline in (measured, None):
        replace(records, tested=replace(records.tested, jawline=jawline)).write(tmp_path / "r.npz")
        found = EvaluationRecords.read(tmp_path / "r.npz").tested
        assert found is not None
        np.testing.assert_equal(found.jawline, jawline)
        # (4.5 + 1.5) / 2 images that have a jawline.
        assert found.scores(LAPA).get("jawline_distance") == (None if jawline is None else 3)


def test_the_records_of_a_trial_have_no_test(records: EvaluationRecords, tmp_path: Path) -> None:
    clean_and_occluded = tuple(records.suite("occ-v1"))
    EvaluationRecords(ids=records.ids[:2], conditions=clean_and_occluded, baseline_iou=0.1).write(
        tmp_path / "records.npz"
    )
    found = EvaluationRecords.read(tmp_path / "records.npz")
    assert found.tested is None
    assert {condition.suite for condition in found.conditions} == {"occ-v1"}


def test_another_file_is_rejected(records: EvaluationRecords, tmp_path: Path) -> None:
    path = tmp_path / "records.npz"
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ValueError, match=r"records\.npz is not a file of records: 'ids'"):
        EvaluationRecords.read(path)
    records.write(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="not a file of records"):
        EvaluationRecords.read(path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "records.npz", ids=np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        EvaluationRecords.read(tmp_path / "records.npz")
    assert not (tmp_path / "sprung").exists()
