"""The Kubernetes manifests: KubeRay's fields only, and the pods' requirements."""

import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

from pipelines.config import load
from tests.infra.kuberay_schema import MANIFESTS
from tests.infra.mlflow_server import REPOSITORY

FOLDER = REPOSITORY / "infra" / "kuberay"
KINDS = {"raycluster.yaml": "RayCluster", "rayjob.yaml": "RayJob"}
SECRETS = {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}


def read(name: str) -> dict[str, Any]:
    content = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def cluster(name: str) -> dict[str, Any]:
    spec = read(name)["spec"]
    return spec.get("rayClusterSpec", spec)


def pods(name: str) -> dict[str, dict[str, Any]]:
    groups = {each["groupName"]: each for each in cluster(name)["workerGroupSpecs"]}
    groups["head"] = cluster(name)["headGroupSpec"]
    return {key: group["template"]["spec"] for key, group in groups.items()}


ALL_PODS = [
    pytest.param(pod, id=f"{name}-{group}") for name in KINDS for group, pod in pods(name).items()
]


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_it_has_only_fields_that_kuberay_knows(name: str, kind: str):
    jsonschema.validate(read(name), MANIFESTS[kind])


def test_a_misspelt_field_would_be_seen():
    wrong = read("rayjob.yaml")
    wrong["spec"]["backofLimit"] = 1
    with pytest.raises(jsonschema.ValidationError, match="backofLimit"):
        jsonschema.validate(wrong, MANIFESTS["RayJob"])


@pytest.mark.parametrize("name", KINDS)
def test_its_ray_is_the_installed_one_and_wants_a_token(name: str):
    assert cluster(name)["rayVersion"] == ray.__version__
    assert cluster(name)["authOptions"] == {"mode": "token"}
    assert cluster(name)["headGroupSpec"]["serviceType"] == "ClusterIP"


def test_both_describe_the_same_cluster():
    assert cluster("rayjob.yaml") == cluster("raycluster.yaml")


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_pod_takes_its_secrets_from_a_secret_and_runs_as_an_ordinary_user(pod: dict[str, Any]):
    (container,) = pod["containers"]
    given = {each["name"]: each for each in container["env"]}
    assert given.keys() >= SECRETS
    for each in given.values():
        assert set(each) == {"name", "valueFrom"}
        assert each["valueFrom"]["secretKeyRef"]["key"] == each["name"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not pod.get("hostNetwork")


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_pod_is_given_what_it_asks_for_and_a_disk_that_outlives_it(pod: dict[str, Any]):
    (container,) = pod["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    claimed = {each["name"]: each["persistentVolumeClaim"] for each in pod["volumes"]}
    (mount,) = container["volumeMounts"]
    claim = read("storage.yaml")
    assert claimed[mount["name"]]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_only_the_head_can_open_the_search_database():
    passwords = {
        group
        for group, pod in pods("raycluster.yaml").items()
        for each in pod["containers"][0]["env"]
        if each["name"] == "PGPASSWORD"
    }
    assert passwords == {"head"}


def test_the_jobs_command_is_an_experiment_that_keeps_nothing_in_the_cluster():
    program, verb, file, *rest = shlex.split(read("rayjob.yaml")["spec"]["entrypoint"])
    assert (program, verb) == ("faceseg", "study")
    overrides = tuple(rest[1::2])
    assert set(rest[::2]) == {"--set"}
    found = load(REPOSITORY / Path(file).relative_to("/app"), overrides)
    (mount,) = pods("rayjob.yaml")["head"]["containers"][0]["volumeMounts"]
    assert found.storage.is_relative_to(mount["mountPath"])
    assert found.tracking_uri.startswith("http://")
    assert found.search_database.startswith("postgresql+psycopg://")
    assert found.resources.address == "auto"
