"""Recognise out-of-memory errors of Python, TensorFlow, JAX and torch without loading any of them.

Errors are recognised by the names of their classes and by phrases in their messages.
"""

from faceseg.errors import causes

MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")
# TensorFlow raises one class for exhausted memory and for a full disk. The phrases for the disk
# are the operating system's.
DISK_WORDS = ("No space left on device", "Disk quota exceeded")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` or one of its causes is a lack of host or graphics memory.

    A full disk is not a lack of memory.
    """
    return any(map(_is_lack_of_memory, causes(error, handled=True)))


def _is_lack_of_memory(error: BaseException) -> bool:
    text = str(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    return not any(words in text for words in DISK_WORDS) and bool(
        names.intersection(MEMORY_ERRORS) or any(words in text for words in MEMORY_WORDS)
    )
