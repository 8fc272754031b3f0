"""The camera's effects on a picture: tone curve, defocus, motion, noise and compression."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.drawn.factors import Camera


def apply_camera(
    picture: NDArray[np.float32], camera: Camera, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the photograph of a painted picture.

    Args:
        picture: Float RGB (H, W, 3), 0 to 255.
        camera: The settings of the camera.
        rng: The random stream for noise and the direction of motion.

    Returns:
        uint8 RGB (H, W, 3).
    """
    side = picture.shape[1]
    blurred = _focus(picture, camera, side, rng)
    gains = np.array(camera.white_balance, np.float32) * np.float32(2**camera.exposure)
    noisy = _tones(blurred * gains, camera.gamma)
    if camera.noise > 0:
        noise = rng.standard_normal(picture.shape, np.float32)
        noisy = noisy + noise * np.float32(camera.noise)
    image = np.clip(noisy, 0, 255).astype(np.uint8)
    if camera.grey:
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = np.asarray(cv2.merge([luma, luma, luma]), np.uint8)
    return _compress(image, camera.jpeg_quality) if camera.jpeg_quality < 100 else image


def _focus(
    picture: NDArray[np.float32], camera: Camera, side: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Blur by defocus, then along a line by motion."""
    deviation = camera.blur * side / 1000
    if deviation > 0.15:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.float32)
    length = camera.motion * side / 1000
    if length > 1:
        half = int(np.ceil(length / 2))
        kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        angle = rng.uniform(0, np.pi)
        step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        start, stop = np.round(half - step).astype(int), np.round(half + step).astype(int)
        cv2.line(kernel, start.tolist(), stop.tolist(), 1.0)
        picture = np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)
    return picture


def _tones(picture: NDArray[np.float32], gamma: float) -> NDArray[np.float32]:
    """Apply the tone curve: a power, with highlights rolled off instead of clipped."""
    level = np.arange(1024, dtype=np.float32) / 512  # up to twice white
    curve = np.where(level < 0.8, level, 0.8 + 0.2 * np.tanh((level - 0.8) / 0.2))
    table = (255 * curve ** np.float32(gamma)).astype(np.float32)
    index = np.clip(picture * np.float32(512 / 255), 0, 1023).astype(np.uint16)
    toned: NDArray[np.float32] = table[index]
    return toned


def _compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after a JPEG round trip."""
    swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    coded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
