"""The search: which training settings Optuna tunes, in what ranges, with how many trials."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceseg.training.settings import TrainingSettings
from pipelines.config.bounds import MAX_FACTOR
from pipelines.config.network_section import Network, check_architecture
from pipelines.config.section import is_none

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Range(BaseModel):
    """A real number from `low` to `high`, uniform in its value or in its logarithm.

    Attributes:
        low: The smallest value.
        high: The largest value.
        log: Whether to sample uniformly in the logarithm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("a range requires low < high, and low > 0 where log is true")
        return self

    def bounds(self) -> tuple[float, ...]:
        """Return the smallest and the largest value."""
        return self.low, self.high


class Choices(BaseModel):
    """One of several whole numbers.

    Attributes:
        choices: The values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: tuple[int, ...] = Field(min_length=1, max_length=100)

    def bounds(self) -> tuple[int, ...]:
        """Return all values, because each can be the one that is not valid."""
        return self.choices


AUTO = "auto"  # of `warm_start`


class Factors(BaseModel):
    """One of at most three factors on a network's filters: a worker compiles each network anew.

    Attributes:
        choices: The values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    choices: tuple[Annotated[float, Field(gt=0, le=MAX_FACTOR)], ...] = Field(
        min_length=1, max_length=3
    )

    def bounds(self) -> tuple[float, ...]:
        """Return all values."""
        return self.choices


# Options of the network, not of its training. A worker compiles a network for each value.
NETWORK_OPTIONS = ("alpha", "width", "output_stride")
# Sections of the training's settings: the search space names their keys `SECTION_KEY`.
SECTIONS = ("augmentation", "occluders")


class SearchSpace(BaseModel):
    """The tuned settings: learning rate and batch size always, others where a range is given.

    A key that begins with `augmentation_` or `occluders_` tunes the key of that section. `alpha`,
    `width` and `output_stride` are options of the network; the finals are trained with those of the
    winner.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: Range = Range(low=1e-4, high=1e-2, log=True)
    batch_size: Choices = Choices(choices=(8, 16, 32))
    weight_decay: Range | None = None
    dice_weight: Range | None = None
    cross_entropy_weight: Range | None = None
    encoder_learning_rate_factor: Range | None = None
    augmentation_strength: Range | None = None
    # Left out of a dump while they are None, so that earlier studies keep their digests.
    augmentation_rotation_degrees: Range | None = Field(None, exclude_if=is_none)
    augmentation_zoom: Range | None = Field(None, exclude_if=is_none)
    augmentation_shift: Range | None = Field(None, exclude_if=is_none)
    augmentation_brightness: Range | None = Field(None, exclude_if=is_none)
    augmentation_contrast: Range | None = Field(None, exclude_if=is_none)
    augmentation_gamma: Range | None = Field(None, exclude_if=is_none)
    augmentation_hue_degrees: Range | None = Field(None, exclude_if=is_none)
    augmentation_saturation: Range | None = Field(None, exclude_if=is_none)
    augmentation_grey: Range | None = Field(None, exclude_if=is_none)
    augmentation_blur: Range | None = Field(None, exclude_if=is_none)
    augmentation_noise: Range | None = Field(None, exclude_if=is_none)
    augmentation_jpeg: Range | None = Field(None, exclude_if=is_none)
    augmentation_degraded: Range | None = Field(None, exclude_if=is_none)
    occluders_share: Range | None = Field(None, exclude_if=is_none)
    alpha: Factors | None = Field(None, exclude_if=is_none)
    width: Factors | None = Field(None, exclude_if=is_none)
    output_stride: Choices | None = Field(None, exclude_if=is_none)

    def tuned(self) -> dict[str, Range | Choices | Factors]:
        """Return the range or choices of each tuned setting."""
        return {key: getattr(self, key) for key in type(self).model_fields if getattr(self, key)}

    def distributions(self) -> "dict[str, BaseDistribution]":
        """Return the space as Optuna's distributions."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        return {
            key: CategoricalDistribution(each.choices)
            if isinstance(each, Choices | Factors)
            else FloatDistribution(each.low, each.high, log=each.log)
            for key, each in self.tuned().items()
        }

    def check_bounds(self, settings: TrainingSettings) -> None:
        """Raise ValueError if the space contains a value that is not valid for a training."""
        for key, each in self.tuned().items():
            if key in NETWORK_OPTIONS:
                continue
            for value in each.bounds():
                try:
                    apply_parameters({key: value}, settings)
                except ValidationError as error:
                    reason = error.errors()[0]["msg"]
                    message = f"search.space.{key}: {value} is not valid: {reason}"
                    raise ValueError(message) from error

    def check_networks(self, architectures: Collection[str]) -> None:
        """Raise ValueError if a tuned option of the network is none of one of `architectures`."""
        for key in NETWORK_OPTIONS:
            tuned = getattr(self, key)
            for value in tuned.bounds() if tuned else ():
                try:
                    network = Network.model_validate({key: value})
                except ValidationError as error:
                    reason = error.errors()[0]["msg"]
                    message = f"search.space.{key}: {value} is not valid: {reason}"
                    raise ValueError(message) from error
                for name in architectures:
                    try:
                        check_architecture(name, network)
                    except ValueError as error:
                        raise ValueError(f"search.space.{key}: {error}") from error

    def check_point(self, point: dict[str, float]) -> None:
        """Raise ValueError if `point` (an item of `search.first`) is outside the space."""
        tuned = self.tuned()
        if unknown := sorted(set(point) - set(tuned)):
            raise ValueError(f"search.first: {unknown} are not tuned; tuned are {sorted(tuned)}")
        for key, value in point.items():
            each = tuned[key]
            inside = (
                value in each.choices
                if isinstance(each, Choices | Factors)
                else each.low <= value <= each.high
            )
            if not inside:
                raise ValueError(f"search.first: {key} {value} is outside search.space")


def apply_parameters(point: dict[str, Any], settings: TrainingSettings) -> TrainingSettings:
    """Return a copy of `settings` with tuned values.

    Args:
        point: Values by the names of `SearchSpace`'s fields. `augmentation_strength` replaces
            the strength of the augmentation and keeps its ranges; other keys with the prefix of a
            section do the same. Options of the network are left out (`network_parameters`).
        settings: The settings that are not tuned.

    Returns:
        The checked settings of a trial.

    Raises:
        pydantic.ValidationError: A value is not valid for a training.
    """
    content = settings.model_dump()
    for key, value in point.items():
        if key in NETWORK_OPTIONS:
            continue
        section, _, name = key.partition("_")
        if section in SECTIONS:
            content.setdefault(section, {})[name] = value
        else:
            content[key] = value
    return TrainingSettings.model_validate(content)


def network_parameters(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the network among tuned values."""
    return {key: point[key] for key in NETWORK_OPTIONS if key in point}
