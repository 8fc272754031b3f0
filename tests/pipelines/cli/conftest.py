"""The command line in this process, and a small experiment."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.cli import commands

RunCommand = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[RunCommand]:
    """Run `faceseg ARGUMENTS` in this process, in an empty folder; return code, output, errors."""
    before = dict(os.environ)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["faceseg", *arguments])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        captured = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, captured.out, captured.err

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """An experiment on eight drawn faces."""
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "data: {image_size: [32, 32], drawn: {train: 4, val: 2, test: 2, size: 32}}\n"
        "architectures: {unet: {}, segnet: {}}\n",
        encoding="utf-8",
    )
    return path
