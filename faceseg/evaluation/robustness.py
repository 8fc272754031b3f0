"""Robustness of a predictor: every kind of change of a suite at every severity, counted per image.

Images are changed at their original size in threads while the network runs, and predictions are
scored at that size. Results do not depend on the number of threads or the batch size.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from faceseg.data.prefetch import prefetch_map
from faceseg.data.split import Split
from faceseg.inference.predictor import LabelledImage, Predictor, original_size_logits
from faceseg.robustness.conditions import Condition, ConditionCounter
from faceseg.robustness.suites import CLEAN, Labels, Suite, View


def evaluate_suite(
    predictor: Predictor,
    split: Split,
    suite: Suite,
    kinds: Sequence[str],
    limit: int,
    *,
    threads: int = 2,
    batch_size: int = 16,
) -> list[Condition]:
    """Count the predictions of a split's first `limit` images under all conditions of a suite.

    Args:
        predictor: The network.
        split: A split that keeps originals.
        suite: The suite, which makes the changed views of an image.
        kinds: The kinds of change to apply, names of the suite.
        limit: The number of images; all if the split has fewer.
        threads: The number of threads that change images while the network runs.
        batch_size: Images per call of the network.

    Returns:
        The clean condition, then each kind at each of its severities.
    """
    classes, count = predictor.classes, min(limit, len(split))
    counters = [
        ConditionCounter(suite.version, kind, severity, len(classes))
        for kind in (CLEAN, *kinds)
        for severity in ((0.0,) if kind == CLEAN else suite.severities(kind))
    ]

    def draw(task: tuple[int, str]) -> list[View]:
        index, kind = task
        image, labels = split.original(index)
        return suite.views(image, labels, split.ids[index], kind, classes)

    drawn: deque[View] = deque()  # the views without a prediction yet

    def cases() -> Iterator[LabelledImage]:
        tasks = ((index, kind) for index in range(count) for kind in (CLEAN, *kinds))
        for views in prefetch_map(draw, tasks, threads):
            for view in views:
                drawn.append(view)
                yield view.image, view.labels

    clean: Labels = np.empty((0, 0), np.uint8)
    for number, (_, logits) in enumerate(original_size_logits(predictor, cases(), batch_size)):
        predicted = np.argmax(logits, axis=-1).astype(np.uint8)
        counter = counters[number % len(counters)]
        if counter.kind == CLEAN:
            clean = predicted
        counter.add(drawn.popleft(), predicted, clean)
    return [counter.condition() for counter in counters]
