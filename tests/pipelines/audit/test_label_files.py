"""The names of the label files in the list: relative to the data folder, one a line."""

from pathlib import Path

from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.data.lapa import LapaFolder
from faceseg.data.pack import build_pack
from pipelines.audit.fold_images import open_images
from pipelines.audit.label_files import label_files


def test_a_folder_has_files_and_a_line_break_in_a_name_is_escaped(
    lapa_folder: Path, tmp_path: Path
):
    for folder, suffix in (("images", "jpg"), ("labels", "png")):
        file = lapa_folder / "test" / folder / f"test0.{suffix}"
        file.rename(file.with_name(f"a\nb é.{suffix}"))
    source = LapaFolder(lapa_folder)
    pack, _ = build_pack(source, tmp_path / "packs", LAPA, (32, 64))
    assert label_files(source, open_images(pack)) == [
        *(f"train/labels/train{number}.png" for number in range(4)),
        *(f"val/labels/val{number}.png" for number in range(2)),
        "test/labels/a\\nb é.png",
        "test/labels/test1.png",
    ]


def test_drawn_faces_have_ids(tmp_path: Path):
    source = DrawnFaces(counts={"train": 1, "val": 1, "test": 1}, size=32)
    pack, _ = build_pack(source, tmp_path, LAPA, (32, 32))
    found = label_files(source, open_images(pack))
    assert found == ["train/train-000000", "val/val-000000", "test/test-000000"]
