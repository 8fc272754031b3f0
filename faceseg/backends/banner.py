"""Keep the lines that TensorFlow writes while it is imported off the terminal."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow 2.21 writes these lines while it is imported, whatever TF_CPP_MIN_LOG_LEVEL is: its
# log is not set up by then.
BANNER = re.compile(rb"WARNING: All log messages before absl|I0000 .*(port|cudart_stub)\.cc")


@contextmanager
def without_banner() -> Iterator[None]:
    """Keep the banner off the terminal; write all other output to it afterwards."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            output.seek(0)
            for line in output:
                if not BANNER.match(line):
                    os.write(2, line)
