"""The weights that a new build of a network would draw from a seed, without building it.

Every initializer of Keras draws its own seed from Python's generator when its layer is made. So the
draw of each variable of a built network can be identified, and the same draws from another seed
give that seed's weights. This takes a tenth of the time and needs no other model, for which every
framework would retain some memory.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

MAX_SEED = 10**9  # Keras's own range of seeds
SEED_STATE = "seed_generator_state"


@dataclass(frozen=True)
class _VariableOrigin:
    """The origin of a variable's value: the number of its draw, None for a constant."""

    draw: int | None
    initializer: Any = None
    value: Any = None

    def values(self, seeds: list[int], variable: keras.Variable) -> Any:
        if self.draw is None:
            return self.value
        seed = seeds[self.draw]
        if self.initializer is None:  # a dropout's generator: its seed and its number of draws
            return np.array([seed, 0]).astype(variable.dtype)
        config = {**self.initializer.get_config(), "seed": seed}
        return type(self.initializer).from_config(config)(variable.shape, dtype=variable.dtype)


class InitialWeights:
    """The origins of a network's initial weights, found in one that was built from `seed`."""

    def __init__(self, network: keras.Model, seed: int) -> None:
        found = {
            id(each): origin
            for each, origin in _drawn_variables(network, _draw_numbers(network, seed))
        }
        self._origins = [
            found.get(id(each)) or _VariableOrigin(None, value=np.array(each))
            for each in network.variables
        ]
        last = max((each.draw for each in self._origins if each.draw is not None), default=-1)
        self._count = last + 1

    def for_seed(self, network: keras.Model, seed: int) -> list[Any]:
        """Return the values that a build from `seed` would give the network's variables."""
        seeds = _seeds(seed, self._count)
        return [
            origin.values(seeds, variable)
            for origin, variable in zip(self._origins, network.variables, strict=True)
        ]

    def match(self, fresh: keras.Model, seed: int) -> bool:
        """Return whether the weights equal those of a network built from `seed`, bit for bit."""
        drawn = self.for_seed(fresh, seed)
        return all(
            np.array_equal(np.array(one), np.array(other))
            for one, other in zip(drawn, fresh.variables, strict=True)
        )


def _seeds(seed: int, count: int) -> list[int]:
    """Return the first `count` draws of Keras after Python's generator was seeded with `seed`."""
    generator = random.Random(seed)  # noqa: S311  # not for cryptography
    return [generator.randint(1, MAX_SEED) for _ in range(count)]


def _draw_numbers(network: keras.Model, seed: int) -> dict[int, int]:
    """Return the number of each draw by the seed it gave, for more draws than a network makes."""
    seeds = _seeds(seed, 10 * len(network.variables) + 100)
    return {each: number for number, each in enumerate(seeds)}


def _drawn_variables(
    network: keras.Model, numbers: dict[int, int]
) -> Iterator[tuple[keras.Variable, _VariableOrigin]]:
    """Yield the variables that were drawn, each with its origin."""
    for layer in network._flatten_layers(include_self=False):
        drawing = [
            each
            for each in vars(layer).values()
            if isinstance(each, keras.initializers.Initializer)
            and getattr(each, "seed", None) in numbers
        ]
        for variable in layer.variables:
            value = np.array(variable)
            if variable.path.endswith(SEED_STATE) and int(value.flat[0]) in numbers:
                yield variable, _VariableOrigin(numbers[int(value.flat[0])])
            for each in drawing:
                drawn = each(variable.shape, dtype=variable.dtype)
                if np.array_equal(np.array(drawn), value):
                    yield variable, _VariableOrigin(numbers[each.seed], each)
                    break
