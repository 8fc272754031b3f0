"""Labels of photographs, each worked out once: the page asks for the same ones again and again.

Shapes: H rows, W columns of the image.
"""

import threading
from collections import OrderedDict

from faceseg.predictor import Predictor
from pipelines.demo.networks import Network
from pipelines.demo.photograph import Pixels, digest_of

REMEMBERED = 48  # label maps; of the largest photographs 120 MB


class Labeller:
    """Remembers the last label maps by the image's content; one network runs at a time."""

    def __init__(self) -> None:
        self._maps: OrderedDict[tuple[str, str], Pixels] = OrderedDict()
        self._lock = threading.Lock()

    def labels(self, network: Network, image: Pixels) -> Pixels:
        """Return the labels (H, W) of an image (H, W, 3)."""
        key = network.title, digest_of(image)
        with self._lock:
            if key not in self._maps:
                self._maps[key] = _predict(network.predictor, image)
            self._maps.move_to_end(key)
            while len(self._maps) > REMEMBERED:
                self._maps.popitem(last=False)
            return self._maps[key]


def _predict(predictor: Predictor, image: Pixels) -> Pixels:
    labels = predictor.predict(image)
    labels.setflags(write=False)
    return labels
