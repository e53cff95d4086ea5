"""A process of a local cluster, before its work: Ctrl-C at a terminal is for the process that has started it, which ends the others."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Called by distributed in the main thread of the process, once."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
