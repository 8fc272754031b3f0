"""A study whose Ray loses its control store or its raylet ends at once; a re-run resumes it."""

from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import ray

from faceseg.errors import UserError
from pipelines.search.snapshot import StudySnapshot

from . import fake_runner
from .fake_runner import trials

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.nightly]


@pytest.fixture(scope="module")
def our_ray() -> Iterator[None]:
    """No Ray: the driver starts its own, whose processes are killed."""
    ray.cloudpickle.register_pickle_by_value(fake_runner)
    yield
    ray.cloudpickle.unregister_pickle_by_value(fake_runner)


@pytest.mark.parametrize(
    ("process", "name"), [("gcs_server", "control store"), ("raylet", "raylet")]
)
@pytest.mark.timeout(240)
def test_a_killed_process_of_ray_ends_the_study(
    process: str, name: str, run: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def kill(snapshot: StudySnapshot) -> None:
        if any(each.epoch == 2 for each in snapshot.running):
            for child in psutil.Process().children(recursive=True):
                if child.name() == process:
                    child.kill()

    with pytest.raises(UserError, match=f"Ray's {name}.* has died .*re-run the same command"):
        run("all:lingers", watch=kill, trials=1)
    assert not ray.is_initialized()
    if process == "raylet":
        assert run("all:lingers", trials=1).winners["unet"]
        (trial,) = trials(tmp_path)
        assert trial.state.name == "COMPLETE"
        assert len(trial.intermediate_values) == 6
