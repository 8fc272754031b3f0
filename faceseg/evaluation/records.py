"""What a model was measured on, image by image: one file that every score can be read off.

The file is numpy's `.npz`, compressed, without pickle. N images of the split, of which the first
n went through the robustness suites; C classes, K calibration bins. Matrices are int32, [truth,
prediction]; texts are numpy's unicode.

    ids, photos                        (N,)       name and photograph of each image
    facts                              (N,)       what is known of each image, as JSON (slices)
    blind                              ()         clean IoU, on the n images, of who never looks
    test/counts                        (N, C, C)  images as they are, at their own size
    test/boundary                      (N, C, 2)  outlines: intersection and union
    test/outline                       (N, 2)     their length: prediction's and truth's
    test/calibration                   (2, K, 3)  summed over images
    <suite>/<kind>/<severity>/
        counts/<policy>                (n, C, C)
        coverage                       (n,)       share of the face that is covered
        covered, shown                 (n, C, C), ()   the covered pixels; what they show

Of a trial, which is not tested, the arrays `test/` are not there and N = n.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from faceseg.data.source import Facts
from faceseg.data.split import photo_of
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.robustness.conditions import Condition

TEST_ARRAYS = ("counts", "boundary", "outline", "calibration")


@dataclass(frozen=True)
class EvaluationRecords:
    """The test on the images as they are, and the conditions of all suites.

    blind: what the mean label map of the training images scores on the images of the suites: who
    is not better has learned nothing that could be kept or lost.
    """

    ids: tuple[str, ...]
    conditions: tuple[Condition, ...]
    baseline_iou: float
    tested: SplitEvaluation | None = None
    facts: tuple[Facts, ...] = ()

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph that each image shows, (N,)."""
        return tuple(photo_of(name) for name in self.ids)

    def suite(self, version: str) -> list[Condition]:
        """Return the conditions of one suite, clean first; none if it was not run."""
        return [condition for condition in self.conditions if condition.suite == version]

    def write(self, path: Path) -> None:
        """Write the file."""
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
        for condition in self.conditions:
            arrays |= dict(_condition_arrays(condition))
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "EvaluationRecords":
        """Read the file. Raises ValueError if it is none of ours, or not whole."""
        try:
            # numpy leaves a file open that it opened itself and cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            return cls._from_arrays(arrays)
        except (OSError, KeyError, EOFError, ValueError, BadZipFile) as error:
            raise ValueError(f"{path} is no file of records: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "EvaluationRecords":
        ids = tuple(str(name) for name in arrays["ids"])
        tested = None
        if "test/counts" in arrays:
            found = {name: arrays[f"test/{name}"] for name in TEST_ARRAYS}
            found |= {name: found[name].astype(np.int64) for name in TEST_ARRAYS[:3]}
            tested = SplitEvaluation(ids, **found)
        facts = tuple(json.loads(str(each)) for each in arrays.get("facts", ()))
        places = dict.fromkeys(
            name.rpartition("/")[0] for name in arrays if name.endswith("/coverage")
        )
        conditions = tuple(_read_condition(place, arrays) for place in places)
        return cls(ids, conditions, float(arrays["blind"]), tested, facts)


def _condition_arrays(condition: Condition) -> Iterator[tuple[str, NDArray[Any]]]:
    place = f"{condition.suite}/{condition.kind}/{float(condition.severity)!r}"
    yield f"{place}/coverage", condition.coverage
    for policy, counts in condition.counts.items():
        yield f"{place}/counts/{policy}", counts
    if condition.covered is not None and condition.shown is not None:
        yield f"{place}/covered", condition.covered
        yield f"{place}/shown", np.array(condition.shown)


def _read_condition(place: str, arrays: Mapping[str, NDArray[Any]]) -> Condition:
    suite, kind, severity = place.split("/")
    begin = f"{place}/counts/"
    covered = f"{place}/covered" in arrays
    return Condition(
        suite,
        kind,
        float(severity),
        {
            name.removeprefix(begin): counts
            for name, counts in arrays.items()
            if name.startswith(begin)
        },
        arrays[f"{place}/coverage"],
        arrays[f"{place}/covered"] if covered else None,
        int(arrays[f"{place}/shown"]) if covered else None,
    )


def _as_int32(values: NDArray[Any]) -> NDArray[Any]:
    """Return counts as int32: an image has less than 2**31 pixels."""
    return values.astype(np.int32) if values.dtype == np.int64 else values
