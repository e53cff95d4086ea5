"""Chains as threads over one compiled loop that holds no lock; between chunks Python looks at progress and at Ctrl-C.

Chains take turns on the cores, a chunk at a time and the one that is furthest behind first, so that a run that is stopped early has about
as many draws of each.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import numpy as np

from gibbs import signals
from gibbs.draws.records import Draws, StreamedDraws
from gibbs.errors import SamplingError
from gibbs.model.records import Design, Sampling
from gibbs.sampling import precompile, stream
from gibbs.sampling.chain import Chain, Kept
from gibbs.sampling.pack import SECOND_ORDER, Packed, pack
from gibbs.sampling.plan import Plan
from gibbs.sampling.progress import Progress
from gibbs.sampling.second_order import STUCK, SecondOrderChain

CHUNK_SECONDS = 0.25
"""Time one chunk of sweeps should take; draws do not depend on it."""
GROWTH = 4
"""A chunk is at most so many times as long as the one before; the first is one sweep, which may take a second."""
PATIENCE = 0.9
"""Seconds after Ctrl-C in which chains may finish their chunk; the draws of a longer one are left out."""
CHUNK_NUMBERS = 2_000_000
"""Effects of one chunk at most where they are not stored: 16 MB."""


def run(
    design: Design,
    plan: Plan,
    sampling: Sampling,
    *,
    progress: Callable[[Progress], object] | None = None,
    chunk: int | None = None,
    keep: tuple[str, ...] | None = None,
    stop: threading.Event | None = None,
) -> Draws:
    """Draw the posterior.

    Parameters
    ----------
    sampling : chains, seed (must be set), warm-up and draws a chain, cores, ``until``.
    progress : called from this thread a few times a second.
    keep : the factors whose effects are stored whole; those of the others are summarised as they are drawn. None: all of them.
    chunk : sweeps a chunk (for tests: draws must not depend on it); None lets the clock decide.
    stop : where it is set, all that Ctrl-C does happens; for runs in threads, which no signal reaches.

    Returns
    -------
    Draws, ``stopped`` set when Ctrl-C or ``max_seconds`` ended it early.

    Raises
    ------
    SamplingError : a chain met numbers it cannot trust. KeyboardInterrupt : Ctrl-C before any draw was kept by every chain.
    """
    with signals.deferred():
        with signals.immediate(), precompile.together(plan.scheme, sampling.cores) as meet:
            packed = pack(design, plan)
            seeds = np.random.SeedSequence(sampling.seed).spawn(sampling.chains)
            compile_began = time.perf_counter()
            if progress:
                progress(Progress("compile", (0,) * sampling.chains, sampling.warmup + sampling.draws, 0.0))
            kind = SecondOrderChain if packed.family == SECOND_ORDER else Chain
            chains = [kind(k, seed, packed, design, sampling.warmup) for k, seed in enumerate(seeds)]
            streamed = [] if keep is None else [f for f, factor in enumerate(design.factors) if factor.name not in keep]
            if streamed:
                _stream(chains, packed, streamed)
            chains[0].compile()
            meet()
        compile_seconds = time.perf_counter() - compile_began
        stopped = _Runner(chains, sampling, progress, chunk, stop).go()
        return _collect(chains, packed, sampling, stopped, compile_seconds, {f: design.factors[f].name for f in streamed})


def _stream(chains: list[Chain], packed: Packed, factors: list[int]) -> None:
    """From now on the chains add the effects of ``factors`` up instead of storing them."""
    ranges, blocks, start = [], [], 0
    for f in factors:
        first, levels, width = packed.blocks[f]
        ranges.append(np.arange(first, first + levels * width))
        blocks.append((start, levels, width))
        start += levels * width
    places = np.concatenate(ranges)
    for chain in chains:
        chain.stream = stream.Stream(places, tuple(blocks))
        chain.stored = np.setdiff1d(chain.stored, places)


class _Runner:
    """Threads that advance whichever chain is furthest behind, and a flag to stop them between chunks."""

    def __init__(self, chains: list[Chain], sampling: Sampling, progress, chunk: int | None, asked: threading.Event | None = None) -> None:
        self.chains, self.sampling, self.progress, self.chunk, self.asked = chains, sampling, progress, chunk, asked
        self.stop = threading.Event()
        self.turn = threading.Lock()
        self.idle = list(chains)
        self.sizes = [1] * len(chains)
        self.errors: dict[int, BaseException] = {}
        self.left_behind = False
        self.began = time.perf_counter()

    def go(self) -> str:
        """Run to the end; returns why it stopped early, or ""."""
        until = self.sampling.until
        target = self.sampling.warmup + self.sampling.draws
        why = self._to(target, until.max_seconds if until else None)
        passed = 0
        while until and not why:
            try:
                with signals.immediate(in_hand=True):
                    passed = passed + 1 if _good_enough(self.chains, until) else 0
            except KeyboardInterrupt:
                signals.dealt_with()
                return "interrupted"
            if passed >= 2:
                break
            target = self.sampling.warmup + int(1.5 * (target - self.sampling.warmup))
            why = self._to(target, until.max_seconds - (time.perf_counter() - self.began))
        return why

    def _to(self, target: int, seconds: float | None) -> str:
        """Bring every chain to ``target`` sweeps."""
        cores = self.sampling.cores or os.cpu_count() or 1
        deadline = None if seconds is None else time.perf_counter() + seconds
        why, given_up_at = "", float("inf")
        workers = [threading.Thread(target=self._work, args=(target,), daemon=True) for _ in range(max(1, min(cores, len(self.chains))))]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            try:
                workers[0].join(0.05) if workers[0].is_alive() else time.sleep(0.02)
                self._report(target)
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
            if now > given_up_at or signals.pressed() > 1:
                self._give_up()
                break
        signals.dealt_with()
        if self.errors:
            raise self.errors[min(self.errors)]
        if not self.left_behind:
            self.stop.clear()
            self._report(target)
        if why and min(c.done for c in self.chains) >= target:
            why = "" if why == "max_seconds" else why
        return why

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
            except BaseException as error:  # raised again by ``_to``, in the main thread
                self.errors[behind.number] = error
                self.stop.set()
            with self.turn:
                self.idle.append(behind)

    def _chunk(self, chain: Chain, target: int) -> None:
        most = max(1, CHUNK_NUMBERS // max(1, chain.packed.effects)) if chain.stream is not None else None
        began, before = time.perf_counter(), chain.done
        size = self.chunk or self.sizes[chain.number]
        chain.advance(min(size, target - chain.done, most or size))
        if self.chunk is None:
            seconds = max(time.perf_counter() - began, 1e-6)
            size = int(min(max((chain.done - before) * CHUNK_SECONDS / seconds, 1), GROWTH * size))
            if before < chain.warmup <= chain.done:  # what comes now may take longer
                size = max(1, size // GROWTH)
            self.sizes[chain.number] = size

    def _report(self, target: int) -> None:
        if self.progress:
            done = tuple(c.done for c in self.chains)
            phase = "warmup" if min(done) < self.sampling.warmup else "sampling"
            self.progress(Progress(phase, done, target, time.perf_counter() - self.began))


def _good_enough(chains: list[Chain], until) -> bool:
    """R-hat and ESS of every parameter, random effects included, meet the targets."""
    from gibbs.draws import diagnostics, tails

    if chains[0].stream is not None:
        rhat, ess = stream.diagnose([c.stream for c in chains])
        if not np.all(np.isfinite(rhat)) or np.max(rhat) > until.rhat or np.min(ess) < until.ess:
            return False
    parts = [c.draws() for c in chains]
    for name in ("beta", "L", "scale", "df", "u"):
        values = np.stack([part[name] for part in parts])
        values = values.reshape(*values.shape[:2], -1)
        values = values[:, :, np.ptp(values, axis=(0, 1)) > 0.0]
        if values.shape[2] == 0:
            continue
        if np.nanmax(diagnostics.rhat(values)) > until.rhat:
            return False
        if min(np.nanmin(diagnostics.ess_bulk(values)), np.nanmin(diagnostics.ess_tail(values))) < until.ess:
            return False
    packed = chains[0].packed
    scales = _scales(packed, np.stack([part["L"] for part in parts]), np.stack([part["df"] for part in parts]))
    return not any(tails.unvisited(scales[:, :, k]) for k, name in enumerate(packed.hyper_names) if name.startswith("sd_"))


def _collect(
    chains: list[Chain],
    packed: Packed,
    sampling: Sampling,
    stopped: str,
    compile_seconds: float,
    streamed: dict[int, str] | None = None,
) -> Draws:
    """Arrays of all chains, cut to the shortest; coefficients as written; sds and correlations from the Cholesky factors."""
    kept = min(sum(o.lp.size for o in c.kept) for c in chains)
    if kept == 0:
        if stopped == "max_seconds":
            raise SamplingError("the time allowed (until: max_seconds) ran out before every chain had left warm-up; allow more.")
        raise KeyboardInterrupt
    stack = _stack(chains, kept)
    names = packed.hyper_names
    hyper = np.concatenate(
        [
            _scales(packed, stack["L"], stack["df"]),
            *([stack["scale"][:, :, :1]] if "sigma" in names else []),
            *([stack["scale"][:, :, 1:]] if "nu" in names else []),
            *([np.exp(stack["scale"])] if "shape" in names else []),
        ],
        axis=2,
    )
    beta = packed.coefficients(stack["beta"])
    if packed.cutpoints:
        hyper, beta = np.concatenate([hyper, beta[:, :, : packed.cutpoints]], axis=2), beta[:, :, packed.cutpoints :]
    lp = stack["lp"] if chains[0].likelihood else np.full_like(stack["lp"], np.nan)
    offsets = [first for first, _, _ in packed.blocks]
    summaries = {}
    if streamed:
        offsets = [-1 if f in streamed else int(np.searchsorted(chains[0].stored, first)) for f, first in enumerate(offsets)]
        summaries = dict(zip(streamed.values(), stream.summarise([c.stream for c in chains]), strict=True))
    return (StreamedDraws if streamed else Draws)(
        beta=beta,
        hyper=hyper,
        hyper_names=names,
        u=stack["u"],
        u_offsets=tuple(offsets),
        lp=lp,
        warmup=sampling.warmup,
        seconds_warmup=tuple(c.seconds[0] for c in chains),
        seconds_sampling=tuple(c.seconds[1] for c in chains),
        stopped=stopped,
        info={
            "compile_seconds": compile_seconds,
            "cells": packed.cells,
            "variance_evaluations": [int(c.counts.moves.evaluations.sum()) for c in chains],
            "elliptical": all(c.elliptical for c in chains),
            **_acceptance(chains),
        },
        streamed=summaries,
    )


def _acceptance(chains: list[Chain]) -> dict[str, object]:
    """Shares of accepted moves of second-order chains by block, factor and worst level, one number a chain; how many levels move by their
    own law; and a sentence for each block, and each worst level, that hardly moves.

    None: a chain that does not have the move, since its warm-up did not ask for it.
    """
    if not isinstance(chains[0], SecondOrderChain):
        return {}
    shares = [c.acceptance() for c in chains]
    blocks = dict.fromkeys(block for s in shares for block in s)
    by_block = {block: [round(s[block], 4) if block in s else None for s in shares] for block in blocks}
    stuck = []
    for block, values in by_block.items():
        for k, share in enumerate(values):
            if share is None or share >= STUCK:
                continue
            what = f"{block} hardly move{'' if 'parts' in block or block.startswith('levels') else 's'}"
            if block.startswith("worst level of "):
                level = chains[k].worst_levels()[block.removeprefix("worst level of ")][0]
                what = f"{block} ({level}) hardly moves"
            stuck.append(f"In chain {k + 1} the {what}: {share:.1%} of the proposals are accepted.")
    own = {f.name: [int(c.which[i].sum()) for c in chains] for i, f in enumerate(chains[0].factors)}
    return {"acceptance": by_block, "levels_by_own_law": {name: n for name, n in own.items() if any(n)}, "alarms": stuck}


def _stack(chains: list[Chain], kept: int) -> dict[str, np.ndarray]:
    """(chains, kept, …) arrays. Chunks are let go as they are copied, so the draws are never held twice."""
    stack = {name: np.empty((len(chains), kept, *getattr(chains[0].kept[0], name).shape[1:])) for name in Kept.NAMES}
    for k, chain in enumerate(chains):
        at = 0
        while chain.kept:
            chunk = chain.kept.pop(0)
            size = min(chunk.lp.size, kept - at)
            for name, array in stack.items():
                array[k, at : at + size] = getattr(chunk, name)[:size]
            at += size
    return stack


def _scales(packed: Packed, L: np.ndarray, df: np.ndarray) -> np.ndarray:
    """(chains, draws, …) sds of every column, correlations of every term, df, factor by factor: the order of ``hyper_names``."""
    columns = []
    for f in range(packed.layout.factor.shape[0]):
        cov = []
        for (owner, _, q, l0, *_), back in zip(packed.layout.term.tolist(), packed.backs, strict=True):
            if owner == f:
                factor = L[:, :, l0 : l0 + q * q].reshape(*L.shape[:2], q, q)
                factor = factor if back is None else back @ factor
                cov.append(factor @ np.swapaxes(factor, 2, 3))
        sds = [np.sqrt(np.diagonal(c, axis1=2, axis2=3)) for c in cov]
        columns += [s[:, :, a] for s in sds for a in range(s.shape[2])]
        for c, s in zip(cov, sds, strict=True):
            columns += [c[:, :, a, b] / (s[:, :, a] * s[:, :, b]) for a in range(c.shape[2]) for b in range(a)]
        columns += [df[:, :, k] for k in np.flatnonzero(packed.student == f)]
    return np.stack(columns, axis=2) if columns else np.zeros((*L.shape[:2], 0))
