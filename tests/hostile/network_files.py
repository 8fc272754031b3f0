"""`.keras` files and exported files that are damaged, out of proportion, or contain code."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from tests.hostile.hostile_file import HostileFile, Materials, Write, content

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "faceseg.json"
NETWORK = ("predict with it", "export it", "demo of it", "serve it")
Members = dict[str, bytes]


def network_files() -> Iterator[HostileFile]:
    """Yield networks, and folders of exported networks."""
    for name, write in (_changed_members() | _other_files()).items():
        yield HostileFile(name=name, file="best.keras", write=write, verbs=NETWORK)
    odd = _member(METADATA, _with_origin({"architecture": [1] * 9, "test_iou": "many"}))
    verbs = tuple(each for each in NETWORK if each != "export it")  # it would be converted
    yield HostileFile(name="an odd origin", file="best.keras", write=odd, verbs=verbs)
    for name, write in _exported().items():
        yield HostileFile(name=name, file="exported", write=write, verbs=NETWORK)


def _changed_members() -> dict[str, Write]:
    return {
        "weights that unpack to 100 MB": _member(WEIGHTS, lambda old: old + bytes(100_000_000)),
        "a configuration that unpacks to 100 MB": _member(CONFIG, lambda _: b" " * 100_000_000),
        "class names of 100 MB": _member(METADATA, lambda _: b" " * 100_000_000),
        "2³¹ filters": _layer(filters=2**31),
        "10⁷ filters": _layer(filters=10**7),
        "a kernel of 10,000": _layer(kernel_size=[10_000, 10_000]),
        "no filter": _layer(filters=0),
        "filters of text": _layer(filters="many"),
        "nested lists": _member(CONFIG, lambda _: b"[" * 100_000),
        "a configuration of 6,000 digits": _member(CONFIG, lambda _: b"1" * 6000),
        "a configuration that is a list": _member(CONFIG, lambda _: b"[]"),
        "a configuration of bytes": _member(CONFIG, lambda _: bytes(range(256))),
        "weights of text": _member(WEIGHTS, lambda _: b"no weights"),
        "half the weights": _member(WEIGHTS, lambda old: old[: len(old) // 2]),
        "Python code": _layer(class_name="Lambda", registered_name="Lambda", function="__import__"),
        "a class of another module": _layer(module="os", class_name="system"),
        "no class set": _member(METADATA, lambda _: b'{"classes": {}, "origin": {}}'),
        "an origin that is a text": _member(METADATA, _with_origin("a text")),
        "a member outside": _member("../../up.txt", lambda _: b"written"),
        "an absolute member": _member("/tmp/up.txt", lambda _: b"written"),  # noqa: S108
        "another member": _member("assets/a", lambda _: b"written"),
    }


def _other_files() -> dict[str, Write]:
    return {
        "a network of text": content(b"no network"),
        "a network without bytes": content(b""),
        "half a network": _half,
        "a pickle": content(b"\x80\x04\x95\x12\x00\x00\x00\x8c\x02os\x8c\x06system\x93."),
        "an HDF5 file": content(b"\x89HDF\r\n\x1a\n" + bytes(2000)),
        "a folder called a network": lambda path, _: path.mkdir(),
        "a pipe called a network": lambda path, _: os.mkfifo(path),
        "a network of endless zeros": lambda path, _: path.symlink_to("/dev/zero"),
        "a network linked to itself": lambda path, _: path.symlink_to(path),
    }


def _exported() -> dict[str, Write]:
    return {
        "an exported file without its manifest": _folder(None, "model.onnx"),
        "a manifest of zeros": _folder(bytes(3_000_000), "model.onnx"),
        "a manifest of another file": _folder(_manifest(file="../../etc/passwd"), "model.onnx"),
        "a manifest with another checksum": _folder(_manifest(sha256="0" * 64), "model.onnx"),
        "an ONNX file of text": _folder(_manifest(), "model.onnx"),
        "a LiteRT file of text": _folder(
            _manifest(format="litert", file="model.tflite"), "model.tflite"
        ),
        "a format that does not exist": _folder(_manifest(format="x"), "model.onnx"),
    }


def _member(name: str, change: Callable[[bytes], bytes]) -> Write:
    """Return a function that changes one member of the network, or adds it."""

    def write(path: Path, materials: Materials) -> None:
        members = _members(materials.network)
        members[name] = change(members.get(name, b""))
        _store(members, path)

    return write


def _layer(**values: object) -> Write:
    """Return a function that changes keys of each convolution, or of its configuration."""

    def write(path: Path, materials: Materials) -> None:
        members = _members(materials.network)
        config = json.loads(members[CONFIG])
        for each in config["config"]["layers"]:
            each.pop("build_config", None)
            if each["class_name"] != "Conv2D":
                continue
            each |= {key: value for key, value in values.items() if key in each}
            each["config"] |= {key: value for key, value in values.items() if key not in each}
        members[CONFIG] = json.dumps(config).encode()
        _store(members, path)

    return write


def _with_origin(origin: object) -> Callable[[bytes], bytes]:
    return lambda old: json.dumps({**json.loads(old), "origin": origin}).encode()


def _members(network: Path) -> Members:
    with zipfile.ZipFile(network) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _store(members: Members, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, each in members.items():
            archive.writestr(name, each)


def _half(path: Path, materials: Materials) -> None:
    whole = materials.network.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


NO_NETWORK = b"no network"


def _manifest(**values: object) -> Callable[[Materials], bytes]:
    def made(materials: Materials) -> bytes:
        facts = {
            "format": "onnx",
            "precision": "float32",
            "file": "model.onnx",
            "sha256": sha256(NO_NETWORK).hexdigest(),
            "bytes": len(NO_NETWORK),
            "grid": [32, 32],
            "images": None,
            "classes": json.loads(_members(materials.network)[METADATA])["classes"],
            "origin": {},
            "agreement": {},
        }
        return json.dumps({**facts, **values}).encode()

    return made


def _folder(manifest: bytes | Callable[[Materials], bytes] | None, name: str) -> Write:
    def write(path: Path, materials: Materials) -> None:
        path.mkdir()
        (path / name).write_bytes(NO_NETWORK)
        if manifest is not None:
            text = manifest if isinstance(manifest, bytes) else manifest(materials)
            (path / "model.json").write_bytes(text)

    return write
