"""Checkpoints while chains are running: when one is due, how each chain is asked for its snapshot, and who writes.

A chain is copied between two of its chunks, by the thread that has it in hand; when all are copied, a thread of its own writes, and the
chains go on meanwhile. Draws do not depend on any of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gibbs import signals
from gibbs.sampling import snapshot
from gibbs.sampling.standing import Standing

if TYPE_CHECKING:
    from gibbs.sampling.chain import Chain, Kept

EVERY = 5.0
"""Seconds between two checkpoints, at least."""
SPARE = 60.0
"""And so many times the seconds that the last one took: copying and writing cost less than 2 % of a run."""
FIRST = 16 << 20
"""Bytes of draws that have the first checkpoint written earlier: where there is much to write, there is a checkpoint."""
RATE = 300e6
"""Bytes of draws that are taken to be added to a checkpoint in a second, until one was slower; all files of a run take twice as long."""
TELLS = 8 << 20
"""Bytes of draws from which the time of a checkpoint tells of the disk."""
PATIENCE = 0.5
"""Seconds that the end of an interrupted run waits for a checkpoint that is being written."""


class Keeper:
    """Has ``write`` called with a Standing now and then, from a thread of its own; OSErrors that it raises are kept in ``failed``."""

    def __init__(
        self,
        write: Callable[[Standing], None],
        every: float | None = None,
        *,
        waits: Callable[[], bool] = lambda: False,
        hurried: bool = False,
    ) -> None:
        """waits : whether there is a checkpoint to go on from. hurried : ``leaves`` is asked."""
        self.write, self.every = write, EVERY if every is None else every
        self.waits, self.hurried, self.rate, self.fresh = waits, hurried, RATE, True
        self.course: Mapping[str, Any] = {}
        self.failed: OSError | None = None
        self.lock = threading.Lock()
        self.due = float("inf")
        self.wanted: set[int] = set()
        self.taken: dict[int, tuple[snapshot.Snapshot, list[Kept], int, bool]] = {}
        self.written: dict[
            int, tuple[int, int]
        ] = {}  # of each chain: chunks of draws that are on the disk, and one draw in so many of them
        self.seconds = 0.0
        self.thread: threading.Thread | None = None

    def start(self, before: Standing | None = None) -> None:
        """The first sweep comes now. Draws from before are written again, with the first checkpoint."""
        self.fresh = before is None
        self.due = time.perf_counter() + self.every

    def tick(self, chains: list[Chain], idle: list[Chain], turn: threading.Lock, elapsed: float) -> None:
        """Called a few times a second: begins a checkpoint that is due, and has it written when every chain is copied."""
        if self.failed or (self.thread is not None and self.thread.is_alive()):
            return
        with self.lock:
            if not self.wanted and not self.taken:
                if time.perf_counter() < self.due and not self._much_is_new(chains):
                    return
                self.wanted, self.seconds = {chain.number for chain in chains}, 0.0
        with turn:  # those that nobody is at work on
            for chain in idle:
                self.offered(chain)
        if len(self.taken) == len(chains):
            self.thread = threading.Thread(target=self._write, args=(elapsed, dict(self.course)), daemon=True)
            self.thread.start()

    def offered(self, chain: Chain) -> None:
        """``chain`` is between two chunks: copy it where it is asked for."""
        with self.lock:
            if chain.number not in self.wanted:
                return
            began = time.perf_counter()
            self.wanted.discard(chain.number)
            anew = self.written.get(chain.number, (0, 0))[1] != chain.keep_every
            kept = list(chain.kept)
            self.taken[chain.number] = (snapshot.take(chain), kept[self._first(chain) :], len(kept), anew)
            self.seconds += time.perf_counter() - began

    def cancel(self) -> None:
        """The chains have reached what they were to reach: a checkpoint that was begun is begun again after that."""
        with self.lock:
            self.wanted.clear()
            if self.thread is None or not self.thread.is_alive():
                self.taken.clear()

    def close(self, patience: float | None = None) -> bool:
        """No further checkpoint; whether none is being written any more. patience : seconds to wait for one; None: as long as it takes."""
        self.due = float("inf")
        if self.thread is not None:
            self.thread.join(patience)
        return self.thread is None or not self.thread.is_alive()

    def now(self, chains: list[Chain], elapsed: float) -> bool:
        """A checkpoint of all that there is, at once, of chains that nobody is at work on; whether it could be written."""
        self.close()
        self.cancel()
        with self.lock:
            self.wanted = {chain.number for chain in chains}
        for chain in chains:
            self.offered(chain)
        self._write(elapsed, dict(self.course))
        self.due = float("inf")
        return self.failed is None

    def leaves(self, chains: list[Chain], elapsed: float, whole: bool) -> bool:
        """Whether the draws of an interrupted run stay where they are, since all its files could not be written in time.

        What is new is then added to the checkpoint, where there is time for that. whole : no chain is in the middle of a chunk.
        """
        if not (self.hurried and signals.so_far() and self.waits()):
            return False
        if 2.0 * _bytes([chunk for chain in chains for chunk in chain.kept]) / self.rate < signals.time_left():
            return False
        new = [chunk for chain in chains for chunk in chain.kept[self._first(chain) :]]
        if whole and not self.failed and _bytes(new) / self.rate < signals.time_left():
            with self.lock:
                self.wanted = {chain.number for chain in chains}
            for chain in chains:
                self.offered(chain)
            self.thread = threading.Thread(target=self._write, args=(elapsed, dict(self.course)), daemon=True)
            self.thread.start()
            self.close(max(signals.time_left(), 0.0))
        return True

    def _first(self, chain: Chain) -> int:
        """Chunks of the chain's draws that are on the disk, and are among those of the next checkpoint."""
        first, every = self.written.get(chain.number, (0, 0))
        return first if every == chain.keep_every else 0

    def _much_is_new(self, chains: list[Chain]) -> bool:
        """Whether the first checkpoint should not wait any longer."""
        return self.fresh and not self.written and self.due < float("inf") and _bytes([o for c in chains for o in list(c.kept)]) >= FIRST

    def _write(self, elapsed: float, course: dict[str, Any]) -> None:
        began = time.perf_counter()
        order = sorted(self.taken)
        anew = any(self.taken[k][3] for k in order)
        chains = tuple(self.taken[k][0] for k in order)
        try:
            self.write(Standing(chains, tuple(self.taken[k][1] for k in order), course, elapsed, anew))
            for k in order:
                self.written[k] = (self.taken[k][2], int(self.taken[k][0]["keep_every"]))
            if (size := _bytes([chunk for k in order for chunk in self.taken[k][1]])) >= TELLS:
                self.rate = min(self.rate, size / (time.perf_counter() - began))
        except OSError as error:
            self.failed = error
        finally:
            self.taken.clear()
            now = time.perf_counter()
            self.due = now + max(self.every, SPARE * (self.seconds + now - began))


def _bytes(chunks: list[Kept]) -> int:
    return sum(getattr(chunk, name).nbytes for chunk in chunks for name in chunk.NAMES)
