"""Source code is sent and data is not; the message on too large a folder lists its entries."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.cluster.working_directory import check_size, files_to_send, write_archive

BINARY = b"\x89PNG\r\n\0\0"


def put(folder: Path, name: str, content: bytes = b"text\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def names(folder: Path, *excluded: Path) -> set[str]:
    return {path.as_posix() for path in files_to_send(folder, excluded)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout: `kept.yaml` and `docs/picture.png` are tracked, `secret/` is ignored."""
    git(tmp_path, "init", "--quiet")
    put(tmp_path, ".gitignore", b"secret/\n")
    put(tmp_path, "kept.yaml")
    put(tmp_path, "docs/picture.png", BINARY)
    git(tmp_path, "add", ".")
    return tmp_path


def test_tracked_files_and_new_text_files_are_sent(checkout: Path):
    put(checkout, "new.yaml")
    put(checkout, "secret/key.txt")
    put(checkout, "photo.png", BINARY)
    assert names(checkout) == {".gitignore", "kept.yaml", "docs/picture.png", "new.yaml"}


def test_only_the_given_folder_of_a_checkout_is_read(checkout: Path):
    put(checkout, "docs/notes.md")
    assert names(checkout / "docs") == {"picture.png", "notes.md"}


def test_a_plain_folder_is_read_like_a_repository(tmp_path: Path):
    put(tmp_path, ".gitignore", b"drafts/\n")
    put(tmp_path, "drafts/one.yaml")
    put(tmp_path, "sub/.gitignore", b"two.yaml\n")
    put(tmp_path, "sub/two.yaml")
    put(tmp_path, "tiny.yaml")
    put(tmp_path, "faces/1.jpg", BINARY)
    assert names(tmp_path) == {".gitignore", "sub/.gitignore", "tiny.yaml"}
    assert not (tmp_path / ".git").exists()


def test_rayignore_is_read_too(checkout: Path):
    put(checkout, ".rayignore", b"*.csv\ndocs/\n")
    put(checkout, "labels.csv")
    assert names(checkout) == {".gitignore", ".rayignore", "kept.yaml"}


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "CACHEDIR.TAG"])
def test_environments_and_caches_are_not_sent(checkout: Path, mark: str):
    put(checkout, f"inner/{mark}")
    put(checkout, "inner/lib/site-packages/module.py")
    assert "inner/lib/site-packages/module.py" not in names(checkout)


def test_the_storage_and_the_images_are_not_sent(checkout: Path):
    put(checkout, "results/report.html")
    put(checkout, "faces/ids.txt")
    excluded = (checkout / "results", checkout / "faces")
    assert names(checkout, *excluded) == names(checkout) - {"results/report.html", "faces/ids.txt"}
    assert names(checkout, checkout.parent) == names(checkout)  # it contains the working directory


def test_deleted_files_and_links_to_folders_are_skipped(checkout: Path, tmp_path: Path):
    (checkout / "kept.yaml").unlink()
    (checkout / "linked").symlink_to(tmp_path.parent)
    (checkout / "broken").symlink_to(tmp_path / "nowhere")
    assert names(checkout) == {".gitignore", "docs/picture.png"}


def test_a_gigabyte_of_data_is_not_sent_and_costs_nothing(checkout: Path):
    faces = put(checkout, "data/faces.bin", BINARY)
    with faces.open("r+b") as file:
        file.truncate(2**30)
    for number in range(300):
        put(checkout, f"data/{number}.jpg", BINARY)
    sizes = files_to_send(checkout)
    assert not [path for path in sizes if path.parts[0] == "data"]
    check_size(checkout, sizes)


def test_too_large_a_folder_is_refused_with_its_largest_entries(checkout: Path):
    put(checkout, "tables/a.csv", b"1," * 1_000_000)
    put(checkout, "tables/b.csv", b"1," * 2_000_000)
    put(checkout, "log.txt", b"line\n" * 500_000)
    sizes = files_to_send(checkout)
    check_size(checkout, sizes, limit=9_000_000)
    with pytest.raises(UserError) as refused:
        check_size(checkout, sizes, limit=8_000_000)
    lines = str(refused.value).splitlines()
    assert "contains 8.1 MiB" in lines[0]
    assert lines[1] == "  tables  5.7 MiB in 2 files, the largest tables/b.csv 3.8 MiB"
    assert lines[2] == "  log.txt  2.4 MiB"
    assert ".rayignore" in lines[-1]


def test_a_repository_that_git_does_not_trust_is_read_as_a_plain_folder(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert names(checkout) == {".gitignore", "kept.yaml"}  # the tracked picture is now unknown


def test_git_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is needed"):
        files_to_send(tmp_path)


def test_the_archive_contains_the_given_files(checkout: Path, tmp_path: Path):
    (checkout / "alias.yaml").symlink_to("kept.yaml")
    archive = tmp_path / "secret" / "made.zip"
    archive.parent.mkdir()
    write_archive(
        checkout, [Path("kept.yaml"), Path("docs/picture.png"), Path("alias.yaml")], archive
    )
    with zipfile.ZipFile(archive) as made:
        assert {name: made.read(name) for name in made.namelist()} == {
            "kept.yaml": b"text\n",
            "docs/picture.png": BINARY,
            "alias.yaml": b"text\n",
        }
