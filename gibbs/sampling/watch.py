"""What a run to precision looks at: every quantity that the verdict on it will be about, and the log-likelihood.

Coefficients, sds, correlations and family parameters get exact diagnostics at every check. Random effects, thousands of columns, are
looked at only where those are within their limits: summaries of streamed ones as they are, stored ones by ``gibbs.draws.screen``, and
exactly where that comes near a limit: the worst ``EXACT`` of them, and all of them before a check is passed.

What it costs (CPU seconds of all threads, on two busy cores): peru_m5 with its 129 quantities and the default limits, three checks,
0.06 of 0.23 of sampling and of 2.4 of the whole run; with ess 4,000 nine checks, to 12,807 draws of each of four chains, 1.33 of 2.1
and 6.9. Sweeps of some 15 µs are no dearer than a look at what they draw, so long runs of cheap sweeps spend more than 5 % on it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from gibbs.draws import at_means, diagnostics, names, screen, tails
from gibbs.draws.limits import EFFECTS, Limits, limits
from gibbs.model.records import Design, Sampling
from gibbs.sampling import gather, stopping, stream
from gibbs.sampling.chain import Chain
from gibbs.sampling.pack import Packed

LIKELIHOOD = "the log-likelihood"
EXACT = 400
"""Random effects of which exact diagnostics are made at a time."""
NEAR = (3.0, 0.3)
"""An effect is looked at exactly where its screened ESS is below so many times its limit, or R-hat − 1 above this share of its own."""
BLOCK = 1 << 18
"""Numbers in a block of effects."""


@dataclass(frozen=True)
class Look:
    """What was found at a check.

    short : the largest shortfall (``Limits.shortfall``), that of ``name``; within all limits where it is at most 1.
    least : the smallest effective sample size of anything looked at. effective : draws that the most demanding quantity needs.
    """

    draws: int
    short: float
    name: str
    rhat: float
    ess: float
    least: float
    effective: float
    words: str = ""  # what else is wrong, of tails

    def passed(self, chains: int) -> bool:
        """Whether the check is passed."""
        return not self.unmet(chains)[0]

    def unmet(self, chains: int) -> tuple[str, float]:
        """(what the check is not passed for, by which factor the draws are short); ("", 1.0) where it is passed."""
        if self.short > 1.0:
            return f"{self.name} has R-hat {self.rhat:.3f} and an effective sample size of {self.ess:,.0f}", self.short
        if self.words:
            return self.words, math.inf
        if not stopping.long_enough(self.least, chains):
            times = f"{self.least / chains:.0f} autocorrelation times"
            words = f"a chain has run for some {times} of the slowest quantity, and an effective sample size needs {stopping.TIMES}"
            return words, stopping.TIMES * chains / max(self.least, 1e-9)
        return "", 1.0


class Watch:
    """The quantities of one model, their names and limits. Raises SpecError where ``until`` names what is not there."""

    def __init__(self, design: Design, packed: Packed, sampling: Sampling, streamed: list[int]) -> None:
        design = design.asked or design  # quantities are those that are reported, whatever columns the sampler has
        self.design, self.packed, self.until = design, packed, sampling.until
        self.streamed = set(streamed)
        self.labels = (*names.coefficient_names(design), *packed.hyper_names, *names.at_means_names(design))
        self.parameters = len(self.labels)
        sizes = [len(f.levels) * len(f.columns) for f in design.factors]
        self.starts = [0, *accumulate(sizes)]
        named = self.until is not None and bool(self.until.of or self.until.mcse)
        effects = names.ranef_names(design) if named else [""] * self.starts[-1]
        every = limits(self.until, (*self.labels, *effects), self.parameters, sampling.chains)
        self.limits, self.effects = every.part(slice(self.parameters)), every.part(slice(self.parameters, None))
        fixed = names.fixed_values(design)
        self.limits.asked[[label in fixed for label in self.labels]] = False
        self.stored = np.concatenate(
            [np.arange(self.starts[f], self.starts[f + 1]) for f in range(len(sizes)) if f not in self.streamed] or [np.zeros(0, np.int64)]
        )
        self.summarised = np.concatenate([np.arange(self.starts[f], self.starts[f + 1]) for f in streamed] or [np.zeros(0, np.int64)])
        self.stored_numbers = self.parameters + self.stored.size

    def look(self, chains: list[Chain]) -> Look:
        """At all that the chains have kept; they are as long as each other, or their first draws are looked at."""
        found = self.parameters_alone(chains)
        found = replace(found, effective=max(found.effective, self._effective(chains)))
        if found.short > 1.0 or found.words:
            return found
        for part in (self._streamed(chains), self._effects(chains)):
            if part is not None:
                worse = part if part.short > found.short else found
                found = replace(worse, draws=found.draws, least=min(found.least, part.least), effective=found.effective)
        return found

    def _effective(self, chains: list[Chain]) -> float:
        """Draws that the most demanding of the stored effects needs: those for which ``until`` names an error of their own, too."""
        asked = self.effects.part(self.stored)
        sd, errors = np.zeros(self.stored.size), np.flatnonzero(np.isfinite(asked.mcse))
        if errors.size:
            sd[errors] = gather.effects(chains, errors, gather.shortest(chains)).std(axis=(0, 1))
        return asked.effective(sd)

    def parameters_alone(self, chains: list[Chain]) -> Look:
        """Coefficients, sds, correlations, family parameters and the log-likelihood."""
        kept = gather.small(chains)
        beta, hyper = gather.parameters(self.packed, kept)
        more = at_means.values(hyper, self.packed.hyper_names, self.design)[1]
        values, asked, labels = np.concatenate([beta, hyper, more], axis=2), self.limits, self.labels
        lp = kept["lp"]
        if chains[0].likelihood and np.all(np.isfinite(lp)) and not (self.until and self.until.of):
            values, labels = np.concatenate([values, lp[:, :, None]], axis=2), (*labels, LIKELIHOOD)
            asked = _and_one(asked, self.until)
        d = diagnostics.diagnose(values, (0.5,))
        short = asked.shortfall(d.rhat, d.ess_bulk, d.ess_tail, d.mcse_mean)
        constant = np.ptp(values, axis=(0, 1)) == 0.0
        short[constant & asked.asked] = np.inf
        i = int(np.argmax(short)) if short.size else 0
        least = np.fmin.reduce([d.ess_bulk, d.ess_tail]) if short.size else np.zeros(0)
        words = ""
        if short.size and short[i] <= 1.0:
            words = next((f"of {name}, {w}" for name, sd in self._sds(hyper) if self._asked(name) and (w := tails.unvisited(sd))), "")
        return Look(
            draws=kept["lp"].shape[1],
            short=float(short[i]) if short.size else 0.0,
            name=labels[i] if short.size else "",
            rhat=float(d.rhat[i]) if short.size else np.nan,
            ess=float(least[i]) if short.size else np.nan,
            least=float(np.min(least[asked.asked & ~constant], initial=np.inf)),
            effective=self.limits.effective(d.sd[: self.parameters]),
            words=words,
        )

    def _sds(self, hyper: np.ndarray):
        return ((name, hyper[:, :, k]) for k, name in enumerate(self.packed.hyper_names) if name.startswith("sd_"))

    def _asked(self, name: str) -> bool:
        return bool(self.limits.asked[self.labels.index(name)])

    def _streamed(self, chains: list[Chain]) -> Look | None:
        """Of the effects that are summarised as they are drawn."""
        if chains[0].stream is None:
            return None
        rhat, ess = stream.diagnose([c.stream for c in chains])
        sd = np.sqrt(np.mean([c.stream.m2 / max(c.stream.count - 1, 1) for c in chains], axis=0))
        return self._worst(self.effects.part(self.summarised), self.summarised, rhat, ess, ess, sd / np.sqrt(ess), sd > 0.0)

    def _effects(self, chains: list[Chain]) -> Look | None:
        """Of the effects that are stored."""
        size = self.stored.size
        if not size:
            return None
        asked = self.effects.part(self.stored)
        if not asked.asked.any():
            return None
        kept = gather.shortest(chains)
        rhat, bulk, tail, sd = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
        step = max(1, BLOCK // (kept * len(chains)))
        for first in range(0, size, step):
            part = slice(first, first + step)
            block = gather.effects(chains, part, kept)
            rhat[part], bulk[part], tail[part] = screen.screen(block)
            sd[part] = block.std(axis=(0, 1))
        mcse = sd / np.sqrt(bulk)
        moved = sd > 0.0
        about = asked.shortfall(rhat, bulk, tail, mcse)
        close = (tail < NEAR[0] * np.fmax(asked.ess, asked.tail)) | (rhat - 1.0 > NEAR[1] * (asked.rhat - 1.0)) | (about > NEAR[1])
        places = np.flatnonzero(asked.asked & moved & close)
        places = places[np.argsort(-about[places], kind="stable")]
        for first in range(0, places.size, EXACT):
            some = places[first : first + EXACT]
            d = diagnostics.diagnose(gather.effects(chains, some, kept), (0.5,))
            rhat[some], bulk[some], tail[some], mcse[some] = d.rhat, d.ess_bulk, d.ess_tail, d.mcse_mean
            if np.any(asked.part(some).shortfall(d.rhat, d.ess_bulk, d.ess_tail, d.mcse_mean) > 1.0):
                break  # the check is not passed, whatever the others are
        return self._worst(asked, self.stored, rhat, bulk, tail, mcse, moved)

    def _worst(self, asked: Limits, places, rhat, bulk, tail, mcse, moved) -> Look:
        """The effect that is furthest from its limits; one that never moved (its sd is given as 0) is none."""
        short = np.where(moved, asked.shortfall(rhat, bulk, tail, mcse), 0.0)
        i, least = int(np.argmax(short)), np.fmin(bulk, tail)
        counted = float(np.min(least[asked.asked & moved], initial=np.inf))
        return Look(0, float(short[i]), self.effect(int(places[i])), float(rhat[i]), float(least[i]), counted, 0.0)

    def effect(self, place: int) -> str:
        """``r_g[level,column]``."""
        f = bisect_right(self.starts, place) - 1
        factor = self.design.factors[f]
        level, column = divmod(place - self.starts[f], len(factor.columns))
        return f"r_{factor.name}[{factor.levels[level]},{factor.columns[column]}]"


def _and_one(asked: Limits, until) -> Limits:
    """With a place for the log-likelihood, which is held to what a random effect is."""
    share = EFFECTS if until is not None else 1.0
    ess = share * np.max(asked.ess, initial=0.0)
    tail = share * np.max(asked.tail, initial=0.0)
    return Limits(
        asked.rhat, np.append(asked.ess, ess), np.append(asked.tail, tail), np.append(asked.mcse, np.inf), np.append(asked.asked, True)
    )  # fmt: skip
