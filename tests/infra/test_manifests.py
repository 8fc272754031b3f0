"""The other files of infra/: Ray's cluster file, Compose and the image."""

import copy
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.infra.mlflow_server import AUTHENTICATION, COMPOSE, REPOSITORY

INFRA = REPOSITORY / "infra"
FILES = sorted(path for path in INFRA.rglob("*") if path.is_file() and path.name != ".env")
EDITED = [path for path in FILES if path.suffix in (".yaml", ".ini", ".py")]
EDITED.append(INFRA / "Containerfile")
PINNED = re.compile(r"[\w./$:{}-]+:\d+(\.\d+)+[\w.-]*\}?$")


def read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.fixture
def compose() -> dict[str, Any]:
    return read(COMPOSE)["services"]


@pytest.fixture
def launch() -> dict[str, Any]:
    return read(INFRA / "ray-cluster.yaml")


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.name)
def test_each_file_opens_with_what_to_edit(path: Path):
    head = "\n".join(path.read_text(encoding="utf-8").splitlines()[:5])
    assert "Edit these lines" in head


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_contains_a_secret(path: Path):
    text = path.read_text(encoding="utf-8")
    # NAME=value, NAME: value: after a secret's name comes nothing, a variable or a placeholder.
    for name, value in re.findall(r"(\w*(?:PASSWORD|TOKEN|SECRET_KEY))\s*[:=]\s*(\S+)", text):
        assert value.startswith(("$", "…", "<", "valueFrom", "'", '"$')), f"{name}: {value}"
    assert not re.search(r"://[^/\s:@]+:[^/\s@$]+@", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_image_has_a_version(path: Path):
    text = path.read_text(encoding="utf-8")
    images = re.findall(r"^\s*-?\s*(?:image|head_image|FROM):?\s+(\S+)", text, re.MULTILINE)
    for image in images:
        assert PINNED.fullmatch(image), image


def test_ray_up_takes_the_cluster_file(launch: dict[str, Any]):
    validate_config(prepare_config(copy.deepcopy(launch)))
    launch["available_node_types"]["gpu"]["min_worker"] = 1
    with pytest.raises(jsonschema.ValidationError, match="min_worker"):
        validate_config(prepare_config(launch))


def test_rays_dashboard_is_open_to_the_head_alone(launch: dict[str, Any]):
    starts = [*launch["head_start_ray_commands"], *launch["worker_start_ray_commands"]]
    ours = [command for command in starts if "ray start" in command]
    assert len(ours) == 2
    assert all("faceseg-secrets/environment" in command for command in ours)
    assert "--dashboard-host=127.0.0.1" in ours[0]
    assert "0.0.0.0" not in " ".join(starts)


@pytest.mark.parametrize("option", ["head", "worker"])
def test_ray_has_the_options_it_is_started_with(launch: dict[str, Any], option: str):
    command = launch[f"{option}_start_ray_commands"][-1].rpartition("ray start")[2]
    known = subprocess.run(
        [Path(sys.executable).with_name("ray"), "start", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for word in shlex.split(command):
        assert word.partition("=")[0] in known


def test_composes_ports_listen_on_loopback_by_default(compose: dict[str, Any]):
    published = [port for service in compose.values() for port in service.get("ports", ())]
    assert len(published) == 2
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in published)


def test_compose_does_not_start_without_passwords(compose: dict[str, Any]):
    for service in compose.values():
        for name, value in service["environment"].items():
            if name.endswith(("PASSWORD", "SECRET_KEY")):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), name


def test_compose_starts_things_in_an_order_that_exists(compose: dict[str, Any]):
    for service in compose.values():
        for other, how in service.get("depends_on", {}).items():
            wanted = "healthcheck" if how["condition"] == "service_healthy" else "image"
            assert wanted in compose[other]
    assert compose["mlflow"]["depends_on"].keys() == {"databases"}


def test_composes_files_are_in_the_image(compose: dict[str, Any]):
    _, script = compose["databases"]["entrypoint"]
    assert (REPOSITORY / script).is_file()
    settings = Path(compose["mlflow"]["environment"]["MLFLOW_AUTH_CONFIG_PATH"])
    assert REPOSITORY / settings.relative_to("/app") == AUTHENTICATION
    build = compose["mlflow"]["build"]
    assert (INFRA / build["context"] / build["dockerfile"]).is_file()


def test_files_copied_into_the_image_exist_and_are_sent_to_the_builder():
    text = (INFRA / "Containerfile").read_text(encoding="utf-8")
    locks = re.findall(r"LOCK=(\S+)", text)
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for word in line.split()
    ]
    assert len(copied) > 5
    sent = (INFRA / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for word in (*locks, *copied):
        if word == "${LOCK}":
            continue
        assert (REPOSITORY / word).exists(), word
        assert f"!{word}" in sent or word.endswith(".lock")


def test_the_image_runs_as_an_ordinary_user():
    text = (INFRA / "Containerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (\d+)$", text, re.MULTILINE)[-1] != "0"


def locked_versions(name: str) -> dict[str, str]:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["cluster", "gpu"])
def test_the_images_packages_are_locked_at_the_tested_versions(name: str):
    locked = locked_versions(f"requirements-{name}.lock")
    assert locked.items() >= locked_versions("requirements.lock").items()
    assert {"psycopg", "flask-wtf", "s3fs"} <= locked.keys()
    assert ("nvidia-cudnn-cu12" in locked) == (name == "gpu")


@pytest.mark.parametrize(("name", "package"), [("export", "tf2onnx"), ("demo", "gradio")])
def test_an_extra_is_locked_at_the_tested_versions(name: str, package: str):
    locked = locked_versions(f"requirements-{name}.lock")
    assert package in locked
    assert locked.items() >= locked_versions("requirements.lock").items()
    assert locked.items() <= locked_versions("requirements-dev.lock").items()


@pytest.mark.parametrize(
    "path", sorted(REPOSITORY.glob("requirements*.lock")), ids=os.path.basename
)
def test_no_lock_file_names_an_index(path: Path):
    assert not re.search(r"index-url|find-links|https?://|file:", path.read_text(encoding="utf-8"))
