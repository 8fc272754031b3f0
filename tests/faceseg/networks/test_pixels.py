"""The first layer gets RGB in [-1, 1], or the reference study's BGR in [0, 1]."""

from pathlib import Path

import keras
import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.errors import UserError
from faceseg.inference.predictor import Predictor
from faceseg.networks import build, saving
from faceseg.networks.blocks import image_input

# One pixel of 255, 51 and 0 in red, green and blue, worked by hand.
PIXEL = (255, 51, 0)
SEEN = {"signed_rgb": (1.0, -0.6, -1.0), "unit_bgr": (0.0, 0.2, 1.0)}


@pytest.mark.parametrize("pixels", SEEN)
def test_one_pixel_by_hand(pixels: str) -> None:
    model = keras.Model(*image_input(32, 64, pixels))
    seen = keras.ops.convert_to_numpy(model(np.full((2, 32, 64, 3), PIXEL, np.uint8)))
    np.testing.assert_allclose(seen, np.broadcast_to(SEEN[pixels], seen.shape), atol=1e-6)


def test_an_image_gives_the_logits_of_its_pixels_prepared_by_hand(tmp_path: Path) -> None:
    usual, study = (
        build("reference-segnet", (32, 32, 3), 11, width=0.1, pixels=pixels) for pixels in SEEN
    )
    study.set_weights(usual.get_weights())
    image = np.random.default_rng(4).integers(0, 256, (32, 32, 3), np.uint8)
    prepared = image[..., ::-1] / 255
    undone = (prepared + 1) * 127.5  # the usual network converts it to `prepared`
    expected = keras.ops.convert_to_numpy(usual(undone[None].astype(np.float32)))
    np.testing.assert_allclose(Predictor(study, LAPA).logits([image]), expected, atol=1e-5)
    saving.save_network(study, tmp_path / "study.keras", LAPA, {})
    loaded, _, _ = saving.load_network(tmp_path / "study.keras")
    np.testing.assert_allclose(Predictor(loaded, LAPA).logits([image]), expected, atol=1e-5)


def test_other_pixels_are_rejected() -> None:
    with pytest.raises(UserError, match=r"no kind of pixels 'unit_rgb'; .*Did you mean"):
        image_input(32, 32, "unit_rgb")
