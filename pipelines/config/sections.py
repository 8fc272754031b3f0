"""What all sections of an experiment are."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from faceseg.data.classes import LAPA, ClassSet


class Section(BaseModel):
    """Frozen, and closed to keys it does not know.

    An option that came later is left out while it says nothing (`exclude_if`): a study's name is
    a digest of its settings, and studies from before the option keep theirs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn(Section):
    """How many faces to draw, and how hard: `difficulty` from 0 (passport) to 1.5 (wild)."""

    train: int = Field(480, ge=2)
    val: int = Field(96, ge=1)
    test: int = Field(96, ge=1)
    size: int = Field(128, ge=32, description="pixels; faces are square")
    difficulty: float = Field(1.0, ge=0, le=1.5)
    seed: int = 0


class Data(Section):
    """Where images come from and how they are brought to the network's grid."""

    source: Literal["drawn", "directory", "lapa"] = "drawn"
    path: Path | None = None
    labels: str = Field("labels", description="the folder of labels within a split")
    classes: Literal["lapa"] | ClassSet = "lapa"
    image_size: tuple[int, int] = (256, 256)
    on_bad: Literal["stop", "skip"] = "stop"
    label_resizing: Literal["nearest", "bilinear"] = Field(
        "nearest",
        description="bilinear: a defect of the reference study, kept for its replication; labels "
        "of train and val get ids of classes that are not there",
        exclude_if=lambda value: value == "nearest",
    )
    drawn: Drawn = Drawn()
    terms: str = Field(
        "",
        description="under which the images may be used: model cards say it",
        exclude_if=lambda given: not given,
    )

    @property
    def class_set(self) -> ClassSet:
        """The class set meant by `classes`."""
        return LAPA if isinstance(self.classes, str) else self.classes

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.source == "directory" and self.path is None:
            raise ValueError("source 'directory' needs a path")
        if self.source == "drawn" and self.path is not None:
            raise ValueError("source 'drawn' takes no path; did you mean source 'directory'?")
        if any(side % 32 or side < 32 for side in self.image_size):
            raise ValueError(f"image_size {list(self.image_size)}: both must be multiples of 32")
        return self


class Finals(Section):
    """The winners' retraining: seeds a winner, and its own length if it should differ."""

    seeds: int = Field(3, ge=1)
    epochs: int | None = Field(None, ge=1)


class Robustness(Section):
    """The robustness suites: which kinds of each, on how many images.

    Trials are occluded only; finals go through corruptions and geometry too, where kinds are given.
    """

    kinds: tuple[str, ...] = Field(("gray_square", "blob", "eye_band"), description="of occ-v1")
    corruption: tuple[str, ...] = Field(
        (), description="of cor-v1", exclude_if=lambda given: not given
    )
    geometry: tuple[str, ...] = Field(
        (), description="of geo-v1", exclude_if=lambda given: not given
    )
    trial_images: int = Field(50, ge=1, description="validation images, for every trial")
    final_images: int = Field(500, ge=1, description="test images, for every final")


class Resources(Section):
    """Workers at once and what each is given; fractions of a GPU are shares of a card."""

    workers: int | None = Field(None, ge=1, description="None: as many as the cluster holds")
    cpus: float = Field(1, gt=0)
    gpus: float = Field(0, ge=0, description="a share of a card, or whole cards (JAX: 2 and more)")
    measured: bool = Field(
        False, description="workers, cpus and gpus as `faceseg tune-machine` found them fastest"
    )
    address: str | None = Field(
        None, description="Ray address; None: RAY_ADDRESS if it is set, else Ray starts here"
    )
    trials_per_worker: int = Field(50, ge=1, description="then a fresh process takes over")

    @field_validator("gpus")
    @classmethod
    def _whole_cards(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError(f"gpus {value:g}: above 1 it is a number of whole cards")
        return value


class Tracking(Section):
    """Where MLflow and Optuna keep what happened; None means a database file in `storage`."""

    uri: str | None = None
    database: str | None = Field(None, description="Optuna's: postgresql+psycopg://…")
    registered_model: str = "faceseg"


# --- A claim about networks, so declared that a study can answer it.

PRETRAINED, ENSEMBLE = "pretrained", "ensemble"


class Claim(Section):
    """`who` is higher or lower in a measure than those it is `against`, or between them.

    `higher` and `lower` must hold against each of them; `between` means surely above one and
    surely below another.
    """

    text: str = Field(min_length=1, description="in words, as it stands in the report")
    measure: str = Field(
        description="a name of pipelines.compare.analysis.measures, such as iou_small"
    )
    who: str = Field(
        description=f"a network; {ENSEMBLE!r}; or {PRETRAINED!r}: every network with a pretrained "
        "encoder, each against its own variant from scratch"
    )
    direction: Literal["higher", "lower", "between"]
    against: tuple[str, ...] = Field((), description="none: all other architectures")
    margin: float | None = Field(
        None, ge=0, description="differences up to this are no difference; None: the measure's own"
    )


# --- What a model must show before it takes the champion's place.


class Gate(Section):
    """Bounds are of IoU, absolute (0.01 is one point); differences come with a paired interval.

    Promoted is who is surely better by `min_gain`; or surely not worse by `tolerance` and faster
    or more robust. Nobody is promoted who surely falls by more than its bound on a class, a
    slice or a kind of a robustness suite, or who is over budget.
    """

    min_gain: float = Field(0.0, ge=0, description="test IoU must surely gain more than this")
    tolerance: float = Field(0.005, ge=0, description="with a gain elsewhere: the most it may lose")
    faster: float = Field(0.2, gt=0, lt=1, description="share of the time of an image to be saved")
    more_robust: float = Field(0.01, ge=0, description="IoU under occlusion must surely gain more")
    class_drop: float = Field(0.02, ge=0)
    slice_drop: float = Field(0.03, ge=0)
    kind_drop: float = Field(0.03, ge=0, description="IoU under a kind of occlusion or corruption")
    bounds: dict[str, float] = Field(
        {}, description="other bounds by name: left_eye, blob, 'skin tone: darkest third'"
    )
    latency_ms: float | None = Field(None, gt=0, description="budget of an image's median time")
    size_mb: float | None = Field(None, gt=0, description="budget of the saved network")
    resamples: int = Field(10_000, ge=100)
    level: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
