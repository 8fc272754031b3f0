"""Which folders a conversion may write, and which it may replace."""

from pathlib import Path

import pytest

from faceseg.data.formats.conversion_checks import RECORD, check_target
from faceseg.errors import UserError


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """What a conversion leaves, and a file that a system has added."""
    folder = tmp_path / "faces"
    for split in ("train", "val", "test"):
        (folder / split / "images").mkdir(parents=True)
    for name in (RECORD, ".DS_Store"):
        (folder / name).touch()
    return folder


def test_a_conversion_is_replaced_on_request_only(converted: Path, tmp_path: Path) -> None:
    check_target(converted, tmp_path / "source", overwrite=True)
    with pytest.raises(UserError, match="contains a conversion; give --overwrite"):
        check_target(converted, tmp_path / "source", overwrite=False)


@pytest.mark.parametrize("name", ["results", ".git"])  # a study that was run in it; a repository
def test_a_conversion_with_other_files_is_not_replaced(
    name: str, converted: Path, tmp_path: Path
) -> None:
    (converted / name).mkdir()
    with pytest.raises(UserError, match=rf"no conversion has written \({name}\); give the name"):
        check_target(converted, tmp_path / "source", overwrite=True)


def test_a_folder_with_a_systems_file_alone_is_empty(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/.DS_Store").touch()
    check_target(tmp_path / "faces", tmp_path / "source", overwrite=False)
