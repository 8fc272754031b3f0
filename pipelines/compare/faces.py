"""Test images beside their truth and what each architecture makes of them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.metrics import per_image_iou
from pipelines.compare.chart import WIDTH, Chart, readable
from pipelines.compare.collect import Final, Record
from pipelines.compare.formats import score
from pipelines.compare.plots import in_order, picture

MOST = 2.35  # inches of a picture's width
LEGEND = 6  # classes a line


def faces(record: Record, table: pd.DataFrame) -> Chart:
    """Draw a row an image: the image, the truth, and the first final of each architecture."""
    firsts = {each.name: each.finals[0] for each in in_order(record, table)}
    panel = next(iter(firsts.values())).panel
    titles = ["image", "truth", *firsts]
    shapes = [panel.images[name].shape for name in panel.ids]
    ratios = [shape[0] / shape[1] for shape in shapes]
    width = min(MOST, WIDTH / len(titles))
    lines = -(-len(record.classes) // LEGEND)
    height = width * sum(ratios) + 0.25 * len(ratios) + 0.25 * lines + 0.5
    figure = Figure(figsize=(width * len(titles) + 0.1, height), layout="constrained")
    axes = figure.subplots(
        len(panel.ids), len(titles), squeeze=False, gridspec_kw={"height_ratios": ratios}
    )
    scored = {name: image_scores(final, record.classes) for name, final in firsts.items()}
    for row, image in zip(axes, panel.ids, strict=True):
        _show(row[0], panel.images[image], image)
        _show(row[1], record.classes.colour(panel.truths[image]), "")
        for axis, (name, final) in zip(row[2:], firsts.items(), strict=True):
            mask = record.classes.colour(final.panel.predictions[image])
            _show(axis, mask, f"IoU {scored[name][image]}")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(readable(title), loc="center")
    _legend(figure, record.classes)
    seeds = "" if len(record.contenders[0].finals) == 1 else " (of its first seed)"
    return Chart(
        "predictions",
        "Test images, their truth, and each network's mask",
        f"Compare each network's mask{seeds} with the truth in the smallest parts and along the "
        "outlines; the IoU below a mask is that image's own, over the classes its truth shows.",
        f"{len(panel.ids)} test images, each beside the true mask and the masks of "
        f"{', '.join(firsts)}, classes in colour.",
        figure,
        vector=False,
    )


def image_scores(final: Final, classes: ClassSet) -> dict[str, str]:
    """Return each test image's IoU as text; a dash where its truth is all background."""
    values = per_image_iou(final.tested.counts, classes)
    return {name: score(float(value)) for name, value in zip(final.tested.ids, values, strict=True)}


def _show(axis: Axes, pixels: NDArray[np.uint8], below: str) -> None:
    picture(axis, pixels)
    axis.set_xlabel(below if len(below) <= 30 else f"{below[:14]}…{below[-14:]}", fontsize=8.5)


def _legend(figure: Figure, classes: ClassSet) -> None:
    handles = [
        Patch(facecolor=(red / 255, green / 255, blue / 255), edgecolor="0.5", label=readable(name))
        for name, (red, green, blue) in zip(classes.names, classes.palette, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND, fontsize=9)
