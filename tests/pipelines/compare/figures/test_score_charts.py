"""The Pareto front, worked by hand."""

import math

from pipelines.compare.figures.score_charts import pareto_front


def test_the_front_contains_the_points_that_no_other_beats():
    # The second costs more than the first and is worse; the third costs more and is better;
    # the fourth costs the same as the third and is worse.
    assert pareto_front([1.0, 2.0, 3.0, 3.0], [0.5, 0.4, 0.9, 0.8]) == [0, 2]
    assert pareto_front([1.0, 1.0], [0.5, 0.5]) == [0, 1]  # equal points do not beat each other
    assert pareto_front([math.nan, 1.0], [0.9, 0.5]) == [1]  # a cost that is not known
