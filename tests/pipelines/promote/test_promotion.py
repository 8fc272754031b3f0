"""Promotion from the command line, on synthetic studies."""

from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.registry import aliases as registry_aliases
from pipelines.studies.experiment import open_study_experiment
from pipelines.tracking import Tracker
from tests.pipelines.conftest import RunFaceseg
from tests.pipelines.promote.conftest import Study
from tests.pipelines.promote.synthetic_studies import CLASSES, SyntheticFinal, write_study

CHAMPION = SyntheticFinal(error=0.2, val=0.5)
STRONGER = SyntheticFinal(error=0.1, val=0.4)  # better in the test, worse in validation


@pytest.fixture
def aliases(tracker: Tracker, model: str):
    def read() -> dict[str, str]:
        found = tracker.client.get_registered_model(model).aliases
        return {alias: str(version) for alias, version in found.items()}

    return read


def test_a_dry_run_prints_the_decision_and_changes_nothing(
    study: Study, run_faceseg: RunFaceseg, aliases, tracker: Tracker, model: str
):
    run_faceseg("promote", study("first", CHAMPION))
    code, output = run_faceseg("promote", study("stronger", STRONGER), "--dry-run")
    assert code == 0
    assert "nothing was changed" in output
    assert aliases() == {"champion": "1"}
    assert "gate" not in tracker.client.get_model_version(model, "2").tags


def test_a_promotion_killed_at_its_last_step_has_stored_its_decision(
    study: Study,
    run_faceseg: RunFaceseg,
    aliases,
    *,
    tracker: Tracker,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
):
    run_faceseg("promote", study("first", CHAMPION))
    stronger = study("stronger", STRONGER)

    def killed(*arguments: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry_aliases, "move_alias", killed)
        run_faceseg("promote", stronger)
    tags = tracker.client.get_model_version(model, "2").tags
    assert tags["gate"] == "let through"
    assert tags["gate.reason"]
    assert aliases() == {"champion": "1"}
    assert run_faceseg("promote", stronger)[0] == 0
    assert tracker.client.get_model_version(model, "2").tags["gate"] == "promoted"


def test_the_candidate_is_the_best_by_validation_whatever_its_test_score(
    study: Study, run_faceseg: RunFaceseg, aliases
):
    run_faceseg(
        "promote",
        study("several", SyntheticFinal(error=0.1, val=0.3), SyntheticFinal(error=0.4, val=0.6)),
    )
    assert aliases() == {"champion": "2"}


def test_promotion_to_another_model_copies_the_version(
    study: Study, run_faceseg: RunFaceseg, tracker: Tracker, model: str
):
    first, stronger = study("first", CHAMPION), study("stronger", STRONGER)
    production = f"{model}-production"
    assert run_faceseg("promote", first, "--to", f"{production}@live")[0] == 0
    assert run_faceseg("promote", stronger, "--to", f"{production}@live")[0] == 0
    found = tracker.client.get_registered_model(production).aliases
    assert {alias: str(version) for alias, version in found.items()} == {
        "live": "2",
        "previous-live": "1",
    }
    copies = [tracker.client.get_model_version(production, version) for version in ("1", "2")]
    origins = [tracker.client.get_model_version(model, version) for version in ("1", "2")]
    assert [each.run_id for each in copies] == [each.run_id for each in origins]
    assert run_faceseg("promote", first, "--to", f"{production}@live")[0] == 1


def test_promotion_to_another_server_copies_the_version_and_its_records(
    study: Study,
    run_faceseg: RunFaceseg,
    tracker: Tracker,
    model: str,
    authenticated_tracker: Tracker,
):
    first, stronger = study("first", CHAMPION), study("stronger", STRONGER)
    for path in (first, stronger):
        for _ in range(2):  # the second call finds the copy, which is champion
            assert run_faceseg("promote", path, "--registry", authenticated_tracker.uri)[0] == 0
    assert run_faceseg("promote", first, "--registry", authenticated_tracker.uri)[0] == 1
    copied = authenticated_tracker.client.get_registered_model(model).aliases
    assert {alias: str(version) for alias, version in copied.items()} == {
        "champion": "2",
        "previous": "1",
    }
    assert not tracker.client.get_registered_model(model).aliases
    version = authenticated_tracker.client.get_model_version(model, "2")
    origin = tracker.client.get_model_version(model, "2").run_id
    assert version.tags["origin_run"] == origin
    run = authenticated_tracker.client.get_run(version.run_id)
    assert run.data.metrics == tracker.client.get_run(origin).data.metrics


