"""Less flicker in the labels of a video: a recursive mean of logits along the motion.

The mean of the earlier frames is moved to its place in the new frame by optical flow (Kroeger et
al. 2016, "Fast Optical Flow using Dense Inverse Search"; OpenCV's), and averaged with the new
frame's logits. A pixel whose colour is another than at its earlier place was covered or belongs to
another scene: there, the mean starts anew.

Shapes: H, W the frame's own size; h, w the network's grid; C classes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import resize_image
from faceseg.inference.channels import by_channels
from faceseg.inference.predictor import Image

MEMORY = 0.6  # the largest weight of the earlier frames
SAME_COLOUR = 20.0  # the difference, of 255, at which the weight is 1/e of that

MIN_SIDE = 16  # pixels of the grid; on a smaller one no flow is computed


class SteadyLogits:
    """Damps the flicker of one video; its frames must be given in order.

    Args:
        memory: The largest weight of the earlier frames' mean, from 0 to below 1.
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self._memory = memory
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._frame: Image | None = None
        self._mean: NDArray[np.float32] | None = None

    def __call__(self, frame: Image, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of a frame's logits (h, w, C) and those of the frames before it.

        Args:
            frame: uint8 RGB (H, W, 3).
            logits: The logits of the frame on the network's grid.
        """
        small = resize_image(frame, (logits.shape[0], logits.shape[1]))
        if self._frame is None or self._mean is None or self._mean.shape != logits.shape:
            mean = logits
        else:
            mean = self._mixed(self._frame, small, self._mean, logits)
        self._frame, self._mean = small, mean
        return mean

    def _mixed(
        self,
        before: Image,
        now: Image,
        mean: NDArray[np.float32],
        logits: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        flow = self._motion(before, now)
        rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
        places = np.stack([columns + flow[..., 0], rows + flow[..., 1]], axis=-1)
        moved = _values_at(before.astype(np.float32), places)
        difference = np.abs(moved - now).mean(axis=-1)
        weight = self._memory * np.exp(-((difference / SAME_COLOUR) ** 2))
        height, width = flow.shape[:2]
        inside = (places >= 0).all(axis=-1) & (places <= (width - 1, height - 1)).all(axis=-1)
        weight = (weight * inside)[..., None].astype(np.float32)
        return np.asarray(weight * _values_at(mean, places) + (1 - weight) * logits, np.float32)

    def _motion(self, before: Image, now: Image) -> NDArray[np.float32]:
        """Return the flow (h, w, 2), x and y, from each pixel to its place in the frame before."""
        if min(now.shape[:2]) < MIN_SIDE:
            return np.zeros((*now.shape[:2], 2), np.float32)
        now, before = (
            np.asarray(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), np.uint8) for each in (now, before)
        )
        return np.asarray(self._flow.calc(now, before, None), np.float32)


def _values_at(values: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values (h, w, C) at places (h, w, 2), x and y, interpolated bilinearly."""
    return by_channels(
        lambda part: cv2.remap(
            part, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        values,
    )
