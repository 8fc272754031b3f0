"""The registered model of an experiment that sets none."""

import pytest
from pydantic import ValidationError

from pipelines.config import Experiment
from pipelines.config.names import check_registered_model

FACES = {"names": ["background", "skin"], "palette": [[0, 0, 0], [9, 9, 9]], "face": [1]}


def registered_model(name: str = "mine", **content: object) -> str:
    experiment = Experiment.model_validate({"name": name, **content})
    return experiment.tracking.registered_model


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "faceseg"),
        ({"source": "drawn"}, "faceseg"),
        ({"source": "lapa", "path": "/data/LaPa"}, "faceseg"),
        ({"source": "directory", "path": "photos"}, "faceseg-mine"),
        ({"source": "lapa", "classes": FACES}, "faceseg-mine"),
    ],
)
def test_only_lapa_and_drawn_faces_share_the_registered_model(
    data: dict[str, object], expected: str
):
    assert registered_model(data=data) == expected


def test_a_model_that_the_experiment_sets_is_kept():
    data = {"source": "directory", "path": "photos"}
    assert registered_model(data=data, tracking={"registered_model": "faceseg"}) == "faceseg"
    assert registered_model(data=data, tracking={"uri": "http://host"}) == "faceseg-mine"
    assert registered_model(tracking={"registered_model": "faces"}) == "faces"


def test_the_longest_name_gives_a_valid_model():
    name = "a" * 100
    found = registered_model(name, data={"source": "directory", "path": "photos"})
    assert check_registered_model(found) == found


def test_a_wrong_name_or_data_is_the_only_error():
    with pytest.raises(ValidationError) as refused:
        Experiment.model_validate({"name": "no/name", "data": {"source": "directory"}})
    assert [error["loc"][0] for error in refused.value.errors()] == ["name", "data"]
