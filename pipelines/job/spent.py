"""What the attempts of a job have used: time of workers, their CPUs and GPUs, and energy."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pipelines.config.costs import Power, Prices
from pipelines.config.sections import Resources

JOULES_PER_KWH = 3.6e6
HOUR = 3600.0
CPU, GPU = "CPU", "GPU"


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The use of one attempt at a job, or the sum of several.

    Its fields are stored in Optuna's database and in MLflow: do not rename them.

    Attributes:
        seconds: Of workers.
        cpu_seconds: Each worker's seconds times its CPUs.
        gpu_seconds: Each worker's seconds times its GPUs; half of a card for 10 s is 5.
        kwh: The energy of these CPUs and GPUs, as far as it is known.
        estimated_kwh: The part of `kwh` that was not measured.
        unknown: `CPU` or `GPU`, if the energy of one of them is not in `kwh`.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    kwh: float = 0.0
    estimated_kwh: float = 0.0
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        seconds: float,
        resources: Resources,
        cpu_joules: float | None = None,
        gpu_joules: float | None = None,
    ) -> Self:
        """Return the use of a worker for some seconds.

        Args:
            seconds: Its seconds.
            resources: What it uses.
            cpu_joules: The measured energy of its CPUs; None: not measured.
            gpu_joules: That of its GPUs.
        """
        cpu_seconds, gpu_seconds = seconds * resources.cpus, seconds * resources.gpus
        power = resources.power or Power()
        measured = estimated = 0.0
        unknown = []
        for name, used, joules, watts in (
            (CPU, cpu_seconds, cpu_joules, power.cpu),
            (GPU, gpu_seconds, gpu_joules, power.gpu),
        ):
            if not used:
                continue
            if joules is not None:
                measured += joules
            elif watts is not None:
                estimated += used * watts
            else:
                unknown.append(name)
        return cls(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            gpu_seconds=gpu_seconds,
            kwh=(measured + estimated) / JOULES_PER_KWH,
            estimated_kwh=estimated / JOULES_PER_KWH,
            unknown=tuple(unknown),
        )

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return what `as_dict` has stored."""
        return cls(**{**stored, "unknown": tuple(stored["unknown"])})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, as JSON stores them."""
        return {**asdict(self), "unknown": list(self.unknown)}

    def __add__(self, other: "Spent") -> "Spent":
        """Return the sum."""
        return Spent(
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
            kwh=self.kwh + other.kwh,
            estimated_kwh=self.estimated_kwh + other.estimated_kwh,
            unknown=tuple(sorted({*self.unknown, *other.unknown})),
        )

    def until(self, seconds: float) -> "Spent":
        """Return the use of an attempt of this length, of which this is the last measurement.

        Its power is taken to stay the same; the energy after the measurement is an estimate.
        """
        if seconds <= self.seconds or not self.seconds:
            return self
        longer = self.times(seconds / self.seconds)
        return replace(longer, estimated_kwh=self.estimated_kwh + longer.kwh - self.kwh)

    def times(self, factor: float) -> "Spent":
        """Return a multiple of it."""
        return Spent(
            seconds=self.seconds * factor,
            cpu_seconds=self.cpu_seconds * factor,
            gpu_seconds=self.gpu_seconds * factor,
            kwh=self.kwh * factor,
            estimated_kwh=self.estimated_kwh * factor,
            unknown=self.unknown,
        )

    @property
    def is_energy_known(self) -> bool:
        """Whether the energy of a CPU or a GPU is known."""
        return self.kwh > 0

    def money(self, prices: Prices | None) -> float:
        """Return its price; 0 without prices."""
        if prices is None:
            return 0.0
        hours = prices.cpu_hour * self.cpu_seconds + prices.gpu_hour * self.gpu_seconds
        return hours / HOUR + prices.kwh * self.kwh


def total(spent: Iterable[Spent]) -> Spent:
    """Return the sum."""
    return sum(spent, Spent())


def amounts(spent: Spent, prices: Prices | None) -> dict[str, float]:
    """Return what was spent, under the keys and in the units of `search.budget`."""
    return {
        "cpu_hours": spent.cpu_seconds / HOUR,
        "gpu_hours": spent.gpu_seconds / HOUR,
        "kwh": spent.kwh,
        "money": spent.money(prices),
    }


def cost_metrics(spent: Spent, prices: Prices | None) -> dict[str, float]:
    """Return the metrics `cost/…` of a run; those that are not known are left out."""
    found = {
        "cost/seconds": spent.seconds,
        "cost/cpu_seconds": spent.cpu_seconds,
        "cost/gpu_seconds": spent.gpu_seconds,
    }
    if spent.is_energy_known:
        found |= {"cost/kwh": spent.kwh, "cost/estimated_kwh": spent.estimated_kwh}
    return found | ({"cost/money": spent.money(prices)} if prices else {})


def energy_source(spent: Spent) -> str:
    """Return how the energy is known: `measured`, `estimated` or `partly estimated`.

    It ends with the parts that are missing: `measured, without CPU`. It is '' if none is known.
    """
    if not spent.is_energy_known:
        return ""
    words = "measured"
    if spent.estimated_kwh:
        words = "estimated" if spent.estimated_kwh >= spent.kwh else "partly estimated"
    return words + (f", without {' and '.join(spent.unknown)}" if spent.unknown else "")


def describe(spent: Spent, prices: Prices | None) -> str:
    """Describe what was spent in a clause: `2.1 h of workers, 1.0 GPU hours, 0.41 kWh (…)`."""
    parts = [
        f"{spent.seconds / HOUR:.3g} h of workers",
        f"{spent.cpu_seconds / HOUR:.3g} CPU hours",
    ]
    if spent.gpu_seconds:
        parts.append(f"{spent.gpu_seconds / HOUR:.3g} GPU hours")
    if spent.is_energy_known:
        parts.append(f"{spent.kwh:.3g} kWh ({energy_source(spent)})")
    if prices:
        parts.append(f"{spent.money(prices):.4g} in money")
    return ", ".join(parts)
