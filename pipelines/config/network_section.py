"""The sections of one architecture and of a variant: their options, and which builder has which."""

import difflib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pipelines.config import names
from pipelines.config.bounds import MAX_FACTOR
from pipelines.config.section import Section

# The options of each builder. They are repeated here because importing a builder loads a framework.
COMMON_OPTIONS = ("alpha", "width", "encoder_weights", "batch_norm_momentum", "pixels")
ARCHITECTURE_OPTIONS: dict[str, tuple[str, ...]] = {
    "unet": COMMON_OPTIONS,
    "pspnet": (*COMMON_OPTIONS, "output_stride"),
    "segnet": (*COMMON_OPTIONS, "encoder"),
    "deeplabv3plus": (*COMMON_OPTIONS, "output_stride"),
    "lraspp": COMMON_OPTIONS,
    "segformer": (*COMMON_OPTIONS, "encoder"),
    "bisenet": COMMON_OPTIONS,
    "hrnet": COMMON_OPTIONS,
    "reference-unet": COMMON_OPTIONS,
    "reference-pspnet": COMMON_OPTIONS,
    "reference-segnet": COMMON_OPTIONS,
}
# The encoders of the networks that have a choice.
ENCODERS = {"segnet": ("vgg", "mobilenetv2"), "segformer": ("mit_b0", "mit_b1")}


class Network(Section):
    """Options of one architecture; None selects the architecture's default.

    Attributes:
        alpha: Factor on the filters of the encoder.
        width: Factor on the filters of all other layers.
        encoder: Encoder of segnet (vgg, mobilenetv2) or segformer (mit_b0, mit_b1).
        encoder_weights: `imagenet`, `none`, or the path of the encoder's weights (.h5 of Keras,
            .safetensors of torch).
        output_stride: Output stride of pspnet and deeplabv3plus.
        batch_norm_momentum: Momentum of BatchNorm; 0.9 suits trainings of a few hundred steps.
    """

    alpha: float | None = Field(None, gt=0, le=MAX_FACTOR)
    width: float | None = Field(None, gt=0, le=MAX_FACTOR)
    encoder: Literal["vgg", "mobilenetv2", "mit_b0", "mit_b1"] | None = None
    encoder_weights: str | None = None
    output_stride: Literal[8, 16] | None = None
    batch_norm_momentum: float | None = Field(None, gt=0, lt=1)
    pixels: Literal["signed_rgb", "imagenet_rgb", "unit_bgr"] | None = Field(
        None,
        description="signed_rgb: [-1, 1], for Keras's weights; imagenet_rgb: ImageNet's mean and "
        "deviation, for torch's weights; by default that of the weights. unit_bgr: a defect of the "
        "reference study, kept for its replication; the network expects RGB in [-1, 1] and gets "
        "BGR in [0, 1]",
        exclude_if=lambda value: value is None,
    )

    def options(self) -> dict[str, Any]:
        """Return the given options as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True)


class Variant(Network):
    """An architecture with other options, trained at the best settings of its search.

    An option that is not given here has the value of the architecture.

    Attributes:
        of: The architecture.
    """

    of: str

    def options(self) -> dict[str, Any]:
        """Return the given options as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True, exclude={"of"})


def check_variant(name: str, variant: Variant, architectures: Mapping[str, Network]) -> None:
    """Check a variant.

    Raises:
        ValueError: Its name is not valid or an architecture's, its architecture is not in the
            experiment, or the architecture has no such option.
    """
    try:
        names.check_network_name(name)
    except ValueError as error:
        raise ValueError(f"variants.{names.shown(name)}: {error}") from error
    if name.lower() in ARCHITECTURE_OPTIONS:  # folders `A` and `a` are one on Windows and macOS
        raise ValueError(f"variants.{name}: an architecture has this name; choose another one")
    if variant.of not in architectures:
        raise ValueError(
            f"variants.{name}.of: {variant.of!r} is not among this experiment's architectures: "
            f"{', '.join(architectures)}"
        )
    check_architecture(variant.of, variant)


def check_architecture(name: str, network: Network) -> None:
    """Raise ValueError for an unknown architecture, or for an option that it does not have."""
    if name not in ARCHITECTURE_OPTIONS:
        near = difflib.get_close_matches(name, ARCHITECTURE_OPTIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(ARCHITECTURE_OPTIONS)}"
        raise ValueError(f"architectures.{names.shown(name)}: unknown architecture; {hint}")
    known = ARCHITECTURE_OPTIONS[name]
    if unknown := [option for option in network.options() if option not in known]:
        raise ValueError(
            f"architectures.{name} has no option {', '.join(unknown)}; it has {', '.join(known)}"
        )
    encoders = ENCODERS.get(name, ())
    if network.encoder is not None and network.encoder not in encoders:
        raise ValueError(
            f"architectures.{name} has no encoder {network.encoder}; it has {', '.join(encoders)}"
        )
