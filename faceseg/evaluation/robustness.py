"""A predictor under a suite: every kind at every severity, image by image.

Images are changed in threads, ahead of the network, on their own size; predictions are scored
there too. Results do not depend on the number of threads or the batch size.
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
    """Score the first `limit` images of a split: clean first, then each kind and severity.

    threads: those that change images while the network runs.
    """
    classes, count = predictor.classes, min(limit, len(split))
    tallies = [
        ConditionCounter(suite.version, kind, severity, len(classes))
        for kind in (CLEAN, *kinds)
        for severity in ((0.0,) if kind == CLEAN else suite.severities(kind))
    ]

    def draw(task: tuple[int, str]) -> list[View]:
        index, kind = task
        image, labels = split.original(index)
        return suite.views(image, labels, split.ids[index], kind, classes)

    drawn: deque[View] = deque()  # those whose prediction is still to come

    def cases() -> Iterator[LabelledImage]:
        tasks = ((index, kind) for index in range(count) for kind in (CLEAN, *kinds))
        for views in prefetch_map(draw, tasks, threads):
            for view in views:
                drawn.append(view)
                yield view.image, view.labels

    clean: Labels = np.empty((0, 0), np.uint8)
    for place, (_, logits) in enumerate(original_size_logits(predictor, cases(), batch_size)):
        predicted = np.argmax(logits, axis=-1).astype(np.uint8)
        tally = tallies[place % len(tallies)]
        if tally.kind == CLEAN:
            clean = predicted
        tally.add(drawn.popleft(), predicted, clean)
    return [tally.condition() for tally in tallies]
