"""The chart of a search with several goals: every trial's score over its cost, and the front."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from pipelines.compare.analysis.search_front import NEAR, front_sentences, search_fronts
from pipelines.compare.figures.chart import WIDTH, Chart
from pipelines.compare.figures.styles import series_styles
from pipelines.compare.formatting import format_count
from pipelines.compare.study_data.study_results import ComparedStudy
from pipelines.config.goals import COSTS

RETENTION = "occlusion/retention"
AREAS = (25.0, 160.0)  # of a point, for a retention of 0 and of 1


def front_chart(study: ComparedStudy, table: pd.DataFrame) -> Chart | None:
    """Draw the trials of each search, those that are not on the front in grey.

    Returns:
        The chart; None if the search has no goals.
    """
    fronts = search_fronts(study)
    if not fronts:
        return None
    names = [goal.name for goal in fronts[0].goals.objectives]
    cost = next((name for name in (*names[1:], *COSTS) if name in COSTS), COSTS[0])
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axis = figure.subplots()
    styles = series_styles(table)
    for front in fronts:
        style = styles[front.name]
        for index, trial in enumerate(front.trials):
            retention = min(1.0, max(0.0, trial.metrics.get(RETENTION, 0.0)))
            on_front = front.ranks[index] == 0
            axis.scatter(
                trial.metrics[cost],
                trial.value,
                s=AREAS[0] + retention * (AREAS[1] - AREAS[0]),
                marker=style.marker,
                color=style.colour if on_front else "0.75",
                zorder=3 if on_front else 2,
                label=front.name if index == front.front[0] else None,
            )
            marks = {"knee": front.knee, f"cheapest within {NEAR:g}": front.near}
            words = [text for text, number in marks.items() if number == trial.number]
            if words:
                axis.annotate(
                    ", ".join(words),
                    (trial.metrics[cost], trial.value),
                    xytext=(9, -3),
                    textcoords="offset points",
                    fontsize=8,
                )
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.25, y=0.15)
    axis.set_xlabel({"model/macs": "multiply-accumulates"}.get(cost, "parameters"))
    axis.set_ylabel("validation IoU")
    if len(fronts) > 1:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)  # covers no point
    return Chart(
        name="front",
        title="The front of the search",
        caption=" ".join(front_sentences(fronts))
        + " The chart shows every complete trial of the search that keeps to the bounds: its "
        "validation IoU over its cost. "
        f"Markers on the front of {', '.join(names)} have the colour of their "
        "network, others are grey; a larger marker keeps more of its IoU under occlusion. Scores "
        "are of single trainings, so part of the best one is chance.",
        alt=f"Scatter plot of validation IoU over {cost} of the trials.",
        figure=figure,
    )
