"""The counts of a model for each image, in one file from which every score can be computed.

The file is numpy's `.npz`, compressed, without pickle. The split has N images, and the first n of
them went through the robustness suites; C classes, K calibration bins. Matrices are int32, [truth,
prediction]; texts are numpy's unicode.

    ids, photos                        (N,)       name and photograph of each image
    facts                              (N,)       the facts of each image, as JSON (see slices)
    blind                              ()         clean IoU of the mean label map on the n images
    test/counts                        (N, C, C)  unchanged images, at their own size
    test/boundary                      (N, C, 2)  outlines: intersection and union
    test/outline                       (N, 2)     their length: prediction's and truth's
    test/calibration                   (2, K, 3)  summed over images
    test/jawline                       (N, 2)     class sets with ears only: distance, and 1
    <suite>/<kind>/<severity>/
        counts/<policy>                (n, C, C)
        coverage                       (n,)       share of the face that is covered
        covered, shown                 (n, C, C), ()   the covered pixels; the id that they show

A trial is not tested: its file has no arrays `test/`, and N = n.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.array_files import UNREADABLE, read_arrays
from faceseg.data.source import Facts
from faceseg.data.split import photo_of
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.robustness.conditions import Condition

TEST_ARRAYS = ("counts", "boundary", "outline", "calibration")


@dataclass(frozen=True, kw_only=True)
class EvaluationRecords:
    """The test on unchanged images, and the conditions of all suites.

    Attributes:
        ids: The names of the images, (N,).
        conditions: The conditions of all suites.
        baseline_iou: The IoU of the training images' mean label map on the suites' images. A model
            that is not better has learned nothing whose robustness could be measured.
        tested: The counts of the test; None for a trial.
        facts: The facts of each image, (N,), or empty.
    """

    ids: tuple[str, ...]
    conditions: tuple[Condition, ...]
    baseline_iou: float
    tested: SplitEvaluation | None = None
    facts: tuple[Facts, ...] = ()

    @property
    def photos(self) -> tuple[str, ...]:
        """The name of each image's photograph, (N,)."""
        return tuple(photo_of(name) for name in self.ids)

    def suite(self, version: str) -> list[Condition]:
        """Return the conditions of one suite, clean first; empty if the suite was not run."""
        return [condition for condition in self.conditions if condition.suite == version]

    def write(self, path: Path) -> None:
        """Write the records to a file."""
        arrays: dict[str, Any] = {
            "ids": np.array(self.ids),
            "photos": np.array(self.photos),
            "blind": np.array(self.baseline_iou),
        }
        if self.facts:
            arrays["facts"] = np.array([json.dumps(dict(each)) for each in self.facts])
        if self.tested is not None:
            arrays |= {
                f"test/{name}": _as_int32(getattr(self.tested, name)) for name in TEST_ARRAYS
            }
            if self.tested.jawline is not None:
                arrays["test/jawline"] = self.tested.jawline
        for condition in self.conditions:
            arrays |= dict(_condition_arrays(condition))
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "EvaluationRecords":
        """Read the records from a file.

        Raises:
            ValueError: The file is not one of records, or it is damaged.
        """
        try:
            return cls._from_arrays(read_arrays(path))
        except (*UNREADABLE, TypeError) as error:
            raise ValueError(f"{path} is not a file of records: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "EvaluationRecords":
        ids = tuple(str(name) for name in arrays["ids"])
        tested = None
        if "test/counts" in arrays:
            found = {name: arrays[f"test/{name}"] for name in TEST_ARRAYS}
            found |= {name: found[name].astype(np.int64) for name in TEST_ARRAYS[:3]}
            jawline = arrays.get("test/jawline")  # earlier versions did not measure it
            tested = SplitEvaluation(ids=ids, **found, jawline=jawline)
        facts = tuple(json.loads(str(each)) for each in arrays.get("facts", ()))
        prefixes = dict.fromkeys(
            name.rpartition("/")[0] for name in arrays if name.endswith("/coverage")
        )
        return cls(
            ids=ids,
            conditions=tuple(_read_condition(prefix, arrays) for prefix in prefixes),
            baseline_iou=float(arrays["blind"]),
            tested=tested,
            facts=facts,
        )


def _condition_arrays(condition: Condition) -> Iterator[tuple[str, NDArray[Any]]]:
    prefix = f"{condition.suite}/{condition.kind}/{float(condition.severity)!r}"
    yield f"{prefix}/coverage", condition.coverage
    for policy, counts in condition.counts.items():
        yield f"{prefix}/counts/{policy}", counts
    if condition.covered is not None and condition.shown is not None:
        yield f"{prefix}/covered", condition.covered
        yield f"{prefix}/shown", np.array(condition.shown)


def _read_condition(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Condition:
    suite, kind, severity = prefix.split("/")
    begin = f"{prefix}/counts/"
    covered = f"{prefix}/covered" in arrays
    return Condition(
        suite=suite,
        kind=kind,
        severity=float(severity),
        counts={
            name.removeprefix(begin): counts
            for name, counts in arrays.items()
            if name.startswith(begin)
        },
        coverage=arrays[f"{prefix}/coverage"],
        covered=arrays[f"{prefix}/covered"] if covered else None,
        shown=int(arrays[f"{prefix}/shown"]) if covered else None,
    )


def _as_int32(values: NDArray[Any]) -> NDArray[Any]:
    """Return integer counts as int32, which is enough: an image has less than 2**31 pixels."""
    return values.astype(np.int32) if values.dtype == np.int64 else values
