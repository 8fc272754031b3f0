"""A process of a study that cannot use its GPU ends with a message, not with a traceback."""

import pytest

from faceseg.backends import device
from faceseg.errors import UserError
from pipelines.config import Resources
from pipelines.job.device_share import use_share


def test_a_gpu_that_cannot_be_used_is_a_mistake_of_the_users(monkeypatch: pytest.MonkeyPatch):
    def configure(threads: int, gpus: float) -> None:
        raise RuntimeError(f"{threads} threads, {gpus} GPU: none")

    monkeypatch.setattr(device, "configure_device", configure)
    with pytest.raises(UserError, match=r"^3 threads, 0\.5 GPU: none$"):
        use_share(Resources(cpus=3, gpus=0.5))
