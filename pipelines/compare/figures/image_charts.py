"""Test images beside their truth and what each architecture makes of them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import MIN_PRESENT_PIXELS, Counts, class_iou, per_image_iou
from pipelines.compare.figures.chart import WIDTH, Chart, ranked_models, show_image
from pipelines.compare.formatting import format_score, readable_name
from pipelines.compare.study_data.study_results import FinalRun, StudyResults

MAX_IMAGE_WIDTH = 2.35  # inches of a picture's width
LEGEND_COLUMNS = 6  # classes a line


def prediction_images(record: StudyResults, table: pd.DataFrame) -> Chart:
    """Draw a row an image: the image, the truth, and the first final of each architecture."""
    firsts = {each.name: each.finals[0] for each in ranked_models(record, table)}
    panel = next(iter(firsts.values())).panel
    titles = ["image", "truth", *firsts]
    shapes = [panel.images[name].shape for name in panel.ids]
    ratios = [shape[0] / shape[1] for shape in shapes]
    width = min(MAX_IMAGE_WIDTH, WIDTH / len(titles))
    lines = -(-len(record.classes) // LEGEND_COLUMNS)
    height = width * sum(ratios) + 0.25 * len(ratios) + 0.25 * lines + 0.5
    figure = Figure(figsize=(width * len(titles) + 0.1, height), layout="constrained")
    axes = figure.subplots(
        len(panel.ids), len(titles), squeeze=False, gridspec_kw={"height_ratios": ratios}
    )
    scored = {name: image_scores(final, record.classes) for name, final in firsts.items()}
    for row, image in zip(axes, panel.ids, strict=True):
        _show_captioned(row[0], panel.images[image], image)
        _show_captioned(row[1], record.classes.colour(panel.truths[image]), "")
        for axis, (name, final) in zip(row[2:], firsts.items(), strict=True):
            mask = record.classes.colour(final.panel.predictions[image])
            _show_captioned(axis, mask, f"IoU {scored[name][image]}")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(readable_name(title), loc="center")
    _legend(figure, record.classes)
    seeds = "" if len(record.models[0].finals) == 1 else " (of its first seed)"
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


def image_scores(final: FinalRun, classes: ClassSet) -> dict[str, str]:
    """Return each test image's IoU as text; a dash where its truth is all background."""
    values = per_image_iou(final.tested.counts, classes)
    return {
        name: format_score(float(value))
        for name, value in zip(final.tested.ids, values, strict=True)
    }


def _show_captioned(axis: Axes, pixels: NDArray[np.uint8], below: str) -> None:
    show_image(axis, pixels)
    axis.set_xlabel(below if len(below) <= 30 else f"{below[:14]}…{below[-14:]}", fontsize=8.5)


def _legend(figure: Figure, classes: ClassSet) -> None:
    handles = [
        Patch(
            facecolor=(red / 255, green / 255, blue / 255),
            edgecolor="0.5",
            label=readable_name(name),
        )
        for name, (red, green, blue) in zip(classes.names, classes.palette, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=9)


# --- The worst test images of each network, as pictures, and which part was lost on them.

IMAGES_PER_MODEL = 3  # images of a network, each with truth and mask
GAP = 0.12  # of a picture's width, between two images


def describe_lost_class(counts: Counts, classes: ClassSet) -> str:
    """Say which class of one image (C, C) was lost: taken for another, or drawn over it.

    It is the class of the lowest IoU among those the truth shows in 16 pixels or more (if
    there is one), the larger of equals.
    """
    pixels, iou = counts.sum(axis=1), class_iou(counts)
    shown = [place for place in range(1, len(classes)) if pixels[place] > 0]
    clear = [place for place in shown if pixels[place] >= MIN_PRESENT_PIXELS] or shown
    if not clear:
        return "its truth is all background"
    worst = min(clear, key=lambda place: (iou[place], -pixels[place]))
    text = f"{readable_name(classes.names[worst])}: IoU {iou[worst]:.2f}"
    missed, added = counts[worst].copy(), counts[:, worst].copy()
    missed[worst] = added[worst] = 0
    if added.sum() > missed.sum():
        return f"{text}, drawn over {readable_name(classes.names[int(added.argmax())])}"
    if not missed.any():
        return text
    other = int(missed.argmax())
    share = missed[other] / pixels[worst]
    return f"{text}, {100 * share:.0f} % taken for {readable_name(classes.names[other])}"


def failure_images(record: StudyResults, table: pd.DataFrame) -> Chart | None:
    """Draw a row a network: its worst images, each with the truth and its mask."""
    finals = {each.name: each.finals[0] for each in ranked_models(record, table)}
    shown = {name: final for name, final in finals.items() if final.panel.worst}
    if not shown:
        return None
    side = WIDTH / (3 * IMAGES_PER_MODEL + GAP * (IMAGES_PER_MODEL - 1) + 0.4)
    ratio = max(
        final.panel.images[image].shape[0] / final.panel.images[image].shape[1]
        for final in shown.values()
        for image in final.panel.worst[:IMAGES_PER_MODEL]
    )
    figure = Figure(figsize=(WIDTH, len(shown) * (side * ratio + 0.75) + 0.1))
    widths = [1, 1, 1, GAP] * (IMAGES_PER_MODEL - 1) + [1, 1, 1]
    grid = figure.add_gridspec(
        len(shown), len(widths), width_ratios=widths, left=0.035, right=0.999, top=0.95,
        bottom=0.08, wspace=0.03, hspace=0.42,
    )  # fmt: skip
    for row, (name, final) in enumerate(shown.items()):
        for block, image in enumerate(final.panel.worst[:IMAGES_PER_MODEL]):
            axes = [figure.add_subplot(grid[row, 4 * block + part]) for part in range(3)]
            _draw_triplet(axes, final, image, record.classes)
            if block == 0:
                axes[0].set_ylabel(name, fontsize=10.5, fontweight="bold")
    return Chart(
        "failures",
        "Where they fail",
        "The worst test images of each network (of its first seed): image, truth, mask. Below: the "
        "image's own IoU, and the part that was lost most.",
        f"The worst test images of {', '.join(shown)}, each with the truth and the mask.",
        figure,
        vector=False,
    )


def _draw_triplet(axes: list[Axes], final: FinalRun, image: str, classes: ClassSet) -> None:
    panel, place = final.panel, final.tested.ids.index(image)
    counts = final.tested.counts[place]
    shown = (
        panel.images[image],
        classes.colour(panel.truths[image]),
        classes.colour(panel.predictions[image]),
    )
    for axis, pixels in zip(axes, shown, strict=True):
        show_image(axis, pixels)
    value = float(per_image_iou(counts[None], classes)[0])
    short = image if len(image) <= 28 else f"{image[:13]}…{image[-13:]}"
    axes[1].set_xlabel(
        f"{short}, IoU {value:.3f}\n{describe_lost_class(counts, classes)}", fontsize=8.5
    )
