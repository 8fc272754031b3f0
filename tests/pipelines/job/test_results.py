"""The image panel of a final: which images it contains, and that it is read as written."""

from dataclasses import replace

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.evaluation.baselines import constant_background
from faceseg.evaluation.split_evaluation import evaluate_split
from pipelines.job.results import (
    WORST_IMAGES,
    panel_indices,
    read_panel,
    worst_indices,
    write_panel,
)
from tests.pipelines.compare import simulated_study


class Faces:
    """Drawn faces as a split with its original images."""

    ids = tuple(name for name, *_ in simulated_study.faces())

    def __len__(self):
        return len(self.ids)

    def original(self, index):
        _, image, labels, _ = simulated_study.faces()[index]
        return image, labels


@pytest.fixture(scope="module")
def tested():
    return simulated_study.records(simulated_study.Flaw(), seed=0).tested


def test_the_worst_images_are_sorted_and_at_most_one_per_photograph(tested):
    counts = tested.counts.copy()
    for place, hits in ((3, 0.0), (5, 0.1), (7, 0.2)):  # the fewer hits, the lower the IoU
        missed = counts[place].sum(axis=1)
        counts[place] = 0
        kept = (missed * hits).astype(np.int64)
        counts[place][np.diag_indices(11)] = kept
        counts[place, :, 0] += missed - kept
    assert worst_indices(replace(tested, counts=counts), LAPA) == [3, 5, 7]
    # Another image of the worst one's photograph is left out.
    repeated = [tested.ids[3] if place == 5 else name for place, name in enumerate(tested.ids)]
    once = worst_indices(replace(tested, counts=counts, ids=tuple(repeated)), LAPA)
    assert once[:2] == [3, 7]


def test_an_image_without_a_face_is_never_the_worst(tested):
    counts = tested.counts.copy()
    counts[0] = 0
    counts[0, 0, 0] = 9
    assert 0 not in worst_indices(replace(tested, counts=counts), LAPA)


def test_a_panel_is_read_with_the_shown_and_the_worst_images(tmp_path):
    predictor = constant_background((32, 32), LAPA)
    faces = Faces()
    found = evaluate_split(predictor, faces)
    write_panel(tmp_path / "panel.npz", predictor, faces, found)
    panel = read_panel(tmp_path / "panel.npz")
    assert panel.ids == tuple(faces.ids[place] for place in panel_indices(len(faces)))
    assert len(panel.worst) == WORST_IMAGES
    for name in (*panel.ids, *panel.worst):
        assert panel.images[name].shape == (simulated_study.SIZE, simulated_study.SIZE, 3)
        assert panel.truths[name].any()
        assert not panel.predictions[name].any()


def test_without_an_evaluation_there_are_no_worst_images(tmp_path):
    predictor = constant_background((32, 32), LAPA)
    write_panel(tmp_path / "panel.npz", predictor, Faces())
    assert read_panel(tmp_path / "panel.npz").worst == ()


def test_another_file_is_no_panel(tmp_path):
    np.savez(tmp_path / "panel.npz", ids=np.array(["a"]))
    with pytest.raises(ValueError, match=r"panel\.npz is not a panel of images: 'image/a'"):
        read_panel(tmp_path / "panel.npz")
