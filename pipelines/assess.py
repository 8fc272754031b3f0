"""A predictor assessed: the robustness suites and, of a final, the test; everything is said.

What a trained network and the ensemble of several have in common.
"""

from pathlib import Path

from faceseg.evaluation import evaluate
from faceseg.predictor import Predictor
from faceseg.records import Records
from faceseg.slices import facts_of
from faceseg.stopwatch import Stopwatch
from pipelines import phases, robustness, scoring
from pipelines.context import Context
from pipelines.figures import predictions_figure
from pipelines.panel import write_panel
from pipelines.search.job import Kind
from pipelines.tracking import Outbox


def assess(
    context: Context,
    kind: Kind,
    predictor: Predictor,
    outbox: Outbox,
    folder: Path,
    *,
    at: float,
    threads: int,
    clock: Stopwatch | None = None,
) -> dict[str, float]:
    """Assess a trial on validation images, a final on test images; return the final values.

    Writes confusion.npz, the suites' tables, figures/predictions.png and, of a final, panel.npz
    into `folder`; logs the suites' curves.
    at: the time of the points (seconds since 1970); the same each time stores them once.
    """
    clock = clock or Stopwatch()
    classes = context.experiment.data.class_set
    split, limit = robustness.images(context, kind)
    predictions_figure(predictor, split, folder / "figures" / "predictions.png")
    with clock.phase(phases.ROBUSTNESS):
        conditions = robustness.run(context, kind, predictor, threads)
        rows = scoring.tables(conditions, classes)
        robustness.say(rows, outbox, at)
        robustness.write(rows, folder)
        blind = robustness.blind(context, kind)
        values = scoring.summaries(rows, blind)
    if kind == "final":
        with clock.phase(phases.TESTING):
            tested = evaluate(predictor, split)
            values |= scoring.test_scores(tested, classes)
            write_panel(folder / "panel.npz", predictor, split, tested)
        records = Records(split.ids, conditions, blind, tested, facts_of(split, classes))
    else:
        records = Records(split.ids[:limit], conditions, blind)
    records.write(folder / "confusion.npz")
    return values
