"""YAML that is damaged, out of proportion, of another kind, or with values from a stranger."""

import os
from collections.abc import Iterator

from tests.hostile.hostile_file import HostileFile, Write, content
from tests.pipelines.config.test_yaml_bounds import REFUSED

EXPERIMENT = ("every verb of an experiment", "--set @FILE", "base")


def experiment_files() -> Iterator[HostileFile]:
    """Yield experiments. None is valid, but a base's name is not that of what derives from it.

    Those at a bound take a second to read, so they go through one verb only.
    """
    for name, (text, _) in REFUSED.items():
        if name != "many values":  # four seconds
            write = content(text.encode())
            yield HostileFile(name=f"YAML: {name}", file="a.yaml", write=write, verbs=("base",))
    for name, write in (_texts() | _values() | _special()).items():
        yield HostileFile(name=name, file="a.yaml", write=write, verbs=EXPERIMENT)


def _texts() -> dict[str, Write]:
    return {
        "a Python object": content(b"seed: !!python/object/apply:os.mkdir [attacked]\n"),
        "YAML of random bytes": content(bytes(range(256)) * 20),
        "YAML in UTF-16": content("name: tiny\n".encode("utf-16")),
        "YAML of zeros": content(bytes(5000)),
        "YAML of 5 MB": content(b"# a comment\n" * 400_000),
        "two documents": content(b"seed: 1\n---\nseed: 2\n"),
        "a list": content(b"- 1\n- 2\n"),
        "a key that is a list": content(b"? [1, 2]\n: 3\n"),
        "a key twice": content(b"seed: 1\nseed: 2\n"),
        "an alias of nothing": content(b"seed: *nothing\n"),
        "a tab": content(b"data:\n\timage_size: 3\n"),
        "an unclosed quotation": content(b'name: "tiny\n'),
        "an unknown escape": content(b'name: "\\q"\n'),
        "a directive": content(b"%YAML 9.9\n---\nseed: 1\nx: 1\n"),
    }


def _values() -> dict[str, Write]:
    texts = {
        "its own base": "base: a.yaml",
        "a base of endless zeros": "base: /dev/zero",
        "a base that is a list": "base: [1, 2]",
        "a base of a name too long": f"base: {'a' * 5000}",
        "a base with a zero byte": 'base: "a\\0.yaml"',
        "an unset variable": "data: {path: '${FACESEG_IS_NOT_SET}'}",
        "a name that is a path": "name: ../../up",
        "a name of 300 letters": f"name: {'a' * 300}",
        "a name with a zero byte": 'name: "a\\0b"',
        "a name of half a letter": 'name: "\\ud800"',
        "a storage of half a letter": 'storage: "\\ud800"',
        "a storage with a zero byte": 'storage: "a\\0b"',
        "10²¹ faces": "data: {drawn: {train: 1000000000000000000000}}",
        "an image of 10⁹ pixels": "data: {image_size: [1000000000, 32]}",
        "NaN": "training: {learning_rate: .nan}",
        "a variant with a path": "variants: {'../up': {of: unet}}",
        "an unknown section": "exec: rm",
        "numbers as keys": "1: 2",
        "no network": "architectures: {}",
        "a section that is a text": "training: fast",
    }
    return {name: content(text.encode()) for name, text in texts.items()}


def _special() -> dict[str, Write]:
    return {
        "an experiment that is a folder": lambda path, _: path.mkdir(),
        "an experiment that is a pipe": lambda path, _: os.mkfifo(path),
        "an experiment of endless zeros": lambda path, _: path.symlink_to("/dev/zero"),
        "an experiment linked to itself": lambda path, _: path.symlink_to(path),
        "an experiment linked to nothing": lambda path, _: path.symlink_to("nothing"),
    }
