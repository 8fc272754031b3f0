"""SIGTERM is Ctrl-C."""

import os
import signal

import pytest

from pipelines.stopping import heed_sigterm


def test_sigterm_interrupts():
    before = signal.getsignal(signal.SIGTERM)
    try:
        heed_sigterm()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
