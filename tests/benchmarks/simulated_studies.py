"""Simulated studies of two equally good networks, and the true value that intervals should contain.

Both networks are trained with some seeds and tested on the same photographs of one to six images.
The probability of an error of a pixel is a product of five factors: its class, the difficulty of
its photograph, the difficulty of the photograph for this network, the image and seed, and the
success of the seed's training. All factors have the mean 1, so the expected confusion matrix can be
computed.

Shapes: S seeds, N images, C classes.
"""

from dataclasses import dataclass

import numpy as np

from faceseg.statistics import mean_iou, overlap_counts

# Background, skin, left eye, right eye: pixels of an image, probability of an error, class it is
# confused with.
PIXELS = np.array([40_000, 15_000, 120, 120])
ERRORS = np.array([0.01, 0.06, 0.20, 0.20])
TAKEN_FOR = np.array([1, 0, 1, 1])
CLASSES = len(PIXELS)
MOST_IMAGES = 6  # of one photograph


@dataclass(frozen=True)
class Scenario:
    """The parameters of studies.

    Attributes:
        training: Standard deviation of a seed's log error rate.
        taste: How differently two networks handle a photograph, 0 to 1.
        luck: How differently two seeds handle an image, 0 to 1.
    """

    name: str
    photos: int = 100
    seeds: int = 3
    training: float = 0.0
    taste: float = 0.5
    luck: float = 0.5


@dataclass(frozen=True)
class Study:
    """Photographs (N names), confusion counts (2, S, N, C, C) and each training's factor (2, S)."""

    photos: tuple[str, ...]
    counts: np.ndarray
    skill: np.ndarray


def simulate(scenario: Scenario, draws: np.random.Generator) -> Study:
    """Draw one study."""
    images = np.minimum(draws.geometric(0.7, scenario.photos), MOST_IMAGES)
    shown = np.repeat(np.arange(scenario.photos), images)
    hard = _factor(draws, 2.2, scenario.photos)[shown]
    taste = _mixed(scenario.taste, _factor(draws, 1.8, (2, 1, scenario.photos)))[..., shown]
    luck = _mixed(scenario.luck, _factor(draws, 1.8, (2, scenario.seeds, len(shown))))
    skill = _skill(scenario, draws, (2, scenario.seeds))
    size = draws.gamma(8, 1 / 8, (scenario.photos, CLASSES))[shown]
    pixels = np.rint(PIXELS * size).astype(np.int64)
    chance = np.clip((hard * taste * luck * skill[..., None])[..., None] * ERRORS, 0, 0.95)
    wrong = draws.binomial(pixels, chance)
    photos = tuple(f"photo {number}" for number in shown)
    return Study(photos, _matrices(pixels, wrong), skill)


def truth(skill: np.ndarray) -> np.ndarray:
    """Return the mean IoU of trainings of this skill over all photographs, (...) -> (...)."""
    wrong = PIXELS * ERRORS * skill[..., None]
    return mean_iou(overlap_counts(_matrices(np.broadcast_to(PIXELS, wrong.shape), wrong)))


def expected_iou(scenario: Scenario, trainings: int = 200_000) -> float:
    """Return the mean IoU over all photographs and trainings."""
    return float(truth(_skill(scenario, np.random.default_rng(1), trainings)).mean())


def _skill(
    scenario: Scenario, draws: np.random.Generator, shape: int | tuple[int, ...]
) -> np.ndarray:
    """Draw the factor on the error rate of a training; its mean is 1."""
    noise = scenario.training * draws.standard_normal(shape)
    return np.exp(noise - scenario.training**2 / 2)


def _factor(draws: np.random.Generator, top: float, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draw factors between 0 and `top` with the mean 1, most of them below it."""
    return top * draws.beta(2, 2 * (top - 1), shape)


def _mixed(share: float, factor: np.ndarray) -> np.ndarray:
    return 1 - share + share * factor


def _matrices(pixels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return confusion matrices of pixels and errors by class, (..., C) -> (..., C, C)."""
    counts = np.zeros((*wrong.shape, CLASSES), dtype=wrong.dtype)
    every = np.arange(CLASSES)
    counts[..., every, TAKEN_FOR] = wrong
    counts[..., every, every] = pixels - wrong
    return counts
