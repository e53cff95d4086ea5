"""Chains as threads over one compiled loop that holds no lock; between chunks Python looks at progress, at the clock and at Ctrl-C.

Chains take turns on the cores, a chunk at a time and the one that is furthest behind first, so that a run that is stopped early has about
as many draws of each. How far they are to go is decided elsewhere (``gibbs.sampling.driver``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gibbs import signals
from gibbs.cores import usable_cores
from gibbs.sampling.chain import Chain
from gibbs.sampling.keeper import Keeper

CHUNK_SECONDS = 0.25
"""Time one chunk of sweeps should take; draws do not depend on it."""
GROWTH = 4
"""A chunk is at most so many times as long as the one before; the first is one sweep, which may take a second."""
PATIENCE = 0.9
"""Seconds after Ctrl-C in which chains may finish their chunk; the draws of a longer one are left out."""
POLL = 0.05
"""Seconds after which Python looks again while chains run."""
CHUNK_NUMBERS = 2_000_000
"""Effects of one chunk at most where they are not stored: 16 MB."""


class Crew:
    """Threads that advance whichever chain is furthest behind, and a flag to stop them between chunks.

    tell : called with the sweeps that all chains are to reach, from the thread that waits, a few times a second.
    asked : where it is set, all that Ctrl-C does happens. keeper : who writes checkpoints meanwhile.
    """

    def __init__(
        self,
        chains: list[Chain],
        cores: int | None,
        tell: Callable[[int], None],
        chunk: int | None = None,
        asked: threading.Event | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.chains, self.tell, self.chunk, self.asked, self.keeper = chains, tell, chunk, asked, keeper
        cores = cores or usable_cores()
        self.workers = max(1, min(cores, len(chains)))
        if cores > self.workers:
            helpers = ThreadPoolExecutor(cores - self.workers, thread_name_prefix="shards")
            for chain in chains:
                chain.helped_by(helpers, cores - self.workers)
        self.stop = threading.Event()
        self.turn = threading.Lock()
        self.idle = list(chains)
        self.sizes = [1] * len(chains)
        self.errors: dict[int, BaseException] = {}
        self.left_behind = False
        self.began = time.perf_counter()
        self.course: dict[str, int] = {}

    def to(self, target: int, seconds: float | None = None) -> str:
        """Bring every chain to ``target`` sweeps; returns why they stopped before, "interrupted", "max_seconds" or "checkpoint", or "".

        seconds : that the whole run may have taken since it began.
        """
        if self.asked is not None and self.asked.is_set():
            return "interrupted"
        deadline = None if seconds is None else self.began + seconds
        why, given_up_at = "", float("inf")
        workers = [threading.Thread(target=self._work, args=(target,), daemon=True) for _ in range(self.workers)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            try:
                workers[0].join(POLL) if workers[0].is_alive() else time.sleep(0.4 * POLL)
                self.tell(target)
                if self.keeper is not None:
                    self.keeper.tick(self.chains, self.idle, self.turn, self.seconds())
                interrupted = bool(signals.pressed()) or (self.asked is not None and self.asked.is_set())
            except KeyboardInterrupt:
                interrupted = True
            now = time.perf_counter()
            if interrupted and why != "interrupted":
                why, given_up_at = "interrupted", now + PATIENCE
                self.stop.set()
            if deadline is not None and now > deadline and not why:
                why = "max_seconds"
                self.stop.set()
            if self.keeper is not None and self.keeper.failed and not why:
                why = "checkpoint"
                self.stop.set()
            if now > given_up_at or signals.pressed() > 1:
                self._give_up()
                break
        signals.dealt_with()
        if self.keeper is not None:
            self.keeper.cancel()
        if self.errors:
            raise self.errors[min(self.errors)]
        if not self.left_behind:
            self.stop.clear()
            self.tell(target)
        if why and min(c.done for c in self.chains) >= target:
            why = why if why == "interrupted" else ""
        return why

    def at(self, **course: int) -> None:
        """Where the driver is, for checkpoints from now on."""
        self.course = course
        if self.keeper is not None:
            self.keeper.course = course

    def seconds(self) -> float:
        """Since the first sweep."""
        return time.perf_counter() - self.began

    def _give_up(self) -> None:
        """Chains in the middle of a long chunk are left to themselves: what they have kept so far stays as it is."""
        self.left_behind = True
        signals.abandoned.set()
        for chain in self.chains:
            chain.give_up()

    def _work(self, target: int) -> None:
        while not self.stop.is_set():
            with self.turn:
                behind = min((c for c in self.idle if c.done < target), key=lambda c: c.done, default=None)
                if behind is None:  # the others have the rest in hand
                    return
                self.idle.remove(behind)
            try:
                self._chunk(behind, target)
            except BaseException as error:  # raised again by ``to``, in the main thread
                self.errors[behind.number] = error
                self.stop.set()
            else:
                if self.keeper is not None:
                    self.keeper.offered(behind)
            with self.turn:
                self.idle.append(behind)

    def _chunk(self, chain: Chain, target: int) -> None:
        self.sizes[chain.number] = chunk_of(chain, target, self.sizes[chain.number], self.chunk)


def chunk_of(chain: Chain, target: int, size: int, given: int | None = None) -> int:
    """Bring ``chain`` forward by a chunk of ``size`` sweeps, or ``given``; returns the size of the next, by the clock."""
    most = max(1, CHUNK_NUMBERS // max(1, chain.packed.effects)) if chain.stream is not None else None
    began, before = time.perf_counter(), chain.done
    chain.advance(min(given or size, target - chain.done, most or given or size))
    if given is None:
        seconds = max(time.perf_counter() - began, 1e-6)
        size = int(min(max((chain.done - before) * CHUNK_SECONDS / seconds, 1), GROWTH * size))
        if before < chain.warmup <= chain.done:  # what comes now may take longer
            size = max(1, size // GROWTH)
    return size
