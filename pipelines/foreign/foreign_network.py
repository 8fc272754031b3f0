"""A network of another program behind the interface that `Predictor` uses.

Shapes: N images, h rows, w columns of the input, K class ids of the network, C classes of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError, check_choice
from pipelines.config.bounds import MAX_SIDE
from pipelines.foreign.network_files import (
    DTYPES,
    INTEGERS,
    OpenedNetwork,
    Tensor,
    open_network_file,
)
from pipelines.foreign.settings import UNSCALED, InputFormat, NetworkFile

Logits = NDArray[np.float32]
COLOURS = 3
ABSENT = float(np.finfo(np.float32).min) / 4  # logit of a class that the network does not have
PROBABILITY_ERROR = 0.05  # of a sum of K probabilities in 8 bits
MAX_VALUES = 2**31 - 1  # of an output for one image


@dataclass(frozen=True, kw_only=True)
class ForeignNetwork:
    """A network with the format of its input and the meaning of its class ids.

    Attributes:
        opened: The network in its runtime.
        form: The format of its input.
        known: The keys of `form` that the file itself contains.
        class_ids: The data's class id of each class id of the network, K of them.
        num_classes: C.
        output: The output that contains the classes.
    """

    opened: OpenedNetwork
    form: InputFormat
    known: frozenset[str]
    class_ids: tuple[int, ...]
    num_classes: int
    output: Tensor

    @property
    def input_shape(self) -> tuple[None, int, int, int]:
        """The shape of the batches that `predict_on_batch` takes."""
        return (None, *self.form.size, COLOURS)

    @property
    def left_out(self) -> list[int]:
        """The ids of the data's foreground classes that the network does not have."""
        return [each for each in range(1, self.num_classes) if each not in self.class_ids]

    def predict_on_batch(self, images: NDArray[np.uint8]) -> Logits:
        """Return logits (N, h, w, C) of the data's classes for uint8 RGB images (N, h, w, 3).

        The logit of a class is the largest of the ids that become it, so the predicted class is
        that of the predicted id.
        """
        found = self.own_logits(images)
        logits = np.full((*found.shape[:-1], self.num_classes), ABSENT, np.float32)
        for own, target in enumerate(self.class_ids):
            np.maximum(logits[..., target], found[..., own], out=logits[..., target])
        return logits

    def own_logits(self, images: NDArray[np.uint8]) -> Logits:
        """Return logits (N, h, w, K) of the network's own class ids.

        Probabilities become their logarithms: with them, resizing gives the labels that resizing
        the logits would give.

        Raises:
            UserError: The output is not one of logits, or has values that are not finite.
        """
        pixels = self._typed(self.form.prepare(images))
        if self.opened.inputs[0].shape[0] is None:
            found = self.opened.run(pixels, self.output.name)
        else:
            one = [self.opened.run(pixels[i : i + 1], self.output.name) for i in range(len(pixels))]
            found = np.concatenate(one)
        logits = self._channels_last(self._real(found))
        if not np.isfinite(logits).all():
            raise UserError(
                f"the output {self.output.name} has values that are not finite: the file is "
                "damaged, or the scaling of its input is another one"
            )
        if logits.min() >= 0 and np.abs(logits.sum(axis=-1) - 1).max() < PROBABILITY_ERROR:
            return np.log(np.maximum(logits, np.finfo(np.float32).tiny))
        return logits

    def with_form(self, form: InputFormat) -> "ForeignNetwork":
        """Return the same network with another format of its input."""
        return replace(self, form=form)

    def _typed(self, pixels: NDArray[np.float32]) -> NDArray[Any]:
        """Return prepared pixels as the values of the input."""
        given = self.opened.inputs[0]
        if given.scale:
            limits = np.iinfo(given.dtype)
            steps = np.rint(pixels / given.scale) + given.zero
            clipped: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(given.dtype)
            return clipped
        return pixels.astype(given.dtype)

    def _real(self, values: NDArray[Any]) -> Logits:
        """Return the real values of an output."""
        found = values.astype(np.float32)
        if self.output.scale:
            found = (found - np.float32(self.output.zero)) * np.float32(self.output.scale)
        return np.asarray(found, np.float32)

    def _channels_last(self, values: Logits) -> Logits:
        ids = len(self.class_ids)
        axes = [axis for axis in (1, 3) if values.ndim == 4 and values.shape[axis] == ids]
        if not axes:
            raise UserError(
                f"the output {self.output.name} has the shape {values.shape}, but the map has "
                f"{ids} class ids: expected (1, ids, rows, columns) or (1, rows, columns, ids), "
                "with logits or probabilities"
            )
        if len(axes) == 2:
            axes = [1 if self.form.layout == "NCHW" else 3]
        return np.moveaxis(values, axes[0], -1)


