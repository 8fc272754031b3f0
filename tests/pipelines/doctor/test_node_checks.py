"""The checks of a node, called in this process."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from faceseg.backends import device
from faceseg.backends.gpu_checks import CudaBuild
from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.doctor import node_checks
from pipelines.doctor.node_checks import NodeChecks
from pipelines.tracking import Tracker
from tests.faceseg.backends.pretended_cards import BLACKWELL, H100, OLD, pretend

BUILD = CudaBuild(name="TensorFlow 2.21.0", cuda=(12, 5), targets=("sm_80", "compute_90"),
                  remedy="install faceseg[gpu]")  # fmt: skip


def test_versions_are_compared():
    own = versions.installed_versions()
    assert (
        NodeChecks().versions(own)
        == f"same as the driver's: Python {own['python']}, Ray {own['ray']}"
    )
    with pytest.raises(UserError, match=r"^ray: 2\.9\.3 expected, .* found\. Install the same"):
        NodeChecks().versions({**own, "ray": "2.9.3"})


def test_files_of_a_storage_are_written_and_listed(tmp_path: Path):
    folder = tmp_path / "storage" / ".doctor"
    assert NodeChecks().list_files(folder) == []
    NodeChecks().storage(folder, "node-1")
    assert NodeChecks().list_files(folder) == ["node-1"]
    NodeChecks().remove(folder)
    assert list((tmp_path / "storage").iterdir()) == []


def test_a_storage_that_cannot_be_written_is_an_error():
    with pytest.raises(UserError, match=r"^storage /proc/storage cannot be written \(No such file"):
        NodeChecks().storage(Path("/proc/storage/.doctor"), "node-1")


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(node_checks, "MIN_FREE_BYTES", 0)
    assert NodeChecks().disk(tmp_path).endswith(" GiB free")
    monkeypatch.setattr(node_checks, "MIN_FREE_BYTES", 2**60)
    with pytest.raises(UserError, match=r"GiB are free in .*, expected 1\.07374e\+09: free space"):
        NodeChecks().disk(tmp_path)


def test_checkpoints_are_written_and_read_back(tmp_path: Path):
    assert NodeChecks().checkpoints(f"file://{tmp_path}/copies") == "written and read back"
    assert list((tmp_path / "copies").iterdir()) == []
    with pytest.raises(UserError, match=r"^file:///proc/copies cannot be used: FileNotFoundError"):
        NodeChecks().checkpoints("file:///proc/copies")
    with pytest.raises(UserError, match=r"cannot be used: .*Install its package"):
        NodeChecks().checkpoints("no-such-kind://copies")


def test_a_run_is_written_read_back_and_deleted(tracker: Tracker, experiment_id: str):
    assert NodeChecks().mlflow(tracker.uri, experiment_id) == "a run was written and read back"
    assert tracker.client.search_runs([experiment_id]) == []


def test_an_unreachable_mlflow_is_an_error(tracker: Tracker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            UserError, match=rf"^MLflow at {uri} cannot be used: .*Check that it runs"
        ):
            NodeChecks().mlflow(uri, "1")
    assert tracker.client.get_experiment_by_name("Default")  # the test's own store is still usable


def test_a_gpu_that_can_be_used_passes(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, H100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(device, "cuda_build", lambda: BUILD)
    checks = NodeChecks()
    assert checks.gpu_driver() == "CUDA 12.8, 1 H100 (80 GiB)"
    assert checks.gpu_libraries() == "TensorFlow 2.21.0 with CUDA 12.5"
    assert checks.gpu_visible() == "1 of 1 GPUs"
    assert checks.gpu_code().endswith("TensorFlow 2.21.0 contains code for it")
    pretend(monkeypatch, BLACKWELL)
    assert "compile at the first start (minutes) or fail" in checks.gpu_code()


def test_a_gpu_that_cannot_be_used_is_an_error_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, OLD, cuda=11040)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # Ray copies it from its own environment
    monkeypatch.setattr(device, "cuda_build", lambda: replace(BUILD, missing=("CUDA's libraries",)))
    checks = NodeChecks()
    for check, words in {
        checks.gpu_driver: r"supports CUDA 11\.4; .*install a newer driver",
        checks.gpu_libraries: r"without CUDA's libraries, .*: install faceseg\[gpu\]",
        checks.gpu_visible: r"CUDA_VISIBLE_DEVICES is '-1', .*run `unset",
        checks.gpu_code: r"M60 has compute capability 5\.2; .*is built for 8\.0, 9\.0 and cannot",
    }.items():
        with pytest.raises(UserError, match=words):
            check()
