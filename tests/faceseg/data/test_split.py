"""The photograph that an image shows, derived from LaPa's names."""

import pytest

from faceseg.data.split import photo_of


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("HELEN_100032540_1_0", "HELEN_100032540_1"),
        ("HELEN_100032540_1_12", "HELEN_100032540_1"),
        ("LFPW_image_train_0001_3", "LFPW_image_train_0001"),
        ("AFW_134212_1_4", "AFW_134212_1"),
        ("IBUG_image_003_1_0", "IBUG_image_003_1"),
        ("10009865324_0", "10009865324"),
        ("10009865324_1", "10009865324"),
        ("frontal02_test_03", "frontal02_test_03"),
        ("000010", "000010"),
    ],
)
def test_photo_of(name: str, photo: str) -> None:
    assert photo_of(name) == photo
