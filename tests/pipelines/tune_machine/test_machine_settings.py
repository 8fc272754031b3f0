"""The stored settings, and the experiments and machines to which they apply."""

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.tune_machine import machine_settings, ranking
from pipelines.tune_machine.candidates import Candidate, Machine
from pipelines.tune_machine.measurement import CandidateSpeed

HERE = Machine.detect()
# Two workers of one thread are 1.25 times as fast as one of two threads in float32; bfloat16 is
# faster still.
FOUND = [
    CandidateSpeed(
        Candidate(workers=1, cpus=2, gpus=0.0, precision="float32"),
        {"unet": [40.0], "segnet": [80.0]},
    ),
    CandidateSpeed(
        Candidate(workers=2, cpus=1, gpus=0.0, precision="float32"),
        {"unet": [50.0], "segnet": [100.0]},
    ),
    CandidateSpeed(
        Candidate(workers=2, cpus=1, gpus=0.0, precision="mixed_bfloat16"),
        {"unet": [75.0], "segnet": [150.0]},
    ),
]


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment.model_validate({"name": "test", "storage": tmp_path})


def measured(experiment: Experiment, **changed: Any) -> Experiment:
    resources = experiment.resources.model_copy(update={"measured": True, **changed})
    return experiment.model_copy(update={"resources": resources})


def test_the_fastest_at_the_experiments_own_precision_is_chosen(experiment: Experiment) -> None:
    chosen = machine_settings.choose_fastest(experiment, HERE, FOUND)
    assert (chosen.workers, chosen.cpus, chosen.gpus) == (2, 1, 0.0)
    assert FOUND[1].ratio(FOUND[0]) == pytest.approx(1.25)
    assert chosen.speeds["2 workers of 1 thread, mixed_bfloat16"] == {"unet": 75.0, "segnet": 150.0}
    (line,) = ranking.faster_precision_hint(FOUND, "float32")
    assert "mixed_bfloat16 is 1.50 times as fast as float32, and changes scores" in line
    assert "--set training.precision=mixed_bfloat16" in line
    assert ranking.faster_precision_hint(FOUND[:2], "float32") == []


def test_a_study_uses_the_settings_on_request_and_prints_them(experiment: Experiment) -> None:
    machine_settings.write_machine_settings(
        machine_settings.choose_fastest(experiment, HERE, FOUND), experiment
    )
    console = Console(record=True, width=200)
    assert (
        machine_settings.apply_machine_settings(experiment, console) is experiment
    )  # not requested
    updated = machine_settings.apply_machine_settings(measured(experiment), console)
    assert (updated.resources.workers, updated.resources.cpus) == (2, 1.0)
    assert updated.study == experiment.study
    assert "resources: 2 workers of 1 CPU each, as measured " in console.export_text()


def test_the_number_of_workers_does_not_apply_to_a_cluster(experiment: Experiment) -> None:
    machine_settings.write_machine_settings(
        machine_settings.choose_fastest(experiment, HERE, FOUND[:1]), experiment
    )
    updated = machine_settings.apply_machine_settings(
        measured(experiment, address="10.0.0.1:6379"), Console(quiet=True)
    )
    assert (updated.resources.workers, updated.resources.cpus) == (None, 2.0)


def test_the_file_is_readable(experiment: Experiment) -> None:
    text = machine_settings.write_machine_settings(
        machine_settings.choose_fastest(experiment, HERE, FOUND), experiment
    ).read_text()
    assert text.startswith(
        "# The fastest settings for test on this machine, by `faceseg tune-machine`."
    )
    assert "workers: 2\ncpus: 1\n" in text


def test_missing_or_damaged_settings_are_an_error(experiment: Experiment) -> None:
    for content, message in (
        (None, "does not exist yet"),
        ("workers: [", "cannot be read"),
        ("workers: 2", "cannot be read"),
    ):
        path = experiment.storage / machine_settings.SETTINGS_FILE
        if content is not None:
            path.write_text(content)
        with pytest.raises(UserError, match=f"resources.measured: .*{message}.*tune-machine"):
            machine_settings.apply_machine_settings(measured(experiment), Console(quiet=True))


def test_another_machine_or_other_networks_are_an_error(experiment: Experiment) -> None:
    other = Machine(name="PDP-11, 1 cores", cores=1, memory=1.0, bfloat16=False)
    machine_settings.write_machine_settings(
        machine_settings.choose_fastest(experiment, other, FOUND), experiment
    )
    with pytest.raises(UserError, match=re.escape("measured on PDP-11, 1 cores; this is ")):
        machine_settings.read_machine_settings(experiment, 0)
    larger = experiment.model_copy(
        update={"data": experiment.data.model_copy(update={"image_size": (512, 512)})}
    )
    machine_settings.write_machine_settings(
        machine_settings.choose_fastest(experiment, HERE, FOUND), experiment
    )
    with pytest.raises(UserError, match=r"256 x 256.*this is .*512 x 512"):
        machine_settings.read_machine_settings(larger, 0)


def test_a_precision_without_measurement_is_an_error(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="nothing could be measured at float32"):
        machine_settings.choose_fastest(experiment, HERE, FOUND[2:])
