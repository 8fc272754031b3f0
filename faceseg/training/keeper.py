"""The checkpoints of one training: kept after every epoch, taken up again after a break."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from faceseg.errors import UserError
from faceseg.stopwatch import CHECKPOINTS, Stopwatch
from faceseg.training import checkpoint
from faceseg.training.compiled import CompiledNetwork
from faceseg.training.history import Epoch, best_of


class Keeper:
    """The files of one training, which `identity` (JSON) tells from any other.

    What `clock` has counted is kept with them, so that an attempt knows what those before it
    had spent on the epochs it need not train again.
    """

    def __init__(
        self, compiled: CompiledNetwork, folder: Path, identity: dict[str, Any], clock: Stopwatch
    ) -> None:
        self.compiled = compiled
        self.latest, self.best = folder / checkpoint.LATEST, folder / checkpoint.BEST
        self.identity = identity
        self.clock = clock

    def resume(self) -> list[Epoch]:
        """Take up the state after the last whole epoch; an empty history if there is none."""
        if not self.latest.exists():
            return []
        with self.clock.phase(CHECKPOINTS):
            stored = checkpoint.read_state(self.latest)
            for name, value in stored["identity"].items():
                if self.identity.get(name) != value:
                    raise UserError(
                        f"{self.latest} is of another training: {name} was {value} and is now "
                        f"{self.identity.get(name)}; remove it, or set {name} as it was"
                    )
            model, optimizer = self.compiled.model.variables, self.compiled.optimizer_variables
            checkpoint.restore(self.latest, m=model, o=optimizer)
            self.clock.add(stored.get("seconds", {}))  # 0.1.0 kept none
            history = [Epoch(**epoch) for epoch in stored["history"]]
            self._save_best(history, model)  # the process may have died between the two files
        return history

    def save(self, history: list[Epoch]) -> None:
        """Keep the state after the last epoch, and its network if it is the best so far."""
        with self.clock.phase(CHECKPOINTS):
            state = {
                "identity": self.identity,
                "history": [asdict(epoch) for epoch in history],
                "seconds": self.clock.seconds(),
            }
            model = [np.asarray(each) for each in self.compiled.model.variables]
            checkpoint.write(self.latest, state, m=model, o=self.compiled.optimizer_variables)
            self._save_best(history, model)

    def restore_best(self) -> None:
        """Bring the best epoch's network back."""
        with self.clock.phase(CHECKPOINTS):
            checkpoint.restore(self.best, m=self.compiled.model.variables)

    def _save_best(self, history: list[Epoch], model: list[Any]) -> None:
        if best_of(history) is history[-1]:
            checkpoint.write(self.best, {"epoch": history[-1].number}, m=model)
