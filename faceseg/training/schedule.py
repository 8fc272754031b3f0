"""The learning rate over the steps of a training, as a factor of its peak.

Warm-up is linear (Goyal et al. 2017); then the half cosine of Loshchilov and Hutter 2017,
without restarts, or a constant. Written once for numbers and for tensors: `operations` is
numpy-like (`numpy` or `keras.ops`), so that what is logged is what was applied.
"""

from typing import Any, Literal

import numpy as np

Schedule = Literal["cosine", "plateau", "constant"]
FLOOR = 0.01  # the cosine ends at a hundredth of the peak, not at a standstill


def rate_factor(
    step: Any, warmup_steps: Any, total_steps: Any, schedule: Schedule, operations: Any = np
) -> Any:
    """Return the factor in (0, 1] for 0-based optimiser `step` out of `total_steps`."""
    warm = (step + 1.0) / operations.maximum(warmup_steps, 1.0)
    after = 1.0
    if schedule == "cosine":
        done = (step - warmup_steps) / operations.maximum(total_steps - warmup_steps, 1.0)
        done = operations.clip(done, 0.0, 1.0)
        after = FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + operations.cos(np.pi * done))
    return operations.where(step < warmup_steps, warm, after)
