"""Who decides how many sweeps come next: a fixed number of draws, or a run to precision by the rule of ``gibbs.sampling.stopping``.

The decisions are made where all chains stand at the same sweep, from what they have drawn: they depend on no clock, no number of cores and
no length of chunks. A clock matters where ``max_seconds`` ends a run, and the run says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gibbs import signals
from gibbs.model.records import Sampling
from gibbs.sampling import stopping
from gibbs.sampling.crew import Crew
from gibbs.sampling.reporter import Reporter
from gibbs.sampling.stopping import Course
from gibbs.sampling.watch import Watch


@dataclass(frozen=True)
class Ended:
    """How a run ended. ``stopped``: "", or why it came short: interrupted, max_seconds, max_draws, checkpoint."""

    stopped: str = ""
    every: int = 1
    checks: int = 0
    settled: bool = True
    clock: bool = False  # the time was up, and all was within its limits
    unmet: tuple[str, float] = ("", 1.0)  # ``Look.unmet`` of the check that ended it

    def info(self, asked: Sampling, warmup: int, draws: int) -> dict[str, object]:
        """For the record of a run to precision; {} of one of a fixed length."""
        if asked.until is None:
            return {}
        return {
            "to_precision": {
                "draws_a_chain": draws,
                "every": self.every,
                "checks": self.checks,
                "warmup_asked": asked.warmup,
                "warmup": warmup,
                "settled": self.settled,
                "clock": self.clock,
                **({"unmet": self.unmet[0], "short_by": self.unmet[1]} if self.unmet[0] else {}),
            }
        }


def drive(crew: Crew, sampling: Sampling, watch: Watch, reporter: Reporter, before: Mapping[str, Any] | None = None) -> Ended:
    """Bring the chains of ``crew`` to the end of the run. SamplingError where a chain met numbers it cannot trust.

    before : where a driver was when its run was broken off (``Crew.course``); {}: it was to do something else, at whose end this begins.
    "whole": every draw so far is to stay, and none is let go by thinning from now on.
    """
    until, chains = sampling.until, crew.chains
    if until is None:
        return Ended(crew.to(chains[0].warmup + sampling.draws * chains[0].keep_every), chains[0].keep_every)
    before = before or {}
    why, settled = ("", bool(before["settled"])) if "settled" in before else _warm_up(crew, sampling)
    warmup, every = chains[0].warmup, chains[0].keep_every
    course: Course | None = Course(min(max(sampling.draws, min(c.done for c in chains) - warmup), until.max_draws), every=every)
    if "target" in before:
        course = Course(before["target"], before["passed"], before["every"])
    checks, look, whole = int(before.get("checks", 0)), None, int(before.get("whole", 0))
    clock, unmet = False, ("", 1.0)
    while course is not None and not why:
        every = course.every
        crew.at(settled=int(settled), target=course.target, passed=course.passed, every=every, checks=checks, whole=whole)
        reporter.aim(course, look)
        why = crew.to(warmup + course.target, until.max_seconds)
        if why in ("interrupted", "checkpoint") or crew.left_behind or min(c.done for c in crew.chains) <= warmup:
            break
        try:
            with signals.immediate(in_hand=True):
                look = watch.look(crew.chains)
        except KeyboardInterrupt:
            signals.dealt_with()
            why = "interrupted"
            break
        checks += 1
        unmet = look.unmet(len(crew.chains))
        passed = not unmet[0]
        if why:  # the clock, which knows nothing of the draws: one look is as good as at a run of a fixed length
            clock, why = passed, "" if passed else why
            break
        ends = course.after(passed, until.max_draws)
        if ends is None and not passed:
            why = "max_draws"
        if ends is not None and not whole:
            ends = ends.thinned(stopping.room(look.effective, len(crew.chains), watch.stored_numbers))
            if ends.every > every:
                for chain in crew.chains:
                    chain.thin(ends.every)
        course = ends
    return Ended(why, every, checks, settled, clock, unmet if why in ("max_draws", "max_seconds") else ("", 1.0))


def _warm_up(crew: Crew, sampling: Sampling) -> tuple[str, bool]:
    """(why it ended before its end, whether the chains had settled) of a warm-up that is as long as it has to be."""
    limit = sampling.until.max_seconds if sampling.until else None
    now = crew.chains[0].warmup  # longer than asked for where a run goes on that made it so
    why = crew.to(now, limit)
    if any(chain.warm is None for chain in crew.chains):  # it is over, of a run that was to have a fixed length
        return why, True
    while not why:
        if stopping.settled(np.stack([c.warmed() for c in crew.chains])):
            settled = True
            break
        longer = stopping.longer_warmup(now, sampling.warmup)
        if longer == now:
            settled = False
            break
        for chain in crew.chains:
            chain.lengthen(longer)
        now = longer
        why = crew.to(now, limit)
    else:
        return why, True
    for chain in crew.chains:
        chain.freeze()
    return why, settled
