"""The section of one architecture: what may be said of a network, and which takes what."""

import difflib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pipelines.config.section import Section

# What each builder takes, told here because asking it would load a framework.
COMMON = ("alpha", "width", "encoder_weights", "batch_norm_momentum", "pixels")
ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "unet": COMMON,
    "pspnet": (*COMMON, "output_stride"),
    "segnet": (*COMMON, "encoder"),
    "reference-unet": COMMON,
    "reference-pspnet": COMMON,
    "reference-segnet": COMMON,
}


class Network(Section):
    """Options of one architecture; None leaves the architecture's own default."""

    alpha: float | None = Field(None, gt=0)
    width: float | None = Field(None, gt=0)
    encoder: Literal["vgg", "mobilenetv2"] | None = None
    encoder_weights: str | None = None
    output_stride: Literal[8, 16] | None = None
    batch_norm_momentum: float | None = Field(None, gt=0, lt=1)
    pixels: Literal["signed_rgb", "unit_bgr"] | None = Field(
        None,
        description="unit_bgr: a defect of the reference study, kept for its replication; BGR in "
        "[0, 1] goes into a network meant for RGB in [-1, 1]",
        exclude_if=lambda value: value is None,
    )

    def options(self) -> dict[str, Any]:
        """Return what was given, as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True)


class Variant(Network):
    """An architecture of the search once more, with other options, at the settings that won.

    What is not given here is as in the architecture.
    """

    of: str

    def options(self) -> dict[str, Any]:
        """Return what was given, as keyword arguments of the builder."""
        return self.model_dump(exclude_none=True, exclude={"of"})


def check_variant(name: str, variant: Variant, architectures: Mapping[str, Network]) -> None:
    """Raise ValueError for a variant of nothing, of a taken name, or with strange options."""
    if name in architectures or name in ARCHITECTURES:
        raise ValueError(f"variants.{name}: this name is an architecture's; give it one of its own")
    if variant.of not in architectures:
        raise ValueError(
            f"variants.{name}.of: {variant.of!r} is not among this experiment's architectures: "
            f"{', '.join(architectures)}"
        )
    check_architecture(variant.of, variant)


def check_architecture(name: str, network: Network) -> None:
    """Raise ValueError for an unknown architecture, or an option that it does not take."""
    if name not in ARCHITECTURES:
        near = difflib.get_close_matches(name, ARCHITECTURES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(ARCHITECTURES)}"
        raise ValueError(f"architectures.{name}: no such network; {hint}")
    taken = ARCHITECTURES[name]
    if strange := [option for option in network.options() if option not in taken]:
        raise ValueError(
            f"architectures.{name} takes no {', '.join(strange)}; it takes {', '.join(taken)}"
        )
