"""The benchmark of the audit: the errors that it plants, and the figures that it prints."""

from pathlib import Path

import numpy as np

from faceseg.data.classes import LAPA
from faceseg.evaluation.label_audit import DIFFERS, SHIFTED, SWAPPED
from tests.benchmarks.label_audit import EACH, KINDS, SIZE, plant_errors, report


def faces(count: int) -> np.ndarray:
    """Return face maps in which each differs from the others."""
    labels = np.zeros((count, SIZE, SIZE), dtype=np.uint8)
    for number, each in enumerate(labels):
        top = 4 + number % 17
        each[top : top + 30, 10 : 40 + number % 13] = 1
        each[top + 4 : top + 8, 12:18], each[top + 4 : top + 8, 28:34] = 4, 5
        each[top + 12 : top + 18, 20:25] = 6
    return labels


def test_each_kind_of_error_is_planted_in_25_maps_and_the_others_are_unchanged():
    labels = faces(210)
    wrong, kinds = plant_errors(labels, seed=3)
    assert [list(kinds.values()).count(kind) for kind in KINDS] == [EACH] * 4
    changed = (wrong != labels).any(axis=(1, 2))
    assert set(np.flatnonzero(changed)) == set(kinds)
    for index, kind in kinds.items():
        before, after = labels[index], wrong[index]
        if kind == "swapped":
            np.testing.assert_array_equal(LAPA.flip_table[after], before)
        elif kind == "missing":
            lost = set(np.unique(before)) - set(np.unique(after))
            assert len(lost) == 1
            assert set(after[before != after]) == {1}
        elif kind == "other":
            assert (labels == after).all(axis=(1, 2)).any()


def test_the_report_counts_the_planted_errors_among_the_first(tmp_path: Path):
    (table := tmp_path / "audit.csv").write_text(
        "image,score,reason,label_quality\n"
        f"a,0.9,{SWAPPED},0.30\nb,0.8,{DIFFERS},0.01\nc,0.7,{SHIFTED},0.02\nd,0.1,{DIFFERS},0.90\n"
    )
    planted = {"a": "swapped", "c": "shifted", "d": "missing"}
    precision, *lines = report(table, planted)
    assert precision == "precision at 3: 0.67"  # a and c of a, b, c
    assert lines == [
        "swapped: 1 of 1 found, 1 with the reason 'sides exchanged'",
        "missing: 0 of 1 found, 0 with the reason 'part missing'",
        "other: 0 of 0 found, 0 with the reason 'labels of another image'",
        "shifted: 1 of 1 found, 1 with the reason 'shifted'",
        "by the soft minimum of the self-confidence alone: 0.67",  # a and c of b, c, a
    ]
