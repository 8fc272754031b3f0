"""The page of an audit: one self-contained HTML file, without scripts or external files."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.classes import IGNORE
from faceseg.evaluation.label_audit import REASONS, Suspicion
from pipelines.audit.results import AuditedLabels

Pixels = NDArray[np.uint8]

JPEG_QUALITY = 88
DIFFERENT = (220, 38, 38)
DARKENED = 0.45  # of the brightness, where labels and prediction agree


def render_page(audited: AuditedLabels, shown: Sequence[Suspicion]) -> str:
    """Return the page with the images `shown`, in their order."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    classes = audited.experiment.data.class_set
    counts = Counter(each.reason for each in shown)
    return environment.get_template("page.html.j2").render(
        name=audited.experiment.name,
        facts=_facts(audited, len(shown)),
        reasons=[
            {"reason": reason, "count": counts[reason], "meaning": meaning}
            for reason, meaning in REASONS.items()
            if counts[reason]
        ],
        classes=[
            {"name": name.replace("_", " "), "colour": "#{:02x}{:02x}{:02x}".format(*colour)}
            for name, colour in zip(classes.names, classes.palette, strict=True)
        ],
        cards=[_card(audited, place, each) for place, each in enumerate(shown, start=1)],
        version=f"faceseg {version('faceseg')}",
    )


def _facts(audited: AuditedLabels, shown: int) -> list[str]:
    splits = ", ".join(f"{len(split)} {split.name}" for split in audited.images.splits)
    height, width = audited.experiment.data.image_size
    return [
        f"{shown} of {len(audited.images)} images",
        splits,
        f"{len(audited.predictions)} folds",
        f"network {audited.network}",
        f"median IoU {np.median(audited.evidence.iou):.2f}",
        f"{width} × {height} pixels",  # noqa: RUF001  # the multiplication sign
    ]


def _card(audited: AuditedLabels, place: int, suspicion: Suspicion) -> dict[str, Any]:
    classes = audited.experiment.data.class_set
    image, labels = audited.images.pair(suspicion.index)
    prediction = audited.prediction(suspicion.index)
    different = (labels != prediction) & (labels != IGNORE)
    return {
        "place": place,
        "file": audited.files[suspicion.index],
        "reason": suspicion.reason,
        "details": suspicion.details,
        "score": f"{suspicion.score:.2f}",
        "share": f"{100 * different.mean():.1f} %",
        "image": _data_url(image, "JPEG"),
        "labels": _data_url(classes.colour(labels), "PNG"),
        "prediction": _data_url(classes.colour(prediction), "PNG"),
        "difference": _data_url(difference_picture(image, different), "JPEG"),
    }


def difference_picture(image: Pixels, different: NDArray[np.bool_]) -> Pixels:
    """Return an image (H, W, 3), darkened, with the pixels of a mask (H, W) in red."""
    picture: Pixels = np.rint(DARKENED * image).astype(np.uint8)
    picture[different] = DIFFERENT
    return picture


def _data_url(picture: Pixels, kind: Literal["JPEG", "PNG"]) -> str:
    """Return a picture (H, W, 3) as a data URL."""
    options: dict[str, Any] = {"quality": JPEG_QUALITY} if kind == "JPEG" else {"optimize": True}
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
