"""Robustness of a predictor: every kind of change of a suite at every severity, counted per image.

Images are changed at their original size in threads while the network runs, and predictions are
scored at that size, in threads too. Results do not depend on the number of threads or the batch
size.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from faceseg.data.prefetch import prefetch_map
from faceseg.data.split import Split
from faceseg.evaluation.batched_logits import Phase, batched_logits, untimed
from faceseg.inference.predictor import Image, Predictor, labels_from_logits
from faceseg.robustness.conditions import Condition, ConditionCounter, ViewCounts, count_view
from faceseg.robustness.suites import CLEAN, Labels, Suite, View

Prediction = Callable[[], Labels]  # computes the labels of a view at its own size, when called


def evaluate_suite(
    predictor: Predictor,
    split: Split,
    suite: Suite,
    kinds: Sequence[str],
    limit: int,
    *,
    threads: int = 2,
    batch_size: int = 16,
    phase: Phase = untimed,
) -> list[Condition]:
    """Count the predictions of a split's first `limit` images under all conditions of a suite.

    Args:
        predictor: The network.
        split: A split that keeps originals.
        suite: The suite, which makes the changed views of an image.
        kinds: The kinds of change to apply, names of the suite.
        limit: The number of images; all if the split has fewer.
        threads: The number of threads that change images, and of those that count predictions,
            while the network runs.
        batch_size: Images per call of the network.
        phase: Opens the phases of `batched_logits`.

    Returns:
        The clean condition, then each kind at each of its severities.
    """
    classes, count = predictor.classes, min(limit, len(split))
    counters = [
        ConditionCounter(suite.version, kind, severity)
        for kind in (CLEAN, *kinds)
        for severity in ((0.0,) if kind == CLEAN else suite.severities(kind))
    ]

    def draw(task: tuple[int, str]) -> list[View]:
        index, kind = task
        image, labels = split.original(index)
        return suite.views(image, labels, split.ids[index], kind, classes)

    def cases() -> Iterator[tuple[Image, View]]:
        tasks = ((index, kind) for index in range(count) for kind in (CLEAN, *kinds))
        for views in prefetch_map(draw, tasks, threads):
            for view in views:
                yield view.image, view

    def predicted() -> Iterator[tuple[View, Prediction, Prediction]]:
        for number, (view, logits) in enumerate(
            batched_logits(predictor, cases(), batch_size, phase)
        ):
            # Computed in a thread. If several need the clean one at once, each computes it.
            prediction = cache(partial(labels_from_logits, logits, view.image.shape[:2]))
            if counters[number % len(counters)].kind == CLEAN:
                clean = prediction
            yield view, prediction, clean

    def count_one(case: tuple[View, Prediction, Prediction]) -> ViewCounts:
        view, prediction, clean = case
        return count_view(view, prediction(), clean, len(classes))

    counted = prefetch_map(count_one, predicted(), threads, ahead=batch_size)
    for number, counts in enumerate(counted):
        counters[number % len(counters)].add(counts)
    return [counter.condition() for counter in counters]
