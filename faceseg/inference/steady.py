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
from faceseg.inference.predictor import MAX_CHANNELS, Image

MEMORY = 0.8  # the largest weight of the earlier frames
SAME_COLOUR = 20.0  # the difference, of 255, at which the weight is 1/e of that


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
        greys = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (now, before)]
        flow = self._flow.calc(*greys, None)  # from each pixel to its place in the frame before
        rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
        places = np.stack([columns + flow[..., 0], rows + flow[..., 1]], axis=-1)
        moved = remap(before, places).astype(np.float32)
        difference = np.abs(moved - now).mean(axis=-1)
        weight = self._memory * np.exp(-((difference / SAME_COLOUR) ** 2))
        height, width = flow.shape[:2]
        inside = (places >= 0).all(axis=-1) & (places <= (width - 1, height - 1)).all(axis=-1)
        weight = (weight * inside)[..., None].astype(np.float32)
        return np.asarray(weight * remap(mean, places) + (1 - weight) * logits, np.float32)


def remap(values, places):
    return np.concatenate([cv2.remap(np.ascontiguousarray(values[..., i:i+4]), places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(*places.shape[:2], -1) for i in range(0, values.shape[-1], 4)], -1)
