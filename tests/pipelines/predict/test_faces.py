"""`faceseg predict --faces` on photographs as cameras and editors store them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from faceseg.data.drawn import draw_face

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.mark.usefixtures("working_folder")
def test_turned_grey_and_transparent_photographs_have_the_face_at_its_place(
    run_faceseg: RunFaceseg, network: Path
):
    pixels = np.full((200, 300, 3), 128, np.uint8)
    pixels[10:190, 5:185] = np.asarray(
        Image.fromarray(draw_face((1, "train", 1), 256, 0.5).image).resize((180, 180))
    )
    photo = Image.fromarray(pixels)
    photo.save("plain.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by 90 degrees clockwise
    photo.transpose(Image.Transpose.ROTATE_90).save("turned.jpg", exif=exif, quality=95)
    photo.convert("L").save("grey.png")
    photo.convert("RGBA").save("alpha.png")
    names = ("plain", "turned", "grey", "alpha")
    code, output = run_faceseg("predict", network, "*.png", "*.jpg", "--faces", "--out", "out")
    assert code == 0, output
    images = json.loads(Path("out/shares.json").read_text(encoding="utf-8"))["images"]
    boxes = [each["box"] for name in names for each in images[name]["faces"]]
    assert len(boxes) == 4
    np.testing.assert_allclose(boxes, [boxes[0]] * 4, atol=4)
    assert [images[name]["size"] for name in names] == [[200, 300]] * 4
