"""The search space: which training settings Optuna tunes, and within what range."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceseg.training.settings import TrainingSettings
from pipelines.config.sections import Section

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Range(BaseModel):
    """A real number from `low` to `high`, drawn evenly, or evenly in its logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("a range needs low < high, and low > 0 where log is true")
        return self

    def bounds(self) -> tuple[float, ...]:
        """Return the values that bound all others."""
        return self.low, self.high


class Choices(BaseModel):
    """One of some numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choices: tuple[int, ...] = Field(min_length=1)

    def bounds(self) -> tuple[int, ...]:
        """Return the values that bound all others: here, each."""
        return self.choices


class SearchSpace(BaseModel):
    """What is tuned. Learning rate and batch size always are; the rest where a range is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: Range = Range(low=1e-4, high=1e-2, log=True)
    batch_size: Choices = Choices(choices=(8, 16, 32))
    weight_decay: Range | None = None
    dice_weight: Range | None = None
    cross_entropy_weight: Range | None = None
    encoder_learning_rate_factor: Range | None = None
    augmentation_strength: Range | None = None

    def tuned(self) -> dict[str, Range | Choices]:
        """Return the settings that are tuned."""
        return {key: getattr(self, key) for key in type(self).model_fields if getattr(self, key)}

    def distributions(self) -> "dict[str, BaseDistribution]":
        """Return the space in Optuna's terms."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return {
            key: CategoricalDistribution(each.choices)
            if isinstance(each, Choices)
            else FloatDistribution(each.low, each.high, log=each.log)
            for key, each in self.tuned().items()
        }

    def check_bounds(self, settings: TrainingSettings) -> None:
        """Raise ValueError if a setting could be drawn that no training can have."""
        for key, each in self.tuned().items():
            for value in each.bounds():
                try:
                    apply_parameters({key: value}, settings)
                except ValidationError as error:
                    reason = error.errors()[0]["msg"]
                    raise ValueError(f"search.space.{key}: {value} cannot be: {reason}") from error

    def check_point(self, point: dict[str, float]) -> None:
        """Raise ValueError if `point` (of `search.first`) does not lie in the space."""
        tuned = self.tuned()
        if unknown := sorted(set(point) - set(tuned)):
            raise ValueError(f"search.first: {unknown} are not tuned; tuned are {sorted(tuned)}")
        for key, value in point.items():
            each = tuned[key]
            inside = (
                value in each.choices
                if isinstance(each, Choices)
                else each.low <= value <= each.high
            )
            if not inside:
                raise ValueError(f"search.first: {key} {value} lies outside search.space")


def apply_parameters(point: dict[str, Any], settings: TrainingSettings) -> TrainingSettings:
    """Return `settings` with the tuned values put in."""
    changes = dict(point)
    strength = changes.pop("augmentation_strength", None)
    if strength is not None:
        changes["augmentation"] = settings.augmentation.model_copy(update={"strength": strength})
    return TrainingSettings.model_validate({**settings.model_dump(), **_as_plain_values(changes)})


def _as_plain_values(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.model_dump() if isinstance(value, BaseModel) else value
        for key, value in changes.items()
    }


class Search(Section):
    """What Optuna tunes, with how many trials for each architecture."""

    trials: int = Field(20, ge=1)
    space: SearchSpace = SearchSpace()
    first: tuple[dict[str, float], ...] = Field((), description="tried first, by all alike")
    sampler: Literal["tpe", "random"] = "tpe"
    random_trials: int = Field(5, ge=0, description="before the sampler learns from results")
    pruner: Literal["hyperband", "halving", "none"] = "hyperband"
    grace_epochs: int = Field(3, ge=1, description="no trial is pruned earlier")
    reduction_factor: int = Field(3, ge=2)
