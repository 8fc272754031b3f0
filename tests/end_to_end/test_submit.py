"""Jobs on a real Ray head with token authentication, sent and followed by the command line.

The head's `faceseg` is the real one; for the two experiments whose names begin with `stub` a
shell script stands in its place, where what is looked at is the job and not the study.
"""

import json
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from pipelines.config import load
from pipelines.tracking import Tracker

from .head import BIN, Head, started, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1000)]
STAND_IN = f"""#!/bin/sh
case "$2" in
  stub-list.yaml) find . -type f | sort; echo "commit $FACESEG_COMMIT"; exit 3 ;;
  stub-wait.yaml) trap 'echo closing; exit 0' TERM; echo waiting; while :; do sleep 0.1; done ;;
  *) exec {BIN}/faceseg "$@" ;;
esac
"""
SECRET = "geheim-" + secrets.token_hex(8)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A head whose `faceseg` is the stand-in, and whose environment holds a secret."""
    home = tmp_path_factory.mktemp("head")
    stand_in = home / "faceseg"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    uri = f"http://me:{SECRET}@127.0.0.1:1"  # nothing listens there
    with started(home, TRACKING=uri, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0") as head:
        yield head


@pytest.fixture(scope="module")
def work(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory: the stand-in's experiments, a true one, and a gigabyte of data."""
    made = tmp_path_factory.mktemp("work")
    for name in ("stub-list", "stub-wait"):
        (made / f"{name}.yaml").write_text("base: tiny.yaml\n", encoding="utf-8")
    shutil.copy(folder / "tiny.yaml", made)
    (made / "notes.md").write_text("text\n", encoding="utf-8")
    (made / "data").mkdir()
    with (made / "data" / "faces.npy").open("wb") as file:
        file.write(b"\x93NUMPY\0")
        file.truncate(2**30)
    return made


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the nodes keep results."""
    return tmp_path_factory.mktemp("shared")


Say = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def begin(cluster: Head, work: Path) -> Begin:
    """Start a command of this environment in the working directory, as a client of the head."""

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / words[0], *words[1:]],
            cwd=work,
            env={**cluster.environment, "COLUMNS": "200", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="module")
def say(begin: Begin) -> Say:
    """Run such a command to its end."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with begin(*words, **environment) as process:
            out, err = process.communicate(timeout=900)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@pytest.fixture
def to(cluster: Head, storage: Path) -> tuple[str, ...]:
    """The options that every submission here has."""
    return ("--address", cluster.address, "--set", f"storage={storage}")


def name_in(said: str) -> str:
    """Return the name of the job that a submission printed."""
    return next(line.split()[1] for line in said.splitlines() if line.startswith("job "))


def test_source_travels_data_does_not_and_the_exit_code_comes_back(say: Say, to: tuple[str, ...]):
    done = say("faceseg", "submit", "stub-list.yaml", *to, FACESEG_COMMIT="abc123")
    assert done.returncode == 3, done.stderr
    listed = [line for line in done.stdout.splitlines() if line.startswith("./")]
    assert listed == ["./notes.md", "./stub-list.yaml", "./stub-wait.yaml", "./tiny.yaml"]
    assert "commit abc123" in done.stdout


