"""The scale at which an occluder covers a wanted share of the face."""

from faceseg.robustness.occlusion.scene import NEVER, Mask, Shape


def scale_for(shape: Shape, face: Mask, share: float) -> int:
    """Find by bisection the scale whose mask covers the share of the face nearest to `share`.

    `face` (H, W) must not be empty. If the two neighbours are equally near, the smaller
    mask is taken; a larger share never gets a smaller scale.
    """
    growth = shape.growth[face]
    wanted = share * len(growth)
    low, high = 0, NEVER - 1  # a scale that covers too little, and one that is enough if any is
    while high - low > 1:
        middle = (low + high) // 2
        if (growth <= middle).sum() < wanted:
            low = middle
        else:
            high = middle
    missing = wanted - (growth <= low).sum()
    excess = (growth <= high).sum() - wanted
    return high if excess < missing else low
