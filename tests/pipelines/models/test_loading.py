"""The address that a model's name resolves to, MLflow's address, and runs without a network."""

from pathlib import Path
from shutil import copyfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceseg.errors import UserError
from faceseg.inference.predictor import load
from pipelines.models.loading import load_from_mlflow, resolve_address, tracking_uri_for


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


RED = np.full((32, 32, 3), (200, 0, 0), np.uint8)


def store(network_file: Path, run: str, architecture: str, *members: str) -> Any:
    """Return a tracker of one run and the networks of its members."""

    def fetch(run_id: str, artifact: str, folder: Path) -> Path:
        assert (run_id in members, artifact) == (True, "checkpoints/best.keras")
        return Path(copyfile(network_file, folder / "best.keras"))

    data = SimpleNamespace(
        tags={"faceseg.architecture": architecture},
        params={f"members.{member}": member for member in members},
    )
    runs = {run: SimpleNamespace(data=data, info=SimpleNamespace(run_id=run))}
    return SimpleNamespace(client=SimpleNamespace(get_run=runs.__getitem__), fetch=fetch)


def test_an_ensembles_run_is_the_mean_of_its_members(network_file: Path, tmp_path: Path):
    """The members are the same network twice, so the mean's probabilities are its own."""
    run = "a" * 32
    tracker = store(network_file, run, "ensemble.unet.segnet", "b" * 32, "c" * 32)
    found = load_from_mlflow(tracker, resolve_address(run), tmp_path)
    assert type(found.network).__name__ == "_MeanProbabilities"
    expected = load(network_file).probabilities(RED)
    np.testing.assert_allclose(found.probabilities(RED), expected, atol=1e-5)


def test_a_mirrored_means_run_exchanges_the_sides_of_the_mirror_image(
    network_file: Path, tmp_path: Path
):
    """Green is the left brow; in the mirror image too, where left becomes right: a tie."""
    run, green = "a" * 32, RED[..., [1, 0, 2]]
    tracker = store(network_file, run, "unet.mirrored", "b" * 32)
    found = load_from_mlflow(tracker, resolve_address(run), tmp_path)
    left, right = found.logits([green])[0, 0, 0, 2:4]
    assert left == right == load(network_file).logits([green])[0, 0, 0, 2] / 2
