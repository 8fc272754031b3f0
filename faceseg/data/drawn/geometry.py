"""Curves, outlines, and the solid model of the head that they are projected from.

A head is a solid in its own coordinates (x right in the image, y down, z towards the viewer;
the origin midway between the eyes; 1 = half the width of the face). Its skull is the upper
half of an ellipsoid; its jaw and chin are a flattened lower half. The head is rotated and
projected with weak perspective, so that features are foreshortened and hidden correctly.

Shapes: N points; outlines are (N, 2) in canvas pixels, x then y, closed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.factors import Factors

Points = NDArray[np.float64]

PIVOT = np.array([0.0, 0.5, -0.3])  # centre of the head's rotation, the top of the neck
CROWN, CHIN = -1.62, 1.5  # y of the highest and the lowest point
WIDEST = -0.1  # y where the face is widest


def smooth(points: Points, samples: int = 48, closed: bool = True) -> Points:
    """Return `samples` points of the Catmull-Rom curve through `points`, shape (N, 2 or 3)."""
    count = len(points)
    place = np.linspace(0, count if closed else count - 1, samples, endpoint=not closed)
    whole = np.minimum(place.astype(int), count - (0 if closed else 2))
    step = (place - whole)[:, None]
    ends = [whole + offset for offset in (-1, 0, 1, 2)]
    near = [each % count if closed else np.minimum(np.maximum(each, 0), count - 1) for each in ends]
    before, start, stop, after = (points[index] for index in near)
    linear, square = stop - before, 2 * before - 5 * start + 4 * stop - after
    curve: Points = 0.5 * (
        2 * start + step * (linear + step * (square + step * (3 * (start - stop) + after - before)))
    )
    return curve


def ribbon(path: Points, widths: Points | float) -> Points:
    """Return the outline of a stroke along `path` (N, 2) of full `widths` (N,) or one width."""
    along = np.gradient(path, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None]
    half = np.broadcast_to(np.asarray(widths, dtype=float) / 2, (len(path),))[:, None]
    return np.concatenate([path + normal * half, (path - normal * half)[::-1]])


def ellipse(centre: Points, radii: tuple[float, float], turn: float = 0.0) -> Points:
    """Return an ellipse of 28 points, rotated by `turn` radians."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    across, down = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.stack([across * cosine - down * sine, across * sine + down * cosine], 1) + centre


def capsule(start: Points, stop: Points, radii: tuple[float, float]) -> Points:
    """Return the outline of two discs, at `start` and `stop`, and of the area between them."""
    along = np.arctan2(stop[1] - start[1], stop[0] - start[0])
    half = np.linspace(-np.pi / 2, np.pi / 2, 9) + along
    ring = np.stack([np.cos(half), np.sin(half)], axis=1)
    return np.concatenate([stop + radii[1] * ring, start - radii[0] * ring])


