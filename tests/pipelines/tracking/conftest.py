"""The outbox of one trial."""

from pathlib import Path

import pytest

from pipelines.tracking import Outbox, RunIdentity


@pytest.fixture
def box(experiment_id: str, tmp_path: Path) -> Outbox:
    identity = {"study": tmp_path.name, "kind": "trial", "architecture": "unet", "trial": "0"}
    info = RunIdentity(
        experiment_id=experiment_id,
        name="unet-trial-000",
        identity=identity,
        description="A trial.",
    )
    return Outbox(tmp_path / "outbox" / "unet-trial-000", info)
