"""Render an inspection as HTML. Images are embedded as data URLs, so no file of them is left."""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from PIL import Image

from faceseg.data.classes import ClassSet
from pipelines.demo.inspection import Inspection, LabelledImage, NetworkResult, OcclusionEffect
from pipelines.demo.networks import DemoNetwork
from pipelines.demo.photograph import MAX_SIDE, Pixels, UploadedPhotograph
from pipelines.predict.results import palette_png

TEMPLATES = Path(__file__).parent / "templates"
JPEG_QUALITY = 88


@dataclass(frozen=True, kw_only=True)
class RenderedImage:
    """A photograph and its labels as data URLs.

    Attributes:
        photograph: The photograph.
        layer: The colours of the foreground on a transparent background, to overlay on it.
        mask: The label map.
        name: The name under which the files are downloaded.
        size: Rows and columns.
    """

    photograph: str
    layer: str
    mask: str
    name: str
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A row of a card's table: a class, its colour and the texts of its shares.

    `worst` marks the class that lost the largest share.
    """

    name: str
    colour: str
    before: str
    after: str
    lost: str
    worst: bool


def render(inspection: Inspection, photograph: UploadedPhotograph) -> str:
    """Return the cards of an inspection, one per network."""
    cards = [
        {
            "network": result.network,
            "before": _picture(result.network, result.before, "labels"),
            "after": result.after and _picture(result.network, result.after, "occluded"),
            "rows": class_rows(result, inspection.results[0]),
            "damage": result.effect
            and describe_effect(result.effect, result.network.predictor.classes),
        }
        for result in inspection.results
    ]
    return _template("result.html.j2").render(
        cards=cards,
        faces=inspection.faces,
        coverage=inspection.occlusion and percent(inspection.occlusion.coverage),
        no_face=inspection.occlusion is not None and not inspection.occlusion.mask.any(),
        placed_by=inspection.placed_by.title,
        photograph=photograph,
        longest=MAX_SIDE,
    )


def render_error(sentence: str) -> str:
    """Return an error message as HTML, to show instead of the result."""
    return _template("problem.html.j2").render(sentence=sentence)


def render_static(name: str) -> str:
    """Return a part of the page that never changes."""
    return _template(f"{name}.html.j2").render()


def class_rows(result: NetworkResult, first: NetworkResult) -> list[ClassRow]:
    """Return the rows of the classes, sorted by their share of `first`, the first network."""
    classes = result.network.predictor.classes
    order = sorted(range(len(classes)), key=lambda each: -first.before.shares[classes.names[each]])
    found = []
    for each in order:
        name = classes.names[each]
        found.append(
            ClassRow(
                name=readable_name(name),
                colour="#{:02x}{:02x}{:02x}".format(*classes.palette[each]),
                before=percent(result.before.shares[name]),
                after=percent(result.after.shares[name]) if result.after else "",
                lost=percent(result.effect.lost[each], 0) if result.effect else "",
                worst=result.effect is not None and result.effect.worst == each,
            )
        )
    return found


def describe_effect(effect: OcclusionEffect, classes: ClassSet) -> list[tuple[str, str]]:
    """Describe the effect of an occluder in pairs of a figure and its meaning."""
    text = [(percent(effect.changed), "of the visible pixels changed their label")]
    if effect.worst is not None:
        name = readable_name(classes.names[effect.worst])
        text.append(
            (
                percent(effect.lost[effect.worst], 0),
                f"of the visible {name} lost, more than of any other class",
            )
        )
    if not math.isnan(effect.still_face):
        text.append(
            (percent(effect.still_face, 0), "of the covered pixels are still labelled face")
        )
    return text


def readable_name(name: str) -> str:
    """Return the name of a class or a kind without underscores."""
    return name.replace("_", " ")


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage: a dash for NaN, `< 0.1 %` for a share that rounds to 0."""
    if math.isnan(share):
        return "\N{EN DASH}"
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"< {least:.{digits}f}\N{NO-BREAK SPACE}%"
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _picture(network: DemoNetwork, labelled: LabelledImage, what: str) -> RenderedImage:
    classes = network.predictor.classes
    rows, columns = labelled.labels.shape
    return RenderedImage(
        photograph=_data_url(_jpeg(labelled.image), "jpeg"),
        layer=_data_url(_layer_png(labelled.labels, classes), "png"),
        mask=_data_url(palette_png(labelled.labels, classes), "png"),
        name=f"{network.title.replace('/', '-').replace(' ', '-')}-{what}",
        size=(rows, columns),
    )


def _layer_png(labels: Pixels, classes: ClassSet) -> bytes:
    """Return the labels' colours as a PNG with a transparent background."""
    picture = Image.fromarray(labels)
    picture.putpalette([channel for colour in classes.palette for channel in colour])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def _jpeg(image: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _data_url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
