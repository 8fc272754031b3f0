"""Sampling of a face's factors from a random stream. A higher difficulty gives more variation.

Every factor consumes the same random numbers at any difficulty, so one seed at two difficulties
is one person. The harder picture has a more extreme pose, light, occlusion and camera.
"""

import numpy as np

from faceseg.data.drawn import materials
from faceseg.data.drawn.factors import (
    BACKDROPS,
    CLOTHES,
    PLACES,
    Camera,
    Expression,
    Factors,
    Hair,
    Light,
    Person,
    Pose,
    Rgb,
    Scene,
)

HARDEST = 1.5  # the maximum of the difficulty

STYLE_SHARES = {
    "bald": 0.05,
    "buzz": 0.07,
    "short": 0.26,
    "bob": 0.17,
    "long": 0.30,
    "curly": 0.10,
    "tied": 0.05,
}
FRINGE_SHARES = {"none": 0.34, "straight": 0.16, "side": 0.24, "curtain": 0.13, "spiky": 0.13}
BEARD_SHARES = {"none": 0.66, "stubble": 0.16, "moustache": 0.06, "full": 0.12}
OCCLUDER_SHARES = {  # at difficulty 1; they are proportional to it, and "none" gets the rest
    "glasses": 0.13,
    "sunglasses": 0.06,
    "hand": 0.08,
    "hat": 0.08,
    "mask": 0.04,
    "object": 0.05,
}


