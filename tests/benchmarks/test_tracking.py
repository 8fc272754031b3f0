"""The benchmark of many writers at small size: nothing is lost, and nothing is duplicated.

It uses the sqlite file, the slowest store for many writers; the command has the servers too, and
takes minutes.
"""

from pathlib import Path

import pytest

from tests.benchmarks.tracking import HEADING, STORES, Load, measure, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_every_point_of_many_writers_arrives_once(tmp_path: Path):
    store = "sqlite file"
    assert store in STORES
    load = Load(writers=4, epochs=5, metrics=20, pause=0.0)
    with opened(store, tmp_path) as uri:
        found = measure(uri, load, tmp_path)
    assert (found.lost, found.doubled, found.wrong) == (0, 0, 0)
    assert len(found.recorded) == 4 * 5
    # A duplicated step would have been sent again; each was sent once.
    assert len(found.called) == 4 * 5
    assert len(found.row(store)) <= max(map(len, HEADING.splitlines()))
