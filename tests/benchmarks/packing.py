"""Packing many images: images a second on one core and on all, and the memory it needs.

    python -m tests.benchmarks.packing [--images 20000] [--size 256] [--grid 128]

The images are stored first, in LaPa's formats (JPEG and PNG): a few drawn faces, each many times
with shifted pixels and changed light, so that no two are equal and their creation is cheap. Nine in
ten are for training. Every packing runs in a process of its own and reports, for each tenth, the
images a second and its private memory (without the files' pages in the system's cache).
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from tests.benchmarks.machine import described

FACES, PARTS = 40, 10
Mark = tuple[int, float, float, float]  # images done, seconds, CPU seconds, MiB


def make_images(folder: Path, count: int, size: int) -> None:
    """Store `count` images and their labels in LaPa's layout."""
    import cv2

    from faceseg.data.drawn import draw_face

    drawn = [draw_face(("packing", number), size) for number in range(FACES)]
    draws = np.random.default_rng(0)
    splits = {"train": count - 2 * (count // 20), "val": count // 20, "test": count // 20}
    for split, images in splits.items():
        for name in ("images", "labels"):
            (folder / split / name).mkdir(parents=True)
        for number in range(images):
            face = drawn[number % FACES]
            shift, light = (
                tuple(draws.integers(-size // 16, size // 16, 2)),
                draws.uniform(0.6, 1.0),
            )
            image = np.roll(face.image, shift, (0, 1))[..., ::-1] * light
            labels = np.roll(face.labels, shift, (0, 1))
            stem = f"{split}{number:06}_0"
            cv2.imwrite(str(folder / split / "images" / f"{stem}.jpg"), image.astype(np.uint8))
            cv2.imwrite(str(folder / split / "labels" / f"{stem}.png"), labels)


def pack(images: Path, into: Path, grid: int, threads: int, line: Any) -> None:
    """Pack, and send a sample at every tenth."""
    from faceseg.data.classes import LAPA
    from faceseg.data.lapa import LapaFolder
    from faceseg.data.pack import build_pack

    if threads == 1:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    process, marks = psutil.Process(), [(0, 0.0, 0.0, 0.0)]
    began, cpu_began = time.perf_counter(), time.process_time()

    def progress(done: int, total: int) -> None:
        if done >= total * len(marks) // PARTS:
            held = process.memory_full_info().uss / 2**20
            spent = time.process_time() - cpu_began
            marks.append((done, time.perf_counter() - began, spent, held))

    build_pack(
        LapaFolder(images, "labels", LAPA),
        into,
        LAPA,
        (grid, grid),
        "stop",
        threads=threads,
        progress=progress,
    )
    line.send(marks)


def samples_of(images: Path, grid: int, threads: int) -> list[Mark]:
    """Pack in a process of its own; return its samples."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe()
    into = images.parent / "packs"
    process = spawn.Process(target=pack, args=(images, into, grid, threads, theirs))
    process.start()
    theirs.close()
    try:
        marks: list[Mark] = mine.recv()
        process.join()
    finally:
        shutil.rmtree(into, ignore_errors=True)
    return marks


def main(arguments: Iterable[str] | None = None) -> None:
    """Store the images, pack them in turns, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--grid", type=int, default=128)
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("opencv-python-headless", "numpy"), flush=True)
    with TemporaryDirectory(prefix="faceseg-packing-") as place:
        images = Path(place) / "images"
        make_images(images, given.images, given.size)
        print(f"{given.images} images of {given.size} px to a grid of {given.grid} px")
        print(f"{'threads':>8}{'images':>9}{'a second':>17}{'a CPU second':>14}{'MiB':>10}")
        for threads in (1, os.cpu_count() or 1):
            marks = samples_of(images, given.grid, threads)
            for before, after in itertools.pairwise(marks):
                done, seconds, spent = (after[each] - before[each] for each in range(3))
                print(
                    f"{threads:>8}{after[0]:>9}{done / seconds:>17.0f}{done / spent:>14.0f}"
                    f"{after[3]:>10.0f}",
                    flush=True,
                )
            done, seconds, spent, _ = marks[-1]
            print(f"{threads:>8}{'all':>9}{done / seconds:>17.0f}{done / spent:>14.0f}", flush=True)


if __name__ == "__main__":
    main()