def open_foreign_network(
    path: Path, settings: NetworkFile, classes: ClassSet, threads: int | None = None
) -> ForeignNetwork:
    """Open a file and complete what it states about its input by the settings.

    Args:
        path: An `.onnx`, `.tflite` or `.keras` file.
        settings: The content of MAP.yaml.
        classes: The data's classes.
        threads: As in `open_network_file`.

    Raises:
        UserError: The file cannot be opened, the settings lack what the file does not contain, or
            contradict it.
    """
    class_ids = settings.class_ids(classes)
    opened = open_network_file(path, threads)
    form, known = _input_format(path, opened, settings)
    return ForeignNetwork(
        opened=opened,
        form=form,
        known=known,
        class_ids=class_ids,
        num_classes=len(classes),
        output=_choose_output(path, opened.outputs, settings.output),
    )


def _choose_output(path: Path, outputs: Sequence[Tensor], name: str | None) -> Tensor:
    names = [each.name for each in outputs]
    if name is not None:
        check_choice(f"output in {path}:", name, names)
        return outputs[names.index(name)]
    if len(outputs) != 1:
        shown = ", ".join(f"{each.name} {_shape_text(each)}" for each in outputs)
        raise UserError(f"{path} has several outputs; name one of them in the map, output: {shown}")
    return outputs[0]


def _input_format(
    path: Path, opened: OpenedNetwork, settings: NetworkFile
) -> tuple[InputFormat, frozenset[str]]:
    """Return the format of the input, and its keys that the file itself contains."""
    facts = _input_facts(path, opened)
    given = {name: getattr(settings, name) for name in InputFormat.model_fields}
    for name, value in facts.items():
        if given[name] not in (None, value):
            raise UserError(
                f"{name}: the map has {given[name]}, but {path} itself has {value}: its input is "
                f"{_shape_text(opened.inputs[0])}. Correct the map, or leave {name} out"
            )
    complete = given | facts
    if missing := [name for name, value in complete.items() if value is None]:
        raise UserError(
            f"{path} does not contain the {', '.join(missing)} of its input "
            f"{_shape_text(opened.inputs[0])}; add to the map: {_examples(missing)}"
        )
    return InputFormat.model_validate(complete), frozenset(facts)


def _examples(names: Sequence[str]) -> str:
    examples = {
        "layout": "layout: NCHW or NHWC",
        "channels": "channels: RGB or BGR",
        "scaling": "scaling: imagenet, 0 to 1, -1 to 1, 0 to 255, or {mean: [R, G, B], std: "
        "[R, G, B]}",
        "size": "size: [ROWS, COLUMNS]",
    }
    return "; ".join(examples[name] for name in names)


def _input_facts(path: Path, opened: OpenedNetwork) -> dict[str, Any]:
    """Return what the file contains of the keys of `InputFormat`."""
    if len(opened.inputs) != 1:
        raise UserError(f"{path} has {len(opened.inputs)} inputs; expected one, an image")
    (tensor,) = opened.inputs
    shape, facts = tensor.shape, dict[str, Any](opened.facts)
    supported = tensor.dtype in DTYPES or tensor.scale > 0
    if len(shape) != 4 or shape[0] not in (None, 1) or not supported:
        raise UserError(
            f"{path} takes {tensor.dtype} {_shape_text(tensor)}; expected one colour image per "
            "call, or any number: (1, 3, rows, columns) or (1, rows, columns, 3), of floats or "
            "8-bit values"
        )
    colours = [axis for axis in (1, 3) if shape[axis] == COLOURS]
    possible = colours or [axis for axis in (1, 3) if shape[axis] is None]
    if not possible:
        raise UserError(f"{path} takes {_shape_text(tensor)}, which has no axis of 3 colours")
    if len(possible) == 1:
        facts["layout"] = "NCHW" if possible == [1] else "NHWC"
        sides = shape[2:] if possible == [1] else shape[1:3]
        if None not in sides:
            facts["size"] = sides
            if max(side or 0 for side in sides) > MAX_SIDE:
                raise UserError(f"{path} takes images of {sides}; at most {MAX_SIDE} pixels a side")
    if tensor.dtype in INTEGERS and not tensor.scale:
        facts["scaling"] = UNSCALED
    return facts


def _shape_text(tensor: Tensor) -> str:
    return f"({', '.join('any' if each is None else str(each) for each in tensor.shape)})"
