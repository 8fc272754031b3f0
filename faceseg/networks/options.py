"""The options that all network builders share, and the checks of their arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from faceseg.errors import UserError

COARSEST_STRIDE = 32  # image sizes must be multiples of it


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The options that every builder takes as keywords.

    Attributes:
        alpha: Factor on the filters of an encoder that has weights, above 0.
        width: Factor on all other filters, above 0.
        encoder_weights: Initial weights of the encoder: "imagenet", "none" (or None for random
            weights), or the path of a file (see `load_encoder_weights`).
        batch_norm_momentum: Momentum of the moving averages of BatchNorm, 0 or more and below 1.
        pixels: How the first layer scales the image, "signed_rgb", "imagenet_rgb" or "unit_bgr"
            (see `faceseg.networks.blocks.image_input`); None for that of the encoder's weights.

    Raises:
        UserError: A number is out of its range.
    """

    alpha: float = 1.0
    width: float = 1.0
    encoder_weights: str | Path | None = None
    batch_norm_momentum: float = 0.99
    pixels: str | None = None

    def __post_init__(self) -> None:
        for name, factor in (("alpha", self.alpha), ("width", self.width)):
            if factor <= 0:
                raise UserError(
                    f"{name} is {factor}; expected a positive factor on the filter counts. "
                    "Use 1.0 for the full network, less for a smaller one."
                )
        if not 0 <= self.batch_norm_momentum < 1:
            raise UserError(
                f"batch_norm_momentum is {self.batch_norm_momentum}; expected 0 or more and below "
                "1. Use 0.99 for long training, 0.9 for a few hundred steps."
            )


class NetworkKeywords(TypedDict, total=False):
    """The fields of `NetworkOptions` as keywords of a builder, for type checkers."""

    alpha: float
    width: float
    encoder_weights: str | Path | None
    batch_norm_momentum: float
    pixels: str | None


def check_sizes(input_shape: Sequence[int], num_classes: int) -> tuple[int, int]:
    """Return (height, width) of the input in pixels.

    Args:
        input_shape: (height, width, 3); both sides multiples of 32.
        num_classes: The number of classes, background included.

    Raises:
        UserError: The shape is not one of an RGB image of such a size, or there are fewer than
            two classes.
    """
    size = check_input_shape(input_shape)
    if num_classes < 2:
        raise UserError(
            f"num_classes is {num_classes}; expected 2 or more. "
            "Count the background as a class of its own."
        )
    return size


def check_input_shape(input_shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of an input shape (height, width, 3), or raise UserError."""
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[2] != 3 or any(not isinstance(side, int) for side in shape):
        raise UserError(
            f"input_shape is {shape}; expected (height, width, 3) in whole pixels. "
            "The networks take RGB images of one fixed size."
        )
    height, width, _ = shape
    if any(side < COARSEST_STRIDE or side % COARSEST_STRIDE for side in (height, width)):
        nearest = tuple(nearest_multiple(side) for side in (height, width))
        raise UserError(
            f"the input is {height}x{width} pixels; expected multiples of {COARSEST_STRIDE}. "
            f"Use {nearest[0]}x{nearest[1]}."
        )
    return height, width


def nearest_multiple(side: int) -> int:
    """Return the multiple of the coarsest stride nearest to `side`, never below one stride."""
    return max(COARSEST_STRIDE, round(side / COARSEST_STRIDE) * COARSEST_STRIDE)
