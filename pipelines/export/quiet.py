"""Converters write pages past Python to the process's standard error; here is where they go."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

ERROR_STREAM = 2


@contextmanager
def quiet() -> Iterator[None]:
    """Keep standard error, and log lines below errors, off the terminal.

    Should what runs inside raise, all that it wrote is shown after all. Not for two threads.
    """
    sys.stderr.flush()
    before, level = os.dup(ERROR_STREAM), logging.root.manager.disable
    with TemporaryFile() as written:
        os.dup2(written.fileno(), ERROR_STREAM)
        logging.disable(logging.WARNING)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(before, written.read())
            raise
        finally:
            logging.disable(level)
            os.dup2(before, ERROR_STREAM)
            os.close(before)
