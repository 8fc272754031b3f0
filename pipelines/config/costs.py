"""What a study may cost: the keys `search.budget`, `resources.prices` and `resources.power`."""

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from pipelines.config.section import Section

if TYPE_CHECKING:
    from pipelines.config.search_section import Search
    from pipelines.config.sections import Resources

MAX_AMOUNT = 1e9  # of anything that is counted here


class Prices(Section):
    """Prices, all in one currency.

    Attributes:
        cpu_hour: Of one CPU for an hour.
        gpu_hour: Of one whole GPU for an hour.
        kwh: Of a kilowatt-hour of the workers' CPUs and GPUs.
    """

    cpu_hour: float = Field(0, ge=0, le=MAX_AMOUNT)
    gpu_hour: float = Field(0, ge=0, le=MAX_AMOUNT)
    kwh: float = Field(0, ge=0, le=MAX_AMOUNT)


class Power(Section):
    """Watts, to estimate the energy where it cannot be measured.

    Attributes:
        cpu: Of one CPU in use.
        gpu: Of one whole GPU in use.
    """

    cpu: float | None = Field(None, gt=0, le=MAX_AMOUNT)
    gpu: float | None = Field(None, gt=0, le=MAX_AMOUNT)


class Budget(Section):
    """What all trials and finals of a study may use; its search ends in time for the finals.

    Attributes:
        cpu_hours: Hours of workers times their `resources.cpus`.
        gpu_hours: Hours of workers times their `resources.gpus`.
        kwh: Energy of the workers' CPUs and GPUs.
        money: By `resources.prices`.
    """

    cpu_hours: float | None = Field(None, gt=0, le=MAX_AMOUNT)
    gpu_hours: float | None = Field(None, gt=0, le=MAX_AMOUNT)
    kwh: float | None = Field(None, gt=0, le=MAX_AMOUNT)
    money: float | None = Field(None, gt=0, le=MAX_AMOUNT)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.limits:
            keys = ", ".join(type(self).model_fields)
            raise ValueError(f"a budget requires at least one of {keys}")
        return self

    @property
    def limits(self) -> dict[str, float]:
        """The keys that are set."""
        return self.model_dump(exclude_none=True)


def budget_terms(budget: Budget, prices: Prices | None) -> dict[str, float]:
    """Return what decides when a budget ends a search: its limits, and the prices for one of money.

    Args:
        budget: The budget.
        prices: Those of the experiment.
    """
    paid = prices.model_dump() if prices and budget.money is not None else {}
    return budget.limits | {f"price.{key}": value for key, value in paid.items()}


def check_budget(search: "Search", resources: "Resources") -> None:
    """Raise ValueError if a budget could never be used up, or if its energy may be unknown."""
    if search.budget is None:
        return
    limits, prices = search.budget.limits, resources.prices or Prices()
    # `tune-machine` may have stored other shares than those of this experiment.
    may_use_gpu = resources.gpus > 0 or resources.measured
    if "gpu_hours" in limits and not may_use_gpu:
        raise ValueError(
            "search.budget.gpu_hours: workers use no GPU (resources.gpus is 0), so it would never "
            "be used up; set cpu_hours instead"
        )
    charged = prices.cpu_hour or prices.kwh or (prices.gpu_hour and may_use_gpu)
    if "money" in limits and not charged:
        raise ValueError(
            "search.budget.money requires the prices of what workers use: resources.prices with "
            "cpu_hour, gpu_hour or kwh"
        )
    power = resources.power or Power()
    unknown = [
        name
        for name, watts, used in (("cpu", power.cpu, True), ("gpu", power.gpu, may_use_gpu))
        if used and watts is None
    ]
    if unknown and ("kwh" in limits or ("money" in limits and prices.kwh)):
        key = "kwh" if "kwh" in limits else "money"
        raise ValueError(
            f"search.budget.{key} requires resources.power.{unknown[0]}, in watts: the energy of a "
            "node whose meters cannot be read is estimated from it"
        )
