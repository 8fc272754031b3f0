"""The worst test images of each network, as pictures, and which part was lost on them."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceseg.classes import ClassSet
from faceseg.metrics import PRESENT_PIXELS, Counts, class_iou, per_image_iou
from pipelines.compare.chart import WIDTH, Chart, readable
from pipelines.compare.collect import Final, Record
from pipelines.compare.plots import in_order, picture

BLOCKS = 3  # images of a network, each with truth and mask
GAP = 0.12  # of a picture's width, between two images


def lost(counts: Counts, classes: ClassSet) -> str:
    """Say which class of one image (C, C) was lost: taken for another, or drawn over it.

    It is the class of the lowest IoU among those the truth shows in 16 pixels or more (if
    there is one), the larger of equals.
    """
    pixels, iou = counts.sum(axis=1), class_iou(counts)
    shown = [place for place in range(1, len(classes)) if pixels[place] > 0]
    clear = [place for place in shown if pixels[place] >= PRESENT_PIXELS] or shown
    if not clear:
        return "its truth is all background"
    worst = min(clear, key=lambda place: (iou[place], -pixels[place]))
    text = f"{readable(classes.names[worst])}: IoU {iou[worst]:.2f}"
    missed, added = counts[worst].copy(), counts[:, worst].copy()
    missed[worst] = added[worst] = 0
    if added.sum() > missed.sum():
        return f"{text}, drawn over {readable(classes.names[int(added.argmax())])}"
    if not missed.any():
        return text
    other = int(missed.argmax())
    share = missed[other] / pixels[worst]
    return f"{text}, {100 * share:.0f} % taken for {readable(classes.names[other])}"


def failures(record: Record, table: pd.DataFrame) -> Chart | None:
    """Draw a row a network: its worst images, each with the truth and its mask."""
    finals = {each.name: each.finals[0] for each in in_order(record, table)}
    shown = {name: final for name, final in finals.items() if final.panel.worst}
    if not shown:
        return None
    side = WIDTH / (3 * BLOCKS + GAP * (BLOCKS - 1) + 0.4)
    ratio = max(
        final.panel.images[image].shape[0] / final.panel.images[image].shape[1]
        for final in shown.values()
        for image in final.panel.worst[:BLOCKS]
    )
    figure = Figure(figsize=(WIDTH, len(shown) * (side * ratio + 0.75) + 0.1))
    widths = [1, 1, 1, GAP] * (BLOCKS - 1) + [1, 1, 1]
    grid = figure.add_gridspec(
        len(shown), len(widths), width_ratios=widths, left=0.035, right=0.999, top=0.95,
        bottom=0.08, wspace=0.03, hspace=0.42,
    )  # fmt: skip
    for row, (name, final) in enumerate(shown.items()):
        for block, image in enumerate(final.panel.worst[:BLOCKS]):
            axes = [figure.add_subplot(grid[row, 4 * block + part]) for part in range(3)]
            _block(axes, final, image, record.classes)
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


def _block(axes: list[Axes], final: Final, image: str, classes: ClassSet) -> None:
    panel, place = final.panel, final.tested.ids.index(image)
    counts = final.tested.counts[place]
    shown = (
        panel.images[image],
        classes.colour(panel.truths[image]),
        classes.colour(panel.predictions[image]),
    )
    for axis, pixels in zip(axes, shown, strict=True):
        picture(axis, pixels)
    value = float(per_image_iou(counts[None], classes)[0])
    short = image if len(image) <= 28 else f"{image[:13]}…{image[-13:]}"
    axes[1].set_xlabel(f"{short}, IoU {value:.3f}\n{lost(counts, classes)}", fontsize=8.5)
