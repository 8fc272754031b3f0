"""The settings of one training: what a trial is, apart from its network and its data."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from faceseg.data.augmentation import Augmentation

# "mixed": the 16-bit type that the device does well (`faceseg.backends.device.resolve_precision`).
Precision = Literal["float32", "mixed", "mixed_bfloat16", "mixed_float16"]


class TrainingSettings(BaseModel):
    """How one network is trained.

    An epoch shows every training image once, so it is the same amount of work whatever the
    batch size: that is why pruning counts epochs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(8, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    optimizer: Literal["adam", "adamw"] = "adamw"
    weight_decay: float = Field(1e-4, ge=0, description="of kernels only; adamw only")
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps")
    plateau_factor: float = Field(0.1, gt=0, lt=1)
    plateau_patience: int = Field(5, ge=1, description="epochs")
    early_stopping: int | None = Field(None, ge=1, description="epochs without a better val/iou")
    clip_norm: float | None = Field(1.0, gt=0, description="global norm of the gradient")
    cross_entropy_weight: float = Field(1.0, ge=0)
    dice_weight: float = Field(1.0, ge=0)
    auxiliary_weight: float = Field(0.4, ge=0, description="PSPNet's second head, training only")
    encoder_learning_rate_factor: float = Field(1.0, gt=0)
    frozen_encoder_epochs: int = Field(0, ge=0)
    precision: Precision = "float32"
    augmentation: Augmentation = Augmentation()
