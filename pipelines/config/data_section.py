"""The section `data` of an experiment: where images and labels come from, and their classes."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from faceseg.data.class_sets import BUILT_IN, BuiltIn
from faceseg.data.classes import ClassSet
from faceseg.data.formats.mapping import Target
from faceseg.data.formats.names import FormatName
from faceseg.data.formats.splitting import DEFAULT_SHARES, Shares, check_shares
from faceseg.detection.crop import MAX_MARGIN
from pipelines.config import names
from pipelines.config.bounds import MAX_IMAGES, MAX_SEED, MAX_SIDE
from pipelines.config.names import FolderName
from pipelines.config.section import Section


class Drawn(Section):
    """Drawn faces: their numbers and size, and a difficulty from 0 (passport) to 1.5 (wild).

    Attributes:
        train: Number of training images.
        val: Number of validation images.
        test: Number of test images.
        difficulty: Variation of pose, light, occlusion and background.
        seed: Seed of the drawn faces, independent of the experiment's seed.
    """

    train: int = Field(480, ge=2, le=MAX_IMAGES)
    val: int = Field(96, ge=1, le=MAX_IMAGES)
    test: int = Field(96, ge=1, le=MAX_IMAGES)
    size: int = Field(128, ge=32, le=MAX_SIDE, description="side of the square images, in pixels")
    difficulty: float = Field(1.0, ge=0, le=1.5)
    seed: int = Field(0, ge=-MAX_SEED, le=MAX_SEED)


class FaceBox(Section):
    """Images are cropped to the upright box of their face, which the detector finds."""

    margin: float = Field(
        0.4,
        ge=0,
        le=MAX_MARGIN,
        description="on each side, as a share of the face's box, which reaches from the forehead "
        "to the chin",
    )


class Data(Section):
    """The source of the images, and how they are resized for the network.

    Attributes:
        source: `drawn`: generated faces; `directory`: a folder in LaPa's layout; `lapa`: LaPa,
            which is downloaded unless `path` is given; otherwise a format of `faceseg convert`.
        path: The folder of the images, or the file or folder of a format.
        image_size: [height, width] of the network's input in pixels, multiples of 32.
        on_bad: `stop` at the first bad pairs with a list of them, or `skip` and record them.
    """

    source: Literal["drawn", "directory", "lapa", FormatName] = "drawn"
    path: Path | None = None
    labels: FolderName = Field("labels", description="name of the folder of labels in a split")
    classes: BuiltIn | ClassSet = "lapa"
    mapping: dict[str, Target] = Field(
        {},
        description="what the classes of a format become, besides its own rules: {name: a name of "
        "classes, or ignore, or {to: name, where: [names], otherwise: name}}",
        exclude_if=lambda value: not value,
    )
    shares: Shares = Field(
        DEFAULT_SHARES,
        description="per cent of train, val and test, for splits that a format does not have",
        exclude_if=lambda value: value == DEFAULT_SHARES,
    )
    image_size: tuple[int, int] = (256, 256)
    on_bad: Literal["stop", "skip"] = "stop"
    label_resizing: Literal["nearest", "majority", "bilinear"] = Field(
        "nearest",
        description="of train and val; nearest: the class at a pixel's centre; majority: the class "
        "with the largest area in the pixel; bilinear: a defect of the reference study, kept for "
        "its replication, which creates ids of absent classes",
        exclude_if=lambda value: value == "nearest",
    )
    label_size: Literal["same", "resize"] = Field(
        "same",
        description="resize: labels of another size than their image, but of its proportions, "
        "are resized to it by the nearest pixel; same: they are bad pairs",
        exclude_if=lambda value: value == "same",
    )
    face_box: FaceBox | None = Field(
        None,
        description="crop the images to their face, also before every prediction; not set: whole "
        "images",
        exclude_if=lambda value: value is None,
    )
    drawn: Drawn = Drawn()
    terms: str = Field(
        "",
        description="terms of use of the images, printed in model cards",
        exclude_if=lambda value: not value,
    )

    @property
    def class_set(self) -> ClassSet:
        """The class set that `classes` selects."""
        return BUILT_IN[self.classes] if isinstance(self.classes, str) else self.classes

    @property
    def has_format(self) -> bool:
        """Whether the source is a format of annotations."""
        return self.source not in ("drawn", "directory", "lapa")

    @field_validator("shares")
    @classmethod
    def _check_shares(cls, value: Shares) -> Shares:
        return check_shares(value)

    @field_validator("classes")
    @classmethod
    def _check_class_names(cls, value: str | ClassSet) -> str | ClassSet:
        if isinstance(value, ClassSet):
            names.check_class_names(value.names)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.path is None and (self.has_format or self.source == "directory"):
            raise ValueError(f"source '{self.source}' requires a path")
        if not self.has_format and (self.mapping or self.shares != DEFAULT_SHARES):
            raise ValueError(
                f"source '{self.source}' takes neither mapping nor shares, which are for formats "
                "of annotations such as celebamask-hq"
            )
        if self.has_format and (self.labels, self.label_size) != ("labels", "same"):
            raise ValueError(
                f"source '{self.source}' takes neither labels nor label_size, which are for "
                "folders in LaPa's layout"
            )
        if self.source == "drawn" and self.path is not None:
            raise ValueError("source 'drawn' takes no path; did you mean source 'directory'?")
        if any(side % 32 or side < 32 for side in self.image_size):
            raise ValueError(f"image_size {list(self.image_size)}: both must be multiples of 32")
        if max(self.image_size) > MAX_SIDE:
            raise ValueError(
                f"image_size {list(self.image_size)}: at most {MAX_SIDE} pixels a side"
            )
        return self
