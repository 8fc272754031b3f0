"""`faceseg init` of a folder that `faceseg convert` has written."""

from pathlib import Path

import pytest

from faceseg.data.class_sets import CELEBAMASK19
from pipelines.config import load
from tests.faceseg.data.formats.celebamask_folder import write_folder
from tests.pipelines.conftest import RunFaceseg

WORDS = ("--from", "celebamask-hq", "--shares", "40,30,30")


def test_init_takes_over_the_terms_and_the_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_faceseg: RunFaceseg
):
    source = write_folder(tmp_path / "CelebAMask-HQ")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, out = run_faceseg("convert", source, *WORDS, "--to", "all", "--classes=celebamask19")
    assert code == 0, out
    code, out = run_faceseg("init", "all", "--no-gpu")
    assert code == 0, out
    data = load(Path("all.yaml")).data
    assert data.terms == "CelebAMask-HQ: for non-commercial research and educational purposes only"
    assert data.class_set == CELEBAMASK19
    code, out = run_faceseg(
        "init", "all", "--name=mine", "--no-gpu", "--classes", ",".join("abcdefghijklmnopqrs")
    )
    assert code == 0, out
    assert load(Path("mine.yaml")).data.class_set.names == tuple("abcdefghijklmnopqrs")
    Path("all/conversion.json").write_text('{"terms": 3}')
    code, out = run_faceseg("init", "all", "--name=other", "--no-gpu")
    assert code == 2
    assert "all/conversion.json: terms: " in out
    assert "remove it" in out
