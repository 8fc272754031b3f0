"""An inspection as HTML. Pictures are in it as data: nothing of them is left on the disk."""

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


@dataclass(frozen=True)
class RenderedImage:
    """A photograph and its labels as addresses of data, and what their files are called.

    layer: the colours of the foreground on nothing, to be laid over the photograph.
    """

    photograph: str
    layer: str
    mask: str
    name: str
    size: tuple[int, int]


@dataclass(frozen=True)
class ClassRow:
    """A class: its colour, and the texts of its shares; `worst` if it lost most."""

    name: str
    colour: str
    before: str
    after: str
    lost: str
    worst: bool


def render(inspection: Inspection, photograph: UploadedPhotograph) -> str:
    """Return the cards of an inspection, one a network."""
    cards = [
        {
            "network": finding.network,
            "before": _picture(finding.network, finding.before, "labels"),
            "after": finding.after and _picture(finding.network, finding.after, "occluded"),
            "rows": class_rows(finding, inspection.results[0]),
            "damage": finding.effect
            and describe_effect(finding.effect, finding.network.predictor.classes),
        }
        for finding in inspection.results
    ]
    return _template("result.html.j2").render(
        cards=cards,
        coverage=inspection.occlusion and percent(inspection.occlusion.coverage),
        no_face=inspection.occlusion is not None and not inspection.occlusion.mask.any(),
        placed_by=inspection.placed_by.title,
        photograph=photograph,
        longest=MAX_SIDE,
    )


def render_error(sentence: str) -> str:
    """Return what stands where the result would, if there is none."""
    return _template("problem.html.j2").render(sentence=sentence)


def render_static(name: str) -> str:
    """Return a part of the page that is always the same."""
    return _template(f"{name}.html.j2").render()


def class_rows(finding: NetworkResult, first: NetworkResult) -> list[ClassRow]:
    """Return the classes, those with most pixels by the first network first, for all alike."""
    classes = finding.network.predictor.classes
    order = sorted(range(len(classes)), key=lambda each: -first.before.shares[classes.names[each]])
    found = []
    for each in order:
        name = classes.names[each]
        found.append(
            ClassRow(
                name=readable_name(name),
                colour="#{:02x}{:02x}{:02x}".format(*classes.palette[each]),
                before=percent(finding.before.shares[name]),
                after=percent(finding.after.shares[name]) if finding.after else "",
                lost=percent(finding.effect.lost[each], 0) if finding.effect else "",
                worst=finding.effect is not None and finding.effect.worst == each,
            )
        )
    return found


def describe_effect(hurt: OcclusionEffect, classes: ClassSet) -> list[tuple[str, str]]:
    """Put damage into words: a figure and what it is a figure of, each."""
    told = [(percent(hurt.changed), "of the pixels still in view changed their label")]
    if hurt.worst is not None:
        name = readable_name(classes.names[hurt.worst])
        told.append(
            (
                percent(hurt.lost[hurt.worst], 0),
                f"of the visible {name} lost, more than of any other class",
            )
        )
    if not math.isnan(hurt.still_face):
        told.append((percent(hurt.still_face, 0), "of what is covered is called face all the same"))
    return told


def readable_name(name: str) -> str:
    """Return the name of a class or a kind for people."""
    return name.replace("_", " ")


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage; a dash for none, `< 0.1 %` for what would look like 0."""
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
    """Return the labels' colours as a PNG in which the background is not there."""
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
