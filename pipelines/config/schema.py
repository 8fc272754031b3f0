"""The sections of an experiment: what may be said, in what range, and what it means."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from faceseg.classes import LAPA, ClassSet
from faceseg.training.settings import TrainingSettings
from pipelines.config.architectures import (
    Network,
    Variant,
    check_architecture,
    check_variant,
)
from pipelines.config.claims import Claim
from pipelines.config.gate import Gate
from pipelines.config.secrets import redact
from pipelines.config.section import Section
from pipelines.search.space import Space


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


# Where an experiment runs and keeps things, and what is asked of its results, is no part of what
# it is.
WHERE = ("resources", "tracking", "storage", "checkpoints")
ASKED = ("description", "claims", "gate", "corruption_reference")


class Search(Section):
    """What Optuna tunes, with how many trials for each architecture."""

    trials: int = Field(20, ge=1)
    space: Space = Space()
    first: tuple[dict[str, float], ...] = Field((), description="tried first, by all alike")
    sampler: Literal["tpe", "random"] = "tpe"
    random_trials: int = Field(5, ge=0, description="before the sampler learns from results")
    pruner: Literal["hyperband", "halving", "none"] = "hyperband"
    grace_epochs: int = Field(3, ge=1, description="no trial is pruned earlier")
    reduction_factor: int = Field(3, ge=2)


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


class Experiment(Section):
    """All of one experiment."""

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$")
    description: str = ""
    seed: int = 0
    data: Data = Data()
    architectures: dict[str, Network] = Field(
        {"unet": Network(), "pspnet": Network(), "segnet": Network()}
    )
    variants: dict[str, Variant] = Field({}, exclude_if=lambda given: not given)
    ensemble: bool = Field(
        False,
        description="test the mean of all architectures too",
        exclude_if=lambda given: not given,
    )
    training: TrainingSettings = TrainingSettings()
    search: Search = Search()
    finals: Finals = Finals()
    robustness: Robustness = Robustness()
    claims: tuple[Claim, ...] = Field((), description="to be answered beside the reference study's")
    gate: Gate = Gate()
    corruption_reference: str | None = Field(
        None,
        description="NAME/VERSION of a registered model: the report has errors relative to it",
        pattern=r"^[^/]+/[0-9]+$",
        exclude_if=lambda given: given is None,
    )
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    storage: Path = Path("results")
    checkpoints: str | None = Field(
        None, description="an fsspec address (s3://…) that every node reaches; None: in storage"
    )

    @field_validator("architectures", "variants", mode="before")
    @classmethod
    def _without_the_dropped(cls, value: Any) -> Any:
        """Leave out what is set to null: so an experiment drops a network of its base."""
        if isinstance(value, dict):
            return {name: network for name, network in value.items() if network is not None}
        return value

    @field_validator("storage")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        return value.expanduser()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.architectures:
            raise ValueError("architectures: name at least one")
        for name, network in self.architectures.items():
            check_architecture(name, network)
        for name, variant in self.variants.items():
            check_variant(name, variant, self.architectures)
        self.search.space.check_ends(self.training)
        for point in self.search.first:
            self.search.space.check(point)
        return self

    def digest(self, *left_out: str) -> str:
        """Return a hash of the resolved experiment, without the dotted keys in `left_out`."""
        content = self.model_dump(mode="json")
        for key in left_out:
            holder, _, last = key.rpartition(".")
            section = content[holder] if holder else content
            section.pop(last, None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def networks(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """What is trained, variants last: by name, the architecture and the builder's options."""
        found = {name: (name, network.options()) for name, network in self.architectures.items()}
        for name, variant in self.variants.items():
            found[name] = (variant.of, found[variant.of][1] | variant.options())
        return found

    @property
    def study(self) -> str:
        """The study's name: same experiment, same study, whatever runs it and for how long."""
        left_out = (*WHERE, *ASKED, "search.trials", "finals.seeds", "ensemble")
        return f"{self.name}-{self.digest(*left_out)[:8]}"

    @property
    def single(self) -> str:
        """The name of single trainings: they are no part of a study."""
        return f"{self.name}-single-{self.digest(*WHERE, *ASKED)[:8]}"

    @property
    def tracking_uri(self) -> str:
        """MLflow's address, resolved."""
        return self.tracking.uri or f"sqlite:///{(self.storage / 'mlflow.db').resolve()}"

    @property
    def search_database(self) -> str:
        """Optuna's database: unless one is given, a file of its own beside MLflow's."""
        return self.tracking.database or f"sqlite:///{(self.storage / 'optuna.db').resolve()}"

    def as_yaml(self) -> str:
        """Return the resolved experiment as a file that runs it again, without its passwords."""
        content = redact(self.model_dump(mode="json"))
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
