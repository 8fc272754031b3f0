"""Pictures for the tracker: drawn with matplotlib's objects, never its global state."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from faceseg.classes import ClassSet
from faceseg.data.split import Split
from faceseg.predictor import Predictor
from pipelines.panel import chosen


def predictions_figure(predictor: Predictor, split: Split, path: Path) -> None:
    """Draw a few images of a split: one row an image, then its truth and its prediction."""
    places = chosen(len(split))[:4]
    height = 2 * len(places) + 0.9  # inches; room for the titles above and the legend below
    figure = Figure(figsize=(6.2, height))  # laid out by hand: a solver takes 0.1 s a figure
    axes = figure.subplots(len(places), 3, squeeze=False)
    figure.subplots_adjust(0.01, 0.62 / height, 0.99, 1 - 0.25 / height, wspace=0.03, hspace=0.12)
    for row, place in zip(axes, places, strict=True):
        image, truth = split.original(place)
        classes = predictor.classes
        pictures = (image, classes.colour(truth), classes.colour(predictor.predict(image)))
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
        row[0].set_title(split.ids[place], fontsize=7, loc="left")
    for axis, title in zip(axes[0], ("image", "truth", "prediction"), strict=True):
        axis.set_title(title, fontsize=9)
    figure.legend(handles=legend(predictor.classes), loc="lower center", ncols=4, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def legend(classes: ClassSet) -> Sequence[Patch]:
    """Return a coloured patch for each class."""
    colours = [(red / 255, green / 255, blue / 255) for red, green, blue in classes.palette]
    return [
        Patch(facecolor=colour, edgecolor="0.5", label=name)
        for name, colour in zip(classes.names, colours, strict=True)
    ]