def test_a_study_is_done_on_the_cluster_and_followed(
    say: Say, to: tuple[str, ...], work: Path, storage: Path, cluster: Head
):
    one = ("--set", "architectures.unet=null", "--set", "architectures.pspnet=null")
    done = say("faceseg", "submit", "tiny.yaml", *to, *one)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"report: {storage / 'tiny' / 'comparison.html'}" in done.stdout
    assert (storage / "tiny" / "comparison.html").is_file()
    assert not (work / "results").exists()
    # The same by Ray's own command, with nothing of ours but `faceseg study`: it is finished.
    command = ("faceseg", "study", "tiny.yaml", *to[2:], *one)
    address = {"RAY_API_SERVER_ADDRESS": cluster.address}
    excluded = json.dumps({"excludes": ["data"]})
    again = say(
        *("ray", "job", "submit", "--working-dir", ".", "--runtime-env-json", excluded),
        *("--", *command),
        **address,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "is finished: every trial and final is there" in again.stdout
    assert name_in(done.stdout) in say("faceseg", "jobs", **address).stdout


def test_a_users_mistake_is_told_and_exits_with_2(say: Say, to: tuple[str, ...]):
    faces = ("--set", "data.source=directory", "--set", "data.path=/no/faces")
    done = say("faceseg", "submit", "tiny.yaml", *to, *faces)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error: " in done.stdout
    assert "/no/faces" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_plain_job_must_name_a_storage_and_have_its_senders_versions(say: Say, cluster: Head):
    other = json.dumps({"excludes": ["data"], "env_vars": {"FACESEG_VERSIONS": '{"ray": "2.9.3"}'}})
    submit = ("ray", "job", "submit", "--address", cluster.address, "--working-dir", ".")
    done = say(*submit, "--runtime-env-json", other, "--", "faceseg", "study", "tiny.yaml")
    assert done.returncode != 0
    assert "the cluster runs other versions than the machine that sent this job" in done.stdout
    same = json.dumps({"excludes": ["data"]})
    done = say(*submit, "--runtime-env-json", same, "--", "faceseg", "study", "tiny.yaml")
    assert done.returncode != 0
    assert "storage: results is relative" in done.stdout


def test_ctrl_c_ends_the_following_and_not_the_job(
    say: Say, begin: Begin, to: tuple[str, ...], work: Path
):
    at = to[:2]
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
    assert f"faceseg jobs {at[0]} {at[1]} --logs {name}" in err
    assert "the same command goes on" not in err
    assert "Traceback" not in err
    study = load(work / "stub-wait.yaml", (to[-1],)).study
    (line,) = (line for line in say("faceseg", "jobs", *at).stdout.splitlines() if name in line)
    assert line.split()[:3] == [name, "RUNNING", study]
    stopped = say("faceseg", "jobs", *at, "--stop", name)
    assert stopped.returncode == 0
    assert f"{name}: STOPPED" in stopped.stdout
    followed = say("faceseg", "jobs", *at, "--logs", name)
    assert followed.returncode == 130
    assert "closing" in followed.stdout.splitlines()  # it was asked, and given the time
    assert "was stopped; the same study submitted again goes on" in followed.stderr


def test_a_wrong_token_is_refused_in_a_clear_line(say: Say, to: tuple[str, ...], cluster: Head):
    wrong = "wrong-" + secrets.token_hex(16)
    for verb in (("submit", "stub-list.yaml", *to), ("jobs", *to[:2])):
        done = say("faceseg", *verb, RAY_AUTH_TOKEN=wrong, RAY_AUTH_TOKEN_PATH="")
        assert done.returncode == 2
        assert done.stderr.startswith(
            f"error: {cluster.address} does not know the token that was sent. Export RAY_AUTH_MODE"
        )
        assert len(done.stderr.splitlines()) == 1
        assert wrong not in done.stdout + done.stderr
    done = say("faceseg", "jobs", *to[:2], RAY_AUTH_TOKEN_PATH="", HOME="/nowhere")
    assert done.returncode == 2
    assert "wants a token, and none was sent" in done.stderr
    nowhere = {"RAY_AUTH_TOKEN_PATH": "/no/token"}
    done = say("faceseg", "jobs", *to[:2], **nowhere)
    assert done.returncode == 2
    assert "there is no token in RAY_AUTH_TOKEN_PATH=/no/token" in done.stderr


def test_a_nodes_secret_and_the_token_are_nowhere_in_a_jobs_facts(
    say: Say, to: tuple[str, ...], cluster: Head, work: Path
):
    secret = work / "secret.yaml"
    secret.write_text("base: tiny.yaml\ntracking: {uri: '${TRACKING}'}\n", encoding="utf-8")
    done = say("faceseg", "submit", "secret.yaml", *to, MLFLOW_TRACKING_PASSWORD=SECRET)
    assert done.returncode == 2, done.stdout  # the nodes know TRACKING; nothing listens there
    told = done.stdout + done.stderr + json.dumps(cluster.jobs())
    assert "http://me:***@127.0.0.1:1" in done.stdout  # it was filled in, on the cluster
    assert SECRET not in told
    assert cluster.token not in told


def test_stopping_a_study_closes_its_runs(
    say: Say, to: tuple[str, ...], storage: Path, work: Path, tmp_path: Path
):
    longer = ("name=longer", "training.epochs=400", "search.trials=9")
    sets = [word for each in longer for word in ("--set", each)]
    done = say("faceseg", "submit", "tiny.yaml", *to, *sets, "--detach")
    assert done.returncode == 0, done.stderr
    experiment = load(work / "tiny.yaml", (to[-1], *longer))
    checkpoints = storage / "checkpoints" / experiment.study
    (tmp_path / "told").write_text(f"no checkpoint came in {checkpoints}", encoding="utf-8")
    wait_for(lambda: any(each.is_file() for each in checkpoints.rglob("*")), tmp_path / "told", 300)
    stopped = say("faceseg", "jobs", *to[:2], "--stop", name_in(done.stdout))
    assert f"{name_in(done.stdout)}: STOPPED" in stopped.stdout, stopped.stderr
    said = say("faceseg", "jobs", *to[:2], "--logs", name_in(done.stdout)).stdout
    assert "stopped; the same command goes on from here" in said
    before = mlflow.get_tracking_uri()
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("longer").experiment_id
    runs = tracker.find_runs(made, study=experiment.study)
    mlflow.set_tracking_uri(before)
    assert {run.info.status for run in runs} == {"KILLED"}, said
