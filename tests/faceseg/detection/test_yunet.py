"""YuNet's geometry, with an ONNX file whose outputs are constants, and files that are no YuNet."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faceseg.detection.opening import open_detector
from faceseg.errors import UserError

SIDE = 64  # pixels of the images: the network is called at their size


def write_detector(path: Path, outputs: dict[str, np.ndarray]) -> None:
    """Write a network with these outputs, whatever its input is."""
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    nodes = [helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0)]
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    constants = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    infos = []
    for name, value in outputs.items():
        constants.append(numpy_helper.from_array(value.astype(np.float32), f"{name}_value"))
        nodes.append(helper.make_node("Add", [f"{name}_value", "nothing"], [name]))
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    graph = helper.make_graph(nodes, "detector", [image], infos, constants)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def outputs_with_one_face() -> dict[str, np.ndarray]:
    """Return outputs of YuNet with a face of 16 x 20 pixels at x = 16, y = 24.

    A place at column c and row r of a grid with stride s has the box centre (c + dx) s, (r + dy) s,
    the size s exp(w), s exp(h), and keypoints (c + dx) s, (r + dy) s.
    """
    outputs = {}
    for stride in (8, 16, 32):
        places = (SIDE // stride) ** 2
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{name}_{stride}"] = np.zeros((1, places, width))
    place = 3 * (SIDE // 8) + 2  # row 3, column 2
    outputs["cls_8"][0, place] = outputs["obj_8"][0, place] = 0.9
    outputs["bbox_8"][0, place] = [0, 0, np.log(16 / 8), np.log(20 / 8)]
    points = np.array([[12, 20], [20, 20], [16, 24], [13, 28], [19, 28]])
    outputs["kps_8"][0, place] = ((points - (16, 24)) / 8).ravel()
    return outputs


def test_a_face_is_found_at_its_place_in_every_rotation(tmp_path: Path):
    write_detector(tmp_path / "yunet.onnx", outputs_with_one_face())
    detector = open_detector(tmp_path / "yunet.onnx")
    faces = detector.detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    # The network finds the same face whatever it is shown: at four places of the photograph.
    found = {round(face.roll) % 360: face for face in faces}
    assert sorted(found) == [0, 90, 180, 270]
    assert found[0].centre == pytest.approx((16, 24))
    assert found[0].size == pytest.approx(20)
    assert found[0].keypoints[3] == pytest.approx((16, 28))
    # A quarter turn counter-clockwise took the photograph's (64 - y, x) to (x, y).
    assert found[90].centre == pytest.approx((64 - 24, 16))
    assert found[180].centre == pytest.approx((64 - 16, 64 - 24))
    assert found[270].centre == pytest.approx((24, 64 - 16))
    assert {round(face.score, 3) for face in faces} == {0.9}


def test_a_file_that_is_no_detector_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist"):
        open_detector(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(UserError, match=r"cannot be used as a detector.*ONNX file of YuNet"):
        open_detector(tmp_path / "text.onnx")
    write_detector(tmp_path / "other.onnx", {"labels": np.zeros((1, 4))})
    with pytest.raises(UserError, match="cannot be used as a detector"):
        open_detector(tmp_path / "other.onnx")


def test_a_folder_and_a_path_that_is_not_utf8_are_errors(tmp_path: Path):
    with pytest.raises(UserError, match="is a folder"):
        open_detector(tmp_path)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.onnx"))
    write_detector(tmp_path / "yunet.onnx", outputs_with_one_face())
    (tmp_path / "yunet.onnx").rename(path)
    with pytest.raises(UserError, match="not UTF-8"):  # OpenCV ends the process
        open_detector(path)
