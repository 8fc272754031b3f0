"""A candidate is measured in real processes; one that fails is skipped with the reason."""

from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.tune_machine import measurement
from pipelines.tune_machine.candidates import Candidate

pytestmark = pytest.mark.slow


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "test",
            "data": {"image_size": [32, 32]},
            "architectures": {"segnet": {"width": 0.1}},
            "search": {"space": {"batch_size": {"choices": [2, 4]}}},
            "storage": tmp_path,
        }
    )


def test_a_candidate_is_measured_and_one_that_cannot_start_is_skipped(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "SECONDS", 0.0)
    monkeypatch.setattr(measurement, "ROUNDS", 2)
    good, bad = (
        Candidate(workers=1, cpus=1, gpus=gpus, precision="float32") for gpus in (0.0, 7.0)
    )
    lines: list[str] = []
    (found,) = measurement.measure_candidates(experiment, [bad, good], lines.append)
    assert found.candidate == good
    assert found.speeds["segnet"] > 0
    assert len(found.rounds["segnet"]) == 2
    assert lines[0].startswith("this takes about 28 s: 2 candidates are built, then train 1 net")
    assert any(line.startswith("about ") and line.endswith(" left") for line in lines)
    assert any(line.startswith("skipped: RuntimeError: this worker was given 7 GPU")
               for line in lines)  # fmt: skip
    with pytest.raises(UserError, match="no candidate could be measured"):
        measurement.measure_candidates(experiment, [bad], lines.append)


def test_the_expected_time_counts_building_and_every_measurement() -> None:
    """Four candidates and three networks: 5 rounds of 2 s each are 120 s."""
    tried = [Candidate(workers=1, cpus=1, gpus=0.0, precision="float32")] * 4
    assert measurement.expected_seconds(tried, 3, build=10.0) == 4 * 10 + 120
    assert measurement.expected_seconds(tried, 3) == 4 * (8 + 3 * 6) + 120
