"""Files are written together: all or none."""

from pathlib import Path

import pytest

from faceseg.data.atomic_files import write_atomically


def test_folders_are_made_and_older_files_are_replaced(tmp_path: Path):
    (tmp_path / "a").write_text("old")
    write_atomically({tmp_path / "a": b"new", tmp_path / "deep" / "b": b"b"})
    assert (tmp_path / "a").read_text() == "new"
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "deep", "b"}


def test_an_error_changes_no_file_and_names_its_own(tmp_path: Path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/b") as raised:
        write_atomically({tmp_path / "a": b"new", tmp_path / "file" / "b": b"b"})
    assert raised.value.filename == str(tmp_path / "file" / "b")
    assert (tmp_path / "a").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "file"}
