"""The file of `faceseg judge --classes MAP.yaml`: what a network expects and what its outputs mean.

```yaml
classes:            # every class id of the network: the class of the data set that it becomes
  0: background
  1: skin
  2: background     # a class that the data set does not have, such as a hat
layout: NCHW        # or NHWC       } only what the file itself
channels: RGB       # or BGR        } does not contain
scaling: imagenet   # or 0 to 1, -1 to 1, 0 to 255, or {mean: [R, G, B], std: [R, G, B]}
size: [512, 512]    # rows and columns of the input
output: logits      # the output to use, if there are several
```
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError, check_choice
from pipelines.config.bounds import MAX_SIDE
from pipelines.config.typed_yaml import read_typed_yaml

MAX_IDS = 1000  # class ids of a network; the largest label sets of scenes have 847
Layout = Literal["NCHW", "NHWC"]
Channels = Literal["RGB", "BGR"]
LAYOUTS: tuple[Layout, ...] = ("NCHW", "NHWC")
CHANNELS: tuple[Channels, ...] = ("RGB", "BGR")
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Scaling(BaseModel):
    """The scaling of pixels: (pixel / 255 - mean) / std, for red, green and blue in this order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[Finite, Finite, Finite]
    std: tuple[Positive, Positive, Positive]


SCALINGS = {
    "0 to 255": Scaling(mean=(0, 0, 0), std=(1 / 255, 1 / 255, 1 / 255)),
    "0 to 1": Scaling(mean=(0, 0, 0), std=(1, 1, 1)),
    "-1 to 1": Scaling(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "imagenet": Scaling(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),  # as torchvision
}
ScalingName = Literal["0 to 255", "0 to 1", "-1 to 1", "imagenet"]
UNSCALED: ScalingName = "0 to 255"


class NetworkFile(BaseModel):
    """The content of MAP.yaml.

    Attributes:
        classes: The class of the data set for each class id of the network.
        layout: The order of the input's axes.
        channels: The order of the input's channels.
        scaling: The scaling of the input's pixels.
        size: Rows and columns of the input.
        output: The name of the output that contains the classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: dict[int, str]
    layout: Layout | None = None
    channels: Channels | None = None
    scaling: ScalingName | Scaling | None = None
    size: tuple[Side, Side] | None = None
    output: str | None = None

    @field_validator("classes")
    @classmethod
    def _check_ids(cls, value: dict[int, str]) -> dict[int, str]:
        if not 2 <= len(value) <= MAX_IDS or sorted(value) != list(range(len(value))):
            raise ValueError(
                f"expected every class id of the network, from 0 on without a gap, 2 to {MAX_IDS} "
                "of them; an id without a class of the data set becomes `background`"
            )
        return value

    def class_ids(self, classes: ClassSet) -> tuple[int, ...]:
        """Return the data set's class id of each class id of the network.

        Raises:
            UserError: A name is not one of the data set's classes.
        """
        for name in self.classes.values():
            check_choice("class of the data set", name, classes.names)
        found = tuple(classes.names.index(self.classes[each]) for each in sorted(self.classes))
        if len(set(found)) < 2:
            raise UserError("the map has one class of the data set only; map the others too")
        return found


class InputFormat(BaseModel):
    """The complete format of a network's input: that of the file, completed by MAP.yaml."""

    model_config = ConfigDict(frozen=True)

    layout: Layout
    channels: Channels
    scaling: ScalingName | Scaling
    size: tuple[int, int]

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return uint8 RGB images (N, h, w, 3) as this format requires."""
        scaling = SCALINGS[self.scaling] if isinstance(self.scaling, str) else self.scaling
        pixels = images.astype(np.float32)
        if self.scaling != UNSCALED:
            mean, std = np.array(scaling.mean, np.float32), np.array(scaling.std, np.float32)
            pixels = (pixels / np.float32(255) - mean) / std
        if self.channels == "BGR":
            pixels = pixels[..., ::-1]
        if self.layout == "NCHW":
            pixels = pixels.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels)

    def words(self) -> dict[str, str]:
        """Return the keys of MAP.yaml that describe this format, with their values as text."""
        rows, columns = self.size
        scaling = self.scaling if isinstance(self.scaling, str) else _text(self.scaling)
        return {
            "layout": self.layout,
            "channels": self.channels,
            "scaling": scaling,
            "size": f"[{rows}, {columns}]",
        }


def _text(scaling: Scaling) -> str:
    return f"{{mean: {list(scaling.mean)}, std: {list(scaling.std)}}}"


def read_network_file(path: Path) -> NetworkFile:
    """Read MAP.yaml.

    Raises:
        UserError: The file cannot be read, or it is not valid.
    """
    return read_typed_yaml(path, NetworkFile, option="--classes", keys="the key `classes`")
