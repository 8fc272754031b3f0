"""Promotion from the command line, on planted studies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.registry import alias_lock
from pipelines.tracking import Tracker
from tests.pipelines.promote.conftest import Study
from tests.pipelines.promote.synthetic_studies import CLASSES, SyntheticFinal

Say = Callable[..., tuple[int, str]]

CHAMPION = SyntheticFinal(error=0.2, val=0.5)
STRONGER = SyntheticFinal(error=0.1, val=0.4)  # better on the test images, worse in validation


@pytest.fixture
def aliases(tracker: Tracker, model: str):
    def read() -> dict[str, str]:
        found = tracker.client.get_registered_model(model).aliases
        return {alias: str(version) for alias, version in found.items()}

    return read


def test_a_dry_run_tells_and_changes_nothing(
    study: Study, say: Say, aliases, tracker: Tracker, model: str
):
    say("promote", study("first", CHAMPION))
    code, said = say("promote", study("stronger", STRONGER), "--dry-run")
    assert code == 0
    assert "nothing was changed" in said
    assert aliases() == {"champion": "1"}
    assert "gate" not in tracker.client.get_model_version(model, "2").tags


def test_a_promotion_killed_at_its_last_step_has_kept_its_reasoning(
    study: Study,
    say: Say,
    aliases,
    *,
    tracker: Tracker,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
):
    say("promote", study("first", CHAMPION))
    stronger = study("stronger", STRONGER)

    def killed(*arguments: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(alias_lock, "move_alias", killed)
        say("promote", stronger)
    tags = tracker.client.get_model_version(model, "2").tags
    assert tags["gate"] == "let through"
    assert tags["gate.reason"]
    assert aliases() == {"champion": "1"}
    assert say("promote", stronger)[0] == 0
    assert tracker.client.get_model_version(model, "2").tags["gate"] == "promoted"


def test_the_best_by_validation_is_put_up_whatever_the_test_says(study: Study, say: Say, aliases):
    say(
        "promote",
        study("several", SyntheticFinal(error=0.1, val=0.3), SyntheticFinal(error=0.4, val=0.6)),
    )
    assert aliases() == {"champion": "2"}


def test_another_model_gets_a_copy_in_the_same_call(
    study: Study, say: Say, tracker: Tracker, model: str
):
    first, stronger = study("first", CHAMPION), study("stronger", STRONGER)
    production = f"{model}-production"
    assert say("promote", first, "--to", f"{production}@live")[0] == 0
    assert say("promote", stronger, "--to", f"{production}@live")[0] == 0
    found = tracker.client.get_registered_model(production).aliases
    assert {alias: str(version) for alias, version in found.items()} == {
        "live": "2",
        "previous-live": "1",
    }
    copies = [tracker.client.get_model_version(production, version) for version in ("1", "2")]
    origins = [tracker.client.get_model_version(model, version) for version in ("1", "2")]
    assert [each.run_id for each in copies] == [each.run_id for each in origins]
    assert say("promote", first, "--to", f"{production}@live")[0] == 1


def test_another_server_gets_the_version_and_all_that_is_known_of_it(
    study: Study, say: Say, tracker: Tracker, model: str, signed_in: Tracker
):
    first, stronger = study("first", CHAMPION), study("stronger", STRONGER)
    for path in (first, stronger):
        for _ in range(2):  # the second time it is there, and champion
            assert say("promote", path, "--registry", signed_in.uri)[0] == 0
    assert say("promote", first, "--registry", signed_in.uri)[0] == 1
    there = signed_in.client.get_registered_model(model).aliases
    assert {alias: str(version) for alias, version in there.items()} == {
        "champion": "2",
        "previous": "1",
    }
    assert not tracker.client.get_registered_model(model).aliases
    version = signed_in.client.get_model_version(model, "2")
    origin = tracker.client.get_model_version(model, "2").run_id
    assert version.tags["origin_run"] == origin
    run = signed_in.client.get_run(version.run_id)
    assert run.data.metrics == tracker.client.get_run(origin).data.metrics


def test_other_test_images_cannot_be_compared(study: Study, say: Say, aliases):
    say("promote", study("first", CHAMPION))
    code, said = say("promote", study("other", SyntheticFinal(error=0.1, images=29)))
    assert code == 2
    assert "tested on 29 images" in said
    assert "Traceback" not in said
    assert aliases() == {"champion": "1"}


def test_other_classes_cannot_be_compared(study: Study, say: Say):
    names = (*CLASSES.names[:-1], "hat")
    hats = CLASSES.model_copy(update={"names": names})
    say("promote", study("first", CHAMPION))
    code, said = say("promote", study("hats", SyntheticFinal(error=0.1, classes=hats)))
    assert code == 2
    assert "hat" in said


def test_models_lists_scores_aliases_and_lineage(study: Study, say: Say):
    say("promote", study("first", CHAMPION))
    stronger = study("stronger", STRONGER)
    say("promote", stronger)
    code, said = say("models", stronger)
    assert code == 0
    newest, oldest = said.split("\n 1 ")
    for word in ("champion", "unet", "0.9000", "0.8"):
        assert word in newest
    assert "previous" in oldest
    (lineage,) = (line for line in said.splitlines() if line.startswith("version 2: "))
    assert "final 0 of w1nner" in lineage
    assert "promoted against 1" in lineage


def test_there_is_no_way_back_before_a_promotion(study: Study, say: Say):
    path = study("first", CHAMPION)
    say("promote", path)
    code, said = say("rollback", path)
    assert code == 2
    assert "no way back" in said


def test_a_study_that_has_not_ended_has_no_candidate(tmp_path: Path, tracker: Tracker, say: Say):
    path = tmp_path / "new.yaml"
    text = f"name: new\ntracking: {{uri: '{tracker.uri}'}}\n"
    path.write_text(text, encoding="utf-8")
    code, said = say("promote", path)
    assert code == 2
    assert "faceseg study" in said
