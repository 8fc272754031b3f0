"""The gain of a student by a teacher, on the drawn faces of quickstart.

    nice -n 5 python -m tests.benchmarks.distillation [--student pspnet] [--teachers unet]

For each seed the teachers are trained, then the student twice: alone, and taught. Both have the
same initial weights, images, augmentation and number of steps: those of quickstart's finals, at its
first settings. The difference of the two in test IoU has the report's interval: paired over the
photographs, with the training noise of the seeds. The differences of single seeds follow: the two
share their initial weights and their images. On one core; it prints a line a training. A
shorter form, on smaller faces and with a narrow U-Net as the student:

    python -m tests.benchmarks.distillation --student narrow --seeds 3 --set data.drawn.train=240
        --set "data.image_size=[32, 32]" --set "variants={narrow: {of: unet, width: 0.2}}"
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from pipelines.config.distillation import Distil
from tests.benchmarks.machine import described

QUICKSTART = Path("experiments/quickstart.yaml")


def main(arguments: Iterable[str] | None = None) -> int:
    """Train teachers and students; print the gain with its interval."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--student", default="pspnet")
    parser.add_argument("--teachers", nargs="+", default=["unet"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE, as for faceseg")
    parser.add_argument("--weight", type=float, default=Distil.model_fields["weight"].default)
    parser.add_argument(
        "--temperature", type=float, default=Distil.model_fields["temperature"].default
    )
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "keras"), flush=True)
    print(f"weight {given.weight:g}, temperature {given.temperature:g}", flush=True)
    with TemporaryDirectory(prefix="faceseg-") as folder:
        measure(given, Path(folder))
    return 0


def measure(given: argparse.Namespace, folder: Path) -> None:
    """Train everything in `folder`."""
    from rich.console import Console

    from faceseg.backends.device import configure_device
    from faceseg.data.split import open_split
    from faceseg.evaluation.split_evaluation import evaluate_split
    from faceseg.inference.predictor import Predictor
    from faceseg.statistics import (
        Resampling,
        estimate,
        estimate_difference,
        mean_iou,
        overlap_counts,
        resample_score,
    )
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.distillation import Distillation
    from faceseg.training.loop import TrainingData, train
    from pipelines.config import load
    from pipelines.config.search_space import apply_parameters
    from pipelines.data.prepare import prepare

    configure_device(threads=1)
    experiment = load(QUICKSTART, (f"storage={folder}", *given.set))
    packs, _ = prepare(experiment, Console(quiet=True))
    classes = experiment.data.class_set
    data = TrainingData(open_split(packs, "train"), open_split(packs, "val"), classes)
    test = open_split(packs, "test")
    settings = experiment.finals.settings(
        apply_parameters(experiment.search.first[0], experiment.training)
    )

    def compiled(name: str, distillation: Distillation | None = None) -> CompiledNetwork:
        architecture, options = experiment.networks[name]
        spec = NetworkSpec(
            architecture=architecture,
            image_size=experiment.data.image_size,
            num_classes=len(classes),
            options=options,
        )
        return CompiledNetwork(spec, settings, distillation)

    teachers = {name: compiled(name) for name in given.teachers}
    taught_by = Distillation(
        [each.network for each in teachers.values()],
        weight=given.weight,
        temperature=given.temperature,
    )
    students = {
        "alone": compiled(given.student),
        "taught": compiled(given.student, taught_by),
    }
    counts: dict[str, list[np.ndarray]] = {}
    for seed in range(given.seeds):
        for name, network in {**teachers, **students}.items():
            outcome = train(
                network,
                settings,
                data,
                seed=seed,
                folder=folder / f"{name}-{seed}",
                on_epoch=lambda epoch: True,
            )
            tested = evaluate_split(Predictor(network.network, classes), test, threads=1)
            counts.setdefault(name, []).append(tested.counts)
            iou = tested.scores(classes)["iou"]
            speed = np.median([epoch.metrics["epoch_seconds"] for epoch in outcome.history])
            print(f"seed {seed}, {name}: test IoU {iou:.4f}, {speed:.2f} s/epoch", flush=True)
    resampling = Resampling(test.photos)
    measured = {
        name: resample_score(overlap_counts(np.stack(each)), mean_iou, resampling)
        for name, each in counts.items()
    }
    for name, each in measured.items():
        print(f"{name}: test IoU {estimate(each).value:.4f}")
    gain = estimate_difference(measured["taught"], measured["alone"])
    pairs = measured["taught"].values - measured["alone"].values
    half = stats.t.ppf(0.975, len(pairs) - 1) * pairs.std(ddof=1) / np.sqrt(len(pairs))
    print(f"differences of the seeds: {', '.join(f'{each:+.4f}' for each in pairs)}")
    print(f"their mean, by Student's t: {pairs.mean():+.4f} +- {half:.4f}")
    print(
        f"{given.student} taught by {', '.join(given.teachers)} minus alone: {gain.value:+.4f} "
        f"({gain.low:+.4f} to {gain.high:+.4f}), {given.seeds} seeds, {gain.photos} photographs"
    )


if __name__ == "__main__":
    raise SystemExit(main())
