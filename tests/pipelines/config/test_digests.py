"""The names of studies: no change of the code may rename a study that exists.

A study's name contains a digest of its settings. A study that was begun with an earlier version
resumes only if today's code computes the same digest, so a new key must be left out of the dump
while it has its default (`exclude_if`).
"""

from pathlib import Path

import pytest

from pipelines.config import load

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
# Computed at commit ddc37ab5e353, or when an experiment was added later (`drawn-parser`, `own`,
# `zoo`, `lapa-zoo`), with FACESEG_DATA=/data: the experiment, the overlay for a small machine ("":
# none), and the digests in the names of its study and of its single trainings. Do not update a
# line: a different digest means that existing studies cannot resume.
NAMES = [
    ("drawn-parser", "", "cee33e31", "546f40ca"),
    ("facesynth-scratch", "", "538ccdd2", "c86587c1"),
    ("facesynth", "", "bb515d50", "7afafdd5"),
    ("fasseg", "", "0f709b09", "2302e414"),
    ("lapa-short", "", "4bf8de45", "d149bfbb"),
    ("lapa", "", "43034077", "89c0b44a"),
    ("lapa-zoo", "", "3e82ce2e", "6c9d5b38"),
    ("own", "", "989c159d", "8418d10f"),
    ("quickstart", "", "ce1b1b92", "b545beb1"),
    ("reference-1-nearest", "", "474192f5", "41098d20"),
    ("reference-1-nearest", "drawn", "ccc963d6", "40fe5b35"),
    ("reference-1-nearest", "facesynth", "20d22d0a", "11610d3c"),
    ("reference-2-colours", "", "0f65dcb5", "849758e6"),
    ("reference-2-colours", "drawn", "f1529f81", "75bc06a8"),
    ("reference-2-colours", "facesynth", "e5c753b9", "6761c13a"),
    ("reference-3-augmentation", "", "ff222444", "d0f29136"),
    ("reference-3-augmentation", "drawn", "835f6709", "e502d725"),
    ("reference-3-augmentation", "facesynth", "d9a320bc", "ab62c7f6"),
    ("reference-4-dice", "", "5d78512b", "d2727a19"),
    ("reference-4-dice", "drawn", "8cbfb3f9", "11a437c1"),
    ("reference-4-dice", "facesynth", "f7df8ee1", "91e34d3c"),
    ("reference-5-tuned", "", "c7ce1666", "64795b56"),
    ("reference-5-tuned", "drawn", "c9ec805b", "6295ca6b"),
    ("reference-5-tuned", "facesynth", "4167e7d6", "92e8b5b4"),
    ("reference", "", "5ad4c615", "21b18051"),
    ("reference", "drawn", "f18a34dd", "d62dcc38"),
    ("reference", "facesynth", "79278421", "d4a053de"),
    ("zoo", "", "68b62ad1", "a3b2d4e8"),
]
# This commit's precision, where the experiment has another one today.
PRECISION = {"lapa": "mixed_bfloat16", "lapa-short": "mixed_bfloat16"}


@pytest.mark.parametrize(("name", "overlay", "study", "single"), NAMES)
def test_an_experiment_keeps_its_names(
    name: str, overlay: str, study: str, single: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACESEG_DATA", "/data")
    overrides = [f"training.precision={PRECISION[name]}"] if name in PRECISION else []
    if overlay:
        overrides.append(f"@{EXPERIMENTS / 'reference' / overlay}.yaml")
    experiment = load(EXPERIMENTS / f"{name}.yaml", tuple(overrides))
    assert experiment.study == f"{name}-{study}"
    assert experiment.single_training_name == f"{name}-single-{single}"


def test_every_experiment_is_listed():
    files = {path.stem for path in EXPERIMENTS.glob("*.yaml")}
    assert files == {name for name, *_ in NAMES}
