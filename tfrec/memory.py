"""How much memory there is, and how much the process holds and keeps."""

import ctypes
import os
import resource
from pathlib import Path

from tfrec.errors import require

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
MOST_KEPT, STEP = 2**31 - 1, 2**28


def keep_freed_memory() -> bool:
    """Lets the process use memory again that it has freed; returns whether the C library can (glibc can).

    By default glibc gives every large block back to the system, which clears its pages anew at the next step: on two
    cores a third of a run's time went there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: MOST_KEPT, M_TOP_PAD: STEP}
    return mallopt is not None and all(mallopt(key, value) == 1 for key, value in settings.items())


def peak_memory() -> int:
    """Largest resident size of the process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident_memory() -> int:
    """Resident size of the process now, in bytes."""
    return int((PROC / "self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available_memory() -> int:
    """Bytes of memory that may still be taken: of the machine, or of the smallest control group that limits it."""
    facts = dict(line.split(":") for line in (PROC / "meminfo").read_text().splitlines())
    left = [int(facts["MemAvailable"].split()[0]) * 1024]
    for line in (PROC / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            left += _left(CGROUPS, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            left += _left(CGROUPS / "memory", path, *names)
    return max(min(left), 0)


def require_memory(needed: int, what: str, choose: str) -> None:
    """Raises InputError unless `needed` bytes are left.

    Args:
        what: who needs them, as a sentence begins.
        choose: what to choose instead.
    """
    left = available_memory()
    require(needed <= left, f"{what} needs {in_bytes(needed)}, but {in_bytes(left)} of memory are left: {choose}.")


def in_bytes(count: int) -> str:
    """A number of bytes in the largest unit of which there is at least one."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def _left(root: Path, path: str, limit: str, usage: str, cached: str) -> list[int]:
    """What each limited group on the way from `path` up to `root` has left; cached files count as free.

    In a container the path may be the host's, and the group's own files lie at the root.
    """
    found, own = [], root / path.lstrip("/")
    for folder in (own, *own.parents):
        if (folder / limit).is_file() and (most := (folder / limit).read_text().strip()) != "max":
            files = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            found.append(int(most) - int((folder / usage).read_text()) + int(files[cached]))
        if folder == root:
            break
    return found
