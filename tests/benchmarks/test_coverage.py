"""The benchmark of the intervals at small size: they contain the truth as often as they should."""

import pytest

from tests.benchmarks.coverage import HEADING, SCENARIOS, coverage, row
from tests.benchmarks.simulated_studies import Scenario

# The standard error of 95 % of 250 studies is 1.4 %; the limits are three times that.
LEAST, MOST = 0.908, 0.992


@pytest.mark.parametrize(
    ("training", "plain_most"), [(0.0, 1.0), (0.2, 0.87)], ids=["no noise", "much noise"]
)
def test_intervals_hold_the_truth(training, plain_most):
    scenario = Scenario("small", photos=60, training=training)
    found = coverage(scenario, studies=250, resamples=400)
    assert LEAST < found.fixed < MOST
    assert LEAST < found.fixed_difference < MOST
    assert LEAST < found.whole < MOST
    assert LEAST < found.whole_difference < MOST
    assert found.plain < plain_most
    assert found.supported <= 0.05
    if not training:
        assert found.ranked < 1 - LEAST


def test_the_table_has_a_line_a_scenario():
    found = coverage(SCENARIOS[0], studies=2, resamples=20)
    assert len(row(SCENARIOS[0], found)) == max(map(len, HEADING.splitlines()))
