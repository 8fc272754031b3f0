"""`faceseg predict --video --faces`: drawn faces of known motion."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceseg.data.drawn import draw_face
from faceseg.data.images import resize_image
from tests.hostile.motion_jpeg import avi, jpeg

RunFaceseg = Callable[..., tuple[int, str]]

SIZE, FRAMES = (320, 160), 6  # columns, rows
STEPS = (4, -3)  # columns by which the two faces move in a frame


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Change into the test's folder."""
    monkeypatch.chdir(tmp_path)


def moving_faces() -> bytes:
    """Return a video of two faces that move towards each other."""
    portrait = resize_image(draw_face((1, "train", 1), 256, 0.5).image, (120, 120))
    frames = []
    for number in range(FRAMES):
        frame = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
        for start, step in zip((5, 195), STEPS, strict=True):
            column = start + step * number
            frame[20:140, column : column + 120] = portrait
        Image.fromarray(frame).save(buffer := io.BytesIO(), "JPEG", quality=95)
        frames.append(buffer.getvalue())
    return avi(frames, SIZE)


def results(name: str) -> dict[str, Any]:
    return dict(json.loads(Path(f"out/{name}.json").read_text(encoding="utf-8")))


def test_the_faces_of_each_frame_are_listed_and_labelled(
    run_faceseg: RunFaceseg, network_file: Path
):
    Path("two.avi").write_bytes(moving_faces())
    words = ("predict", network_file, "--video", "two.avi", "--faces", "--out", "out")
    code, output = run_faceseg(*words)
    assert code == 0, output
    assert f"{FRAMES} frames labelled: out/two.mp4 and out/two.json" in output
    assert "no face" not in output
    found = results("two")
    assert len(found["frames"]) == len(found["faces"]) == FRAMES
    lefts = np.array([sorted(face["box"][0] for face in each) for each in found["faces"]])
    assert lefts.shape == (FRAMES, 2)
    # The boxes move with the faces, to 2 pixels.
    expected = lefts[0] + np.outer(np.arange(FRAMES), STEPS)
    np.testing.assert_allclose(lefts, expected, atol=2)


def test_frames_without_a_face_are_labelled_as_a_whole_and_counted(
    run_faceseg: RunFaceseg, network_file: Path
):
    Path("red.avi").write_bytes(avi([jpeg(colour="red")] * 2))
    words = ("predict", network_file, "--video", "red.avi", "--faces", "--out", "out")
    code, output = run_faceseg(*words)
    assert code == 0, output
    assert "no face in 2 of them, which were labelled as a whole" in " ".join(output.split())
    found = results("red")
    assert found["faces"] == [[], []]
    assert [frame["skin"] for frame in found["frames"]] == [1.0, 1.0]


def test_a_detector_without_faces_is_refused(run_faceseg: RunFaceseg, network_file: Path):
    Path("red.avi").write_bytes(avi([jpeg(colour="red")]))
    words = ("predict", network_file, "--video", "red.avi", "--detector", "yunet.onnx")
    code, output = run_faceseg(*words)
    assert (code, "--detector is for --faces, which is missing" in output) == (2, True)
