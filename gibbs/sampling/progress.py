"""What the sampler tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """A snapshot for a progress display; never influences a draw."""

    phase: str  # "compile" | "warmup" | "sampling"
    done: tuple[int, ...]  # sweeps done, one a chain
    total: int  # sweeps a chain, warm-up included
    elapsed: float  # seconds since the first sweep
    note: str = ""
