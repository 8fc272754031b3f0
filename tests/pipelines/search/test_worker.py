"""What a worker's process finds in its environment."""

import pytest

from pipelines.search.worker import environment


def test_cards_are_hidden_from_a_worker_that_asked_for_none():
    """Ray no longer does it."""
    assert environment(0)["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize("gpus", [0.25, 1])
def test_cards_asked_for_are_rays_to_show(gpus: float):
    assert "CUDA_VISIBLE_DEVICES" not in environment(gpus)


def test_the_backend_is_the_drivers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert environment(0)["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    assert environment(0)["KERAS_BACKEND"] == "tensorflow"
