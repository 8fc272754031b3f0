"""The faces of a video, each with a number that it keeps from frame to frame.

The detector is run on every fifth frame and whenever a face is lost. Between these frames, each
face is detected again in the close-up at its place in the frame before, which takes little time
(docs/faces.md has the measurements).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from faceseg.detection.face import (
    MAX_OVERLAP,
    Face,
    FaceDetector,
    Pixels,
    distinct_faces,
)

DETECT_EVERY = 5  # frames: at 25 a second, a new face is labelled after at most 0.2 s
MAX_MISSED = 5  # frames for which a lost face stays where it was


@runtime_checkable
class FollowingDetector(FaceDetector, Protocol):
    """A detector that finds a known face again faster than it finds all faces."""

    def follow(self, image: Pixels, face: Face) -> Face | None:
        """Return a face of the frame before as it is in this frame; None if it is lost."""
        ...


@dataclass(frozen=True)
class Track:
    """A face of a video.

    Attributes:
        number: From 0, in the order in which the faces appeared.
        face: The face in the latest frame.
        missed: The number of frames since it was detected.
    """

    number: int
    face: Face
    missed: int = 0


class FaceTracks:
    """Tracks the faces of one video; its frames must be given in order.

    Args:
        detector: Finds the faces. Without `follow` (`FollowingDetector`) it is run on every frame.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._tracks: list[Track] = []
        self._next_number = 0
        self._until_detection = 0

    def __call__(self, frame: Pixels) -> list[Track]:
        """Return the faces of a frame, uint8 RGB (H, W, 3): at most `MAX_FACES`."""
        followed = self._follow(frame) if self._tracks and self._until_detection > 0 else None
        if followed is None:
            self._until_detection = DETECT_EVERY
            followed = self._continued(self._detector.detect(frame))
        self._until_detection -= 1
        # Two tracks may end on one face, such as that of a person who passes another.
        kept = distinct_faces([each.face for each in followed], *frame.shape[:2])
        self._tracks = [each for each in followed if each.face in kept]
        return self._tracks

    def _follow(self, frame: Pixels) -> list[Track] | None:
        """Return the tracks in a new frame; None if a face is lost, or cannot be followed."""
        if not isinstance(self._detector, FollowingDetector):
            return None
        followed = []
        for track in self._tracks:
            face = self._detector.follow(frame, track.face)
            if face is None:
                return None
            followed.append(Track(track.number, face))
        return followed

    def _continued(self, faces: Sequence[Face]) -> list[Track]:
        """Return the tracks of the faces of a new frame, and those that are not lost for long.

        A face belongs to the track that it overlaps most.
        """
        pairs = [
            (overlap(track.face, face), track, face) for track in self._tracks for face in faces
        ]
        found: dict[int, Face] = {}
        taken: list[Face] = []
        for share, track, face in sorted(pairs, key=lambda pair: -pair[0]):
            if share >= MAX_OVERLAP and track.number not in found and face not in taken:
                found[track.number] = face
                taken.append(face)
        tracks = [
            Track(each.number, found[each.number])
            if each.number in found
            else replace(each, missed=each.missed + 1)
            for each in self._tracks
        ]
        new = [face for face in faces if face not in taken]
        tracks += [Track(number, face) for number, face in enumerate(new, self._next_number)]
        self._next_number += len(new)
        return [each for each in tracks if each.missed <= MAX_MISSED]


def overlap(one: Face, other: Face) -> float:
    """Return the intersection over union of the boxes of two faces, in [0, 1]."""
    sides = []
    for axis in (0, 1):
        first = max(one.box[axis], other.box[axis])
        last = min(one.box[axis] + one.box[axis + 2], other.box[axis] + other.box[axis + 2])
        sides.append(max(0.0, last - first))
    both = sides[0] * sides[1]
    either = one.box[2] * one.box[3] + other.box[2] * other.box[3] - both
    return both / either if either > 0 else 0.0
