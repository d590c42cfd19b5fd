"""Whether memory ran out, for which PyTorch has errors of its own."""

import re

_NO_MEMORY = re.compile("(?i)((can't|cannot) allocate|not enough|out of) memory")


def lacks_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out."""
    told = isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))
    return bool(told) or isinstance(error, MemoryError)
