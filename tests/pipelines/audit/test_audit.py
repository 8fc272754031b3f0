"""`faceseg audit`: an interrupted one is resumed, a finished one trains nothing."""

import csv
from pathlib import Path
from typing import Any

import pytest

from pipelines.audit import audit, fold_training
from tests.pipelines.conftest import RunFaceseg

SETTINGS = """\
data: {{image_size: [32, 32], drawn: {{train: 8, val: 2, test: 2, size: 32}}}}
architectures: {{segnet: {{width: 0.125}}}}
training: {{epochs: 1, batch_size: 4}}
storage: {storage}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SETTINGS.format(storage=tmp_path / "results"), encoding="utf-8")
    return path


def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list that grows by the folder of every training."""
    found: list[Path] = []
    train = fold_training.train

    def counted(*arguments: Any, folder: Path, **options: Any) -> Any:
        found.append(folder)
        return train(*arguments, folder=folder, **options)

    monkeypatch.setattr(fold_training, "train", counted)
    return found


@pytest.mark.slow
def test_an_audit_is_resumed_with_the_next_fold_and_not_repeated(
    run_faceseg: RunFaceseg, tiny: Path, lapa_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """The folder has 4, 2 and 2 images, whose labels are `train/labels/train0.png` and so on."""
    data = ("--set", "data.source=directory", "--set", f"data.path={lapa_folder}")
    words = ("audit", tiny, "--folds", "2", "--top", "3", *data)
    trained = trainings(monkeypatch)
    compute = audit.compute_fold

    def interrupted(*arguments: Any) -> None:
        if len(trained) == 2:
            raise KeyboardInterrupt
        compute(*arguments)

    monkeypatch.setattr(audit, "compute_fold", interrupted)
    code, output = run_faceseg(*words)
    assert code == 130, output
    assert output.count("fold 1 of 2: val IoU ") == 1
    results = tiny.parent / "results" / "tiny" / "audit"
    assert not results.exists()
    assert [each.parent.name for each in trained] == ["fold-1", "fold-2"]

    monkeypatch.setattr(audit, "compute_fold", compute)
    code, output = run_faceseg(*words)
    assert code == 0, output
    assert [each.parent.name for each in trained] == ["fold-1", "fold-2", "fold-2"]
    assert not trained[-1].exists()  # no checkpoint is left
    assert "the networks agree with the labels of most images poorly (median IoU 0." in output
    assert output.endswith(f"page: {results / 'audit.html'}\n")
    rows = list(csv.DictReader((results / "audit.csv").read_text("utf-8").splitlines()))
    splits = ["test"] * 2 + ["train"] * 4 + ["val"] * 2
    assert sorted(each["split"] for each in rows) == splits
    scores = [float(each["score"]) for each in rows]
    assert scores == sorted(scores, reverse=True)
    listed = (results / "relabel.txt").read_text("utf-8").splitlines()
    assert listed == [each["file"] for each in rows[:3]]
    assert all((lapa_folder / name).is_file() for name in listed)

    files = {path: path.read_bytes() for path in results.iterdir()}
    code, output = run_faceseg(*words)
    assert code == 0, output
    assert len(trained) == 3
    assert {path: path.read_bytes() for path in results.iterdir()} == files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--architecture", "unet"), "error: 'unet' is not among this experiment's architectures"),
        (("--folds", "13"), "error: the images show 12 photographs, too few for 13 folds"),
        (("--folds", "1"), "Invalid value for '--folds'"),
        (("--top", "0"), "Invalid value for '--top'"),
    ],
    ids=str,
)
def test_impossible_options_end_in_one_paragraph(
    run_faceseg: RunFaceseg, tiny: Path, options: tuple[str, str], message: str
):
    code, output = run_faceseg("audit", tiny, *options)
    assert code == 2
    assert message in output
    assert "Traceback" not in output


def test_a_loss_that_is_not_finite_ends_in_one_paragraph(
    run_faceseg: RunFaceseg, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    def diverging(*arguments: Any, **options: Any) -> None:
        raise fold_training.NonFiniteLossError(step=3, epoch=1, learning_rate=0.5)

    monkeypatch.setattr(fold_training, "train", diverging)
    code, output = run_faceseg("audit", tiny, "--folds", "2")
    assert code == 2
    assert "error: fold 1 of 2: the loss is not finite at step 3 (epoch 1, peak" in output
