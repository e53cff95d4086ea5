"""Memory: how much this machine has, and numbers of bytes as people say them."""

from __future__ import annotations

import os
from decimal import Decimal


def installed() -> int | None:
    """Bytes of memory in this machine, where the system says."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def words(count: int) -> str:
    """Bytes as people say them, ``1.6 GB``, however many."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{Decimal(count) / size:.3g} {unit}".replace("e+", "e")
    return f"{count} bytes"
