"""`faceseg predict --video`: the results, the bounds, and what is kept on a disk that is full."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.predict import film
from tests.hostile.motion_jpeg import avi, jpeg

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def video(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Write a video of five red frames into the test's folder, and change into it."""
    monkeypatch.chdir(tmp_path)
    Path("film.avi").write_bytes(avi([jpeg(colour="red")] * 5))


def frames_of(path: str) -> int:
    written = cv2.VideoCapture(path)
    frames = 0
    while written.read()[0]:
        frames += 1
    written.release()
    return frames


def contents() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_a_video_becomes_an_overlay_and_shares_by_frame(
    run_faceseg: RunFaceseg, network_file: Path
):
    words = ("predict", network_file, "--video", "film.avi", "--out", "out")
    code, output = run_faceseg(*words, "--frames", "3")
    assert code == 0, output
    results = json.loads(Path("out/film.json").read_text(encoding="utf-8"))
    assert [frame["skin"] for frame in results["frames"]] == [1.0] * 3
    assert results["rate"] == 10.0
    assert frames_of("out/film.mp4") == 3
    assert sorted(path.name for path in Path("out").iterdir()) == ["film.json", "film.mp4"]
    before = contents()
    code, output = run_faceseg(*words)
    assert code == 2
    assert "out/film.mp4 would be overwritten" in output
    assert contents() == before
    assert run_faceseg(*words, "--overwrite")[0] == 0
    assert frames_of("out/film.mp4") == 5


def test_the_video_itself_is_never_overwritten(run_faceseg: RunFaceseg, network_file: Path):
    shutil.copy("film.avi", "film.mp4")
    before = contents()
    words = ("predict", network_file, "--video", "film.mp4", "--out", ".", "--overwrite")
    code, output = run_faceseg(*words)
    assert code == 2
    assert "film.mp4 is the video itself" in output
    assert contents() == before


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            avi([jpeg((9000, 9000))], (9000, 9000)),
            "frames of 9000 x 9000 pixels are too large; expected at",
        ),
        (avi([bytes(50)] * 9), "contains no readable frame; nothing was written"),
        (b"no video", "cannot be opened as a video"),
    ],
)
def test_a_video_that_cannot_be_read_writes_nothing(
    made: bytes, words: str, run_faceseg: RunFaceseg, network_file: Path
):
    Path("film.avi").write_bytes(made)
    code, output = run_faceseg("predict", network_file, "--video", "film.avi", "--out", "out")
    assert code == 2
    assert words in output
    assert list(contents()) == ["film.avi"]


def test_a_header_that_promises_too_much_does_not_count(
    run_faceseg: RunFaceseg, network_file: Path
):
    Path("film.avi").write_bytes(avi([jpeg()] * 3, promised=10**9, rate=10**6))
    code, output = run_faceseg("predict", network_file, "--video", "film.avi", "--out", "out")
    assert code == 0, output
    assert "3 frames labelled" in output
    assert json.loads(Path("out/film.json").read_text(encoding="utf-8"))["rate"] == 25.0


def test_a_photograph_is_no_series_of_photographs(run_faceseg: RunFaceseg, network_file: Path):
    for number in range(3):
        Path(f"photo-{number}.jpg").write_bytes(jpeg())
    code, output = run_faceseg("predict", network_file, "--video", "photo-0.jpg", "--out", "out")
    assert code == 0, output
    assert "1 frames labelled" in output


# --- A disk that is full.


def noise_jpeg() -> bytes:
    """Return a JPEG that compresses badly, also in the film."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_film_that_cannot_be_written_whole_is_not_kept(
    run_faceseg: RunFaceseg, network_file: Path
):
    """OpenCV does not report that; an older film stays."""
    words = ("predict", network_file, "--video", "film.avi", "--out", "out")
    assert run_faceseg(*words)[0] == 0
    Path("film.avi").write_bytes(avi([noise_jpeg()] * 20))
    before = contents()
    with file_limit(50_000):  # a copy of the network is smaller
        code, output = run_faceseg(*words, "--overwrite")
    assert code == 2
    assert "out/film.mp4 cannot be written: 0 of 20 frames can be read again" in output
    assert contents() == before


def test_frames_before_the_disk_is_full_are_kept(
    run_faceseg: RunFaceseg, network_file: Path, monkeypatch: pytest.MonkeyPatch
):
    left = iter([10**9] * 2)

    def usage(folder: Path) -> Any:
        return shutil._ntuple_diskusage(10**9, 0, next(left, 1000))  # type: ignore[attr-defined]

    monkeypatch.setattr(film.shutil, "disk_usage", usage)
    code, output = run_faceseg("predict", network_file, "--video", "film.avi", "--out", "out")
    assert code == 2
    assert "Stopped after 2 frames, which are kept: out/film.mp4 and out/film.json" in output
    assert frames_of("out/film.mp4") == 2
    assert len(json.loads(Path("out/film.json").read_text(encoding="utf-8"))["frames"]) == 2


def test_the_frames_are_averaged_unless_that_is_switched_off(
    run_faceseg: RunFaceseg, network_file: Path
):
    # Red is skin and green the left brow: by a little in every second frame, against the mean.
    colours = [(110, 90, 0), (98, 100, 0)] * 4
    Path("flicker.avi").write_bytes(avi([jpeg(colour=colour) for colour in colours]))

    def changes(*words: str) -> int:
        code, output = run_faceseg(
            "predict", network_file, "--video", "flicker.avi", "--overwrite", *words
        )
        assert code == 0, output
        results = json.loads(Path("predictions/flicker.json").read_text(encoding="utf-8"))
        assert results["steady"] is ("--no-steady" not in words)
        skin = [frame["skin"] for frame in results["frames"]]
        return sum(one != other for one, other in zip(skin[1:], skin[:-1], strict=True))

    assert changes("--no-steady") == 7
    assert changes() == 0
