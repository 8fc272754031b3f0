"""The settings of one training: everything of a trial but its network and its data."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from faceseg.data.augmentation import Augmentation
from faceseg.data.training_occluders import Occluders

# No training comes near these bounds; a setting beyond one is a typing error.
MAX_EPOCHS = 100_000
MAX_BATCH_SIZE = 65_536
# "mixed" depends on the device: see `faceseg.backends.device.resolve_precision`.
Precision = Literal["float32", "mixed", "mixed_bfloat16", "mixed_float16"]


class TrainingSettings(BaseModel):
    """The settings of the training of one network.

    An epoch shows every training image once, so it is the same amount of work at every batch size.
    For this reason pruning counts epochs.

    Attributes:
        epochs: Length of the training.
        batch_size: Images of a step.
        learning_rate: Peak of the learning rate.
        optimizer: Adam, or AdamW with `weight_decay`.
        schedule: `cosine` decay to 0, `plateau` (lowered when the validation stagnates) or
            `constant`.
        plateau_factor: Factor on the learning rate at a plateau.
        cross_entropy_weight: Weight of the cross-entropy in the loss.
        dice_weight: Weight of -log(soft Dice) in the loss.
        lovasz_weight: Weight of Lovász-softmax in the loss.
        encoder_learning_rate_factor: Factor on the learning rate of the encoder.
        frozen_encoder_epochs: Epochs at the start in which the encoder is not trained.
        weight_average: Decay of an exponential moving average of the weights and of BatchNorm's
            statistics, which is then validated, tested and stored; None: the weights themselves.
        precision: `mixed` selects the 16-bit type that the device computes fast.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(10, ge=1, le=MAX_EPOCHS)
    batch_size: int = Field(8, ge=1, le=MAX_BATCH_SIZE)
    learning_rate: float = Field(1e-3, gt=0)
    optimizer: Literal["adam", "adamw"] = "adamw"
    weight_decay: float = Field(1e-4, ge=0, description="of kernels only; adamw only")
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps")
    plateau_factor: float = Field(0.1, gt=0, lt=1)
    plateau_patience: int = Field(5, ge=1, le=MAX_EPOCHS, description="epochs")
    early_stopping: int | None = Field(
        None, ge=1, le=MAX_EPOCHS, description="epochs without a better val/iou"
    )
    clip_norm: float | None = Field(1.0, gt=0, description="global norm of the gradient")
    cross_entropy_weight: float = Field(1.0, ge=0)
    dice_weight: float = Field(1.0, ge=0)
    auxiliary_weight: float = Field(
        0.4,
        ge=0,
        description="Of the auxiliary heads, training only: pspnet's (the paper's weight is 0.4), "
        "bisenet's (1)",
    )
    encoder_learning_rate_factor: float = Field(1.0, gt=0)
    frozen_encoder_epochs: int = Field(0, ge=0, le=MAX_EPOCHS)
    precision: Precision = "float32"
    augmentation: Augmentation = Augmentation()
    # Keys below are later than the first studies: each is left out of a dump at its default.
    weight_average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="0.999 averages the last thousand steps; fewer at the start",
        exclude_if=lambda value: value is None,
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of each target that the cross-entropy spreads over all classes",
        exclude_if=lambda value: value == 0,
    )
    lovasz_weight: float = Field(0.0, ge=0, exclude_if=lambda value: value == 0)
    hard_pixel_probability: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="OHEM: the cross-entropy is of pixels whose class is predicted with less; "
        "0.7 in BiSeNet; None: of all pixels",
        exclude_if=lambda value: value is None,
    )
    hard_pixel_share: float = Field(
        1 / 16,
        gt=0,
        le=1,
        description="the cross-entropy is of at least this share of the scored pixels",
        exclude_if=lambda value: value == 1 / 16,
    )
    occluders: Occluders = Field(Occluders(), exclude_if=lambda value: value == Occluders())

    @model_validator(mode="after")
    def _check_loss(self) -> Self:
        if self.cross_entropy_weight == self.dice_weight == self.lovasz_weight == 0:
            raise ValueError(
                "cross_entropy_weight, dice_weight and lovasz_weight are all 0, so there is "
                "nothing to minimise; set at least one of them above 0"
            )
        return self

    @property
    def hard_pixels(self) -> tuple[float, float] | None:
        """The probability and the least share of hard pixels; None to train on all pixels."""
        if self.hard_pixel_probability is None:
            return None
        return self.hard_pixel_probability, self.hard_pixel_share
