"""The sections of an experiment that contain plain values; `schema` contains the others.

The names, order and defaults of the fields are YAML keys and part of a study's digest.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from faceseg.training.settings import MAX_EPOCHS, TrainingSettings
from pipelines.config import names
from pipelines.config.bounds import (
    MAX_IMAGES,
    MAX_RESAMPLES,
    MAX_SEEDS,
    MAX_THREADS,
    MAX_WORKERS,
)
from pipelines.config.costs import Power, Prices
from pipelines.config.names import ClaimedNetwork, RegisteredModel
from pipelines.config.section import Section, is_none


class Finals(Section):
    """Retraining of each search's best settings: number of seeds; number of epochs if different.

    Attributes:
        seeds: Number of finals of each architecture.
        epochs: Length of a final; None: `training.epochs`.
        mirrored: Whether to test each network's mean with its mirror image too, as a row of its
            own; trials are not.
    """

    seeds: int = Field(3, ge=1, le=MAX_SEEDS)
    epochs: int | None = Field(None, ge=1, le=MAX_EPOCHS)
    early_stopping: Literal["training"] | Annotated[int, Field(ge=1, le=MAX_EPOCHS)] | None = Field(
        None,
        description="epochs without a better val/iou; training: as training.early_stopping; None: "
        "no early stopping under a cosine, whose last epochs have the lowest rates, and as "
        "training.early_stopping under other schedules",
        exclude_if=is_none,
    )
    mirrored: bool = Field(False, exclude_if=lambda value: not value)

    def settings(self, winner: TrainingSettings) -> TrainingSettings:
        """Return the settings of the finals of a search's winner."""
        patience = self.early_stopping
        if patience == "training" or (patience is None and winner.schedule != "cosine"):
            patience = winner.early_stopping
        changes = {"epochs": self.epochs or winner.epochs, "early_stopping": patience}
        return winner.model_copy(update=changes)


class Robustness(Section):
    """The robustness suites: the kinds of each, and the number of images.

    Trials are evaluated under occlusion only; finals under corruption and geometry too, where
    kinds are given.
    """

    kinds: tuple[str, ...] = Field(
        ("gray_square", "blob", "eye_band"), description="kinds of the suite occ-v1"
    )
    corruption: tuple[str, ...] = Field(
        (), description="kinds of the suite cor-v1", exclude_if=lambda value: not value
    )
    geometry: tuple[str, ...] = Field(
        (), description="kinds of the suite geo-v1", exclude_if=lambda value: not value
    )
    trial_images: int = Field(
        50, ge=1, le=MAX_IMAGES, description="validation images of every trial"
    )
    final_images: int = Field(500, ge=1, le=MAX_IMAGES, description="test images of every final")


class Resources(Section):
    """The number of workers, and the CPUs and GPUs of each.

    Attributes:
        cpus: CPUs of each worker; their whole number is its number of threads.
    """

    workers: int | None = Field(
        None, ge=1, le=MAX_WORKERS, description="None: as many as the cluster has room for"
    )
    cpus: float = Field(1, gt=0, le=MAX_THREADS)
    gpus: float = Field(
        0, ge=0, le=1000, description="below 1: a share of one GPU; 2 and more require JAX"
    )
    measured: bool = Field(
        False, description="use the workers, cpus and gpus that `faceseg tune-machine` stored"
    )
    address: str | None = Field(
        None, description="Ray's address; None: RAY_ADDRESS, or else a Ray started by the study"
    )
    trials_per_worker: int = Field(
        50, ge=1, le=1_000_000, description="after which a worker's process is replaced"
    )
    prices: Prices | None = Field(None, exclude_if=is_none)
    power: Power | None = Field(None, exclude_if=is_none)

    @field_validator("gpus")
    @classmethod
    def _whole_gpus(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(f"gpus {value:g}: above 1 it must be a whole number")
        return value

    @property
    def threads(self) -> int:
        """The number of threads of each worker."""
        return max(1, int(self.cpus))


class Tracking(Section):
    """The databases of MLflow and Optuna; None: a file in `storage`.

    Attributes:
        uri: MLflow's tracking address.
        registered_model: Name of the registered model of which finals become versions. Default:
            `faceseg` for LaPa's classes on LaPa or drawn faces, else `faceseg-EXPERIMENT`.
    """

    uri: str | None = None
    database: str | None = Field(None, description="Optuna's database: postgresql+psycopg://…")
    registered_model: RegisteredModel = "faceseg"


# --- A claim about networks, in a form that a study can test.

PRETRAINED, ENSEMBLE = names.PRETRAINED, names.ENSEMBLE


class Claim(Section):
    """A claim that a network's measure is higher or lower than that of others, or between them.

    Attributes:
        direction: `higher` and `lower` must hold against each network in `against`. `between`
            means significantly above one of them and significantly below another.
    """

    text: str = Field(min_length=1, description="the claim as the report prints it")
    measure: str = Field(
        description="a name of pipelines.compare.analysis.measures, such as iou_small"
    )
    who: ClaimedNetwork = Field(
        description=f"a network; {ENSEMBLE!r}; or {PRETRAINED!r}: every network with a pretrained "
        "encoder, compared with its own variant from scratch"
    )
    direction: Literal["higher", "lower", "between"]
    against: tuple[ClaimedNetwork, ...] = Field((), description="empty: all other architectures")
    margin: float | None = Field(
        None, ge=0, description="smaller differences count as equal; None: the measure's own margin"
    )


# --- The requirements for replacing the champion.


class Gate(Section):
    """The promotion gate. Bounds are absolute IoU (0.01 is one point).

    Differences have a paired confidence interval; "significantly" means that the whole interval
    is on one side of the bound. A model passes if it is significantly better by `min_gain`, or
    significantly not worse by `tolerance` and faster or more robust. It fails if it is
    significantly worse by more than the bound of a class, of a slice or of a kind of a
    robustness suite, if it exceeds a budget, or if its test IoU is not `above_baseline`: that
    of the mean label map, which ignores the image. The last one also holds for the champion that a
    study sets where there is none.

    Attributes:
        resamples: Bootstrap resamples of the intervals.
    """

    min_gain: float = Field(0.0, ge=0, description="test IoU must gain significantly more")
    tolerance: float = Field(
        0.005, ge=0, description="maximum loss of test IoU, if faster or more robust"
    )
    above_baseline: float = Field(
        0.05, ge=-1, le=1, description="test IoU must exceed the mean label map's by at least this"
    )
    faster: float = Field(0.2, gt=0, lt=1, description="saved share of the time per image")
    more_robust: float = Field(
        0.01, ge=0, description="IoU under occlusion must gain significantly more"
    )
    class_drop: float = Field(0.02, ge=0, description="maximum loss of a class's IoU")
    slice_drop: float = Field(0.03, ge=0, description="maximum loss of IoU in a slice")
    kind_drop: float = Field(0.03, ge=0, description="maximum loss of IoU under a kind of a suite")
    bounds: dict[str, float] = Field(
        {}, description="other bounds, by name: left_eye, blob, 'skin tone: darkest third'"
    )
    latency_ms: float | None = Field(None, gt=0, description="maximum median time per image")
    size_mb: float | None = Field(None, gt=0, description="maximum size of the saved network")
    resamples: int = Field(10_000, ge=100, le=MAX_RESAMPLES)
    level: float = Field(0.95, gt=0.5, lt=1, description="confidence level of the intervals")
