"""Colours and markers of networks: fixed, distinct, and distinguishable by colour-blind readers."""

from itertools import combinations

import numpy as np
import pandas as pd

from faceseg.networks import ARCHITECTURES
from pipelines.compare.figures.styles import COLOURS, FIXED_STYLES, series_styles

NEW = ("deeplabv3plus", "lraspp", "segformer", "bisenet", "hrnet")
EIGHT = ("unet", "pspnet", "segnet", *NEW)
OKABE_ITO = (
    *("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000"),
)
# Machado et al. 2009, table 1 at severity 1.0; linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        *([0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216]),
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        *([0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]),
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        *([1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602]),
        [0.004733, 0.691367, 0.303900],
    ],
}
# Linear RGB to OKLab (Ottosson 2020), whose distances follow perceived differences.
TO_CONES = np.array(
    [
        *([0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]),
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        *([0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]),
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def seen(colour: str, matrix: object) -> np.ndarray:
    """Return a colour in OKLab as a reader with this vision sees it."""
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return TO_LAB @ np.cbrt(TO_CONES @ np.clip(np.array(matrix) @ linear, 0, 1))


def smallest_distance(colours: tuple[str, ...]) -> float:
    return min(
        float(np.linalg.norm(seen(one, matrix) - seen(other, matrix)))
        for one, other in combinations(colours, 2)
        for matrix in BLINDNESS.values()
    )


def styles(*names: str) -> dict[str, object]:
    return series_styles(pd.DataFrame({"architecture": names}))


def test_ten_colours_are_as_far_apart_as_okabe_and_itos_eight_for_colour_blind_readers():
    assert len(COLOURS) == 10
    assert smallest_distance(COLOURS) >= smallest_distance(OKABE_ITO)


def test_every_network_has_one_style_in_every_study():
    assert set(ARCHITECTURES) <= set(FIXED_STYLES)
    every = styles(*reversed(EIGHT), "own", "ensemble")
    assert list(every) == [*reversed(EIGHT), "own", "ensemble"]
    assert {name: every[name] for name in EIGHT} == styles(*EIGHT)
    assert styles("pspnet", "own", "unet")["unet"] == every["unet"]
    assert styles("own")["own"] == styles("unet", "own", "ensemble")["own"]


def test_ten_models_have_ten_colours_and_ten_markers():
    ten = styles(*EIGHT, "ensemble", "judged-file").values()
    assert len({style.colour for style in ten}) == len({style.marker for style in ten}) == 10
    own = styles("unet", "pspnet", "segnet", "ensemble", *(f"own-{number}" for number in range(5)))
    assert len(set(own.values())) == 9
    assert len(styles(*(f"own-{number}" for number in range(40)))) == 40  # styles repeat
