"""Memory: how much this machine has, and numbers of bytes as people say them."""

from __future__ import annotations

import os
import sys
from decimal import Decimal


def installed() -> int | None:
    """Bytes of memory in this machine, or of the container that it is, where the system says."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(limit, encoding="ascii") as file:
                found = min(found, int(file.read()))
        except (OSError, ValueError):  # there is none, or it is "max"
            continue
    return found


def used() -> int:
    """Bytes that this process has had in memory at most so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # not on this operating system
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def now() -> int:
    """Bytes that this process has in memory now; what it has had at most where the system says no more than that."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return used()


def own() -> int:
    """Bytes of its own that this process has in memory now, pages of files apart; all that it has where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            found = next(line for line in file if line.startswith("RssAnon:"))
        return 1024 * int(found.split()[1])
    except (OSError, ValueError, IndexError, StopIteration):
        return now()


def words(count: int) -> str:
    """Bytes as people say them, ``1.6 GB``, however many."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{Decimal(count) / size:.3g} {unit}".replace("e+", "e")
    return f"{count} bytes"
