"""What a comparison cannot do without, and the scores that truly have no value.

A metric that is not in MLflow is an error, unless the final's own records say that it is a
ratio of nothing to nothing: a class that no test image shows, a precision where nothing was
predicted, a retention where there was nothing to retain. An ensemble is not trained: it has no
settings, no curves and no time of training.
"""

import math

from faceseg.errors import UserError
from pipelines.compare.collect import Final, Record, recomputed

HISTORY = ("epoch", "train/loss", "val/loss", "val/iou")
OF_TRAINING = ("seconds/training", "epochs")


def refuse_gaps(record: Record, metrics: tuple[str, ...], params: tuple[str, ...]) -> None:
    """Raise UserError naming every cell that a final lacks, the run and the architecture."""
    for contender in record.contenders:
        wanted = [name for name in metrics if contender.is_trained or name not in OF_TRAINING]
        for final in contender.finals:
            again = recomputed(final, record.classes)
            missing = [
                name
                for name in wanted
                if math.isnan(value(final, name)) and not math.isnan(again.get(name, 0.0))
            ]
            if contender.is_trained:
                missing += [name for name in params if name not in final.params]
                missing += [
                    f"the curve {name}" for name in HISTORY if name not in final.history.columns
                ]
            if missing:
                raise UserError(
                    f"the comparison of {record.study} lacks {', '.join(missing)} of "
                    f"{contender.name} (run {final.run_id}); run the study again"
                )


def value(final: Final, metric: str) -> float:
    """Return a metric; NaN where it has no value."""
    return final.metrics.get(metric, math.nan)
