"""How the run of a job is described in MLflow."""

import pytest

from faceseg.training.settings import TrainingSettings
from pipelines.job.context import describe_job
from pipelines.job.job import Job, JobKey


@pytest.mark.parametrize(
    ("key", "alone", "sentence"),
    [
        (
            JobKey(kind="trial", architecture="unet", number=3),
            False,
            "Trial 3 of the search for unet: ",
        ),
        (JobKey(kind="trial", architecture="unet", number=3), True, "Single training 3 of unet: "),
        (
            JobKey(kind="final", architecture="unet", number=1, winner="w"),
            False,
            "Final 1 of unet's best setting, tested once: ",
        ),
    ],
)
def test_a_run_is_described_in_one_sentence(key: JobKey, alone: bool, sentence: str):
    settings = TrainingSettings(epochs=3, batch_size=4, learning_rate=0.01)
    job = Job(key=key, study="s", seed=7, attempt=1, settings=settings)
    expected = f"{sentence}learning rate 0.01, batch size 4, 3 epochs, seed 7."
    assert describe_job(job, alone=alone) == expected
