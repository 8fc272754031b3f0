"""What was measured is kept where a person can read it, and used only where it holds."""

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.tune_machine import machine_settings
from pipelines.tune_machine import machine_settings as kept
from pipelines.tune_machine.candidates import Candidate, Machine
from pipelines.tune_machine.measurement import CandidateSpeed

HERE = Machine.detect()
# Two workers of one thread are 1.25 times one of two, at float32; bfloat16 is faster yet.
FOUND = [
    CandidateSpeed(Candidate(1, 2, 0.0, "float32"), {"unet": 40.0, "segnet": 80.0}),
    CandidateSpeed(Candidate(2, 1, 0.0, "float32"), {"unet": 50.0, "segnet": 100.0}),
    CandidateSpeed(Candidate(2, 1, 0.0, "mixed_bfloat16"), {"unet": 75.0, "segnet": 150.0}),
]


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment.model_validate({"name": "made", "storage": tmp_path})


def measured(experiment: Experiment, **changed: Any) -> Experiment:
    resources = experiment.resources.model_copy(update={"measured": True, **changed})
    return experiment.model_copy(update={"resources": resources})


def test_the_fastest_at_the_experiments_own_precision_is_chosen(experiment: Experiment) -> None:
    chosen = kept.choose_fastest(experiment, HERE, FOUND)
    assert (chosen.workers, chosen.cpus, chosen.gpus) == (2, 1, 0.0)
    assert FOUND[1].ratio(FOUND[0]) == pytest.approx(1.25)
    assert chosen.speeds["2 workers of 1 thread, mixed_bfloat16"] == {"unet": 75.0, "segnet": 150.0}
    (line,) = machine_settings._faster_precision_hint(FOUND, "float32")
    assert "mixed_bfloat16 is 1.50 times as fast as float32, and changes scores" in line
    assert "--set training.precision=mixed_bfloat16" in line
    assert machine_settings._faster_precision_hint(FOUND[:2], "float32") == []


def test_a_study_that_asks_for_it_takes_it_and_says_so(experiment: Experiment) -> None:
    kept.write_machine_settings(kept.choose_fastest(experiment, HERE, FOUND), experiment)
    console = Console(record=True, width=200)
    assert (
        machine_settings.apply_machine_settings(experiment, console) is experiment
    )  # it did not ask
    taken = machine_settings.apply_machine_settings(measured(experiment), console)
    assert (taken.resources.workers, taken.resources.cpus) == (2, 1.0)
    assert taken.study == experiment.study
    assert "resources: 2 workers of 1 CPU each, as measured " in console.export_text()


def test_on_a_cluster_the_workers_are_as_many_as_it_holds(experiment: Experiment) -> None:
    kept.write_machine_settings(kept.choose_fastest(experiment, HERE, FOUND[:1]), experiment)
    there = machine_settings.apply_machine_settings(
        measured(experiment, address="10.0.0.1:6379"), Console(quiet=True)
    )
    assert (there.resources.workers, there.resources.cpus) == (None, 2.0)


def test_a_person_can_read_the_file(experiment: Experiment) -> None:
    text = kept.write_machine_settings(
        kept.choose_fastest(experiment, HERE, FOUND), experiment
    ).read_text()
    assert text.startswith("# How made trains fastest on this machine, by `faceseg tune-machine`.")
    assert "workers: 2\ncpus: 1\n" in text


def test_nothing_is_guessed(experiment: Experiment) -> None:
    for content, told in (
        (None, "there is no "),
        ("workers: [", "cannot be read"),
        ("workers: 2", "cannot be read"),
    ):
        path = experiment.storage / kept.SETTINGS_FILE
        if content is not None:
            path.write_text(content)
        with pytest.raises(UserError, match=f"resources.measured: .*{told}.*tune-machine"):
            machine_settings.apply_machine_settings(measured(experiment), Console(quiet=True))


def test_another_machine_or_another_network_is_told(experiment: Experiment) -> None:
    other = Machine("PDP-11, 1 cores", 1, 1.0, False)
    kept.write_machine_settings(kept.choose_fastest(experiment, other, FOUND), experiment)
    with pytest.raises(UserError, match=re.escape("measured on PDP-11, 1 cores; this is ")):
        kept.read_machine_settings(experiment, 0)
    larger = experiment.model_copy(
        update={"data": experiment.data.model_copy(update={"image_size": (512, 512)})}
    )
    kept.write_machine_settings(kept.choose_fastest(experiment, HERE, FOUND), experiment)
    with pytest.raises(UserError, match=r"256 x 256.*this is .*512 x 512"):
        kept.read_machine_settings(larger, 0)


def test_a_precision_that_could_not_be_measured_is_told(experiment: Experiment) -> None:
    with pytest.raises(UserError, match="nothing could be measured at float32"):
        kept.choose_fastest(experiment, HERE, FOUND[2:])
