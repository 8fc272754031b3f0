"""The gate from the command line, with an MLflow server that requires users to sign in."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.tracking import Tracker
from tests.pipelines.conftest import RunFaceseg
from tests.pipelines.promote.synthetic_studies import SyntheticFinal

CHAMPION = SyntheticFinal(error=0.2)
STRONGER = SyntheticFinal(error=0.1, val=0.4, seed=1)  # better in the test, worse in validation
WEAKER = SyntheticFinal(error=0.3, val=0.9, seed=2)
# A mean error of (3 * 0.05 + 2 * 0.35) / 5 = 0.17: better on average, worse on eyes.
WORSE_EYES = SyntheticFinal(error=0.05, errors={"left_eye": 0.35, "right_eye": 0.35}, seed=3)


def test_weaker_and_worse_eyes_are_refused_and_stronger_is_promoted_and_rolled_back(
    authenticated_tracker: Tracker,
    write_studies: Callable[..., Path],
    run_faceseg: RunFaceseg,
    model: str,
):
    def aliases() -> dict[str, str]:
        found = authenticated_tracker.client.get_registered_model(model).aliases
        return {alias: str(version) for alias, version in found.items()}

    first = write_studies(authenticated_tracker, "first", CHAMPION)
    assert run_faceseg("promote", first)[0] == 0
    assert aliases() == {"champion": "1"}

    code, output = run_faceseg("promote", write_studies(authenticated_tracker, "weaker", WEAKER))
    assert (code, aliases()) == (1, {"champion": "1"})
    assert "version 2 may not replace version 1" in output

    code, output = run_faceseg("promote", write_studies(authenticated_tracker, "eyes", WORSE_EYES))
    assert (code, aliases()) == (1, {"champion": "1"})
    for eye in ("left_eye", "right_eye"):
        assert f"class {eye} drops by 0.1" in output
    assert "class nose drops" not in output

    stronger = write_studies(authenticated_tracker, "stronger", STRONGER)
    code, output = run_faceseg("promote", stronger)
    assert (code, aliases()) == (0, {"champion": "4", "previous": "1"})
    assert "the whole interval is above +0" in output
    assert "already" in run_faceseg("promote", stronger)[1]

    assert run_faceseg("rollback", first)[0] == 0
    assert aliases() == {"champion": "1", "previous": "4"}
    assert run_faceseg("rollback", first)[0] == 0
    assert aliases() == {"champion": "4", "previous": "1"}


def test_the_decision_is_stored_on_the_version_and_its_run(
    authenticated_tracker: Tracker,
    write_studies: Callable[..., Path],
    run_faceseg: RunFaceseg,
    model: str,
    tmp_path: Path,
):
    run_faceseg("promote", write_studies(authenticated_tracker, "first", CHAMPION))
    run_faceseg("promote", write_studies(authenticated_tracker, "weaker", WEAKER))
    version = authenticated_tracker.client.get_model_version(model, "2")
    assert version.tags["gate"] == "refused"
    assert version.tags["gate.against"] == "1"
    place = f"gate/{model}-champion-against-1"
    stored = authenticated_tracker.fetch(version.run_id, f"{place}.json", tmp_path)
    decision = json.loads(stored.read_text(encoding="utf-8"))
    assert decision["promoted"] is False
    assert decision["reason"] == version.tags["gate.reason"]
    test = decision["checks"][0]
    # 1 - error, apart from the mean jitter of 30 images, which is at most 3 of 100 pixels each.
    assert test["champion"] == pytest.approx(0.8, abs=0.01)
    assert test["candidate"] == pytest.approx(0.7, abs=0.01)
    assert test["low"] < test["change"] < test["high"] < 0
    assert "| class left_eye |" in authenticated_tracker.fetch(
        version.run_id, f"{place}.md", tmp_path
    ).read_text(encoding="utf-8")


def test_a_wrong_password_is_a_user_error(
    authenticated_tracker: Tracker,
    write_studies: Callable[..., Path],
    run_faceseg: RunFaceseg,
    monkeypatch: pytest.MonkeyPatch,
):
    path = write_studies(authenticated_tracker, "first", CHAMPION)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not-the-password")
    code, output = run_faceseg("promote", path)
    assert code == 2
    assert "MLFLOW_TRACKING_PASSWORD" in output
    assert "Traceback" not in output
