"""A `.keras` file that would take far more memory or time than it stores is refused before."""

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.networks.saving import load_network, save_network

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
Change = Callable[[dict[str, bytes]], None]


@pytest.fixture(scope="module")
def saved(four_classes: ClassSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network: 8 filters of 3 x 3 x 3, then 4 of 1 x 1 x 8."""
    inputs = keras.Input((32, 32, 3))
    hidden = keras.layers.Conv2D(8, 3, padding="same", name="hidden")(inputs)
    outputs = keras.layers.Conv2D(4, 1, name="logits")(keras.layers.UpSampling2D(1)(hidden))
    path = tmp_path_factory.mktemp("saved") / "best.keras"
    save_network(keras.Model(inputs, outputs), path, four_classes, {})
    return path


def changed(saved: Path, path: Path, change: Change, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(saved) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return path


def configured(layer: str, **values: object) -> Change:
    """Return a change of one layer's configuration, with the shapes that Keras stored left out."""

    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members[CONFIG])
        for each in config["config"]["layers"]:
            each.pop("build_config", None)
            if each["class_name"] == layer or each["name"] == layer:
                each["config"] |= values
        members[CONFIG] = json.dumps(config).encode()

    return change


def padded(member: str, size: int) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members[member] = members.get(member, b"") + b" " * size

    return change


def with_array(**options: Any) -> Change:
    """Return a change that adds an array to the weights which takes next to no place there."""

    def change(members: dict[str, bytes]) -> None:
        file = io.BytesIO(members[WEIGHTS])
        with h5py.File(file, "a") as weights:
            weights.create_dataset("layers/more", dtype="float32", **options)
        members[WEIGHTS] = file.getvalue()

    return change


BOMBS: dict[str, tuple[Change, str]] = {
    "weights that unpack to 100 MB": (
        padded(WEIGHTS, 100_000_000),
        r"model\.weights\.h5 unpacks from 0\.\d to 100\.\d MB",
    ),
    "metadata of 2 MB": (padded("faceseg.json", 2_000_000), r"faceseg\.json unpacks from"),
    "a configuration of 5 MB": (padded(CONFIG, 5_000_000), r"config\.json unpacks from"),
    "another member": (padded("assets/x", 10), "it has a member 'assets/x'"),
    "2**31 filters": (configured("hidden", filters=2**31), "its layers need [0-9,]+ weights, but"),
    "10**7 filters": (configured("hidden", filters=10**7), "its layers need 320,000,004 weights"),
    "a kernel of 10,000": (configured("hidden", kernel_size=[10_000] * 2), "its layers need"),
    "an enlargement": (
        configured("UpSampling2D", size=[10_000, 10_000]),
        "a layer of it has an output of 819,200,000,000 values",
    ),
    "an array without content": (with_array(shape=(2**40,)), "declares arrays of 4,398,046"),
    "an array of one chunk": (
        with_array(shape=(10**9,), chunks=(1024,), compression="gzip"),
        r"declares arrays of 4,000\.",
    ),
    "nested lists": (
        lambda members: members.update({CONFIG: b"[" * 100_000}),
        "cannot be loaded safely",
    ),
    "6,000 digits": (
        lambda members: members.update({CONFIG: b"1" * 6000}),
        "cannot be loaded safely: Exceeds the limit",
    ),
    "no network": (lambda members: members.update({CONFIG: b"[]"}), "cannot be loaded safely"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_needs_more_than_it_stores_is_refused(
    name: str, saved: Path, tmp_path: Path
) -> None:
    change, words = BOMBS[name]
    path = changed(saved, tmp_path / "best.keras", change, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2_000_000
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=words) as refused:
            load_network(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert len(str(refused.value)) < 600


def test_a_repeated_member_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(saved.read_bytes())
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a") as archive,
    ):
        archive.writestr(CONFIG, "{}")
    with pytest.raises(UserError, match="it has two members of one name"):
        load_network(path)


def test_a_compressed_file_is_loaded_and_the_check_leaves_no_trace(
    saved: Path, tmp_path: Path
) -> None:
    path = changed(saved, tmp_path / "best.keras", lambda _: None, zipfile.ZIP_DEFLATED)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    first, second = (load_network(each)[0].predict_on_batch(image) for each in (saved, path))
    np.testing.assert_array_equal(first, second)
