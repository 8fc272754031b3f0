"""What a shell offers after `faceseg VERB`."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli.arguments import complete_experiment


def test_names_files_and_folders_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").touch()
    (tmp_path / "quick.txt").touch()
    (tmp_path / "quicker").mkdir()
    (tmp_path / "quicker" / "mine.yaml").touch()
    assert complete_experiment("qui") == ["quickstart", "quick.yaml", "quicker/"]
    assert complete_experiment("quicker/") == ["quicker/mine.yaml"]
    assert complete_experiment(f"{tmp_path}/quick.") == [f"{tmp_path}/quick.yaml"]
    assert "lapa" in complete_experiment("")


def test_a_shell_gets_the_names_and_no_framework_is_loaded(tmp_path: Path):
    """In a subprocess, as the script that `--install-completion` installs starts it."""
    code = (
        "import sys; sys.argv[0] = 'faceseg'; from pipelines.cli.commands import main\n"
        "try: main()\n"
        "finally: print({'tensorflow', 'keras', 'ray'} & set(sys.modules), file=sys.stderr)"
    )
    shell = {"_FACESEG_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    for words, offered in (
        ("study lapa-s", "lapa-short"),
        ("status quickst", "quickstart"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**shell, "COMP_WORDS": f"faceseg {words}", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == [offered], done.stderr
        assert done.stderr.splitlines()[-1] == "set()"
