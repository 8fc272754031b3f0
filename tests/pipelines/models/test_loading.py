"""The address that a model's name resolves to."""

import pytest

from pipelines.models.loading import resolve_address


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
