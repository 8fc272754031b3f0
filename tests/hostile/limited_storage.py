"""Verbs whose disk is full or read-only, in a process that mounts small disks of its own.

`unshare -rm python -m tests.hostile.limited_storage FOLDER` writes `FOLDER/outcomes.json`: of each
case the exit code, the text, and the digests of the files on its disk before and after the verb.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = "24m"
FILLER = "filler"
READ_ONLY = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A verb and the disk that it meets.

    Attributes:
        words: The command; DISK, NETWORK, PHOTOGRAPHS and VIDEO stand for paths.
        free: Bytes that are free on the disk; READ_ONLY: nothing can be written.
        named: What the message must contain.
        before: Commands that run before, on the empty disk.
        study: Whether the disk contains a finished study, `earlier.yaml`.
        kept: Files that the verb leaves beside those that were there, as patterns.
        temporary: Whether the disk has the folder of temporary files.
    """

    words: str
    free: int | None
    named: str
    before: tuple[str, ...] = ()
    study: bool = False
    kept: tuple[str, ...] = ()
    temporary: bool = False


PREDICT = "predict NETWORK PHOTOGRAPHS --out DISK/out --batch 1"
VIDEO = "predict NETWORK --video VIDEO --out DISK/out"
EXPORT = "export NETWORK --out DISK/out --format"
COMPARE, PROMOTE = "compare earlier.yaml", "promote earlier.yaml --to faceseg@stage"
PREPARE = "prepare quickstart --set storage=DISK/results"
RESULTS = ("out/masks/*.png", "out/overlays/*.jpg", "out/shares.json")
FILM = ("out/film.mp4", "out/film.json")
CASES = {
    "predict, read-only": Case(words=PREDICT, free=READ_ONLY, named="out/masks/p0.png cannot"),
    "predict, full": Case(words=PREDICT, free=0, named="masks/p0.png cannot be written: No space"),
    "predict, some": Case(
        words=PREDICT, free=150_000, named="3 images were labelled before that", kept=RESULTS
    ),
    "predict again, full": Case(
        words=f"{PREDICT} --overwrite", free=0, named="masks/p0.png cannot", before=(PREDICT,)
    ),
    "video, read-only": Case(words=VIDEO, free=READ_ONLY, named="out/film.mp4 cannot be written"),
    "video, full": Case(words=VIDEO, free=0, named="out has only 0.0 MB free"),
    "video, some": Case(words=VIDEO, free=2_300_000, named="frames, which are kept: ", kept=FILM),
    "video again, full": Case(
        words=f"{VIDEO} --overwrite", free=0, named="out has only", before=(VIDEO,)
    ),
    "export, read-only": Case(words=f"{EXPORT} onnx", free=READ_ONLY, named="out cannot be"),
    "export, full": Case(words=f"{EXPORT} onnx", free=0, named="out, or the folder of temporary"),
    "export to TensorFlow, full": Case(
        words=f"{EXPORT} saved-model", free=0, named="out cannot be written: No space left"
    ),
    "export again, full": Case(
        words=f"{EXPORT} onnx --overwrite", free=0, named="out, or", before=(f"{EXPORT} onnx",)
    ),
    "init, read-only": Case(words="init", free=READ_ONLY, named="drawn.yaml: Read-only file"),
    "init, full": Case(words="init", free=0, named="drawn.yaml: No space left on device"),
    "init, some": Case(words="init", free=20_000, named="experiment.schema.json: No space left"),
    "prepare, read-only": Case(words=PREPARE, free=READ_ONLY, named="cannot write into"),
    "prepare, full": Case(words=PREPARE, free=0, named="has 0 MB free"),
    "compare, read-only": Case(
        words=COMPARE, free=READ_ONLY, named="results/earlier/comparison.csv: Read-only", study=True
    ),
    "compare again, full": Case(
        words=COMPARE,
        free=60_000,
        named="results/earlier/comparison.html: No space left",
        study=True,
        before=(COMPARE,),
    ),
    "compare, full for temporary files": Case(
        words=COMPARE, free=0, named="No space left", study=True, temporary=True
    ),
    "promote, read-only": Case(
        words=PROMOTE, free=READ_ONLY, named="mlflow.db cannot be written to", study=True
    ),
    "promote, full": Case(words=PROMOTE, free=0, named="mlflow.db cannot grow", study=True),
}


def main(folder: Path) -> None:
    """Run all cases."""
    from tests.hostile.outcome import command

    places = _materials(folder)

    def run(words: str, disk: Path) -> tuple[int, str]:
        for name, place in {**places, "DISK": disk}.items():
            words = words.replace(name, str(place))
        outcome = command(*words.split())
        return outcome.code, outcome.text

    found = {name: _outcome(case, run) for name, case in CASES.items()}
    (folder / "outcomes.json").write_text(json.dumps(found), encoding="utf-8")


def _outcome(case: Case, run: Callable[[str, Path], tuple[int, str]]) -> dict[str, object]:
    from tests.end_to_end.earlier_studies import unpack

    with _disk() as disk:
        os.chdir(disk)
        if case.study:
            unpack("finished", disk)
            run("models earlier.yaml", disk)  # the addresses of a storage that was moved
        for words in case.before:
            code, text = run(words, disk)
            assert code == 0, text
        before = _digests(disk)
        if case.free is READ_ONLY:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        else:
            _fill(disk, case.free)
        if case.temporary:
            tempfile.tempdir = str(disk)
        code, text = run(case.words, disk)
        tempfile.tempdir = None
        os.chdir("/")
        return {"code": code, "text": text, "before": before, "after": _digests(disk)}


@contextmanager
def _disk() -> Iterator[Path]:
    """Mount a small disk; each has a path of its own, since MLflow keeps a store by its path."""
    disk = Path(tempfile.mkdtemp(prefix="faceseg-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        disk.rmdir()


def _fill(disk: Path, free: int) -> None:
    status = os.statvfs(disk)
    left = status.f_bavail * status.f_frsize - free
    with (disk / FILLER).open("wb", buffering=0) as stream:
        while left > 0:
            left -= stream.write(bytes(min(left, 1 << 16)))


def _digests(disk: Path) -> dict[str, str]:
    return {
        path.relative_to(disk).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in disk.rglob("*")
        if path.is_file() and path.name != FILLER and path.suffix != ".lock"
    }


def _materials(folder: Path) -> dict[str, Path]:
    """Write a network, six photographs and a video of noise, which compresses badly."""
    import cv2
    import numpy as np

    from tests.pipelines.serve.sample_photographs import network

    rng, size = np.random.default_rng(0), (200, 200)
    photographs = folder / "photographs"
    photographs.mkdir()
    for number in range(6):
        cv2.imwrite(str(photographs / f"p{number}.png"), rng.integers(0, 256, (*size, 3), np.uint8))
    video = folder / "film.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, size)
    for _ in range(40):
        writer.write(rng.integers(0, 256, (*size, 3), np.uint8))
    writer.release()
    return {
        "NETWORK": network(folder / "best.keras"),
        "PHOTOGRAPHS": photographs,
        "VIDEO": video,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
