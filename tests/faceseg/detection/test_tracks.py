"""Tracks of faces, with detectors that return given faces."""

from dataclasses import replace

import numpy as np
import pytest

from faceseg.detection.face import Face, Pixels
from faceseg.detection.tracks import FaceTracks, overlap

FRAME = np.zeros((100, 200, 3), np.uint8)


def face(x: float, y: float = 50, size: float = 20, score: float = 0.9) -> Face:
    box = (x - size / 2, y - size / 2, size, size)
    return Face(box=box, roll=0.0, score=score, keypoints=((x, y),) * 4)


class Given:
    """A detector that returns the faces of one frame after the other."""

    def __init__(self, *frames: list[Face]) -> None:
        self.frames = iter(frames)

    def detect(self, image: Pixels) -> list[Face]:
        return next(self.frames)


class Following(Given):
    """A detector that follows faces: they move by 4 pixels to the right, and are lost at `end`."""

    def __init__(self, *frames: list[Face], end: float = 1000) -> None:
        super().__init__(*frames)
        self.calls, self.end = "", end

    def detect(self, image: Pixels) -> list[Face]:
        self.calls += "d"
        return super().detect(image)

    def follow(self, image: Pixels, face: Face) -> Face | None:
        self.calls += "f"
        x, y, *size = face.box
        return replace(face, box=(x + 4, y, *size)) if x + 4 < self.end else None


def numbers(tracks: FaceTracks, frames: int) -> list[dict[int, float]]:
    """Return x of the centre of each face by its number, for each frame."""
    return [{each.number: each.face.centre[0] for each in tracks(FRAME)} for _ in range(frames)]


def test_faces_keep_their_numbers_in_any_order_of_detection():
    tracks = FaceTracks(Given([face(40), face(100)], [face(96), face(46)], [face(52), face(150)]))
    # At 150 is no face that was at 96: it is new, and that one stays for a while.
    expected = [{0: 40, 1: 100}, {0: 46, 1: 96}, {0: 52, 1: 96, 2: 150}]
    assert numbers(tracks, 3) == expected


def test_a_face_that_is_lost_stays_for_five_frames():
    tracks = FaceTracks(Given([face(40)], *([[]] * 6), [face(42)]))
    assert numbers(tracks, 8) == [{0: 40}] * 6 + [{}, {1: 42}]


def test_a_face_that_is_found_again_keeps_its_number():
    tracks = FaceTracks(Given([face(40)], [], [], [face(44)]))
    assert numbers(tracks, 4) == [{0: 40}, {0: 40}, {0: 40}, {0: 44}]


def test_all_faces_are_detected_on_every_fifth_frame_and_followed_between():
    detector = Following([face(40)], [face(60), face(120)])
    assert numbers(FaceTracks(detector), 7) == [
        {0: 40}, {0: 44}, {0: 48}, {0: 52}, {0: 56},
        {0: 60, 1: 120}, {0: 64, 1: 124},
    ]  # fmt: skip
    assert detector.calls == "dffffdff"


def test_a_face_that_cannot_be_followed_is_detected_at_once():
    detector = Following([face(40)], [face(52)], end=40)  # the left side of the box
    assert numbers(FaceTracks(detector), 4) == [{0: 40}, {0: 44}, {0: 48}, {0: 52}]
    assert detector.calls == "dfffd"


def test_without_a_face_every_frame_is_searched():
    detector = Following([], [], [face(40)])
    assert numbers(FaceTracks(detector), 4) == [{}, {}, {0: 40}, {0: 44}]


def test_two_tracks_that_end_on_one_face_become_one():
    tracks = FaceTracks(Given([face(40), face(58, score=0.8)], [face(49)]))
    # The second face is hidden. It stays at 58, where its box (48 to 68) overlaps that of the first
    # (39 to 59): 11 of 29 columns.
    assert numbers(tracks, 2) == [{0: 40, 1: 58}, {0: 49}]


def test_a_face_that_leaves_the_image_is_dropped():
    detector = Following([face(190)], [])
    assert numbers(FaceTracks(detector), 4) == [{0: 190}, {0: 194}, {0: 198}, {}]


@pytest.mark.parametrize(
    ("other", "expected"),
    [(face(40), 1), (face(50), 1 / 3), (face(60), 0), (face(40, 60), 1 / 3), (face(40, size=0), 0)],
)
def test_overlap_of_boxes(other: Face, expected: float):
    assert overlap(face(40), other) == pytest.approx(expected)