def hull(points: Points) -> Points:
    """Return the convex outline of `points` with rounded corners."""
    found = cv2.convexHull(points.astype(np.float32))
    corners = np.asarray(found, dtype=np.float64).reshape(-1, 2)
    ring = np.concatenate([corners, corners[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    even = np.linspace(0, length[-1], 40, endpoint=False)
    spaced = np.stack([np.interp(even, length, ring[:, axis]) for axis in (0, 1)], axis=1)
    return smooth(spaced, 120)


def wobble(outline: Points, rng: np.random.Generator, size: float, waves: int) -> Points:
    """Return the outline with random waves.

    Args:
        outline: Corners (N, 2).
        rng: The random stream for the phases.
        size: Height of the waves, as a share of the outline's radius.
        waves: The number of the shortest waves around the outline.
    """
    count = max(len(outline), 6 * waves)
    dense = smooth(outline, count) if count > len(outline) else outline
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    push = sum(
        np.sin(angle * wave + rng.uniform(0, 2 * np.pi)) for wave in (waves, waves // 2 + 1, 3)
    )
    centre = dense.mean(axis=0)
    moved: Points = centre + (dense - centre) * (1 + size * np.asarray(push)[:, None] / 2)
    return moved


@dataclass(frozen=True, eq=False, kw_only=True)
class Head:
    """A posed head.

    Attributes:
        unit: Half the width of the face, in canvas pixels.
        centre: The head's origin on the canvas (x, y).
        rotation: The rotation (3, 3) by yaw and pitch.
        yaw: Radians.
        roll: Radians.
        jaw: The factor `Person.jaw`.
        length: The factor `Person.face_length`.
    """

    unit: float
    centre: Points
    rotation: NDArray[np.float64]
    yaw: float
    roll: float
    jaw: float
    length: float

    def project(self, points: Points) -> Points:
        """Return the canvas pixels (N, 2) of points (N, 3) in the head's coordinates."""
        turned = (points - PIVOT) @ self.rotation.T + PIVOT
        flat: Points = turned[:, :2] * [1.0, self.length] / (1 - 0.06 * turned[:, 2:])
        return flat @ rotation_matrix(self.roll).T * self.unit + self.centre

    def place(
        self, points: Points | list[tuple[float, float]], lift: Points | float = 0.0
    ) -> Points:
        """Return the canvas pixels (N, 2) of points (N, 2) on the face, `lift` in front of it."""
        flat = np.asarray(points, dtype=np.float64)
        width, depth = self._section(flat[:, 1])
        inside = np.clip(1 - (flat[:, 0] / np.maximum(width, 1e-6)) ** 2, 0, 1)
        return self.project(np.column_stack([flat, depth * np.sqrt(inside) + lift]))

    def around(self, levels: Points, degrees: Points, swell: Points | float = 0.0) -> Points:
        """Return the canvas pixels (N, 2) of points on the head's surface.

        Args:
            levels: Heights (N,).
            degrees: Angles (N,) from the front, positive to the right of the image; 180 is
                the back.
            swell: Distance of the points outside the surface, (N,) or one for all.
        """
        angle = np.deg2rad(degrees)
        width, depth = self._section(levels)
        back = 1.15 * np.sqrt(np.clip(1 - ((levels + 0.45) / 1.2) ** 2, 0, 1))
        cosine = np.cos(angle)
        deep = np.where(cosine > 0, depth, back)
        height = levels + 1.25 * swell * np.minimum(levels, 0) / abs(CROWN)
        return self.project(
            np.stack([(width + swell) * np.sin(angle), height, (deep + swell) * cosine], axis=1)
        )

    def shell(self, levels: Points, reach: Points | float, swell: float = 0.0) -> Points:
        """Return canvas pixels that cover a part of the surface; `hull` makes them an outline.

        Args:
            levels: Heights (N,).
            reach: The largest angle from the front to either side in degrees, (N,) or one.
            swell: As in `around`.
        """
        share = np.tile(np.linspace(-1, 1, 25), len(levels))
        degrees = np.repeat(np.broadcast_to(np.asarray(reach, float), levels.shape), 25)
        return self.around(np.repeat(levels, 25), degrees * share, swell)

    def _section(self, level: Points) -> tuple[Points, Points]:
        """Return half the width and the depth of the head's front at heights `level`."""
        up = np.clip((WIDEST - level) / (WIDEST - CROWN), 0, 1)
        down = np.clip((level - WIDEST) / (CHIN - WIDEST), 0, 1)
        top = np.sqrt(1 - up**2.3)
        bottom = (1 - down ** (2.0 + 1.0 * self.jaw)) ** (0.54 - 0.06 * self.jaw)
        upper = level < WIDEST
        return np.where(upper, top, bottom), 0.95 * np.where(upper, top, 1 - 0.3 * down**3)


def rotation_matrix(angle: float) -> NDArray[np.float64]:
    """Return the rotation (2, 2) by `angle` radians, clockwise on a canvas whose y points down."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def pose_head(factors: Factors, side: int) -> Head:
    """Return the head with the pose and shape of `factors` on a canvas of `side` pixels."""
    pose = factors.pose
    yaw, pitch = np.deg2rad(pose.yaw_degrees), np.deg2rad(pose.pitch_degrees)
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    return Head(
        unit=pose.face_scale * side,
        centre=side * np.array([0.5 + pose.shift_x, 0.47 + pose.shift_y]),
        rotation=about_x @ about_y,
        yaw=float(yaw),
        roll=float(np.deg2rad(pose.roll_degrees)),
        jaw=factors.person.jaw,
        length=factors.person.face_length,
    )
