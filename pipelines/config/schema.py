"""The sections of an experiment: what may be said, in what range, and what it means."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from faceseg.training.settings import TrainingSettings
from pipelines.config.search_space import Search
from pipelines.config.secrets import redact
from pipelines.config.sections import (
    Claim,
    Data,
    Finals,
    Gate,
    Resources,
    Robustness,
    Section,
    Tracking,
)

# Where an experiment runs and keeps things, and what is asked of its results, is no part of what
# it is.
PLACEMENT_KEYS = ("resources", "tracking", "storage", "checkpoints")
REPORTING_KEYS = ("description", "claims", "gate", "corruption_reference")


# --- The section of one architecture: what may be said of a network, and which takes what.

# What each builder takes, told here because asking it would load a framework.
COMMON_OPTIONS = ("alpha", "width", "encoder_weights", "batch_norm_momentum", "pixels")
ARCHITECTURE_OPTIONS: dict[str, tuple[str, ...]] = {
    "unet": COMMON_OPTIONS,
    "pspnet": (*COMMON_OPTIONS, "output_stride"),
    "segnet": (*COMMON_OPTIONS, "encoder"),
    "reference-unet": COMMON_OPTIONS,
    "reference-pspnet": COMMON_OPTIONS,
    "reference-segnet": COMMON_OPTIONS,
}


class Network(Section):
    """Options of one architecture; None leaves the architecture's own default."""

    alpha: float | None = Field(None, gt=0)
    width: float | None = Field(None, gt=0)
    encoder: Literal["vgg", "mobilenetv2"] | None = None
    encoder_weights: str | None = None
    output_stride: Literal[8, 16] | None = None
    batch_norm_momentum: float | None = Field(None, gt=0, lt=1)
    pixels: Literal["signed_rgb", "unit_bgr"] | None = Field(
        None,
        description="unit_bgr: a defect of the reference study, kept for its replication; BGR in "
        "[0, 1] goes into a network meant for RGB in [-1, 1]",
        exclude_if=lambda value: value is None,
    )

    def options(self) -> dict[str, Any]:
        """Return what was given, as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True)


class Variant(Network):
    """An architecture of the search once more, with other options, at the settings that won.

    What is not given here is as in the architecture.
    """

    of: str

    def options(self) -> dict[str, Any]:
        """Return what was given, as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True, exclude={"of"})


def check_variant(name: str, variant: Variant, architectures: Mapping[str, Network]) -> None:
    """Raise ValueError for a variant of nothing, of a taken name, or with strange options."""
    if name in architectures or name in ARCHITECTURE_OPTIONS:
        raise ValueError(f"variants.{name}: this name is an architecture's; give it one of its own")
    if variant.of not in architectures:
        raise ValueError(
            f"variants.{name}.of: {variant.of!r} is not among this experiment's architectures: "
            f"{', '.join(architectures)}"
        )
    check_architecture(variant.of, variant)


def check_architecture(name: str, network: Network) -> None:
    """Raise ValueError for an unknown architecture, or an option that it does not take."""
    if name not in ARCHITECTURE_OPTIONS:
        near = difflib.get_close_matches(name, ARCHITECTURE_OPTIONS, n=1)
        hint = (
            f"did you mean {near[0]!r}?" if near else f"known are {', '.join(ARCHITECTURE_OPTIONS)}"
        )
        raise ValueError(f"architectures.{name}: no such network; {hint}")
    taken = ARCHITECTURE_OPTIONS[name]
    if strange := [option for option in network.options() if option not in taken]:
        raise ValueError(
            f"architectures.{name} takes no {', '.join(strange)}; it takes {', '.join(taken)}"
        )


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
    def _without_null_networks(cls, value: Any) -> Any:
        """Leave out what is set to null: so an experiment drops a network of its base."""
        if isinstance(value, dict):
            return {name: network for name, network in value.items() if network is not None}
        return value

    @field_validator("storage")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        return value.expanduser()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.architectures:
            raise ValueError("architectures: name at least one")
        for name, network in self.architectures.items():
            check_architecture(name, network)
        for name, variant in self.variants.items():
            check_variant(name, variant, self.architectures)
        self.search.space.check_bounds(self.training)
        for point in self.search.first:
            self.search.space.check_point(point)
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
        left_out = (*PLACEMENT_KEYS, *REPORTING_KEYS, "search.trials", "finals.seeds", "ensemble")
        return f"{self.name}-{self.digest(*left_out)[:8]}"

    @property
    def single(self) -> str:
        """The name of single trainings: they are no part of a study."""
        return f"{self.name}-single-{self.digest(*PLACEMENT_KEYS, *REPORTING_KEYS)[:8]}"

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
