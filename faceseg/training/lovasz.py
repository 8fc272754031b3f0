"""The Lovász-softmax loss: a convex surrogate of 1 - IoU, which training can descend.

Source: Berman et al. 2018, arXiv:1705.08790: algorithm 1 (the gradient of the Jaccard loss'
extension) and equation 11, as a mean over the classes in the truth of a whole batch.
"""

from typing import Any

from keras import ops

from faceseg.backends.device import counter_type


def lovasz_softmax(truth: Any, probability: Any) -> Any:
    """Return the mean of the Lovász extension of 1 - IoU over the classes in the truth.

    Each class sorts all pixels, so the time grows with N log N times C.

    Args:
        truth: One-hot classes (N, C) of N pixels; rows of zeros for ignored ones.
        probability: Probabilities (N, C); rows of zeros for ignored pixels.

    Returns:
        A scalar in [0, 1]; 0 if all pixels are ignored.
    """
    # An ignored pixel has an error of 0, so it changes neither the order of the others nor a sum.
    errors = ops.abs(truth - probability)
    classes = zip(ops.unstack(errors, axis=-1), ops.unstack(truth, axis=-1), strict=True)
    losses = ops.stack([_extension(error, true) for error, true in classes])
    present = ops.cast(ops.sum(truth, axis=0) > 0, "float32")
    return ops.sum(losses * present) / ops.maximum(ops.sum(present), 1.0)


def _extension(errors: Any, true: Any) -> Any:
    """Return the Lovász extension of one class' 1 - IoU at the pixels' errors; both are (N,)."""
    # As int64 on TensorFlow, which keeps int32 arithmetic on the host.
    order = ops.cast(ops.argsort(-ops.stop_gradient(errors)), counter_type())
    true = ops.take(true, order, axis=0)
    hits = ops.cumsum(true)
    size = ops.sum(true)
    intersection = size - hits
    union = size + ops.cumsum(1.0 - true)
    # The growth of 1 - IoU by one more wrong pixel. The paper's differences of ratios, written as
    # ratios: in float32 the difference of two ratios near 1 loses the digits of a millionth.
    growth = ops.where(
        true > 0, 1.0 / union, intersection / (union * ops.maximum(union - 1.0, 1.0))
    )
    return ops.sum(ops.take(errors, order, axis=0) * ops.stop_gradient(growth))
