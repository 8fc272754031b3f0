"""Charts of test images with true and predicted masks: fixed examples, and the worst images."""

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
from pipelines.compare.study_data.study_results import ComparedStudy, FinalRun

MAX_IMAGE_WIDTH = 2.35  # inches
MAX_MASKS_PER_LINE = 5  # of one image; more are shown below each other
LEGEND_COLUMNS = 6  # classes per row


def prediction_images(study: ComparedStudy, table: pd.DataFrame) -> Chart:
    """Draw one row per image: the image, the true mask, and the mask of each model's first run."""
    firsts = {model.name: model.finals[0] for model in ranked_models(study, table)}
    panel = next(iter(firsts.values())).panel
    columns = 2 + min(len(firsts), MAX_MASKS_PER_LINE)
    lines = -(-len(firsts) // MAX_MASKS_PER_LINE)  # of masks below each other, for each image
    ratios = [shape[0] / shape[1] for shape in (panel.images[each].shape for each in panel.ids)]
    width = min(MAX_IMAGE_WIDTH, WIDTH / columns)
    rows = lines * len(ratios)
    legend_lines = -(-len(study.classes) // LEGEND_COLUMNS)
    named = len(ratios) if lines > 1 else 1  # how often a line of names stands above masks
    height = width * lines * sum(ratios) + 0.25 * (rows + legend_lines + named * lines) + 0.25
    figure = Figure(figsize=(width * columns + 0.1, height), layout="constrained")
    heights = [ratio for ratio in ratios for _ in range(lines)]
    grid = figure.add_gridspec(rows, columns, height_ratios=heights)
    scores = {name: image_scores(final, study.classes) for name, final in firsts.items()}
    for number, image in enumerate(panel.ids):
        cells = [(number * lines, 0, "image", panel.images[image], image)]
        truth = study.classes.colour(panel.truths[image])
        cells.append((number * lines, 1, "truth", truth, ""))
        for index, (name, final) in enumerate(firsts.items()):
            line, column = divmod(index, MAX_MASKS_PER_LINE)
            mask = study.classes.colour(final.panel.predictions[image])
            score = f"IoU {scores[name][image]}"
            cells.append((number * lines + line, 2 + column, name, mask, score))
        for row, column, title, pixels, below in cells:
            axis = figure.add_subplot(grid[row, column])
            _show_captioned(axis, pixels, below)
            if number == 0 or lines > 1:
                axis.set_title(readable_name(title), loc="center")
    _legend(figure, study.classes)
    seeds = "" if len(study.models[0].finals) == 1 else " (from its first seed)"
    return Chart(
        name="predictions",
        title="Test images with true and predicted masks",
        caption=f"Compare each network's mask{seeds} with the truth at the smallest parts and "
        "along the outlines. The IoU below a mask is that of this image, over the classes that "
        "its true mask contains.",
        alt=f"{len(panel.ids)} test images, each beside the true mask and the masks of "
        f"{', '.join(firsts)}, classes in colour.",
        figure=figure,
        vector=False,
    )


def image_scores(final: FinalRun, classes: ClassSet) -> dict[str, str]:
    """Return each test image's IoU as text, a dash where its true mask is all background."""
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


# --- The worst test images of each model, and the class that it missed there.

IMAGES_PER_MODEL = 3  # each with its true and its predicted mask
GAP = 0.12  # between two images, as a share of an image's width


def describe_lost_class(counts: Counts, classes: ClassSet) -> str:
    """Describe the worst class of one image and the class with which it was confused.

    Args:
        counts: The image's confusion matrix, (C, C) for C classes.
        classes: The class set.

    Returns:
        The class of the lowest IoU among those with at least `MIN_PRESENT_PIXELS` true pixels
        (or among all present, if none has); the larger one of equals. Then the class that
        most of its missed or wrongly added pixels belong to.
    """
    pixels, iou = counts.sum(axis=1), class_iou(counts)
    present = [index for index in range(1, len(classes)) if pixels[index] > 0]
    clear = [index for index in present if pixels[index] >= MIN_PRESENT_PIXELS] or present
    if not clear:
        return "the true mask is all background"
    worst = min(clear, key=lambda index: (iou[index], -pixels[index]))
    text = f"{readable_name(classes.names[worst])}: IoU {iou[worst]:.2f}"
    missed, added = counts[worst].copy(), counts[:, worst].copy()
    missed[worst] = added[worst] = 0
    if added.sum() > missed.sum():
        return f"{text}, also predicted on {readable_name(classes.names[int(added.argmax())])}"
    if not missed.any():
        return text
    other = int(missed.argmax())
    share = missed[other] / pixels[worst]
    return f"{text}, {100 * share:.0f} % predicted as {readable_name(classes.names[other])}"


def failure_images(study: ComparedStudy, table: pd.DataFrame) -> Chart | None:
    """Draw one row per model: its worst images, each with the true and the predicted mask.

    Returns:
        The chart; None if no run recorded its worst images.
    """
    finals = {model.name: model.finals[0] for model in ranked_models(study, table)}
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
            _draw_triplet(axes, final, image, study.classes)
            if block == 0:
                axes[0].set_ylabel(name, fontsize=10.5, fontweight="bold")
    return Chart(
        name="failures",
        title="The worst test images",
        caption="The test images with the lowest IoU of each network (of its first seed): image, "
        "true mask, predicted mask. The text below an image contains its IoU and its worst class.",
        alt=f"The worst test images of {', '.join(shown)}, each with the true and the predicted "
        "mask.",
        figure=figure,
        vector=False,
    )


def _draw_triplet(axes: list[Axes], final: FinalRun, image: str, classes: ClassSet) -> None:
    panel = final.panel
    counts = final.tested.counts[final.tested.ids.index(image)]
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
