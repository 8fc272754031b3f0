"""Jobs on a Ray cluster with token authentication, submitted and followed by the command line.

The nodes' `faceseg` is the real one, except for experiments whose names begin with `stub`: there a
shell script replaces it, because the test concerns the job and not the study.
"""

import json
import secrets
import signal
from pathlib import Path

import pytest

from pipelines.config import load
from pipelines.tracking import Tracker
from tests.infra.conftest import RunCommand, StartCommand
from tests.infra.processes import wait_until
from tests.infra.ray_nodes import RayNodes

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def submit_options(cluster: RayNodes) -> tuple[str, ...]:
    """Return the options of every submission in this module."""
    return ("--address", cluster.dashboard)


def job_name(output: str) -> str:
    """Return the name of the job in the output of a submission."""
    return next(line.split()[1] for line in output.splitlines() if line.startswith("job "))


def test_source_is_uploaded_without_data_and_the_exit_code_is_returned(
    run_command: RunCommand, submit_options: tuple[str, ...]
):
    done = run_command(
        "faceseg", "submit", "stub-list.yaml", *submit_options, FACESEG_COMMIT="abc123"
    )
    assert done.returncode == 3, done.stderr
    listed = [line for line in done.stdout.splitlines() if line.startswith("./")]
    assert listed == ["./notes.md", "./stub-list.yaml", "./stub-wait.yaml", "./tiny.yaml"]
    assert "commit abc123" in done.stdout


def test_a_users_mistake_is_printed_and_exits_with_2(
    run_command: RunCommand, submit_options: tuple[str, ...]
):
    faces = ("--set", "data.source=directory", "--set", "data.path=/no/faces")
    done = run_command("faceseg", "submit", "tiny.yaml", *submit_options, *faces)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error: " in done.stdout
    assert "/no/faces" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_plain_job_must_name_a_storage_and_have_its_senders_versions(
    run_command: RunCommand, cluster: RayNodes
):
    other = json.dumps({"excludes": ["data"], "env_vars": {"FACESEG_VERSIONS": '{"ray": "2.9.3"}'}})
    submit = ("ray", "job", "submit", "--address", cluster.dashboard, "--working-dir", ".")
    done = run_command(*submit, "--runtime-env-json", other, "--", "faceseg", "study", "tiny.yaml")
    assert done.returncode != 0
    assert "differ from those of the machine that submitted the job" in done.stdout
    relative = ("--", "faceseg", "study", "tiny.yaml", "--set", "storage=results")
    same = json.dumps({"excludes": ["data"]})
    done = run_command(*submit, "--runtime-env-json", same, *relative)
    assert done.returncode != 0
    assert "storage: results is relative" in done.stdout


def test_ctrl_c_ends_the_following_and_not_the_job(
    run_command: RunCommand,
    start_command: StartCommand,
    submit_options: tuple[str, ...],
    work_folder: Path,
    node: None,
):
    with start_command("faceseg", "submit", "stub-wait.yaml", *submit_options) as process:
        output = ""
        while "waiting\n" not in output:
            line = process.stdout.readline()
            assert line, output + process.stderr.read()
            output += line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    name = job_name(output)
    assert process.returncode == 130
    assert f"no longer following; job {name} continues" in err
    assert f"faceseg jobs --address {submit_options[1]} --logs {name}" in err
    assert "re-run the same command" not in err
    assert "Traceback" not in err
    study = load(work_folder / "stub-wait.yaml").study
    (line,) = (
        line
        for line in run_command("faceseg", "jobs", *submit_options).stdout.splitlines()
        if name in line
    )
    assert line.split()[:3] == [name, "RUNNING", study]
    stopped = run_command("faceseg", "jobs", *submit_options, "--stop", name)
    assert stopped.returncode == 0
    assert f"{name}: STOPPED" in stopped.stdout
    followed = run_command("faceseg", "jobs", *submit_options, "--logs", name)
    assert followed.returncode == 130
    assert "closing" in followed.stdout.splitlines()  # it got SIGTERM, and the time to handle it
    assert "was stopped; submit the same study again to resume" in followed.stderr


def test_a_wrong_token_is_rejected_with_a_clear_error(
    run_command: RunCommand, submit_options: tuple[str, ...], cluster: RayNodes
):
    wrong = "wrong-" + secrets.token_hex(16)
    for verb in (("submit", "stub-list.yaml", *submit_options), ("jobs", *submit_options)):
        done = run_command("faceseg", *verb, RAY_AUTH_TOKEN=wrong)
        assert done.returncode == 2
        message = f"error: {cluster.dashboard} refused the token. Export RAY_AUTH"
        assert done.stderr.startswith(message)
        assert len(done.stderr.splitlines()) == 1
        assert wrong not in done.stdout + done.stderr
    done = run_command("faceseg", "jobs", *submit_options, RAY_AUTH_TOKEN="", HOME="/nowhere")
    assert done.returncode == 2
    assert "requires a token, and none was sent" in done.stderr
    nowhere = {"RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": "/no/token"}
    done = run_command("faceseg", "jobs", *submit_options, **nowhere)
    assert done.returncode == 2
    assert "the token file RAY_AUTH_TOKEN_PATH=/no/token cannot be opened" in done.stderr


def test_a_nodes_secret_and_the_token_are_not_in_a_jobs_description(
    run_command: RunCommand,
    submit_options: tuple[str, ...],
    cluster: RayNodes,
    work_folder: Path,
    secret: str,
):
    file = work_folder / "secret.yaml"
    uri = "${FACESEG_TEST_SECRET}"
    file.write_text(f"base: tiny.yaml\ntracking: {{uri: '{uri}'}}\n", encoding="utf-8")
    done = run_command(
        "faceseg", "submit", "secret.yaml", *submit_options, MLFLOW_TRACKING_PASSWORD=secret
    )
    assert done.returncode == 2, done.stdout  # no server listens at the address that the nodes have
    output = done.stdout + done.stderr + json.dumps(cluster.jobs())
    assert "http://me:***@127.0.0.1:1" in done.stdout  # the cluster filled it in
    assert secret not in output
    assert cluster.token not in output


def test_stopping_a_study_closes_its_runs(
    run_command: RunCommand,
    submit_options: tuple[str, ...],
    short_folder: Path,
    work_folder: Path,
    node: None,
):
    longer = ("name=longer", "training.epochs=400", "search.trials=9")
    sets = [word for each in longer for word in ("--set", each)]
    done = run_command("faceseg", "submit", "tiny.yaml", *submit_options, *sets, "--detach")
    assert done.returncode == 0, done.stderr
    experiment = load(work_folder / "tiny.yaml", longer)
    kept = short_folder / "shared" / "checkpoints" / experiment.study
    wait_until("a checkpoint is kept", lambda: any(each.is_file() for each in kept.rglob("*")), 300)
    stopped = run_command("faceseg", "jobs", *submit_options, "--stop", job_name(done.stdout))
    assert f"{job_name(done.stdout)}: STOPPED" in stopped.stdout, stopped.stderr
    output = run_command("faceseg", "jobs", *submit_options, "--logs", job_name(done.stdout)).stdout
    assert "stopped; re-run the same command to resume" in output
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("longer").experiment_id
    runs = tracker.find_runs(made, study=experiment.study)
    assert {run.info.status for run in runs} == {"KILLED"}, output