def test_other_test_images_cannot_be_compared(study: Study, run_faceseg: RunFaceseg, aliases):
    run_faceseg("promote", study("first", CHAMPION))
    code, output = run_faceseg("promote", study("other", SyntheticFinal(error=0.1, images=29)))
    assert code == 2
    assert "tested on 29 images" in output
    assert "Traceback" not in output
    assert aliases() == {"champion": "1"}


def test_photographs_replace_a_champion_of_drawn_faces(
    study: Study, run_faceseg: RunFaceseg, aliases
):
    """The quickstart and LaPa share a registered model."""
    run_faceseg("promote", study("drawn", SyntheticFinal(error=0.1, drawn=True)))
    photographs = study("photographs", SyntheticFinal(error=0.3, images=29))
    code, output = run_faceseg("promote", photographs)
    assert code == 0, output
    assert "was trained on drawn faces" in output
    assert aliases() == {"champion": "2", "previous": "1"}
    assert run_faceseg("rollback", photographs)[0] == 0
    assert aliases()["champion"] == "1"


def test_a_study_goes_on_in_the_registered_model_of_its_first_versions(
    tmp_path: Path, tracker: Tracker, run_faceseg: RunFaceseg, monkeypatch: pytest.MonkeyPatch
):
    """Up to 0.2.0, the default was one registered model for all data sets."""
    monkeypatch.setattr("pipelines.tracking.earlier_model.SHARED_MODEL", f"old-{tmp_path.name}")
    path = tmp_path / f"own-{tmp_path.name}.yaml"
    own = f"tracking: {{uri: '{tracker.uri}'}}\ndata: {{source: directory, path: photos}}\n"
    path.write_text(own, encoding="utf-8")
    assert open_study_experiment(path).tracking.registered_model == f"faceseg-{path.stem}"
    earlier = load(path, (f"tracking.registered_model=old-{tmp_path.name}",))
    write_study(tracker, earlier, CHAMPION)
    assert open_study_experiment(path) == earlier
    code, output = run_faceseg("models", path)
    assert code == 0
    assert f"old-{tmp_path.name}" in output
    chosen = open_study_experiment(path, ("tracking.registered_model=chosen",))
    assert chosen.tracking.registered_model == "chosen"


def test_other_classes_cannot_be_compared(study: Study, run_faceseg: RunFaceseg):
    names = (*CLASSES.names[:-1], "hat")
    hats = CLASSES.model_copy(update={"names": names})
    run_faceseg("promote", study("first", CHAMPION))
    code, output = run_faceseg("promote", study("hats", SyntheticFinal(error=0.1, classes=hats)))
    assert code == 2
    assert "hat" in output


def test_models_lists_scores_aliases_and_lineage(study: Study, run_faceseg: RunFaceseg):
    run_faceseg("promote", study("first", CHAMPION))
    stronger = study("stronger", STRONGER)
    run_faceseg("promote", stronger)
    code, output = run_faceseg("models", stronger)
    assert code == 0
    newest, oldest = output.split("\n 1 ")
    for word in ("champion", "unet", "0.9000", "0.8"):
        assert word in newest
    assert "previous" in oldest
    (lineage,) = (line for line in output.splitlines() if line.startswith("version 2: "))
    assert "final 0 of w1nner" in lineage
    assert "promoted against 1" in lineage


def test_the_first_champion_cannot_be_rolled_back(study: Study, run_faceseg: RunFaceseg):
    path = study("first", CHAMPION)
    run_faceseg("promote", path)
    code, output = run_faceseg("rollback", path)
    assert code == 2
    assert "cannot be rolled back" in output


def test_an_unfinished_study_has_no_candidate(
    tmp_path: Path, tracker: Tracker, run_faceseg: RunFaceseg
):
    path = tmp_path / "new.yaml"
    text = f"name: new\ntracking: {{uri: '{tracker.uri}'}}\n"
    path.write_text(text, encoding="utf-8")
    code, output = run_faceseg("promote", path)
    assert code == 2
    assert "faceseg study" in output
