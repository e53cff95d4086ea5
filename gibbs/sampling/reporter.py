"""What the sampler tells of a run while it is going on: how far it is, what is worst, and how long it may take."""

from __future__ import annotations

import time
from collections.abc import Callable

from gibbs.model.records import Sampling
from gibbs.sampling import gather, stopping
from gibbs.sampling.chain import Chain
from gibbs.sampling.progress import Progress, Worst
from gibbs.sampling.stopping import Course
from gibbs.sampling.watch import Look, Watch

GLANCE = 100
"""Draws a chain after which a run of a fixed length is looked at first, for whoever is watching it."""
SPARE = 30.0
"""A look at a run of a fixed length comes at the earliest after so many times the seconds that the last one took."""


class Reporter:
    """Makes snapshots for ``show`` (None: nobody looks); reads what chains have done, and changes nothing."""

    def __init__(self, show: Callable[[Progress], object] | None, sampling: Sampling) -> None:
        self.show, self.sampling = show, sampling
        self.chains: list[Chain] = []
        self.workers = 1
        self.began = time.perf_counter()
        self.worst: Worst | None = None
        self.draws = sampling.draws if sampling.until is None else stopping.next_check(sampling.draws, sampling.until.max_draws)

    def compiling(self) -> None:
        """The sampler is being built, or read from where it was built before."""
        if self.show:
            self.show(Progress("compile", (0,) * self.sampling.chains, self.sampling.warmup + self.draws, 0.0))

    def start(self, chains: list[Chain], workers: int, watch: Watch) -> None:
        """The first sweep comes now."""
        self.chains, self.workers, self.watch, self.began = chains, workers, watch, time.perf_counter()
        self.glance_at, self.glance_after = GLANCE, 0.0

    def aim(self, course: Course, look: Look | None) -> None:
        """The next check, and what was found at the last one: how many draws the run is likely to need."""
        until = self.sampling.until
        needed = course.target
        if look is not None:
            self.worst = Worst(look.name, look.rhat, look.ess, look.draws)
            short = max(look.short, stopping.TIMES * len(self.chains) / max(look.least, 1e-9))
            while needed < until.max_draws and needed < min(look_ahead(look, course, short), until.max_draws):
                needed = stopping.next_check(needed, until.max_draws)
        if course.passed == 0:
            needed = stopping.next_check(needed, until.max_draws)
        self.draws = needed

    def _glance(self, done: int) -> None:
        """At the parameters of a run of a fixed length, on the grid of a run to precision: for the display alone."""
        now = time.perf_counter()
        if done < self.glance_at or now < self.glance_after:
            return
        look = self.watch.parameters_alone(self.chains)
        self.worst = Worst(look.name, look.rhat, look.ess, look.draws)
        while self.glance_at <= done:
            self.glance_at = stopping.next_check(self.glance_at, 10**12)
        self.glance_after = time.perf_counter() + SPARE * (time.perf_counter() - now)

    def tell(self, target: int) -> None:
        """A snapshot."""
        if not self.show:
            return
        if self.sampling.until is None:
            self._glance(gather.shortest(self.chains))  # not what is done: a sweep counts before its chunk is kept
        chains, sampling = self.chains, self.sampling
        done = tuple(c.done for c in chains)
        warmup = chains[0].warmup
        total = max(warmup + self.draws, target)
        elapsed = time.perf_counter() - self.began
        self.show(
            Progress(
                "warmup" if min(done) < warmup else "sampling",
                done,
                total,
                elapsed,
                left=self._left(done, warmup, total, elapsed),
                warmup=warmup,
                worst=self.worst,
                to_precision=sampling.until is not None,
            )
        )

    def _left(self, done: tuple[int, ...], warmup: int, total: int, elapsed: float) -> float | None:
        """Seconds, by what a sweep of either phase has taken so far; None before there is a sweep to go by."""
        seconds = [sum(c.seconds[k] for c in self.chains) for k in (0, 1)]
        sweeps = [sum(min(n, warmup) for n in done), sum(max(n - warmup, 0) for n in done)]
        if not sum(sweeps) or not sum(seconds):
            return None
        each = [s / n if n else sum(seconds) / sum(sweeps) for s, n in zip(seconds, sweeps, strict=True)]
        left = sum(max(warmup - n, 0) * each[0] + (total - max(n, warmup)) * each[1] for n in done) / self.workers
        until = self.sampling.until
        return max(left if until is None else min(left, until.max_seconds - elapsed), 0.0)


def look_ahead(look: Look, course: Course, short: float) -> float:
    """Draws a chain that would be enough if what is short went on as it has."""
    return look.draws * course.every * max(short, 1.0)
