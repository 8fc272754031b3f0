"""What every builder checks before it makes a layer, and how a wrong word is answered."""

from collections.abc import Sequence

from faceseg.errors import UserError

COARSEST_STRIDE = 32  # image sizes must be multiples of the coarsest grid's step


def check_arguments(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    alpha: float,
    width: float,
    batch_norm_momentum: float,
) -> tuple[int, int]:
    """Return (height, width) of the input in pixels if all arguments are sound.

    Raises UserError naming the first argument that is not.
    """
    size = check_input_shape(input_shape)
    if num_classes < 2:
        raise UserError(
            f"num_classes is {num_classes}; expected 2 or more. "
            "Count the background as a class of its own."
        )
    for name, factor in (("alpha", alpha), ("width", width)):
        if factor <= 0:
            raise UserError(
                f"{name} is {factor}; expected a positive factor on the filter counts. "
                "Use 1.0 for the full network, less for a smaller one."
            )
    if not 0 <= batch_norm_momentum < 1:
        raise UserError(
            f"batch_norm_momentum is {batch_norm_momentum}; expected 0 or more and below 1. "
            "Use 0.99 for long training, 0.9 for a few hundred steps."
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
        offers = tuple(nearest_multiple(side) for side in (height, width))
        raise UserError(
            f"the input is {height}x{width} pixels; expected multiples of {COARSEST_STRIDE}. "
            f"Use {offers[0]}x{offers[1]}."
        )
    return height, width


def nearest_multiple(side: int) -> int:
    """Return the multiple of the coarsest stride nearest to `side`, never below one stride."""
    return max(COARSEST_STRIDE, round(side / COARSEST_STRIDE) * COARSEST_STRIDE)
