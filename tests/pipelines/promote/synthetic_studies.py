"""Studies written into MLflow without training, with finals of given errors.

An image has 100 pixels of each of six classes. A network with the error 0.2 on a class labels
about 20 of them background, up to 3 more or less from image to image. The IoU of a class is
therefore 1 - error, apart from the mean of this jitter.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mlflow.exceptions import MlflowException

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.evaluation.left_out import records_without
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.robustness.conditions import Condition
from pipelines.config import Experiment
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run

CLASSES = ClassSet(
    names=("background", "skin", "left_eye", "right_eye", "nose", "hair"),
    palette=tuple((40 * index, 0, 0) for index in range(6)),
    pairs=((2, 3),),
    small=(2, 3),
    face=(1, 2, 3, 4),
    eyes=(2, 3),
    hair=5,
)
PARTS = CLASSES.names[1:]
IMAGES = 30
SEVERITIES = (0.05, 0.1, 0.2, 0.35, 0.5)


@dataclass(frozen=True, kw_only=True)
class SyntheticFinal:
    """The errors of a network: `errors` by class, `error` for the others; `occluded` is added
    under occlusion.
    """

    error: float = 0.2
    errors: Mapping[str, float] = field(default_factory=dict)
    occluded: float = 0.1
    latency: float = 10.0
    host: str = "one-machine"
    val: float = 0.5
    images: int = IMAGES
    kinds: tuple[str, ...] = ("gray_square",)
    classes: ClassSet = CLASSES
    dark: float = 0.0  # added on the images 0 to 9, which are dark
    seed: int = 0  # of the jitter
    baseline: float = 0.0  # the IoU of the mean label map
    drawn: bool = False  # trained on drawn faces

    def counts(self, more: float = 0.0) -> np.ndarray:
        """Return the confusion matrices (N, 6, 6) of the images, with `more` added to the error."""
        found = np.zeros((self.images, 6, 6), dtype=np.int64)
        found[:, 0, 0] = 100
        jitter = np.random.default_rng(self.seed).integers(-3, 4, (self.images, 6))
        for index, name in enumerate(PARTS, start=1):
            share = self.errors.get(name, self.error) + more
            dark = np.where(np.arange(self.images) < 10, self.dark, 0.0)
            wrong = np.rint(100 * (share + dark)).astype(int) + jitter[:, index]
            wrong = np.clip(wrong, 0, 100)
            found[:, index, index], found[:, index, 0] = 100 - wrong, wrong
        return found

    def records(self) -> EvaluationRecords:
        """Return the evaluation records of the final."""
        ids = tuple(f"photo-{number}" for number in range(self.images))
        conditions = [self._condition("clean", 0.0, 0.0)]
        conditions += [
            self._condition(kind, share, self.occluded * share / 0.5)
            for kind in self.kinds
            for share in SEVERITIES
        ]
        facts = tuple({"lightness": 20.0 + number} for number in range(self.images))
        tested = SplitEvaluation(
            ids=ids,
            counts=self.counts(),
            boundary=np.full((self.images, 6, 2), 10),
            outline=np.full((self.images, 2), 40),
            calibration=np.zeros((2, 15, 3)),
        )
        return EvaluationRecords(
            ids=ids,
            conditions=tuple(conditions),
            baseline_iou=self.baseline,
            tested=tested,
            facts=facts,
        )

    def _condition(self, kind: str, severity: float, more: float) -> Condition:
        counts = self.counts(more).astype(np.int32)
        policies = {"visible": counts, "unoccluded": counts}
        return Condition(
            suite="occ-v1",
            kind=kind,
            severity=severity,
            counts=policies,
            coverage=np.full(self.images, severity),
        )


def write_experiment(folder: Path, name: str, uri: str, model: str) -> Path:
    """Write an experiment file; return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\nstorage: {folder / 'results'}\n"
        f"architectures: {{unet: {{}}}}\n"
        f"tracking: {{uri: '{uri}', registered_model: {model}}}\n",
        encoding="utf-8",
    )
    return path


def write_study(tracker: Tracker, experiment: Experiment, *finals: SyntheticFinal) -> list[str]:
    """Write a finished study of unet with these finals; return their versions."""
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    study = open_run(
        tracker, experiment_id, "study", {"study": experiment.study, "kind": "study"}, "A study."
    )
    tracker.set_tags(study, **{"winner.unet": "w1nner"})
    with tracker.files(study) as folder:
        (folder / "manifest.json").write_text(_manifest(finals[0]), encoding="utf-8")
    return [
        _final(tracker, experiment, study, number, final) for number, final in enumerate(finals)
    ]


def write_judged(
    tracker: Tracker,
    experiment: Experiment,
    name: str,
    final: SyntheticFinal,
    left_out: tuple[str, ...] = (),
) -> str:
    """Write the run of a network that was judged without a study; return its id."""
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    identity = {"judged_in": experiment.study, "kind": "judged", "architecture": name}
    run = open_run(tracker, experiment_id, name, {**identity, "winner": "d1gest"}, "Judged.")
    tracker.set_tags(
        run,
        state="complete",
        host=final.host,
        data="fingerprint",
        left_out=json.dumps(left_out),
    )
    tracker.log_metrics(run, {"latency/p50_ms": final.latency, "latency/threads": 1})
    ids = [CLASSES.names.index(each) for each in left_out]
    with tracker.files(run) as folder:
        records = records_without(final.records(), CLASSES, ids, final.baseline)
        records.write(folder / "confusion.npz")
        (folder / "manifest.json").write_text(_manifest(final), encoding="utf-8")
    tracker.end(run, "FINISHED")
    return run


def _final(
    tracker: Tracker, experiment: Experiment, study: str, number: int, final: SyntheticFinal
) -> str:
    identity = {
        "study": experiment.study,
        "kind": "final",
        "architecture": "unet",
        "trial": str(number),
        "winner": "w1nner",
    }
    client, model = tracker.client, experiment.tracking.registered_model
    experiment_id = client.get_run(study).info.experiment_id
    name = f"unet-final-{number}"
    run = open_run(tracker, experiment_id, name, identity, "A final.", parent=study)
    tracker.set_tags(run, state="complete", host=final.host, data="fingerprint", commit="c0ffee")
    tracker.log_metrics(
        run,
        {"best/val_iou": final.val, "latency/p50_ms": final.latency, "latency/threads": 1}
        | {"model/size_mb": 2.5},
    )
    with tracker.files(run) as folder:
        final.records().write(folder / "confusion.npz")
    tracker.end(run, "FINISHED")
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = client.get_run(run).info.artifact_uri
    tags = {"architecture": "unet", "study": experiment.study, "test_iou": f"{1 - final.error:.4f}"}
    return str(client.create_model_version(model, source, run, tags=tags).version)


def _manifest(final: SyntheticFinal) -> str:
    facts = {"count": 1, "photos": 1, "repeated": 0, "class_shares": {}, "digest": "d"}
    manifest = Manifest.model_validate(
        {
            "pack_version": 2,
            "key": "k",
            "fingerprint": "fingerprint",
            "classes": final.classes,
            "image_size": (64, 64),
            "on_bad": "stop",
            "source": {"source": "drawn"} if final.drawn else {},
            "splits": {"train": facts, "val": facts, "test": facts},
            "shared_photos": {},
            "sides": (),
            "problems": (),
            "warnings": (),
            "versions": {},
            "files": {},
        }
    )
    return manifest.model_dump_json()
