"""Five layouts of one network are judged to its own scores, each with its wrong setting told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.split import Split
from faceseg.errors import UserError
from faceseg.evaluation.baselines import mean_label_map
from faceseg.evaluation.split_evaluation import SplitEvaluation, evaluate_split
from faceseg.inference.predictor import Predictor
from pipelines.foreign.foreign_network import ForeignNetwork, open_foreign_network
from pipelines.foreign.settings import NetworkFile
from pipelines.judge.sanity import check_settings
from pipelines.judge.trial_process import require_run

from .colour_networks import (
    class_map,
    home,
    keras_network,
    write_litert,
    write_onnx,
)

ANY = (None, None, None, None)
# Orders of LaPa's classes in the foreign networks.
REVERSED = tuple(range(10, -1, -1))
MIRRORED = (0, 1, 3, 2, 5, 4, 6, 7, 8, 9, 10)  # left and right from the person's point of view


@dataclass(frozen=True)
class Foreign:
    """A layout: how its file is made, the map that fits it, a wrong key, and what is told."""

    file: str
    right: Mapping[str, Any]
    wrong: Mapping[str, Any]
    told: tuple[str, ...]
    changes: int = 1
    ids: tuple[int, ...] = tuple(range(11))


FOREIGN = {
    "NCHW with ImageNet's scaling and other ids": Foreign(
        file="torch.onnx",
        right={"scaling": "imagenet", "channels": "RGB"},
        wrong={"scaling": "0 to 1"},
        told=("scaling: imagenet instead of 0 to 1",),
        ids=REVERSED,
    ),
    "open sizes, channels BGR": Foreign(
        file="open.onnx",
        right={"layout": "NCHW", "scaling": "0 to 1", "channels": "BGR", "size": (64, 64)},
        wrong={"channels": "RGB"},
        told=("channels: BGR instead of RGB",),
    ),
    "NHWC of open sizes with probabilities": Foreign(
        file="probabilities.onnx",
        right={"layout": "NHWC", "scaling": "0 to 255", "channels": "RGB", "size": (64, 64)},
        wrong={"layout": "NCHW"},
        told=("layout: NHWC instead of NCHW",),
    ),
    "LiteRT with left and right exchanged": Foreign(
        file="phone.tflite",
        right={"scaling": "-1 to 1", "channels": "RGB"},
        wrong={"classes": class_map()},
        told=("class id 2: right_eyebrow instead of left_eyebrow", "class id 5: left_eye instead"),
        changes=4,
        ids=MIRRORED,
    ),
    "Keras with BGR and two settings wrong": Foreign(
        file="own.keras",
        right={"scaling": "0 to 255", "channels": "BGR"},
        wrong={"scaling": "-1 to 1", "channels": "RGB"},
        told=("channels: BGR instead of RGB", "scaling: 0 to 255 instead of -1 to 1"),
        changes=2,
    ),
}
PARAMETERS = pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)


@pytest.fixture(scope="module")
def files(folder: Path) -> Path:
    """Return the folder with the file of each layout."""
    write_onnx(folder / "torch.onnx", scaling="imagenet", ids=REVERSED)
    write_onnx(folder / "open.onnx", shape=ANY, channels="BGR")
    write_onnx(folder / "probabilities.onnx", "NHWC", shape=ANY, scaling="0 to 255", softmax=True)
    write_litert(folder / "phone.tflite", scaling="-1 to 1", ids=MIRRORED)
    keras_network(scaling="0 to 255", channels="BGR").save(folder / "own.keras")
    keras.backend.clear_session()
    return folder


@pytest.fixture(scope="module")
def at_home(splits: dict[str, Split]) -> SplitEvaluation:
    return evaluate_split(home(), splits["test"])


def blind(splits: dict[str, Split]) -> Predictor:
    return mean_label_map(splits["train"].labels, LAPA)


def settings(foreign: Foreign, **changes: Any) -> NetworkFile:
    complete = {"classes": class_map(foreign.ids), **foreign.right, **changes}
    return NetworkFile.model_validate(complete)


@PARAMETERS
def test_the_scores_are_those_at_home(
    foreign: Foreign, files: Path, splits: dict[str, Split], at_home: SplitEvaluation
):
    network = open_foreign_network(files / foreign.file, settings(foreign), LAPA, 1)
    iou = check_settings(network, LAPA, splits["val"], blind(splits))
    found = evaluate_split(Predictor(network, LAPA), splits["test"])
    np.testing.assert_array_equal(found.counts, at_home.counts)
    assert found.scores(LAPA)["iou"] == at_home.scores(LAPA)["iou"]
    assert 0.5 < iou < 1


def test_a_class_that_the_network_lacks_is_no_mistake(folder: Path, splits: dict[str, Split]):
    """Without hair, its pixels become the class of the next colour, that of the inner mouth."""
    ids = tuple(range(10))
    file = write_onnx(folder / "bald.onnx", ids=ids)
    form = {"classes": class_map(ids), "channels": "RGB", "scaling": "0 to 1"}
    network = open_foreign_network(file, NetworkFile.model_validate(form), LAPA, 1)
    check_settings(network, LAPA, splits["val"], blind(splits))
    labels = Predictor(network, LAPA).predict(splits["test"].original(0)[0])
    assert LAPA.hair not in labels
    assert 8 in labels


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")
def test_8_bit_values_stand_for_real_ones(folder: Path):
    """A pixel of a class's own colour has this class, except for two yellows that are too near."""
    file = write_litert(folder / "int8.tflite", int8=True, scaling="-1 to 1")
    form = {"classes": class_map(), "channels": "RGB", "scaling": "-1 to 1"}
    network = open_foreign_network(file, NetworkFile.model_validate(form), LAPA, 1)
    assert network.opened.inputs[0].dtype == "int8"
    assert network.output.scale > 0
    ids = np.random.default_rng(0).integers(0, len(LAPA), (2, 64, 64))
    colours = np.array(LAPA.palette, np.uint8)[ids]
    agreeing = network.predict_on_batch(colours).argmax(axis=-1) == ids
    far = ~np.isin(ids, LAPA.eyes)
    assert agreeing[far].all()


def test_a_network_that_ignores_the_image_is_not_scored(folder: Path, splits: dict[str, Split]):
    network = keras_network()
    network.set_weights([0 * each for each in network.get_weights()])
    network.save(folder / "blind.keras")
    form = {"classes": class_map(), "channels": "RGB", "scaling": "0 to 1"}
    opened = open_foreign_network(folder / "blind.keras", NetworkFile.model_validate(form), LAPA, 1)
    with pytest.raises(UserError, match="A prediction that ignores the image has"):
        check_settings(opened, LAPA, splits["val"], blind(splits))


def check(file: Path, network: ForeignNetwork, splits: dict[str, Split]) -> None:
    """Run what `faceseg judge` runs before the test; the first is in a process of its own there."""
    require_run(file, network)
    check_settings(network, LAPA, splits["val"], blind(splits))


@PARAMETERS
def test_its_wrong_setting_is_told(foreign: Foreign, files: Path, splits: dict[str, Split]):
    file = files / foreign.file
    network = open_foreign_network(file, settings(foreign, **foreign.wrong), LAPA, 1)
    with pytest.raises(UserError) as raised:
        check(file, network, splits)
    for words in foreign.told:
        assert words in str(raised.value)
    assert str(raised.value).count(" instead of ") == foreign.changes
