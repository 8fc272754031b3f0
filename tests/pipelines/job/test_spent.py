"""Sums, prices and words of what was spent, worked by hand."""

import pytest

from pipelines.config.costs import Prices
from pipelines.job.spent import Spent, amounts, cost_metrics, describe, energy_source, total

HOUR = Spent(seconds=3600, cpu_seconds=7200, gpu_seconds=1800, kwh=0.4, estimated_kwh=0.1)
PRICES = Prices(cpu_hour=0.1, gpu_hour=3, kwh=0.5)


def test_money_is_the_sum_of_all_prices():
    assert HOUR.money(PRICES) == pytest.approx(2 * 0.1 + 0.5 * 3 + 0.4 * 0.5)
    assert HOUR.money(None) == 0
    expected = {"cpu_hours": 2, "gpu_hours": 0.5, "kwh": 0.4, "money": 1.9}
    assert amounts(HOUR, PRICES) == pytest.approx(expected)


def test_a_sum_lacks_what_one_of_its_parts_lacks():
    found = total([HOUR, HOUR, Spent(seconds=1, unknown=("GPU",))])
    assert (found.seconds, found.kwh, found.unknown) == (7201, 0.8, ("GPU",))
    assert total([]) == Spent()


def test_stored_values_are_read_again():
    spent = Spent(seconds=1.5, kwh=0.1, unknown=("CPU",))
    assert Spent.read(spent.as_dict()) == spent


def test_a_measurement_is_extended_at_the_same_power():
    longer = HOUR.until(5400)
    assert longer.kwh == pytest.approx(0.6)
    assert longer.estimated_kwh == pytest.approx(0.1 + 0.2)
    assert (longer.seconds, longer.cpu_seconds, longer.gpu_seconds) == (5400, 10800, 2700)
    assert HOUR.until(3000) == HOUR


@pytest.mark.parametrize(
    ("estimated", "unknown", "words"),
    [
        (0.0, (), "measured"),
        (0.4, (), "estimated"),
        (0.1, (), "partly estimated"),
        (0.0, ("CPU",), "measured, without CPU"),
    ],
)
def test_the_source_of_the_energy_is_named(estimated: float, unknown: tuple[str, ...], words: str):
    assert energy_source(Spent(kwh=0.4, estimated_kwh=estimated, unknown=unknown)) == words


def test_what_is_not_known_is_not_logged():
    unknown = Spent(seconds=10, cpu_seconds=10, unknown=("CPU",))
    assert energy_source(unknown) == ""
    known = {"cost/seconds": 10, "cost/cpu_seconds": 10, "cost/gpu_seconds": 0}
    assert cost_metrics(unknown, None) == known
    assert describe(unknown, None) == "0.00278 h of workers, 0.00278 CPU hours"


def test_all_that_is_known_is_described():
    assert describe(HOUR, PRICES) == (
        "1 h of workers, 2 CPU hours, 0.5 GPU hours, 0.4 kWh (partly estimated), 1.9 in money"
    )
    assert cost_metrics(HOUR, PRICES)["cost/money"] == pytest.approx(1.9)
