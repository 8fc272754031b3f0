"""A judged network against the champion, from the command line, on synthetic studies."""

import json
from pathlib import Path

import mlflow.artifacts
import pytest

from pipelines.config import load
from pipelines.tracking import Tracker
from tests.pipelines.conftest import RunFaceseg
from tests.pipelines.promote.conftest import Study
from tests.pipelines.promote.synthetic_studies import SyntheticFinal, write_judged

CHAMPION = SyntheticFinal(error=0.2)
STRONGER = SyntheticFinal(error=0.1)


@pytest.fixture
def promoted(study: Study, run_faceseg: RunFaceseg) -> Path:
    """Return the experiment of a study whose final is the champion."""
    experiment = study("own", CHAMPION)
    assert run_faceseg("promote", experiment)[0] == 0
    return experiment


def aliases(tracker: Tracker, model: str) -> dict[str, str]:
    found = tracker.client.get_registered_model(model).aliases
    return {alias: str(version) for alias, version in found.items()}


def test_a_better_judged_network_is_let_through_and_no_alias_moves(
    promoted: Path, run_faceseg: RunFaceseg, tracker: Tracker, model: str
):
    run = write_judged(tracker, load(promoted), "foreign.judged", STRONGER)
    code, output = run_faceseg("promote", promoted, "--challenger", "foreign")
    assert code == 0
    assert "foreign.judged may replace version 1: test IoU +0.1" in output
    assert f"foreign.judged is no version of {model}, so champion was not moved" in output
    assert aliases(tracker, model) == {"champion": "1"}
    tags = tracker.client.get_run(run).data.tags
    assert tags["faceseg.gate"] == "would be let through"
    assert tags["faceseg.gate.against"] == "1"
    stored = mlflow.artifacts.load_text(
        f"{tracker.client.get_run(run).info.artifact_uri}/gate/{model}-champion-against-1.json"
    )
    assert json.loads(stored)["candidate"] == "foreign.judged"


def test_a_worse_judged_network_is_refused(
    promoted: Path, run_faceseg: RunFaceseg, tracker: Tracker
):
    run = write_judged(tracker, load(promoted), "foreign.judged", SyntheticFinal(error=0.4))
    code, output = run_faceseg("promote", promoted, "--challenger", "foreign.judged", "--dry-run")
    assert code == 1
    assert "foreign.judged may not replace version 1" in output
    assert "faceseg.gate" not in tracker.client.get_run(run).data.tags


def test_classes_that_a_judged_network_lacks_are_left_out_of_both(
    promoted: Path, run_faceseg: RunFaceseg, tracker: Tracker
):
    weak_hair = SyntheticFinal(errors={"hair": 0.9})
    write_judged(tracker, load(promoted), "bald.judged", weak_hair, left_out=("hair",))
    code, output = run_faceseg("promote", promoted, "--challenger", "bald")
    assert code == 1
    assert "test IoU +0.0000 (+0.0000 to +0.0000)" in output
    assert "class hair" not in output


def test_an_unknown_challenger_names_the_judged_networks(
    promoted: Path, run_faceseg: RunFaceseg, tracker: Tracker
):
    code, output = run_faceseg("promote", promoted, "--challenger", "foreign")
    assert code == 2
    assert "no network was judged on the data of" in output
    write_judged(tracker, load(promoted), "foreign.judged", STRONGER)
    code, output = run_faceseg("promote", promoted, "--challenger", "foriegn")
    assert code == 2
    assert "foreign.judged" in output
