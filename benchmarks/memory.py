"""The most memory that a process has had."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mib() -> int:
    """Most memory that this process has had, in MiB.

    Where Linux tells it, that of the program that runs: what ``getrusage`` says of a
    program started by a large one begins with the size of that one.
    """
    if STATUS.exists():
        lines = STATUS.read_text().splitlines()
        [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        return int(peak) // 2**10
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20
