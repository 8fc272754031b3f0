"""A decoder process is ended when it exceeds its processor time; the others go on."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.images import decode_image
from faceseg.data.problems import BadFile, UnknownFormat
from tests.faceseg.data.hostile_images import encoded, jpeg_of_many_scans


@pytest.fixture(scope="module")
def two() -> Iterator[DecoderProcesses]:
    with DecoderProcesses(2) as processes:
        yield processes


def test_the_result_is_that_of_this_process(two: DecoderProcesses):
    content = encoded("JPEG", (300, 200))
    found = two.run("a", decode_image, content, "a")
    np.testing.assert_array_equal(found, decode_image(content, "a"))
    assert two.run("a", os.getpid) != os.getpid()


def test_a_bad_file_keeps_its_kind_and_its_name(two: DecoderProcesses):
    with pytest.raises(UnknownFormat, match=r"^a\.txt: no image of a known format") as bad:
        two.run("a.txt", decode_image, b"text", "a.txt")
    assert bad.value.file == "a.txt"


def test_a_decoder_is_ended_and_replaced(two: DecoderProcesses):
    # 100 scans, the most that are allowed, of 9 megapixels: about a second of processor time.
    content = jpeg_of_many_scans(100, (3000, 3000))
    with DecoderProcesses(1, seconds=0.05) as one:
        before = one.run("a", os.getpid)
        with pytest.raises(BadFile, match=r"a\.jpg: decoding takes more than 0\.05 s"):
            one.run("a.jpg", decode_image, content, "a.jpg")
        assert not psutil.pid_exists(before)
        assert one.run("a", os.getpid) != before
        with pytest.raises(BadFile, match="its decoder ended with status -6"):
            one.run("a.jpg", os.abort)  # as a crash in C code
        assert one.run("a", decode_image, encoded("PNG"), "a").shape == (16, 16, 3)


def test_time_without_a_free_decoder_is_counted(two: DecoderProcesses, tmp_path: Path):
    pipes = [tmp_path / "first", tmp_path / "second"]
    assert two.seconds_all_busy() == 0
    with ThreadPoolExecutor(3) as threads:
        busy = []
        for pipe in pipes:
            os.mkfifo(pipe)
            busy.append(threads.submit(two.run, "a", Path.read_bytes, pipe))  # until it is written
        while not two.seconds_all_busy():
            pass
        waiting = threads.submit(two.run, "a", os.getpid)
        assert not waiting.done()
        for pipe in pipes:
            pipe.write_bytes(b"written")
        assert [each.result() for each in busy] == [b"written"] * 2
        assert waiting.result() != os.getpid()
    assert two.seconds_all_busy() == 0


def test_processes_end_with_their_owner_and_import_nothing_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "queue.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    processes = DecoderProcesses(1)
    child = psutil.Process(processes.run("a", os.getpid))
    processes.close()
    assert not child.is_running()
