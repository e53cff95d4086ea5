"""Chains that run elsewhere: on the workers of a cluster, a slice of a second or so at a time, each chain a task.

The chains of this process stand in for them. A slice begins with a snapshot of its chain (``gibbs.sampling.snapshot``) and ends with
another one and the draws between the two, so that a worker that dies costs one slice, which another worker repeats to the same draws; and
all decisions, checkpoints and records are made here, from the same numbers, as they are where the chains are threads.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import signals
from gibbs.errors import ClusterError
from gibbs.sampling import snapshot
from gibbs.sampling.chain import Chain, Kept
from gibbs.sampling.crew import PATIENCE, POLL, Crew, chunk_of
from gibbs.sampling.stream import Stream

if TYPE_CHECKING:
    from gibbs.model.records import Design
    from gibbs.sampling.pack import Packed
    from gibbs.tasks.hands import Desk, Hands, Job

SLICE_SECONDS = 1.0
"""Time of one task; draws do not depend on it."""
LONGEST = 30.0
"""Seconds that the slices under way are waited for at the end, where nobody is in a hurry."""


@dataclass(frozen=True)
class Model:
    """What all chains of a run have in common. ``streams``: places and blocks of the effects that are summarised as they are drawn."""

    kind: type[Chain]
    design: Design
    packed: Packed
    warmup: int
    streams: tuple[np.ndarray, tuple[tuple[int, int, int], ...], np.ndarray] | None


@dataclass(frozen=True)
class Errand:
    """One slice of one chain, from ``parts`` to ``target`` sweeps at most. after : the slice it goes on from. size : of its next chunk."""

    number: int
    parts: snapshot.Snapshot
    after: str
    target: int
    size: int
    chunk: int | None


@dataclass(frozen=True)
class Slice:
    """What came of it. ``name``: of this slice."""

    name: str
    parts: snapshot.Snapshot
    kept: list[Kept]
    size: int


def run_slice(model: Model, errand: Errand, desk: Desk) -> Slice:
    """A slice, in a worker. The chain stays at the desk: the next slice, where it comes here too, need not make it again."""
    chain, name = desk.kept.pop(errand.number, (None, ""))
    if chain is None or name != errand.after:
        chain = _made(model, errand.number)
        snapshot.put(chain, errand.parts)
    size, began = errand.size, time.perf_counter()
    while chain.done < errand.target and not desk.is_set() and time.perf_counter() - began < SLICE_SECONDS:
        size = chunk_of(chain, errand.target, size, errand.chunk)
    kept, chain.kept = chain.kept, []
    name = secrets.token_hex(8)
    found = Slice(name, snapshot.take(chain), kept, size)
    desk.kept[errand.number] = (chain, name)
    return found


def _made(model: Model, number: int) -> Chain:
    """The chain before its first sweep; its generator is that of the snapshot that it is given."""
    chain = model.kind(number, np.random.SeedSequence(0), model.packed, model.design, model.warmup)
    if model.streams is not None:
        places, blocks, chain.stored = model.streams
        chain.stream = Stream(places, blocks)
    return chain


class FarCrew(Crew):
    """A ``Crew`` whose threads are the workers of a cluster."""

    def __init__(self, chains: list[Chain], *words: Any, hands: Hands) -> None:
        """As ``Crew``."""
        super().__init__(chains, *words)
        self.workers = max(1, min(hands.count, len(chains)))
        first = chains[0]
        streams = None if first.stream is None else (first.stream.places, first.stream.blocks, first.stored)
        self.job: Job = hands.job(run_slice, Model(type(first), first.design, first.packed, first.warmup, streams))
        self.after: dict[int, tuple[str, tuple[int, int, bool]]] = {}

    def to(self, target: int, seconds: float | None = None) -> str:
        """As ``Crew.to``."""
        if self.asked is not None and self.asked.is_set():
            return "interrupted"
        deadline = None if seconds is None else self.began + seconds
        why, given_up_at = "", float("inf")
        under_way = {chain.number for chain in self.chains if chain.done < target}
        for number in sorted(under_way):
            self._give(number, target)
        while under_way:
            for number, found in self._done():
                under_way.discard(number)
                self._take(number, found)
                if not why and self.chains[number].done < target:
                    under_way.add(number)
                    self._give(number, target)
            self.tell(target)
            if self.keeper is not None and all(chain.done for chain in self.chains):
                self.keeper.tick(self.chains, self.chains, self.turn, self.seconds())
            now = time.perf_counter()
            if (signals.pressed() or (self.asked is not None and self.asked.is_set())) and why != "interrupted":
                why, given_up_at = self._stop("interrupted", why), now + PATIENCE
            elif not why and deadline is not None and now > deadline:
                why, given_up_at = self._stop("max_seconds"), now + LONGEST
            elif not why and self.keeper is not None and self.keeper.failed:
                why, given_up_at = self._stop("checkpoint"), now + LONGEST
            if now > given_up_at or signals.pressed() > 1:
                break  # what comes of the slices under way is left out
        signals.dealt_with()
        if self.keeper is not None:
            self.keeper.cancel()
        self.tell(target)
        if why and min(c.done for c in self.chains) >= target:
            why = why if why == "interrupted" else ""
        return why

    def _done(self) -> list[tuple[int, Slice]]:
        """The slices that have come. ClusterError where no more will: what the chains had done is in the checkpoint, where there is one."""
        try:
            return self.job.done(POLL)
        except ClusterError as error:
            if self.keeper is not None and any(chain.done for chain in self.chains) and self.keeper.now(self.chains, self.seconds()):
                error = ClusterError(f"{error.message} What the chains had done is kept: gibbs resume goes on with it.", where=error.where)
                error.exit_code = 1
            raise error from None

    def _stop(self, why: str, before: str = "") -> str:
        if not before:
            self.job.stop()
        return why

    def _give(self, number: int, target: int) -> None:
        chain = self.chains[number]
        name, was = self.after.get(number, ("", None))
        after = name if was == _settings(chain) else ""
        self.job.give(number, Errand(number, snapshot.take(chain), after, target, self.sizes[number], self.chunk))

    def _take(self, number: int, found: Slice) -> None:
        chain = self.chains[number]
        snapshot.put(chain, found.parts, derive=False)
        chain.kept += found.kept
        self.sizes[number] = found.size
        self.after[number] = (found.name, _settings(chain))


def _settings(chain: Chain) -> tuple[int, int, bool]:
    """What the driver changes of a chain between slices."""
    return chain.warmup, chain.keep_every, chain.warm is None


@contextmanager
def crews(hands: Hands) -> Iterator[dict[str, Callable[..., Crew]]]:
    """What ``chains.run`` is given for its crew to be the workers of a cluster; what the crew has there goes at the end."""
    made: list[FarCrew] = []

    def make(*words: Any) -> Crew:
        made.append(FarCrew(*words, hands=hands))
        return made[-1]

    try:
        yield {"crew": make}
    finally:
        for crew in made:
            crew.job.__exit__(None, None, None)
