"""The factors of variation of a drawn face: all that tells one picture from another.

What is not a factor (the wobble of an outline, the grain of a texture) is drawn from a
second stream and carries no meaning. Lengths are in units of half the width of the face
unless said otherwise; x runs right in the image, y down, z towards the viewer.
"""

from dataclasses import asdict, dataclass

Rgb = tuple[float, float, float]  # 0 to 255 each


@dataclass(frozen=True)
class Pose:
    """Where the head is, how large, and which way it looks."""

    yaw_degrees: float
    """Turn about the vertical; positive looks to the right of the image. Within 50."""
    pitch_degrees: float
    """Nod; positive looks down. Within 25."""
    roll_degrees: float
    """Tilt in the image plane; positive is clockwise. Within 35."""
    face_scale: float
    """Half the width of the face, as a share of the image's side."""
    shift_x: float
    """Offset of the face from the middle of the image, as a share of its side."""
    shift_y: float
    """The same, downwards."""


@dataclass(frozen=True)
class Person:
    """Shape and skin of the face."""

    skin_tone: float
    """0 the lightest, 1 the darkest skin."""
    skin_warmth: float
    """-1 cool (pink) to 1 warm (yellow) undertone."""
    age: float
    """0 no wrinkles, 1 deep ones."""
    jaw: float
    """0 a pointed jaw, 1 a square one."""
    face_length: float
    """Height of the face over its usual height, about 1."""
    beard: str
    """One of `BEARDS`. Facial hair is skin, as in LaPa."""
    makeup: float
    """0 none, 1 strong: lips, lids, cheeks."""
    freckles: float
    """0 none, 1 many."""
    brow_thickness: float
    """Of the eyebrow at its thickest."""
    brow_arch: float
    """Height of the eyebrow's bend over the straight line between its ends."""
    brow_contrast: float
    """0.3 hardly darker than the skin, 1 in full colour."""
    eye_spacing: float
    """From the middle of the face to the middle of an eye."""
    eye_width: float
    """Half the length of an eye."""
    eye_tilt: float
    """How much higher the outer corner of an eye is than the inner one."""
    iris: Rgb
    """Colour of the iris."""
    nose_width: float
    """Half the width of the nose at its wings."""
    nose_length: float
    """From the line of the eyes down to the underside of the nose."""
    mouth_width: float
    """Half the width of the mouth at rest."""
    lip_fullness: float
    """Thickness of the lips over the usual, about 1."""
    lip_contrast: float
    """0 lips almost of the skin's colour, 1 well apart from it."""


@dataclass(frozen=True)
class Hair:
    """The hair of the head."""

    hair_style: str
    """One of `HAIR_STYLES`."""
    hair_colour: str
    """Name of the colour, a key of `colours.HAIR`, or "skin" for hair that blends with it."""
    hair_rgb: Rgb
    """The colour itself."""
    hair_length: float
    """How far below the line of the eyes the hair falls (long and bob styles)."""
    hair_volume: float
    """How far the hair stands off the skull."""
    hair_wave: float
    """0 straight, 1 wavy outline and strands."""
    hairline: float
    """Height of the hairline above the line of the eyes."""
    fringe: str
    """One of `FRINGES`."""
    fringe_depth: float
    """0 ends at the hairline, 1 reaches the brows."""
    parting: float
    """Where the hair parts, -1 left to 1 right in the image."""
    loose_strands: int
    """Single strands that fall over the face; they are hair."""


@dataclass(frozen=True)
class Expression:
    """What the face does."""

    left_eye_open: float
    """0 closed, 1 open, for the eye left in the image."""
    right_eye_open: float
    """The same for the eye right in the image."""
    gaze_x: float
    """-1 looks left in the image, 1 right."""
    gaze_y: float
    """-1 looks up, 1 down."""
    brow_raise: float
    """Lift of the brows; negative is a frown."""
    mouth_open: float
    """Gap between the lips; 0 is a closed mouth, which has no inner-mouth pixels."""
    smile: float
    """Lift of the corners of the mouth, -1 to 1."""
    teeth: bool
    """Whether an open mouth shows the upper teeth."""


@dataclass(frozen=True)
class Light:
    """The light on the person."""

    light_azimuth: float
    """Degrees from the camera's axis; positive comes from the right of the image."""
    light_elevation: float
    """Degrees above the horizon."""
    light_contrast: float
    """0 flat, 1 the unlit side is black."""
    light_warmth: float
    """-1 blue to 1 orange."""
    shine: float
    """0 matte skin, 1 strong highlights."""


@dataclass(frozen=True)
class Scene:
    """What is around the face: all of it is background."""

    backdrop: str
    """One of `BACKDROPS`."""
    backdrop_colours: tuple[Rgb, Rgb, Rgb]
    """Its three colours."""
    backdrop_blur: float
    """0 sharp, 1 far out of focus."""
    bystander: bool
    """Whether another person, out of focus, stands behind: background too."""
    clothes: str
    """One of `CLOTHES`."""
    clothes_rgb: Rgb
    """Colour of the clothes."""
    occluder: str
    """One of `OCCLUDERS`: what lies in front of the face."""
    occluder_rgb: Rgb
    """Colour of the occluder (a hand has the skin's)."""
    occluder_place: str
    """Where a hand or an object is held, one of `PLACES`."""
    occluder_size: float
    """Its size over the usual, about 1."""
    occluder_angle: float
    """Degrees from upright (hands and objects)."""


@dataclass(frozen=True)
class Camera:
    """What the camera does to the picture; the labels do not change."""

    exposure: float
    """Stops brighter (positive) or darker."""
    gamma: float
    """Tone curve: above 1 darkens the middle tones."""
    white_balance: Rgb
    """Gain of red, green and blue."""
    blur: float
    """Standard deviation of the blur, in thousandths of the image's side."""
    motion: float
    """Length of the motion blur, in thousandths of the image's side."""
    noise: float
    """Standard deviation of the noise, in grey levels of 255."""
    jpeg_quality: int
    """1 to 100; 100 means no compression."""
    grey: bool
    """Whether the picture is black and white."""


@dataclass(frozen=True)
class Factors:
    """One face, in full."""

    pose: Pose
    person: Person
    hair: Hair
    expression: Expression
    light: Light
    scene: Scene
    camera: Camera

    def as_dict(self) -> dict[str, object]:
        """Return all factors in one flat JSON-able dict; their names differ across groups."""
        return {name: value for group in asdict(self).values() for name, value in group.items()}


BEARDS = ("none", "stubble", "moustache", "full")
HAIR_STYLES = ("bald", "buzz", "short", "bob", "long", "curly", "tied")
FRINGES = ("none", "straight", "side", "curtain", "spiky")
BACKDROPS = ("studio", "clouds", "lights", "foliage", "wall", "room")
CLOTHES = ("none", "round", "neckline", "collar", "hood")
OCCLUDERS = ("none", "glasses", "sunglasses", "hand", "hat", "mask", "object")
PLACES = ("chin", "cheek", "mouth", "eye", "brow")
