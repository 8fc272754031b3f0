"""The settings of one training: everything of a trial but its network and its data."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from faceseg.data.augmentation import Augmentation

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
        encoder_learning_rate_factor: Factor on the learning rate of the encoder.
        frozen_encoder_epochs: Epochs at the start in which the encoder is not trained.
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
    auxiliary_weight: float = Field(0.4, ge=0, description="PSPNet's second head, training only")
    encoder_learning_rate_factor: float = Field(1.0, gt=0)
    frozen_encoder_epochs: int = Field(0, ge=0, le=MAX_EPOCHS)
    precision: Precision = "float32"
    augmentation: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _check_loss(self) -> Self:
        if self.cross_entropy_weight == self.dice_weight == 0:
            raise ValueError(
                "cross_entropy_weight and dice_weight are both 0, so there is nothing to minimise; "
                "set at least one of them above 0"
            )
        return self