def sample_factors(rng: np.random.Generator, difficulty: float) -> Factors:
    """Sample the factors of one face.

    Args:
        rng: The random stream.
        difficulty: From 0 (a passport photograph) to 1.5 (harder than LaPa).
    """
    person = _person(rng)
    return Factors(
        pose=_pose(rng, difficulty),
        person=person,
        hair=_hair(rng, difficulty, person),
        expression=_expression(rng, difficulty),
        light=_light(rng, difficulty),
        scene=_scene(rng, difficulty),
        camera=_camera(rng, difficulty),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _normal(rng: np.random.Generator, middle: float, spread: float, reach: float = 2.5) -> float:
    """Sample a normal distribution, clipped at `reach` standard deviations from its middle."""
    return middle + spread * float(np.clip(rng.normal(), -reach, reach))


def _pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """Sample a key of `shares` with its share as the probability; "none" gets the remainder."""
    remaining = float(rng.uniform())
    for name, share in shares.items():
        remaining -= share
        if remaining < 0:
            return name
    return "none"


def _any_rgb(rng: np.random.Generator, low: float = 0, high: float = 255) -> Rgb:
    """Sample a colour; its channels are moved towards their mean, so it is rarely garish."""
    channels = rng.uniform(low, high, 3)
    red, green, blue = channels.mean() + (channels - channels.mean()) * rng.uniform(0.1, 1)
    return (float(red), float(green), float(blue))


def _pose(rng: np.random.Generator, difficulty: float) -> Pose:
    return Pose(
        yaw_degrees=float(np.clip(rng.normal() * 19 * difficulty, -50, 50)),
        pitch_degrees=float(np.clip(rng.normal() * 8 * difficulty, -25, 25)),
        roll_degrees=float(np.clip(rng.normal() * 11 * difficulty, -35, 35)),
        face_scale=0.217 * float(np.exp(_normal(rng, 0, 0.03 + 0.10 * difficulty, 2))),
        shift_x=_normal(rng, 0, 0.01 + 0.03 * difficulty),
        shift_y=_normal(rng, 0.01, 0.01 + 0.025 * difficulty),
    )


def _person(rng: np.random.Generator) -> Person:
    beard = _pick(rng, BEARD_SHARES)
    iris = materials.IRIS_COLOURS[int(rng.choice(5, p=[0.36, 0.26, 0.12, 0.16, 0.10]))]
    makeup = float(rng.beta(0.7, 1.6))
    return Person(
        skin_tone=_between(rng, 0, 1),
        skin_warmth=_between(rng, -1, 1),
        age=float(rng.beta(1, 1.8)),
        jaw=_between(rng, 0, 1),
        face_length=_normal(rng, 1, 0.045),
        beard=beard,
        makeup=makeup if beard == "none" else 0.0,
        freckles=max(0.0, _between(rng, -2, 1)),
        brow_thickness=_between(rng, 0.075, 0.135),
        brow_arch=_between(rng, 0.0, 0.09),
        brow_contrast=_between(rng, 0.5, 1),
        eye_spacing=_normal(rng, 0.44, 0.02),
        eye_width=_normal(rng, 0.195, 0.012),
        eye_tilt=_normal(rng, 0.02, 0.025),
        iris=iris,
        nose_width=_normal(rng, 0.27, 0.028),
        nose_length=_normal(rng, 0.62, 0.035),
        mouth_width=_normal(rng, 0.36, 0.028),
        lip_fullness=_normal(rng, 1, 0.16),
        lip_contrast=_between(rng, 0.25, 1),
    )


def _hair(rng: np.random.Generator, difficulty: float, person: Person) -> Hair:
    style = _pick(rng, STYLE_SHARES)
    shares = {name: share for name, (share, _) in materials.HAIR_COLOURS.items()}
    colour = _pick(rng, shares)
    if colour in ("none", "dyed"):
        colour, base = "dyed", _any_rgb(rng, 20, 220)
    else:
        base = materials.HAIR_COLOURS[colour][1]
    blend = _between(rng, 0.7, 0.98)
    if _between(rng, 0, 1) < 0.07 * difficulty:
        red, green, blue = (materials.skin_colour(person) * blend).tolist()
        colour, base = "skin", (red, green, blue)
    red, green, blue = np.clip(np.array(base) * _normal(rng, 1, 0.12), 8, 245)
    long = style == "long"
    return Hair(
        hair_style=style,
        hair_colour=colour,
        hair_rgb=(float(red), float(green), float(blue)),
        hair_length=_between(rng, 1.4, 3.0) if long else _between(rng, 0.55, 1.35),
        hair_volume=_between(rng, 0.16, 0.42),
        hair_wave=max(0.0, _between(rng, -0.6, 1)),
        hairline=_normal(rng, 1.1, 0.07) + 0.12 * person.age,
        fringe=_pick(rng, FRINGE_SHARES),
        fringe_depth=_between(rng, 0.15, 0.85),
        parting=_between(rng, -0.7, 0.7),
        loose_strands=int(rng.poisson(1.1 * difficulty)),
    )


def _expression(rng: np.random.Generator, difficulty: float) -> Expression:
    opening = _normal(rng, 0.95, 0.14 + 0.08 * difficulty, 2)
    blink, wink = _between(rng, 0, 1) < 0.05 * difficulty, _between(rng, 0, 1) < 0.03 * difficulty
    winking = "left" if _between(rng, 0, 1) < 0.5 else "right"
    opening = 0.0 if blink else max(opening, 0.2)
    smile = _normal(rng, 0.25, 0.4, 1.8)
    gape = _between(rng, 0, 1)
    wide = abs(_normal(rng, 0, 0.16, 2.2)) if gape > 0.7 else _between(rng, 0.05, 0.13)
    return Expression(
        left_eye_open=0.0 if wink and winking == "left" else opening,
        right_eye_open=0.0 if wink and winking == "right" else opening,
        gaze_x=_normal(rng, 0, 0.4, 2),
        gaze_y=_normal(rng, 0, 0.3, 2),
        brow_raise=_normal(rng, 0, 0.035),
        mouth_open=wide if gape > 0.42 else 0.0,
        smile=smile,
        teeth=_between(rng, 0, 1) < 0.78,
    )


def _light(rng: np.random.Generator, difficulty: float) -> Light:
    return Light(
        light_azimuth=float(np.clip(rng.normal() * 34 * difficulty, -85, 85)),
        light_elevation=_normal(rng, 22, 6 + 10 * difficulty),
        light_contrast=float(np.clip(_normal(rng, 0.22 + 0.14 * difficulty, 0.11), 0.08, 0.75)),
        light_warmth=_between(rng, -1, 1),
        shine=float(rng.beta(1.2, 2)),
    )


def _scene(rng: np.random.Generator, difficulty: float) -> Scene:
    shares = {name: share * difficulty for name, share in OCCLUDER_SHARES.items()}
    red, green, blue = (_any_rgb(rng) for _ in range(3))
    return Scene(
        backdrop=BACKDROPS[int(rng.integers(len(BACKDROPS)))],
        backdrop_colours=(red, green, blue),
        backdrop_blur=float(np.clip(_between(rng, 0.1, 1.3) - 0.3 * difficulty, 0, 1)),
        bystander=_between(rng, 0, 1) < 0.12 * difficulty,
        clothes=CLOTHES[int(rng.choice(len(CLOTHES), p=[0.05, 0.32, 0.22, 0.26, 0.15]))],
        clothes_rgb=_any_rgb(rng),
        occluder=_pick(rng, shares),
        occluder_rgb=_any_rgb(rng),
        occluder_place=PLACES[int(rng.integers(len(PLACES)))],
        occluder_size=_normal(rng, 1, 0.13),
        occluder_angle=_normal(rng, 0, 28),
    )


def _camera(rng: np.random.Generator, difficulty: float) -> Camera:
    red, green, blue = np.exp(rng.normal(size=3) * 0.05 * difficulty)
    blurred, moved = _between(rng, 0, 1) < 0.45, _between(rng, 0, 1) < 0.12 * difficulty
    quality = int(rng.integers(35, 96))
    return Camera(
        exposure=_normal(rng, 0, 0.12 + 0.22 * difficulty, 2),
        gamma=float(np.exp(_normal(rng, 0, 0.05 + 0.13 * difficulty, 2))),
        white_balance=(float(red), float(green), float(blue)),
        blur=_between(rng, 1, 7) * min(difficulty, 1.3) * blurred,
        motion=_between(rng, 8, 24) * moved,
        noise=_between(rng, 0.5, 7) * difficulty,
        jpeg_quality=quality if _between(rng, 0, 1) < 0.5 * difficulty else 100,
        grey=_between(rng, 0, 1) < 0.05 * difficulty,
    )
