"""What was spent, as it is recorded for MLflow and read again."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.job.cost_log import log_job_cost, log_study_cost, read_study_cost
from pipelines.job.job import Job, JobKey
from pipelines.job.spent import Spent
from pipelines.tracking import Outbox, RunIdentity
from pipelines.tracking.outbox import read_record, record_paths

KEY = JobKey(kind="trial", architecture="unet", number=3)
SPENT = Spent(seconds=3600, cpu_seconds=3600, kwh=0.5, unknown=("GPU",))
PRICED = Experiment.model_validate(
    {"name": "priced", "resources": {"prices": {"cpu_hour": 0.2, "kwh": 1}}}
)


def records(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = [read_record(path) for path in record_paths(folder)]
    return [(each.kind, each.content) for each in found]


def test_a_jobs_cost_is_logged_at_the_step_of_its_attempt(tmp_path: Path):
    run = RunIdentity(experiment_id="0", name="unet-trial-003", identity={}, description="")
    job = Job(key=KEY, study="s", seed=1, attempt=4, settings=TrainingSettings())
    log_job_cost(Outbox(tmp_path, run), job, SPENT, PRICED)
    (metrics, values), (tags, texts) = records(tmp_path)
    assert (metrics, tags) == ("metrics", "tags")
    assert values["step"] == 4
    assert values["values"] == {
        "cost/seconds": 3600,
        "cost/cpu_seconds": 3600,
        "cost/gpu_seconds": 0,
        "cost/kwh": 0.5,
        "cost/estimated_kwh": 0,
        "cost/money": 0.7,
    }
    assert texts["tags"] == {"energy": "measured, without GPU"}


def test_what_each_network_has_used_is_read_from_the_studys_tags(tmp_path: Path):
    context: Any = SimpleNamespace(experiment=PRICED, experiment_id="0", outboxes=tmp_path)
    spent = {"unet": SPENT, "pspnet-scratch": Spent(seconds=1)}
    log_study_cost(context, spent)
    ((kind, content),) = records(tmp_path / "study-driver")
    assert kind == "tags"
    stored = content["tags"]
    tags = {f"faceseg.{name}": stored[name] for name in stored}
    assert read_study_cost(tags | {"faceseg.study": "s"}) == spent
    assert json.loads(stored["spent.unet"])["kwh"] == 0.5
    assert stored["cost"] == (
        "1 h of workers, 1 CPU hours, 0.5 kWh (measured, without GPU), 0.7 in money"
    )
