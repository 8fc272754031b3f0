"""The contact sheet shows every kind and severity, or the labels to score by."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.robustness.contact_sheet import contact_sheet
from faceseg.robustness.suites import OCCLUSION, SUITES, Suite
from tests.faceseg.function_networks import encode_labels

SIDE = 32
LINE, GAP = 18, 2  # pixels of the caption above each picture, and between pictures


def cells(sheet: NDArray[np.uint8], rows: int) -> list[NDArray[np.uint8]]:
    """Return the pictures of a sheet, row by row."""
    columns = sheet.shape[1] // (SIDE + GAP)
    return [
        sheet[top + LINE : top + LINE + SIDE, left + 1 : left + 1 + SIDE]
        for top in (row * (LINE + SIDE + GAP) for row in range(rows))
        for left in (column * (SIDE + GAP) for column in range(columns))
    ]


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_the_sheet_has_a_row_for_each_kind_and_a_column_for_each_severity(
    suite: Suite, face: Callable[..., NDArray[np.uint8]]
) -> None:
    labels = face(64)
    kinds = suite.kinds(LAPA)
    sheet = contact_sheet(suite, encode_labels(labels), labels, "a", LAPA, side=SIDE)
    longest = max(len(suite.severities(kind)) for kind in kinds)
    assert sheet.shape == (len(kinds) * (LINE + SIDE + GAP), (1 + longest) * (SIDE + GAP), 3)
    found = cells(sheet, len(kinds))
    for row, kind in enumerate(kinds):
        first, *others = found[row * (1 + longest) : (row + 1) * (1 + longest)]
        np.testing.assert_array_equal(first, found[0])
        blank = [bool((each == 255).all()) for each in others]
        assert blank.count(False) == len(suite.severities(kind))


def test_painted_shows_the_labels_to_score_by(face: Callable[..., NDArray[np.uint8]]) -> None:
    labels = face(SIDE)
    sheet = contact_sheet(
        OCCLUSION,
        encode_labels(labels),
        labels,
        "a",
        LAPA,
        kinds=("blob",),
        side=SIDE,
        painted=True,
    )
    clean, *covered = cells(sheet, 1)
    np.testing.assert_array_equal(clean, LAPA.colour(labels))
    black = [(each == 0).all(axis=-1).sum() for each in (clean, *covered)]
    assert black == sorted(set(black))
