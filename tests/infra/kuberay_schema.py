"""The fields of KubeRay's ray.io/v1, as a JSON schema that rejects all others.

It follows the field reference of KubeRay 1.6 (docs/reference/api.md there), for the parts that
infra/kuberay uses. KubeRay's own schemas are not included: with every field of a pod they are
larger than a megabyte. The tests of pods check `template`.
"""

from typing import Any

TEXT, NUMBER, SWITCH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
OBJECT = {"type": "object"}


def strict_object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


GROUP = {"template": OBJECT, "rayStartParams": TEXTS, "resources": TEXTS, "labels": TEXTS}
CLUSTER = strict_object(
    ("headGroupSpec",),
    rayVersion=TEXT,
    authOptions=strict_object(mode={"enum": ["disabled", "token"]}, secretName=TEXT),
    autoscalerOptions=OBJECT,
    enableInTreeAutoscaling=SWITCH,
    gcsFaultToleranceOptions=OBJECT,
    headServiceAnnotations=TEXTS,
    managedBy=TEXT,
    suspend=SWITCH,
    upgradeStrategy=OBJECT,
    headGroupSpec=strict_object(
        ("template",),
        **GROUP,
        serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
        headService=OBJECT,
        enableIngress=SWITCH,
    ),
    workerGroupSpecs={
        "type": "array",
        "items": strict_object(
            ("groupName", "minReplicas", "maxReplicas", "template"),
            **GROUP,
            groupName=TEXT,
            replicas=NUMBER,
            minReplicas=NUMBER,
            maxReplicas=NUMBER,
            numOfHosts=NUMBER,
            idleTimeoutSeconds=NUMBER,
            scaleStrategy=OBJECT,
            suspend=SWITCH,
        ),
    },
)
JOB = strict_object(
    ("rayClusterSpec", "entrypoint"),
    entrypoint=TEXT,
    rayClusterSpec=CLUSTER,
    activeDeadlineSeconds=NUMBER,
    backoffLimit=NUMBER,
    clusterSelector=TEXTS,
    deletionStrategy=OBJECT,
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    entrypointResources=TEXT,
    jobId=TEXT,
    managedBy=TEXT,
    metadata=TEXTS,
    preRunningDeadlineSeconds=NUMBER,
    runtimeEnvYAML=TEXT,
    shutdownAfterJobFinishes=SWITCH,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterConfig=OBJECT,
    submitterPodTemplate=OBJECT,
    suspend=SWITCH,
    ttlSecondsAfterFinished=NUMBER,
)


def manifest(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a whole manifest."""
    return strict_object(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=strict_object(
            ("name",), name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS
        ),
        spec=spec,
    )


MANIFESTS = {"RayCluster": manifest("RayCluster", CLUSTER), "RayJob": manifest("RayJob", JOB)}
