"""Evaluation in threads: the same counts as one image after the other, overlap, errors, phases."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from faceseg.data.classes import LAPA
from faceseg.data.split import Split
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.inference.predictor import Predictor, resize_logits
from faceseg.robustness.conditions import ViewCounts, count_view
from faceseg.robustness.suites import CLEAN, OCCLUSION, SUITES, Suite, View
from faceseg.training.stopwatch import Stopwatch
from tests.faceseg.function_networks import (
    FunctionNetwork,
    decode_labels,
    encode_labels,
    predictor_of,
)

SIZE = 64
Labels = NDArray[np.uint8]


@pytest.fixture
def split(face: Callable[..., Labels], write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    faces = [face(SIZE), face(SIZE, tilt=True), face(SIZE)[:, ::-1]]
    pairs = [(encode_labels(labels), labels) for labels in faces]
    return write_pack(tmp_path, "val", pairs, (SIZE, SIZE))


class BlurredNetwork:
    """A network whose logits are the channels of the blurred image, in turn and scaled."""

    input_shape = (None, 24, 32, 3)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        channels = [cv2.blur(each, (3, 3))[..., np.arange(11) % 3] for each in images]
        return np.stack(channels).astype(np.float32) * np.linspace(0.5, 1.5, 11, dtype=np.float32)


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_counts_are_those_of_one_image_after_the_other_by_scikit_learn(
    suite: Suite, write_pack: Callable[..., Split], face: Callable[..., Labels], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    faces = [face(97)[:80], face(70, tilt=True)]
    pairs = [(rng.integers(0, 256, (*labels.shape, 3), dtype=np.uint8), labels) for labels in faces]
    split = write_pack(tmp_path, "val", pairs, (24, 32))
    predictor, kinds = Predictor(BlurredNetwork(), LAPA), suite.kinds(LAPA)
    conditions = iter(evaluate_suite(predictor, split, suite, kinds, 2, threads=3, batch_size=5))

    def predict(image: NDArray[np.uint8]) -> NDArray[np.int64]:
        return resize_logits(predictor.logits([image])[0], image.shape[:2]).argmax(axis=-1)

    def count(truth: Labels, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = truth < 255
        return confusion_matrix(truth[kept], predicted[kept], labels=range(11))

    for kind in (CLEAN, *kinds):
        views = [
            suite.views(image, labels, name, kind, LAPA)
            for (image, labels), name in zip(pairs, split.ids, strict=True)
        ]
        for of_severity in zip(*views, strict=True):
            counts = next(conditions).counts
            for index, view in enumerate(of_severity):
                predicted = predict(view.image)
                for policy, truth in view.truth.items():
                    np.testing.assert_array_equal(counts[policy][index], count(truth, predicted))
                if view.move is not None:
                    moved = view.move(predict(pairs[index][0]).astype(np.uint8))
                    expected = count(moved, predicted)
                    np.testing.assert_array_equal(counts["agreement"][index], expected)
    assert next(conditions, None) is None


def test_predictions_are_counted_while_the_network_predicts_the_next_batch(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_batch = threading.Event()
    calls = []

    def count_during_the_next_batch(view: View, *rest: Any) -> ViewCounts:
        assert second_batch.wait(30)
        return count_view(view, *rest)

    class Network(FunctionNetwork):
        def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            calls.append(len(images))
            if len(calls) == 2:
                second_batch.set()
            return super().predict_on_batch(images)

    monkeypatch.setattr("faceseg.evaluation.robustness.count_view", count_during_the_next_batch)
    predictor = Predictor(Network(decode_labels, SIZE), LAPA)
    found = evaluate_suite(predictor, split, OCCLUSION, ["blob"], 3, threads=1, batch_size=4)
    assert calls == [4, 4, 4, 4, 2]
    assert len(found) == 6


def test_an_error_in_a_thread_ends_the_evaluation_with_that_error(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise OSError("the pack is gone")

    predictor = predictor_of(decode_labels, SIZE)
    before = threading.active_count()
    for place in ("count_view", "Split.original"):  # counts; then draws
        monkeypatch.setattr(f"faceseg.evaluation.robustness.{place}", fail)
        with pytest.raises(OSError, match="the pack is gone"):
            evaluate_suite(predictor, split, OCCLUSION, ["blob"], 3, batch_size=2)
    assert threading.active_count() == before


def test_waiting_for_images_and_for_the_network_are_phases_of_their_own(split: Split) -> None:
    now = 0.0
    clock = Stopwatch(lambda: now)

    def predict(image: NDArray[np.uint8]) -> Labels:
        nonlocal now
        now += 1.0
        return decode_labels(image)

    with clock.phase("robustness"):
        evaluate_suite(
            predictor_of(predict, SIZE), split, OCCLUSION, ["blob"], 3, phase=clock.phase
        )
        now += 5.0
    seconds = clock.seconds()
    assert seconds == {"other": 0.0, "robustness": 5.0, "drawing": 0.0, "predicting": 18.0}
