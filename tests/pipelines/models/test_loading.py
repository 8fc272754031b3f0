"""The address that a model's name resolves to, and MLflow's address."""

from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.models.loading import resolve_address, tracking_uri_for


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("a" * 32, f"runs:/{'a' * 32}/checkpoints/best.keras"),
        (f"runs:/{'b' * 32}", f"runs:/{'b' * 32}/checkpoints/best.keras"),
        (f"runs:/{'b' * 32}/model", f"runs:/{'b' * 32}/model"),
        ("models:/faceseg@champion", "models:/faceseg@champion"),
        ("best.keras", "best.keras"),
    ],
)
def test_a_run_resolves_to_its_best_checkpoint(model: str, expected: str):
    assert resolve_address(model) == expected


def test_the_registry_of_the_results_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = "models:/faceseg@champion"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"there is no results/mlflow\.db in this folder"):
        tracking_uri_for(model, None)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mlflow.db").touch()
    assert tracking_uri_for(model, None) == f"sqlite:///{tmp_path}/results/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert tracking_uri_for(model, None) == "http://host:5000"
    assert tracking_uri_for(model, "http://other:5000") == "http://other:5000"
