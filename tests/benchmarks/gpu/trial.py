"""One training on drawn faces with a share of the GPU, as in a worker.

`python -m tests.benchmarks.gpu.trial FOLDER NAME '{"seed": 1, …}'` writes `NAME.json` into the
folder: the figures of every epoch, or `out_of_memory` with the reason. After its first epoch, when
everything is compiled, it waits until the trials in `together` are as far and those in `after` have
ended.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

SETTINGS = ("epochs", "batch_size", "learning_rate", "precision")


MAX_WAIT = 400  # seconds; a trial that failed leaves no file


def wait_for(files: list[Path]) -> None:
    """Wait until all files exist; TimeoutError if they do not come."""
    begun = time.monotonic()
    while not all(each.exists() for each in files):
        if time.monotonic() - begun > MAX_WAIT:
            raise TimeoutError(f"{files} did not come in {MAX_WAIT} s")
        time.sleep(0.01)


def main(folder: Path, name: str, wanted: dict[str, Any]) -> None:
    """Train. Out of memory, as detected by the backend, is a result; other errors are raised."""
    from faceseg.backends.device import configure_device
    from faceseg.backends.memory import is_out_of_memory

    threads = int(wanted.get("threads", 2))
    configure_device(threads, float(wanted.get("share", 0)))
    from faceseg.data.classes import LAPA
    from faceseg.data.split import open_split
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.loop import TrainingData, train
    from faceseg.training.settings import TrainingSettings

    pack, size = Path(wanted["pack"]), int(wanted["size"])
    settings = TrainingSettings(**{key: wanted[key] for key in SETTINGS if key in wanted})
    network = str(wanted.get("network", "unet"))
    options = wanted.get("options", {"batch_norm_momentum": 0.9})
    found: dict[str, Any] = {"trainings": []}

    def report(epoch: object) -> bool:
        (folder / f"{name}.begun").touch()
        wait_for([folder / f"{each}.begun" for each in wanted.get("together", [])])
        wait_for([folder / f"{each}.json" for each in wanted.get("after", [])])
        return True

    try:
        compiled = CompiledNetwork(
            NetworkSpec(
                architecture=network, image_size=(size, size), num_classes=11, options=options
            ),
            settings,
        )
        for seed in wanted["seeds"]:
            outcome = train(
                compiled, settings,
                TrainingData(open_split(pack, "train"), open_split(pack, "val"), LAPA),
                seed=seed, threads=threads, on_epoch=report,
                folder=folder / "state" / f"{name}-{seed}",
            )  # fmt: skip
            history = [{"time": each.time, **each.metrics} for each in outcome.history]
            found["trainings"].append({"seed": seed, "iou": outcome.best_iou, "history": history})
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        found["out_of_memory"] = f"{type(error).__name__}: {str(error)[:200]}"
    (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
