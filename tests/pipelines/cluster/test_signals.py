"""SIGTERM has the effect of Ctrl-C."""

import os
import signal

import pytest

from pipelines.cluster.signals import interrupt_on_sigterm, stop_requested


def test_sigterm_interrupts():
    before = signal.getsignal(signal.SIGTERM)
    try:
        interrupt_on_sigterm()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_can_set_an_event(number: int):
    before = signal.getsignal(number)
    with stop_requested() as requested:
        assert not requested.is_set()
        os.kill(os.getpid(), number)
        assert requested.wait(10)
    assert signal.getsignal(number) is before
