"""A search with one goal suggests, prunes and chooses what it did at commit 6b82526."""

import math
from pathlib import Path

from pipelines.config import load
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.database import open_storage
from pipelines.search.job_outcome import JobOutcome

QUICKSTART = Path(__file__).parents[3] / "experiments" / "quickstart.yaml"
# Learning rate, batch size, epochs and whether the trial was pruned, as that commit printed them
# with the scores below; its sampler is TPE from the third trial on.
TRIALS = [
    (0.01, 8, 5, False),
    (0.005510213217709154, 8, 5, False),
    (0.002645054496744361, 8, 5, False),
    (0.0021400651440959127, 16, 2, True),
    (0.019861389129561237, 8, 2, True),
    (0.002644960264196103, 16, 5, False),
    (0.00476497824103399, 8, 2, True),
    (0.018626276858460307, 8, 2, True),
    (0.004806341707300752, 16, 2, True),
    (0.00959838278384141, 8, 2, True),
    (0.0031617978496061953, 16, 5, False),
    (0.0029153210018659378, 16, 5, False),
    (0.0034862143485068654, 16, 2, True),
    (0.0037905741982000207, 16, 2, True),
    (0.0020750454785117816, 16, 2, True),
    (0.006564908260506735, 16, 2, True),
    (0.0032792601165850224, 16, 5, False),
    (0.0028268388276094262, 16, 5, False),
    (0.006970915312236788, 16, 2, True),
    (0.004195646786163964, 16, 2, True),
]
WINNER = "b3dc6443"


def test_trials_are_those_of_before(tmp_path: Path):
    experiment = load(QUICKSTART, ("search.trials=20", f"storage={tmp_path}"))
    storage = open_storage(experiment.search_database)
    search = ArchitectureSearch(experiment, "unet", storage, "s")
    found = []
    while (job := search.next_trial(f"s/w{len(found) % 2}")) is not None:
        rate, size, epochs = (
            job.settings.learning_rate,
            job.settings.batch_size,
            job.settings.epochs,
        )
        best = 1 / (1 + abs(math.log(rate / 3e-3))) * (1 - 0.01 * size**0.5)
        for epoch in range(1, epochs + 1):
            worker = f"s/w{len(found) % 2}"
            if pruned := search.report(worker, job.key, epoch, best * epoch / epochs) == "prune":
                break
        search.end(job.key, JobOutcome(value=best, pruned=pruned))
        found.append((rate, size, epoch, pruned))
    storage.engine.dispose()
    assert found == TRIALS
    assert search.jobs.winner() == WINNER
