"""The same labelled faces of 64 x 48 pixels in each format, written by its specification."""

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.class_sets import EASYPORTRAIT, FACESYNTHETICS
from faceseg.data.classes import LAPA
from tests.faceseg.data.formats import celebamask_folder

ROWS, COLUMNS, COUNT = 48, 64, 12
# The box (left, right, top, bottom) of each class, the larger ones first. Left is left in the
# image.
BOXES = {
    "hair": (6, 58, 0, 30),
    "skin": (14, 50, 8, 46),
    "nose": (28, 36, 20, 30),
    "left_eyebrow": (18, 26, 12, 14),
    "right_eyebrow": (38, 46, 12, 14),
    "left_eye": (19, 25, 16, 19),
    "right_eye": (39, 45, 16, 19),
    "inner_mouth": (24, 40, 35, 38),
    "upper_lip": (24, 40, 33, 35),
    "lower_lip": (24, 40, 38, 40),
}


def labels_of(ids: dict[str, int]) -> NDArray[np.uint8]:
    """Return the labels (48, 64) of a face, with these ids of LaPa's classes."""
    labels = np.full((ROWS, COLUMNS), ids["background"], dtype=np.uint8)
    for name, (left, right, top, bottom) in BOXES.items():
        labels[top:bottom, left:right] = ids[name]
    return labels


LAPA_IDS = {name: index for index, name in enumerate(LAPA.names)}
LABELS = labels_of(LAPA_IDS)


