"""The experiment: one YAML file, checked whole before anything starts.

A file may name a `base:` beside it and say only what differs; `--set search.trials=50`
overrides one value. Unknown keys are refused with the nearest right one.
"""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceseg.classes import LAPA, ClassSet
from faceseg.errors import UserError
from faceseg.training.settings import TrainingSettings
from pipelines.search.space import Space


class Section(BaseModel):
    """Frozen, and closed to keys it does not know."""

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
    drawn: Drawn = Drawn()

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


class Network(Section):
    """Options of one architecture; None leaves the architecture's own default."""

    alpha: float | None = Field(None, gt=0)
    width: float | None = Field(None, gt=0)
    encoder: Literal["vgg", "mobilenetv2"] | None = None
    encoder_weights: str | None = None
    output_stride: Literal[8, 16] | None = None
    filters: tuple[int, ...] | None = None
    batch_norm_momentum: float | None = Field(None, gt=0, lt=1)

    def options(self) -> dict[str, Any]:
        """Return what was given, as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True)


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
    """The occlusion evaluation: which kinds, on how many images."""

    kinds: tuple[str, ...] = ("gray_square", "blob", "eye_band")
    trial_images: int = Field(50, ge=1, description="validation images, for every trial")
    final_images: int = Field(500, ge=1, description="test images, for every final")


class Resources(Section):
    """Workers at once and what each is given; fractions of a GPU are shares of a card."""

    workers: int | None = Field(None, ge=1, description="None: as many as the cluster holds")
    cpus: float = Field(1, gt=0)
    gpus: float = Field(0, ge=0)
    address: str | None = Field(None, description="Ray address; None starts Ray here")
    trials_per_worker: int = Field(50, ge=1, description="then a fresh process takes over")


class Tracking(Section):
    """Where MLflow is; None means a database file in `storage`."""

    uri: str | None = None
    registered_model: str = "faceseg"


class Experiment(Section):
    """All of one experiment."""

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$")
    description: str = ""
    seed: int = 0
    data: Data = Data()
    architectures: dict[str, Network] = {
        "unet": Network(),
        "pspnet": Network(),
        "segnet": Network(),
    }
    training: TrainingSettings = TrainingSettings()
    search: Search = Search()
    finals: Finals = Finals()
    robustness: Robustness = Robustness()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    storage: Path = Path("results")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.architectures:
            raise ValueError("architectures: name at least one")
        for point in self.search.first:
            self.search.space.check(point)
        return self

    def digest(self, *left_out: str) -> str:
        """Return a hash of the resolved experiment, without the dotted keys in `left_out`."""
        content = self.model_dump(mode="json")
        for key in left_out:
            holder, _, last = key.rpartition(".")
            section = content[holder] if holder else content
            section.pop(last)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def study(self) -> str:
        """The study's name: same experiment, same study, whatever runs it and for how long."""
        where = ("resources", "tracking", "storage", "description")
        return f"{self.name}-{self.digest(*where, 'search.trials', 'finals.seeds')[:8]}"

    @property
    def tracking_uri(self) -> str:
        """MLflow's address, resolved."""
        return self.tracking.uri or f"sqlite:///{(self.storage / 'mlflow.db').resolve()}"

    @property
    def search_database(self) -> str:
        """Optuna's database: a file of its own beside MLflow's."""
        return f"sqlite:///{(self.storage / 'optuna.db').resolve()}"

    def as_yaml(self) -> str:
        """Return the resolved experiment as a file that runs it again."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read, merge, override and check an experiment; UserError says what is wrong."""
    content = _read(path, seen=())
    content.setdefault("name", path.stem)
    for override in overrides:
        _override(content, override)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(f"  {_explain(each)}" for each in error.errors())
        raise UserError(f"{path} is not a valid experiment:\n{problems}") from error


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise UserError(f"{path}: its bases lead back to itself; remove one `base:`")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no experiment file {path}{_nearby(path)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as an experiment: {error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not plain YAML: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold keys and values, not {type(content).__name__}")
    base = content.pop("base", None)
    if base is None:
        return content
    below = _read(path.parent / str(base), (*seen, path.resolve()))
    below.pop("name", None)  # a variant is an experiment of its own
    return _merge(below, content)


def _nearby(path: Path) -> str:
    known = sorted(each.name for each in path.parent.glob("*.yaml"))
    return f"; {path.parent} holds {', '.join(known)}" if known else ""


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set takes KEY=VALUE, such as search.trials=50, not {override!r}")
    *holders, last = key.strip().split(".")
    section = content
    for holder in holders:
        section = section.setdefault(holder, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {holder!r} is a value, not a section")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {override}: the value is not plain YAML: {error}") from error


def _explain(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "experiment"
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {message}; got {error['input']!r}"[:300]


def _known_keys(place: tuple[Any, ...]) -> list[str]:
    """Return the keys of the section at `place`, by walking the models' fields."""
    model: Any = Experiment
    for part in place:
        if part in getattr(model, "model_fields", {}):
            model = model.model_fields[part].annotation
        elif "architectures" in place:
            model = Network
    return list(getattr(model, "model_fields", {}))
