"""What the sampler tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Worst:
    """The quantity that was furthest from its limits when the run was last looked at, after ``draws`` stored draws a chain."""

    name: str
    rhat: float
    ess: float
    draws: int


@dataclass(frozen=True)
class Progress:
    """A snapshot for a progress display; never influences a draw."""

    phase: str  # "compile" | "warmup" | "sampling"
    done: tuple[int, ...]  # sweeps done, one a chain
    total: int  # sweeps a chain, warm-up included; of a run to precision as many as are likely to be needed
    elapsed: float  # seconds since the first sweep
    left: float | None = None  # seconds that it is likely to take from now on; None: nobody can tell yet
    warmup: int = 0  # sweeps of warm-up
    worst: Worst | None = None
    to_precision: bool = False
    note: str = ""