def write_image(file: Path) -> None:
    """Write an image of noise that no other name has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([*file.stem.encode(), *file.parent.name.encode()])
    Image.fromarray(noise.integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)).save(file)


def write_mask(file: Path, labels: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(file)


def names() -> Iterator[str]:
    yield from (f"face{number:02}" for number in range(COUNT))


def celebamask_hq(root: Path) -> None:
    celebamask_folder.write_folder(root, COUNT)


def easyportrait(root: Path) -> None:
    # Its classes: the nose is skin, the hair belongs to the person, the lips are one class.
    of_lapa = {"hair": "person", "nose": "skin", "inner_mouth": "teeth", "upper_lip": "lips"}
    of_lapa |= {"lower_lip": "lips", "left_eyebrow": "left_brow", "right_eyebrow": "right_brow"}
    ids = {name: EASYPORTRAIT.names.index(of_lapa.get(name, name)) for name in LAPA.names}
    for split in ("train", "val", "test"):
        for name in list(names())[:3]:
            write_image(root / f"images/{split}/{name}.jpg")
            write_mask(root / f"annotations/{split}/{name}.png", labels_of(ids))


def ibugmask(root: Path) -> None:
    for split in ("train", "test"):
        for name in names():
            write_image(root / split / f"{name}.jpg")
            write_mask(root / split / f"{name}.png", LABELS)


def helen(root: Path) -> None:
    root.mkdir()
    for split in ("exemplars", "tuning", "testing"):
        found = [f"{split}-{name}" for name in list(names())[:3]]
        lines = [f"{number} , {name}" for number, name in enumerate(found, start=1)]
        (root / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
        for name in found:
            write_image(root / f"images/{name}.jpg")
            for index in range(11):
                probability = np.where(index == LABELS, 200, 5).astype(np.uint8)
                write_mask(root / f"labels/{name}/{name}_lbl{index:02}.png", probability)


def facesynthetics(root: Path) -> None:
    of_lapa = {"left_eyebrow": "left_brow", "right_eyebrow": "right_brow"}
    of_lapa |= {"inner_mouth": "mouth_interior", "upper_lip": "top_lip", "lower_lip": "bottom_lip"}
    ids = {name: FACESYNTHETICS.names.index(of_lapa.get(name, name)) for name in LAPA.names}
    for name in names():
        write_image(root / f"{name}.png")
        write_mask(root / f"{name}_seg.png", labels_of(ids))


def colours(root: Path) -> None:
    for name in names():
        write_image(root / f"images/{name}.jpg")
        write_mask(root / f"labels/{name}.png", LAPA.colour(LABELS))


def coco(root: Path) -> None:
    images, annotations = [], []
    for number, name in enumerate(names()):
        write_image(root / f"images/{name}.jpg")
        images.append({"id": number, "file_name": f"{name}.jpg", "width": COLUMNS, "height": ROWS})
        for label, (left, right, top, bottom) in BOXES.items():
            mask = np.zeros((ROWS, COLUMNS), dtype=bool)
            mask[top:bottom, left:right] = True
            # Uncompressed run lengths: column by column, beginning with the zeros.
            flat = np.concatenate([[False], mask.T.ravel()])
            borders = np.flatnonzero(flat[1:] != flat[:-1])
            counts = np.diff([0, *borders, mask.size]).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": LAPA_IDS[label],
                    "segmentation": {"size": [ROWS, COLUMNS], "counts": counts},
                    "iscrowd": 0,
                }
            )
    categories = [{"id": LAPA_IDS[label], "name": label} for label in BOXES]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(content), encoding="utf-8")


def labelme(root: Path) -> None:
    for name in names():
        write_image(root / f"{name}.jpg")
        shapes = [
            {
                "label": label,
                "shape_type": "polygon",
                "points": [[left, top], [right, top], [right, bottom], [left, bottom]],
            }
            for label, (left, right, top, bottom) in BOXES.items()
        ]
        size = {"imageHeight": ROWS, "imageWidth": COLUMNS}
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imageData": None, **size}
        content["imagePath"] = f"{name}.jpg"
        (root / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def cvat(root: Path) -> None:
    top_element = ElementTree.Element("annotations")
    ElementTree.SubElement(top_element, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(top_element, "meta"), "task")
    listed = ElementTree.SubElement(task, "labels")
    for label in BOXES:
        ElementTree.SubElement(ElementTree.SubElement(listed, "label"), "name").text = label
    for number, name in enumerate(names()):
        write_image(root / f"images/{name}.jpg")
        image = ElementTree.SubElement(
            top_element,
            "image",
            {"id": str(number), "name": f"{name}.jpg", "width": str(COLUMNS), "height": str(ROWS)},
        )
        for label, (left, right, top, bottom) in BOXES.items():
            points = f"{left},{top};{right},{top};{right},{bottom};{left},{bottom}"
            ElementTree.SubElement(
                image, "polygon", {"label": label, "points": points, "z_order": "0"}
            )
    ElementTree.ElementTree(top_element).write(root / "annotations.xml", "utf-8")


def label_studio(root: Path) -> None:
    tasks = []
    for number, name in enumerate(names(), start=1):
        write_image(root / f"{name}.jpg")
        result = [
            {
                "type": "rectanglelabels",
                "original_width": COLUMNS,
                "original_height": ROWS,
                "image_rotation": 0,
                "value": {
                    "x": 100 * left / COLUMNS,
                    "y": 100 * top / ROWS,
                    "width": 100 * (right - left) / COLUMNS,
                    "height": 100 * (bottom - top) / ROWS,
                    "rotation": 0,
                    "rectanglelabels": [label],
                },
            }
            for label, (left, right, top, bottom) in BOXES.items()
        ]
        data = {"image": f"/data/upload/1/{name}.jpg"}
        tasks.append({"id": number, "data": data, "annotations": [{"result": result}]})
    (root / "export.json").write_text(json.dumps(tasks), encoding="utf-8")


WRITERS = {
    "celebamask-hq": celebamask_hq,
    "easyportrait": easyportrait,
    "ibugmask": ibugmask,
    "helen": helen,
    "facesynthetics": facesynthetics,
    "coco": coco,
    "labelme": labelme,
    "cvat": cvat,
    "label-studio": label_studio,
    "colours": colours,
}
