"""memory: a docstring is wanted here."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory, the machine's or the card's, is at the bottom of `error`.

    Told by names and words, so that no framework is loaded to ask. Python's MemoryError,
    TensorFlow's ResourceExhaustedError, JAX's RESOURCE_EXHAUSTED, torch's OutOfMemoryError.
    """
    at: BaseException | None = error
    seen: set[int] = set()
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        text = str(at)
        names = {kind.__name__ for kind in type(at).__mro__}
        if not any(words in text for words in DISK_WORDS) and (
            names.intersection(MEMORY_ERRORS) or any(words in text for words in MEMORY_WORDS)
        ):
            return True
        at = at.__cause__ or at.__context__
    return False


# What frameworks call it, and what they say. TensorFlow has one name for memory and for a full
# disk: the disk's words are the system's.
MEMORY_ERRORS = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")


MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


DISK_WORDS = ("No space left on device", "Disk quota exceeded")
