"""Drawn faces as a source: its splits, its items and their facts, and refused settings."""

import json

import numpy as np
import pytest

from faceseg.data.drawn import DrawnFaces, draw_face
from faceseg.errors import UserError


def test_no_face_is_in_two_splits():
    source = DrawnFaces(counts={"train": 6, "val": 6, "test": 6}, size=32)
    drawn = [item.read()[0].tobytes() for split in source.splits for item in source.items(split)]
    assert len(set(drawn)) == 18


def test_a_source_has_items_facts_and_an_identity():
    source = DrawnFaces(counts={"train": 13, "val": 0}, size=32, difficulty=0.5, seed=4)
    item = source.items("train")[12]
    image, labels = item.read()
    face = draw_face((4, "train", 12), 32, 0.5)
    assert item.id == "train-000012"
    assert source.splits == ("train", "val")
    assert source.items("val") == []
    assert np.array_equal(image, face.image)
    assert np.array_equal(labels, face.labels)
    assert item.factors() == face.factors.as_dict()
    assert item.facts(labels) == {
        name: item.factors()[name] for name in ("yaw_degrees", "skin_tone", "occluder")
    }
    assert json.loads(json.dumps(source.identity())) == source.identity()
    assert (
        source.identity() != DrawnFaces(counts={"train": 13, "val": 0}, size=32, seed=4).identity()
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"counts": {}}, "count for each split"),
        ({"counts": {"train": -1, "val": 2}}, "0 or more"),
        ({"difficulty": 2.0}, "from 0 to 1.5; got 2"),
        ({"size": 8}, "16 pixels a side or more; got size=8"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        DrawnFaces(**settings)


def test_an_unknown_split_is_refused():
    with pytest.raises(UserError, match="train; got 'dev'"):
        DrawnFaces(counts={"train": 1}).items("dev")
