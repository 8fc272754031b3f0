"""A small CelebAMask-HQ, made by its published layout: images of 64 pixels, masks of 32."""

from pathlib import Path

import numpy as np
from PIL import Image

# part: its rectangle (left, right, top, bottom) in the mask of 32 x 32 pixels. Left is left in
# the image.
FRONTAL = {
    "skin": (4, 28, 4, 28),
    "l_brow": (8, 12, 8, 9),
    "r_brow": (20, 24, 8, 9),
    "l_eye": (8, 12, 10, 12),
    "r_eye": (20, 24, 10, 12),
    "nose": (14, 18, 13, 17),
    "u_lip": (12, 20, 19, 20),
    "mouth": (12, 20, 20, 22),
    "l_lip": (12, 20, 22, 23),
    "l_ear": (2, 4, 10, 16),
    "r_ear": (28, 30, 10, 16),
    "hair": (4, 28, 0, 4),
    "neck": (10, 22, 28, 32),
}
GLASSES = {"eye_g": (6, 26, 9, 13)}
SUNGLASSES = {part: box for part, box in FRONTAL.items() if "eye" not in part} | GLASSES
MIRRORED = {"l": "r", "r": "l"}


def write_image(root: Path, number: int, parts: dict[str, tuple[int, int, int, int]]) -> None:
    """Write an image of noise and the masks of its parts."""
    images, masks = root / "CelebA-HQ-img", root / f"CelebAMask-HQ-mask-anno/{number // 2000}"
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / f"{number}.jpg")
    for part, (left, right, top, bottom) in parts.items():
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[top:bottom, left:right] = 255
        # The published masks have three equal channels.
        Image.fromarray(mask).convert("RGB").save(masks / f"{number:05}_{part}.png")


def write_folder(root: Path, count: int = 12) -> Path:
    """Write `count` frontal faces."""
    for number in range(count):
        write_image(root, number, FRONTAL)
    return root


def exchanged(parts: dict[str, tuple[int, int, int, int]], *names: str):
    """Return the parts with left and right exchanged, of all pairs or of those named."""
    pairs = names or ("eye", "brow", "ear")
    other = {f"{side}_{name}": f"{MIRRORED[side]}_{name}" for side in "lr" for name in pairs}
    return {other.get(part, part): box for part, box in parts.items()}
