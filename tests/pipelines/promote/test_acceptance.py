"""What a gate must do, from the command line, against an MLflow server with authentication."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.tracking import Tracker
from tests.pipelines.promote.synthetic_studies import SyntheticFinal

Say = Callable[..., tuple[int, str]]

CHAMPION = SyntheticFinal(error=0.2)
STRONGER = SyntheticFinal(
    error=0.1, val=0.4, seed=1
)  # better on the test images, worse in validation
WEAKER = SyntheticFinal(error=0.3, val=0.9, seed=2)
# A mean error of (3 * 0.05 + 2 * 0.35) / 5 = 0.17: better on average, worse on eyes.
WORSE_EYES = SyntheticFinal(error=0.05, errors={"left_eye": 0.35, "right_eye": 0.35}, seed=3)


def test_weaker_refused_worse_eyes_named_stronger_promoted_and_rolled_back(
    signed_in: Tracker, planted: Callable[..., Path], say: Say, model: str
):
    def aliases() -> dict[str, str]:
        found = signed_in.client.get_registered_model(model).aliases
        return {alias: str(version) for alias, version in found.items()}

    first = planted(signed_in, "first", CHAMPION)
    assert say("promote", first)[0] == 0
    assert aliases() == {"champion": "1"}

    code, said = say("promote", planted(signed_in, "weaker", WEAKER))
    assert (code, aliases()) == (1, {"champion": "1"})
    assert "version 2 may not take the place of version 1" in said

    code, said = say("promote", planted(signed_in, "eyes", WORSE_EYES))
    assert (code, aliases()) == (1, {"champion": "1"})
    for eye in ("left_eye", "right_eye"):
        assert f"class {eye} falls by 0.1" in said
    assert "class nose falls" not in said

    stronger = planted(signed_in, "stronger", STRONGER)
    code, said = say("promote", stronger)
    assert (code, aliases()) == (0, {"champion": "4", "previous": "1"})
    assert "surely better" in said
    assert "already" in say("promote", stronger)[1]

    assert say("rollback", first)[0] == 0
    assert aliases() == {"champion": "1", "previous": "4"}
    assert say("rollback", first)[0] == 0
    assert aliases() == {"champion": "4", "previous": "1"}


def test_the_reasoning_is_on_the_version_and_its_run(
    signed_in: Tracker, planted: Callable[..., Path], say: Say, model: str, tmp_path: Path
):
    say("promote", planted(signed_in, "first", CHAMPION))
    say("promote", planted(signed_in, "weaker", WEAKER))
    version = signed_in.client.get_model_version(model, "2")
    assert version.tags["gate"] == "refused"
    assert version.tags["gate.against"] == "1"
    place = f"gate/{model}-champion-against-1"
    stored = signed_in.fetch(version.run_id, f"{place}.json", tmp_path)
    decision = json.loads(stored.read_text(encoding="utf-8"))
    assert decision["promoted"] is False
    assert decision["reason"] == version.tags["gate.reason"]
    test = decision["checks"][0]
    # 1 - error, but for the mean of 30 images' jitter, at most 3 of 100 pixels.
    assert test["champion"] == pytest.approx(0.8, abs=0.01)
    assert test["candidate"] == pytest.approx(0.7, abs=0.01)
    assert test["low"] < test["change"] < test["high"] < 0
    assert "| class left_eye |" in signed_in.fetch(
        version.run_id, f"{place}.md", tmp_path
    ).read_text(encoding="utf-8")


def test_a_wrong_password_is_a_paragraph(
    signed_in: Tracker,
    planted: Callable[..., Path],
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
):
    path = planted(signed_in, "first", CHAMPION)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not-the-password")
    code, said = say("promote", path)
    assert code == 2
    assert "MLFLOW_TRACKING_PASSWORD" in said
    assert "Traceback" not in said
