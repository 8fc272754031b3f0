"""The factors of variation of a drawn face: all meaningful differences between pictures.

Details without meaning (the wobble of an outline, the grain of a texture) come from a
second random stream. Lengths are in units of half the width of the face unless stated
otherwise; x points right in the image, y down, z towards the viewer.
"""

from dataclasses import asdict, dataclass

Rgb = tuple[float, float, float]  # 0 to 255 each


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Position, size and direction of the head."""

    yaw_degrees: float
    """Rotation about the vertical; positive looks right in the image. Within 50."""
    pitch_degrees: float
    """Rotation about the horizontal; positive looks down. Within 25."""
    roll_degrees: float
    """Rotation in the image plane; positive is clockwise. Within 35."""
    face_scale: float
    """Half the width of the face, as a share of the image's side."""
    shift_x: float
    """Offset of the face from the middle of the image, as a share of its side."""
    shift_y: float
    """The same for the downward offset."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Shape and skin of the face."""

    skin_tone: float
    """0 the lightest, 1 the darkest skin."""
    skin_warmth: float
    """-1 cool (pink) to 1 warm (yellow) undertone."""
    age: float
    """0 no wrinkles, 1 deep wrinkles."""
    jaw: float
    """0 a pointed jaw, 1 a square jaw."""
    face_length: float
    """Height of the face relative to the usual height, about 1."""
    beard: str
    """One of `BEARDS`. Facial hair is labelled skin, as in LaPa."""
    makeup: float
    """0 none, 1 strong; on lips, lids and cheeks."""
    freckles: float
    """0 none, 1 many."""
    brow_thickness: float
    """Greatest thickness of an eyebrow."""
    brow_arch: float
    """Height of the eyebrow's bend over the straight line between its ends."""
    brow_contrast: float
    """0.3 barely darker than the skin, 1 in full colour."""
    eye_spacing: float
    """From the middle of the face to the middle of an eye."""
    eye_width: float
    """Half the length of an eye."""
    eye_tilt: float
    """Height of the outer corner of an eye above the inner corner."""
    iris: Rgb
    """Colour of the iris."""
    nose_width: float
    """Half the width of the nose at its wings."""
    nose_length: float
    """From the line of the eyes down to the underside of the nose."""
    mouth_width: float
    """Half the width of the mouth at rest."""
    lip_fullness: float
    """Thickness of the lips relative to the usual thickness, about 1."""
    lip_contrast: float
    """0 lips almost the colour of the skin, 1 clearly different from it."""


@dataclass(frozen=True, kw_only=True)
class Hair:
    """The hair of the head."""

    hair_style: str
    """One of `HAIR_STYLES`."""
    hair_colour: str
    """A key of `materials.HAIR_COLOURS`, or "skin" for hair of about the skin's colour."""
    hair_rgb: Rgb
    """The RGB value of the colour."""
    hair_length: float
    """Length of the hair below the line of the eyes (long and bob styles)."""
    hair_volume: float
    """Distance of the hair's surface from the skull."""
    hair_wave: float
    """0 straight, 1 wavy; for the outline and the strands."""
    hairline: float
    """Height of the hairline above the line of the eyes."""
    fringe: str
    """One of `FRINGES`."""
    fringe_depth: float
    """0 a fringe that ends at the hairline, 1 one that reaches the brows."""
    parting: float
    """Position of the parting, -1 left to 1 right in the image."""
    loose_strands: int
    """Number of single strands across the face; they are labelled hair."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """The expression of the face."""

    left_eye_open: float
    """0 closed, 1 open; the eye on the left of the image."""
    right_eye_open: float
    """The same for the eye on the right of the image."""
    gaze_x: float
    """-1 looks left in the image, 1 right."""
    gaze_y: float
    """-1 looks up, 1 down."""
    brow_raise: float
    """Lift of the brows; negative for a frown."""
    mouth_open: float
    """Gap between the lips; at 0 the mouth is closed and has no inner-mouth pixels."""
    smile: float
    """Lift of the corners of the mouth, -1 to 1."""
    teeth: bool
    """Whether an open mouth shows the upper teeth."""


@dataclass(frozen=True, kw_only=True)
class Light:
    """The light on the person."""

    light_azimuth: float
    """Degrees from the camera's axis; positive comes from the right of the image."""
    light_elevation: float
    """Degrees above the horizon."""
    light_contrast: float
    """0 flat light, 1 a black unlit side."""
    light_warmth: float
    """-1 blue to 1 orange."""
    shine: float
    """0 matte skin, 1 strong highlights."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The surroundings of the face; all of them are labelled background."""

    backdrop: str
    """One of `BACKDROPS`."""
    backdrop_colours: tuple[Rgb, Rgb, Rgb]
    """Its three colours."""
    backdrop_blur: float
    """0 sharp, 1 far out of focus."""
    bystander: bool
    """Whether a second person is behind, out of focus; labelled background too."""
    clothes: str
    """One of `CLOTHES`."""
    clothes_rgb: Rgb
    """Colour of the clothes."""
    occluder: str
    """One of `OCCLUDERS`, the object in front of the face."""
    occluder_rgb: Rgb
    """Colour of the occluder (a hand has the skin's colour)."""
    occluder_place: str
    """Position of a hand or an object, one of `PLACES`."""
    occluder_size: float
    """Size of the occluder relative to its usual size, about 1."""
    occluder_angle: float
    """Angle from upright in degrees (hands and objects)."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The camera's effects on the picture; they do not change the labels."""

    exposure: float
    """In stops; positive is brighter."""
    gamma: float
    """Exponent of the tone curve; above 1 darkens the middle tones."""
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


@dataclass(frozen=True, kw_only=True)
class Factors:
    """All factors of one face."""

    pose: Pose
    person: Person
    hair: Hair
    expression: Expression
    light: Light
    scene: Scene
    camera: Camera

    def as_dict(self) -> dict[str, object]:
        """Return all factors in one flat, JSON-able dict; names are unique across groups."""
        return {name: value for group in asdict(self).values() for name, value in group.items()}


BEARDS = ("none", "stubble", "moustache", "full")
HAIR_STYLES = ("bald", "buzz", "short", "bob", "long", "curly", "tied")
FRINGES = ("none", "straight", "side", "curtain", "spiky")
BACKDROPS = ("studio", "clouds", "lights", "foliage", "wall", "room")
CLOTHES = ("none", "round", "neckline", "collar", "hood")
OCCLUDERS = ("none", "glasses", "sunglasses", "hand", "hat", "mask", "object")
PLACES = ("chin", "cheek", "mouth", "eye", "brow")
