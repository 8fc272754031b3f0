"""The cost of a network, alone and with its mirror image; no process is started."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faceseg.networks import cost as network_costs
from pipelines.execution import cost


@pytest.mark.parametrize("views", [1, 2])
def test_the_mirror_image_doubles_the_operations_alone(
    views: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "best.keras"
    file.write_bytes(bytes(2**20))
    monkeypatch.setattr(network_costs, "count_parameters", lambda network: 1000)
    monkeypatch.setattr(network_costs, "count_macs", lambda network: 5000)
    started = []
    monkeypatch.setattr(
        cost,
        "run_measurement",
        lambda *arguments: started.append(arguments) or {"memory/peak_mb": 7.0},
    )
    predictor: Any = SimpleNamespace(network=None)
    found = cost.network_cost([predictor], [file], 3, views)
    assert found == {
        "model/parameters": 1000,
        "model/macs": 5000 * views,
        "model/size_mb": 1.0,
        "memory/peak_mb": 7.0,
    }
    assert started == [("pipelines.execution.cost", "3", str(views), str(file))]


@pytest.mark.parametrize(("views", "expected"), [(1, "network"), (2, "mirrored")])
def test_the_measured_predictor_has_its_views(
    views: int, expected: str, monkeypatch: pytest.MonkeyPatch
):
    predictor = SimpleNamespace(name="network", mirrored=lambda: SimpleNamespace(name="mirrored"))
    monkeypatch.setattr("faceseg.inference.ensemble.load", lambda file: predictor)
    found: Any = cost.load_networks([Path("best.keras")], views)
    assert found.name == expected
