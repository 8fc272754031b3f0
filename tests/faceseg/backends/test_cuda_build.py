"""What the installed backends were built for, and their peak of GPU memory; GPUs are pretended."""

import importlib
import sys
from importlib import metadata
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def tensorflow() -> Any:
    pytest.importorskip("tensorflow")
    return importlib.import_module("faceseg.backends.tensorflow")


@pytest.fixture
def jax() -> Any:
    pytest.importorskip("jax")
    return importlib.import_module("faceseg.backends.jax")


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the backend, on a pretended torch and a pretended part of Keras."""
    core = SimpleNamespace(get_device=lambda: "cuda")
    fakes = {
        "torch": SimpleNamespace(
            __version__="2.11.0",
            version=SimpleNamespace(cuda="12.8"),
            cuda=SimpleNamespace(
                get_arch_list=lambda: ["sm_90", "compute_90"], max_memory_allocated=lambda: 7
            ),
        ),
        "keras.src.backend.torch": SimpleNamespace(core=core),
    }
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, name, fake)
    monkeypatch.delitem(sys.modules, "faceseg.backends.torch", raising=False)
    module = importlib.import_module("faceseg.backends.torch")
    monkeypatch.delitem(sys.modules, "faceseg.backends.torch")  # not for other tests
    return module


def test_tensorflow_describes_itself(tensorflow: Any):
    build = tensorflow.cuda_build()
    assert build.name.startswith("TensorFlow 2.")
    info = tensorflow.tf.sysconfig.get_build_info()
    assert (build.cuda is not None) == info["is_cuda_build"]
    assert build.targets == tuple(info.get("cuda_compute_capabilities", ()))


@pytest.mark.parametrize(
    ("installed", "in_system", "missing"),
    [(False, False, True), (True, False, False), (False, True, False)],
)
def test_tensorflow_without_cudas_libraries(
    tensorflow: Any,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
    in_system: bool,
    missing: bool,
):
    info = {"is_cuda_build": True, "cuda_version": "12.5.1", "cudnn_version": "9"}
    monkeypatch.setattr(tensorflow.tf.sysconfig, "get_build_info", lambda: info)
    monkeypatch.setattr(
        metadata, "requires", lambda name: ['nvidia-cudnn-cu12<10.0,>=9.3; extra == "and-cuda"']
    )
    monkeypatch.setattr(tensorflow, "_is_installed", lambda package: installed)
    loaded = []
    monkeypatch.setattr(tensorflow, "_loads", lambda name: loaded.append(name) or in_system)
    build = tensorflow.cuda_build()
    assert build.cuda == (12, 5)
    assert bool(build.missing) == missing
    if missing:
        assert "1 packages, among them nvidia-cudnn-cu12" in build.missing[0]
        assert build.remedy == "install faceseg[gpu]"
        assert loaded == ["libcudart.so.12"]


def test_missing_packages_and_libraries_are_recognised(tensorflow: Any):
    assert tensorflow._is_installed("numpy")
    assert not tensorflow._is_installed("no-such-package-of-cuda")
    assert not tensorflow._loads("libno-such-library.so.1")


def test_tensorflows_peak_is_that_of_its_allocator(
    tensorflow: Any, monkeypatch: pytest.MonkeyPatch
):
    config = tensorflow.tf.config
    monkeypatch.setattr(config, "get_visible_devices", lambda kind: [])
    assert tensorflow.peak_memory() is None
    monkeypatch.setattr(config, "get_visible_devices", lambda kind: ["card"])
    monkeypatch.setattr(
        config.experimental, "get_memory_info", lambda name: {"current": 1, "peak": 5}
    )
    assert tensorflow.peak_memory() == 5


@pytest.mark.parametrize(
    ("packages", "cuda"),
    [({"jax", "jax_cuda13_plugin"}, (13, 0)), ({"jax-cuda12-plugin"}, (12, 0)), ({"jax"}, None)],
)
def test_jax_has_cuda_by_a_plugin(
    jax: Any, monkeypatch: pytest.MonkeyPatch, packages: set[str], cuda: tuple[int, int] | None
):
    found = [SimpleNamespace(name=name) for name in packages]
    monkeypatch.setattr(metadata, "distributions", lambda: found)
    build = jax.cuda_build()
    assert (build.cuda, build.targets) == (cuda, ())


def test_jaxs_peak_is_that_of_its_allocator(jax: Any, monkeypatch: pytest.MonkeyPatch):
    statistics: list[dict[str, int] | None] = [None, {"peak_bytes_in_use": 6}]
    device = SimpleNamespace(memory_stats=lambda: statistics.pop(0))
    monkeypatch.setattr(jax.jax, "devices", lambda: [device])
    assert jax.peak_memory() is None
    assert jax.peak_memory() == 6


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is pretended")
def test_torch_describes_itself(torch: ModuleType):
    build = torch.cuda_build()
    assert (build.name, build.cuda) == ("torch 2.11.0", (12, 8))
    assert build.targets == ("sm_90", "compute_90")
    assert torch.peak_memory() == 7
    torch.core.get_device = lambda: "cpu"
    torch.torch.version.cuda = None
    assert torch.peak_memory() is None
    assert torch.cuda_build().cuda is None
