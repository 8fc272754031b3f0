"""Jobs on a real Ray cluster with token authentication, sent and followed by the command line.

The nodes' `faceseg` is the real one; for experiments whose names begin with `stub` a shell script
stands in its place, where what is looked at is the job and not the study.
"""

import json
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.tracking import Tracker
from tests.infra.processes import wait_until
from tests.infra.ray_nodes import RayNodes

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
Say = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def to(cluster: RayNodes) -> tuple[str, ...]:
    """The options that every submission here has."""
    return ("--address", cluster.dashboard)


def name_in(said: str) -> str:
    """Return the name of the job that a submission printed."""
    return next(line.split()[1] for line in said.splitlines() if line.startswith("job "))


def test_source_travels_data_does_not_and_the_exit_code_comes_back(say: Say, to: tuple[str, ...]):
    done = say("faceseg", "submit", "stub-list.yaml", *to, FACESEG_COMMIT="abc123")
    assert done.returncode == 3, done.stderr
    listed = [line for line in done.stdout.splitlines() if line.startswith("./")]
    assert listed == ["./notes.md", "./stub-list.yaml", "./stub-wait.yaml", "./tiny.yaml"]
    assert "commit abc123" in done.stdout


def test_a_users_mistake_is_told_and_exits_with_2(say: Say, to: tuple[str, ...]):
    faces = ("--set", "data.source=directory", "--set", "data.path=/no/faces")
    done = say("faceseg", "submit", "tiny.yaml", *to, *faces)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error: " in done.stdout
    assert "/no/faces" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_plain_job_must_name_a_storage_and_have_its_senders_versions(say: Say, cluster: RayNodes):
    other = json.dumps({"excludes": ["data"], "env_vars": {"FACESEG_VERSIONS": '{"ray": "2.9.3"}'}})
    submit = ("ray", "job", "submit", "--address", cluster.dashboard, "--working-dir", ".")
    done = say(*submit, "--runtime-env-json", other, "--", "faceseg", "study", "tiny.yaml")
    assert done.returncode != 0
    assert "the cluster runs other versions than the machine that sent this job" in done.stdout
    relative = ("--", "faceseg", "study", "tiny.yaml", "--set", "storage=results")
    same = json.dumps({"excludes": ["data"]})
    done = say(*submit, "--runtime-env-json", same, *relative)
    assert done.returncode != 0
    assert "storage: results is relative" in done.stdout


def test_ctrl_c_ends_the_following_and_not_the_job(
    say: Say, begin: Begin, to: tuple[str, ...], work: Path, node: None
):
    with begin("faceseg", "submit", "stub-wait.yaml", *to) as process:
        said = ""
        while "waiting\n" not in said:
            line = process.stdout.readline()
            assert line, said + process.stderr.read()
            said += line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    name = name_in(said)
    assert process.returncode == 130
    assert f"no longer followed; job {name} goes on" in err
    assert f"faceseg jobs --address {to[1]} --logs {name}" in err
    assert "the same command goes on" not in err
    assert "Traceback" not in err
    study = load(work / "stub-wait.yaml").study
    (line,) = (line for line in say("faceseg", "jobs", *to).stdout.splitlines() if name in line)
    assert line.split()[:3] == [name, "RUNNING", study]
    stopped = say("faceseg", "jobs", *to, "--stop", name)
    assert stopped.returncode == 0
    assert f"{name}: STOPPED" in stopped.stdout
    followed = say("faceseg", "jobs", *to, "--logs", name)
    assert followed.returncode == 130
    assert "closing" in followed.stdout.splitlines()  # it was asked, and given the time
    assert "was stopped; the same study submitted again goes on" in followed.stderr


def test_a_wrong_token_is_refused_in_a_clear_line(say: Say, to: tuple[str, ...], cluster: RayNodes):
    wrong = "wrong-" + secrets.token_hex(16)
    for verb in (("submit", "stub-list.yaml", *to), ("jobs", *to)):
        done = say("faceseg", *verb, RAY_AUTH_TOKEN=wrong)
        assert done.returncode == 2
        said = f"error: {cluster.dashboard} does not know the token that was sent. Export RAY_AUTH"
        assert done.stderr.startswith(said)
        assert len(done.stderr.splitlines()) == 1
        assert wrong not in done.stdout + done.stderr
    done = say("faceseg", "jobs", *to, RAY_AUTH_TOKEN="", HOME="/nowhere")
    assert done.returncode == 2
    assert "wants a token, and none was sent" in done.stderr
    nowhere = {"RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": "/no/token"}
    done = say("faceseg", "jobs", *to, **nowhere)
    assert done.returncode == 2
    assert "there is no token in RAY_AUTH_TOKEN_PATH=/no/token" in done.stderr


def test_a_nodes_secret_and_the_token_are_nowhere_in_a_jobs_facts(
    say: Say, to: tuple[str, ...], cluster: RayNodes, work: Path, secret: str
):
    file = work / "secret.yaml"
    uri = "${FACESEG_TEST_SECRET}"
    file.write_text(f"base: tiny.yaml\ntracking: {{uri: '{uri}'}}\n", encoding="utf-8")
    done = say("faceseg", "submit", "secret.yaml", *to, MLFLOW_TRACKING_PASSWORD=secret)
    assert done.returncode == 2, done.stdout  # nothing listens at the address that nodes know
    told = done.stdout + done.stderr + json.dumps(cluster.jobs())
    assert "http://me:***@127.0.0.1:1" in done.stdout  # it was filled in, on the cluster
    assert secret not in told
    assert cluster.token not in told


def test_stopping_a_study_closes_its_runs(
    say: Say, to: tuple[str, ...], place: Path, work: Path, node: None
):
    longer = ("name=longer", "training.epochs=400", "search.trials=9")
    sets = [word for each in longer for word in ("--set", each)]
    done = say("faceseg", "submit", "tiny.yaml", *to, *sets, "--detach")
    assert done.returncode == 0, done.stderr
    experiment = load(work / "tiny.yaml", longer)
    kept = place / "shared" / "checkpoints" / experiment.study
    wait_until("a checkpoint is kept", lambda: any(each.is_file() for each in kept.rglob("*")), 300)
    stopped = say("faceseg", "jobs", *to, "--stop", name_in(done.stdout))
    assert f"{name_in(done.stdout)}: STOPPED" in stopped.stdout, stopped.stderr
    said = say("faceseg", "jobs", *to, "--logs", name_in(done.stdout)).stdout
    assert "stopped; the same command goes on from here" in said
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("longer").experiment_id
    runs = tracker.find_runs(made, study=experiment.study)
    assert {run.info.status for run in runs} == {"KILLED"}, said
