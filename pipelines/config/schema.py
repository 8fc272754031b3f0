"""The experiment: its keys, valid values and meaning."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, Field, field_validator, model_validator

from faceseg.training.settings import TrainingSettings
from pipelines.config import names
from pipelines.config.bounds import MAX_SEED, check_batch
from pipelines.config.costs import check_budget
from pipelines.config.data_section import Data
from pipelines.config.databases import sqlite_url
from pipelines.config.distillation import Distil, teacher_members
from pipelines.config.ensembles import Ensembles, ensemble_members
from pipelines.config.goals import check_logged
from pipelines.config.network_section import (
    Network,
    Variant,
    check_architecture,
    check_variant,
)
from pipelines.config.registered_models import with_registered_model
from pipelines.config.search_section import Search
from pipelines.config.secrets import redact
from pipelines.config.section import Section
from pipelines.config.sections import (
    Claim,
    Finals,
    Gate,
    Resources,
    Robustness,
    Tracking,
)

# These keys do not change an experiment's results, so they are not part of a study's digest: where
# it runs and stores files, and how its results are reported.
PLACEMENT_KEYS = ("resources", "tracking", "storage", "checkpoints")
REPORTING_KEYS = ("description", "claims", "gate", "corruption_reference")
# They may grow: what a study has trained remains valid.
BUDGET_KEYS = (
    *("search.trials", "search.budget", "finals.seeds", "finals.mirrored"),
    *("ensemble", "distil"),
)


class Experiment(Section):
    """An experiment: everything that a study depends on.

    Attributes:
        name: Name of the experiment in MLflow, and of the folder of its report.
        description: Description of the study's run in MLflow, and subtitle of the report.
        seed: Base of the seeds of sampling and of every training.
        storage: Folder for packs, checkpoints, undelivered records, databases and reports.

    Example:
        >>> experiment = Experiment.model_validate({"name": "small", "search": {"trials": 4}})
        >>> experiment.study
        'small-dae8edb1'
    """

    name: names.ExperimentName
    description: str = ""
    seed: int = Field(0, ge=-MAX_SEED, le=MAX_SEED)
    data: Data = Data()
    architectures: dict[str, Network] = Field(
        {"unet": Network(), "pspnet": Network(), "segnet": Network()}
    )
    variants: dict[str, Variant] = Field({}, exclude_if=lambda value: not value)
    ensemble: Ensembles = Field(
        False,
        description="also test the mean probabilities of all architectures (true), or of each of "
        "these lists of networks, as a row of its own",
        exclude_if=lambda value: not value,
    )
    distil: Distil | None = Field(
        None,
        description="train one network once more, taught by others",
        exclude_if=lambda value: value is None,
    )
    training: TrainingSettings = TrainingSettings()
    search: Search = Search()
    finals: Finals = Finals()
    robustness: Robustness = Robustness()
    claims: tuple[Claim, ...] = Field((), description="tested in addition to the reference study's")
    gate: Gate = Gate()
    corruption_reference: names.ModelVersion | None = Field(
        None,
        description="NAME/VERSION of a registered model: the report contains errors relative to it",
        exclude_if=lambda value: value is None,
    )
    resources: Resources = Resources()
    tracking: Annotated[Tracking, AfterValidator(with_registered_model)] = Field(
        Tracking(), validate_default=True
    )
    storage: Path = names.DEFAULT_STORAGE
    checkpoints: str | None = Field(
        None, description="fsspec address (s3://…) that every node can reach; None: in storage"
    )

    @field_validator("architectures", "variants", mode="before")
    @classmethod
    def _without_null_networks(cls, value: Any) -> Any:
        """Remove networks that are null: an experiment can remove a network of its base."""
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
            raise ValueError("architectures: at least one is required")
        for name, network in self.architectures.items():
            check_architecture(name, network)
        for name, variant in self.variants.items():
            check_variant(name, variant, self.architectures)
        if len({name.lower() for name in self.variants}) < len(self.variants):
            raise ValueError("variants: two names differ only in capital letters; rename one")
        _ = self.ensembles, self.teachers
        self.search.space.check_bounds(self.training)
        check_budget(self.search, self.resources)
        self.search.space.check_networks(self.architectures)
        batch_sizes = (self.training.batch_size, *self.search.space.batch_size.choices)
        check_batch(max(batch_sizes), self.data.image_size)
        if goals := self.search.parsed_goals:
            check_logged(goals, self.data.class_set.names, self.robustness.kinds)
        for point in self.search.first:
            self.search.space.check_point(point)
        return self

    def digest(self, *left_out: str) -> str:
        """Return a hash of the resolved experiment without the dotted keys `left_out`."""
        content = self.model_dump(mode="json")
        for key in left_out:
            parent, _, last = key.rpartition(".")
            section = content[parent] if parent else content
            section.pop(last, None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def networks(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The architecture and the builder's options of each network, by name; variants last."""
        found = {name: (name, network.options()) for name, network in self.architectures.items()}
        for name, variant in self.variants.items():
            found[name] = (variant.of, found[variant.of][1] | variant.options())
        return found

    @property
    def ensembles(self) -> dict[str, tuple[str, ...]]:
        """The members of each ensemble, by its name in runs and tables."""
        return ensemble_members(self.ensemble, tuple(self.architectures), tuple(self.networks))

    @property
    def teachers(self) -> dict[str, tuple[str, ...]]:
        """The networks that teach, by the name of the network that they teach."""
        if self.distil is None:
            return {}
        members = teacher_members(self.distil, tuple(self.architectures), tuple(self.networks))
        return {self.distil.name: members}

    @property
    def trained_networks(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """`networks`, and the taught one."""
        networks = self.networks
        taught = {self.distil.name: networks[self.distil.student]} if self.distil else {}
        return networks | taught

    def network_of(self, name: str, tuned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the architecture and the builder's options of one of `trained_networks`.

        Args:
            name: Its name.
            tuned: The options of a trial or winner. An option that a variant has of its own stays.
        """
        architecture, options = self.trained_networks[name]
        student = self.distil.student if self.distil and name == self.distil.name else name
        own = self.variants[student].options() if student in self.variants else {}
        return architecture, {**options, **tuned, **own}

    @property
    def study(self) -> str:
        """The study's name. It does not depend on where the study runs, or on its budget."""
        return f"{self.name}-{self.digest(*PLACEMENT_KEYS, *REPORTING_KEYS, *BUDGET_KEYS)[:8]}"

    @property
    def single_training_name(self) -> str:
        """The name under which single trainings are logged; they belong to no study."""
        return f"{self.name}-single-{self.digest(*PLACEMENT_KEYS, *REPORTING_KEYS)[:8]}"

    @property
    def tracking_uri(self) -> str:
        """The address of MLflow: by default, a database file in `storage`."""
        return self.tracking.uri or sqlite_url(self._file("mlflow.db"))

    @property
    def search_database(self) -> str:
        """The address of Optuna's database: by default, a file in `storage`."""
        return self.tracking.database or sqlite_url(self._file("optuna.db"))

    def _file(self, name: str) -> Path:
        """Return the real path of a file in `storage`; `resolve` fails for a link to itself."""
        return Path(os.path.realpath(self.storage / name))

    def as_yaml(self) -> str:
        """Return the resolved experiment as YAML that runs it again, without passwords."""
        content = redact(self.model_dump(mode="json"))
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
