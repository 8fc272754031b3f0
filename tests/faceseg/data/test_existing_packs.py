"""A pack on disk is used again only if it is whole and was made from the same files."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.lapa import LapaFolder
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split
from tests.faceseg.data.small_packs import SIZE, prepared


def test_an_existing_pack_is_not_built_again(lapa_folder: Path, root: Path) -> None:
    first = prepared(lapa_folder, root)
    seen: list[tuple[int, int]] = []
    assert prepared(lapa_folder, root, progress=lambda *each: seen.append(each)) == first
    assert not seen


def test_each_setting_has_its_own_pack(lapa_folder: Path, root: Path) -> None:
    source = LapaFolder(lapa_folder)
    folders = {
        build_pack(source, root, LAPA, SIZE)[0],
        build_pack(source, root, LAPA, (8, 8))[0],
        build_pack(source, root, LAPA, SIZE, on_bad="skip")[0],
        build_pack(source, root, LAPA.model_copy(update={"small": ()}), SIZE)[0],
    }
    assert len(folders) == 4
    assert sorted(path.name for path in root.iterdir()) == sorted(folder.name for folder in folders)


def test_a_changed_file_makes_a_new_pack(lapa_folder: Path, root: Path) -> None:
    before = prepared(lapa_folder, root)[1]
    os.utime(lapa_folder / "train/labels/train0.png", (0, 0))
    touched = prepared(lapa_folder, root)[1]
    assert touched.key != before.key
    assert touched.fingerprint == before.fingerprint
    Image.new("L", (40, 32)).save(lapa_folder / "train/labels/train0.png")
    assert prepared(lapa_folder, root)[1].fingerprint != before.fingerprint


def test_the_fingerprint_does_not_depend_on_path_or_threads(
    lapa_folder: Path, root: Path, tmp_path: Path
) -> None:
    one = prepared(lapa_folder, root, threads=1)[1]
    shutil.copytree(lapa_folder, tmp_path / "copy")
    other = prepared(tmp_path / "copy", tmp_path / "elsewhere", threads=4)[1]
    assert one.fingerprint == other.fingerprint


def test_a_damaged_pack_is_built_again(lapa_folder: Path, root: Path) -> None:
    folder, manifest = prepared(lapa_folder, root)
    (folder / "train/images.npy").write_bytes(b"short")
    assert Manifest.read(folder) is None
    assert prepared(lapa_folder, root) == (folder, manifest)
    assert len(open_split(folder, "train").images) == 4


@pytest.mark.parametrize(
    "file", ["train/images.npy", "val/labels.npy", "test/originals.bin", "val/originals.npy"]
)
def test_a_pack_with_one_changed_byte_is_built_again(
    file: str, lapa_folder: Path, root: Path
) -> None:
    folder, manifest = prepared(lapa_folder, root)
    before = (folder / file).read_bytes()
    (folder / file).write_bytes(before[:-1] + bytes([before[-1] ^ 1]))  # of the same size
    assert prepared(lapa_folder, root) == (folder, manifest)
    assert (folder / file).read_bytes() == before


def test_exchanged_ids_and_impossible_counts_are_built_again(lapa_folder: Path, root: Path) -> None:
    folder, manifest = prepared(lapa_folder, root)
    ids, claims = folder / "train/ids.json", folder / "manifest.json"
    for file, change in (
        (ids, lambda text: text.replace("train0", "train9")),
        (ids, lambda text: "[" * len(text)),
        (claims, lambda text: text.replace('"count": 4', f'"count": {10**12}')),
        (claims, lambda text: text.replace('"count": 4', f'"count": {"1" * 6000}')),
        (claims, lambda text: "[" * 100_000),
    ):
        before = file.read_text()
        file.write_text(change(before))
        assert file.read_text() != before
        assert prepared(lapa_folder, root) == (folder, manifest)
        assert file.read_text() == before


def test_an_unknown_file_in_a_pack_is_ignored(lapa_folder: Path, root: Path) -> None:
    folder, manifest = prepared(lapa_folder, root)
    (folder / ".DS_Store").touch()
    assert Manifest.read(folder) == manifest
