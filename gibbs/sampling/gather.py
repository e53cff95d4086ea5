"""What chains have kept → arrays of all chains: coefficients as written, sds, correlations, effects; and the Draws of a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from gibbs.cores import usable_cores
from gibbs.draws.records import Draws, StreamedDraws
from gibbs.errors import SamplingError
from gibbs.sampling import stream
from gibbs.sampling.chain import MARKED, Chain, Kept
from gibbs.sampling.pack import Packed
from gibbs.sampling.second_order import STUCK, SecondOrderChain
from gibbs.sampling.standing import Standing


def collect(
    chains: list[Chain],
    packed: Packed,
    stopped: str,
    info: dict[str, Any],
    streamed: dict[int, str] | None = None,
    standing: Standing | None = None,
) -> Draws:
    """Arrays of all chains, cut to the shortest; coefficients as written; sds and correlations from the Cholesky factors.

    stopped : why the run ended before it was asked to, or "". info : counters beside those of the chains. streamed : factors whose effects
    were summarised. standing : where the run ended. Raises KeyboardInterrupt, or SamplingError, where there is a chain without a draw.
    """
    kept = shortest(chains)
    if kept == 0:
        if stopped == "max_seconds":
            raise SamplingError(_nothing_in_time(chains))
        raise KeyboardInterrupt
    stack = _stack(chains, kept)
    beta, hyper = parameters(packed, stack)
    lp = stack["lp"] if chains[0].likelihood else np.full_like(stack["lp"], np.nan)
    offsets = [first for first, _, _ in packed.blocks]
    summaries = {}
    if streamed:
        offsets = [-1 if f in streamed else int(np.searchsorted(chains[0].stored, first)) for f, first in enumerate(offsets)]
        summaries = dict(zip(streamed.values(), stream.summarise([c.stream for c in chains]), strict=True))
    return (StreamedDraws if streamed else Draws)(
        beta=beta,
        hyper=hyper,
        hyper_names=packed.hyper_names,
        u=stack["u"],
        u_offsets=tuple(offsets),
        lp=lp,
        warmup=chains[0].warmup,
        seconds_warmup=tuple(c.seconds[0] for c in chains),
        seconds_sampling=tuple(c.seconds[1] for c in chains),
        stopped=stopped,
        info={
            **info,
            "cells": packed.cells,
            "first_sweeps": {"sweeps": MARKED, "state": [chain.mark.tobytes().hex() for chain in chains]},
            "variance_evaluations": [int(c.counts.moves.evaluations.sum()) for c in chains],
            "elliptical": all(c.elliptical for c in chains),
            **_acceptance(chains),
        },
        streamed=summaries,
        standing=standing,
    )


def small(chains: list[Chain]) -> dict[str, np.ndarray]:
    """(chain, draw, …) of all that is kept but the effects, cut to the shortest chain; the chains keep what they have."""
    kept = shortest(chains)
    found = {}
    for name in Kept.NAMES:
        if name != "u":
            found[name] = np.stack([np.concatenate([getattr(o, name) for o in list(c.kept)])[:kept] for c in chains])
    return found


def effects(chains: list[Chain], columns: slice | np.ndarray, kept: int) -> np.ndarray:
    """(chain, draw, column) of some columns of the stored effects, the first ``kept`` draws."""
    return np.stack([np.concatenate([o.u[:, columns] for o in c.kept])[:kept] for c in chains])


def parameters(packed: Packed, stack: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(coefficients as written, what ``packed.hyper_names`` names) of (chain, draw, …) draws in the internal basis."""
    names = packed.hyper_names
    hyper = np.concatenate(
        [
            scales(packed, stack["L"], stack["own"]),
            *([stack["scale"][:, :, :1]] if "sigma" in names else []),
            *([stack["scale"][:, :, 1:]] if "nu" in names else []),
            *([np.exp(stack["scale"])] if packed.values.size else []),
        ],
        axis=2,
    )
    beta = packed.coefficients(stack["beta"])
    if packed.cutpoints:
        hyper, beta = np.concatenate([hyper, beta[:, :, : packed.cutpoints]], axis=2), beta[:, :, packed.cutpoints :]
    return beta, hyper


def shortest(chains: list[Chain]) -> int:
    """Stored draws of the chain that has fewest."""
    return min(sum(o.lp.size for o in list(c.kept)) for c in chains)


def _nothing_in_time(chains: list[Chain]) -> str:
    """What to say where the time was up before there was a draw, and how much time there should have been."""
    done, spent = min(c.done for c in chains), max(c.seconds[0] for c in chains)
    slowest = spent / max(done, 1)
    return (
        f"the time allowed (until: max_seconds) ran out before every chain had left warm-up: {done:,} of {chains[0].warmup:,} sweeps, "
        f"{slowest:.2g} seconds each. Allow more (max_seconds), or shorten warm-up."
    )


def _acceptance(chains: list[Chain]) -> dict[str, object]:
    """Shares of accepted moves by block, factor and worst level, one number a chain; of second-order chains also how many levels move by
    their own law, and a sentence for each block, and each worst level, that hardly moves.

    None: a chain that does not have the move, since its warm-up did not ask for it.
    """
    shares = [c.acceptance() for c in chains]
    blocks = dict.fromkeys(block for s in shares for block in s)
    by_block = {block: [round(s[block], 4) if block in s else None for s in shares] for block in blocks}
    if not isinstance(chains[0], SecondOrderChain):  # their covariances have slices too, which always move
        return {"acceptance": by_block} if by_block else {}
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
    read = {"rows_a_decision": [round(c.rows_a_decision(), 2) for c in chains]} if chains[0].packed.decided else {}
    return {**read, "acceptance": by_block, "levels_by_own_law": {name: n for name, n in own.items() if any(n)}, "alarms": stuck}


def _stack(chains: list[Chain], kept: int) -> dict[str, np.ndarray]:
    """(chains, kept, …) arrays. Chunks are let go as they are copied, so the draws are never held twice; chains are copied at the same
    time, for somebody may be waiting after Ctrl-C."""
    stack = {name: np.empty((len(chains), kept, *getattr(chains[0].kept[0], name).shape[1:])) for name in Kept.NAMES}

    def copy(k: int) -> None:
        at, chunks = 0, chains[k].kept
        while chunks:
            chunk = chunks.pop(0)
            size = min(chunk.lp.size, kept - at)
            for name, array in stack.items():
                array[k, at : at + size] = getattr(chunk, name)[:size]
            at += size

    with ThreadPoolExecutor(min(len(chains), usable_cores())) as threads:
        list(threads.map(copy, range(len(chains))))
    return stack


def scales(packed: Packed, L: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(chains, draws, …) sds, correlations and own parameters of laws, factor by factor: the order of ``hyper_names``."""
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
        columns += [own[:, :, k] for k in np.flatnonzero(packed.own_laws == f)]
    return np.stack(columns, axis=2) if columns else np.zeros((*L.shape[:2], 0))
