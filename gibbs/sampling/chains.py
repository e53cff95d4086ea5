"""Design and Plan → Draws: the chains of a run are made, compiled, driven to its end, and their draws gathered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from gibbs import signals
from gibbs.draws.records import Draws
from gibbs.errors import OutputError
from gibbs.model.records import Design, Sampling
from gibbs.sampling import gather, precompile, snapshot, stream
from gibbs.sampling.chain import MARKED, Chain
from gibbs.sampling.crew import Crew
from gibbs.sampling.driver import drive
from gibbs.sampling.factorised import FactorisedChain
from gibbs.sampling.keeper import PATIENCE, Keeper
from gibbs.sampling.pack import SECOND_ORDER, Packed, pack
from gibbs.sampling.plan import Plan
from gibbs.sampling.progress import Progress
from gibbs.sampling.reporter import Reporter
from gibbs.sampling.second_order import SecondOrderChain
from gibbs.sampling.standing import Standing, slim
from gibbs.sampling.watch import Watch


def run(
    design: Design,
    plan: Plan,
    sampling: Sampling,
    *,
    progress: Callable[[Progress], object] | None = None,
    chunk: int | None = None,
    keep: tuple[str, ...] | None = None,
    stop: threading.Event | None = None,
    keeper: Keeper | None = None,
    before: Standing | None = None,
    crew: Callable[..., Crew] = Crew,
) -> Draws:
    """Draw the posterior.

    Parameters
    ----------
    design : as the sampler sees it (``by_group.arrange``).
    sampling : chains, seed (must be set), warm-up and draws a chain, cores, ``until``.
    progress : called from this thread a few times a second.
    keep : the factors whose effects are stored whole; those of the others are summarised as they are drawn. None: all of them.
    chunk : sweeps a chunk (for tests: draws must not depend on it); None lets the clock decide.
    stop : where it is set, all that Ctrl-C does happens; for runs in threads, which no signal reaches.
    keeper : writes checkpoints meanwhile. before : where a run of the same model, seed and chains stood, which is gone on with.
    crew : what advances the chains; ``far.crews`` where that happens elsewhere, and nothing need be compiled here.

    Returns
    -------
    Draws, ``stopped`` set where the run ended before it was asked to: interrupted, max_seconds, max_draws, checkpoint (that could not be
    written: ``info["no_checkpoint"]`` says why). ``standing`` is where it ended, so that it can be gone on with; None where Ctrl-C left a
    chain in the middle of a long chunk.

    Raises
    ------
    SamplingError : a chain met numbers it cannot trust. KeyboardInterrupt : Ctrl-C before any draw was kept by every chain;
    ``signals.Unwritten`` where ``keeper`` leaves the draws in its checkpoint.
    SpecError : ``until`` names parameters that are not there. OutputError : a checkpoint cannot be written, and no draw was kept.
    ValueError : ``before`` is not of this model.
    """
    reporter = Reporter(progress, sampling)
    near = crew is Crew
    with signals.deferred():
        with signals.immediate(), precompile.together(plan.compiled if near else "", sampling.cores) as meet:
            packed = pack(design, plan)
            streamed = [] if keep is None else [f for f, factor in enumerate(design.factors) if factor.name not in keep]
            watch = Watch(design, packed, sampling, streamed)
            compile_began = time.perf_counter()
            reporter.compiling()
            chains = _chains(design, packed, sampling, streamed)
            if near:
                chains[0].compile(besides=precompile.SHARED.get(plan.compiled, ()))
            meet()
            if before is not None:
                for chain, parts, kept in zip(chains, before.chains, before.kept, strict=True):
                    snapshot.put(chain, parts)
                    chain.kept = list(kept)
        compile_seconds = time.perf_counter() - compile_began
        crew = crew(chains, sampling.cores, reporter.tell, chunk, stop, keeper)
        crew.began -= before.elapsed if before else 0.0
        reporter.start(chains, crew.workers, watch)
        if keeper is not None:
            keeper.start(before)
        ended = drive(crew, sampling, watch, reporter, before.course if before else None)
        whole = keeper is None or keeper.close(PATIENCE if ended.stopped == "interrupted" else None)
        if ended.stopped == "checkpoint" and not gather.shortest(chains):
            raise _no_checkpoint(keeper, chains)
        if ended.stopped == "interrupted" and keeper is not None and keeper.leaves(chains, crew.seconds(), whole and not crew.left_behind):
            raise signals.Unwritten
        standing = None
        if whole and not crew.left_behind:
            standing = ended_at(chains, crew)
        info = {"compile_seconds": compile_seconds, **ended.info(sampling, chains[0].warmup, chains[0].done - chains[0].warmup)}
        if ended.stopped == "checkpoint":
            info["no_checkpoint"] = _stopped_without(keeper, f"{gather.shortest(chains):,} draws of each chain")
        return gather.collect(chains, packed, ended.stopped, info, {f: design.factors[f].name for f in streamed}, standing)


def first_sweeps(design: Design, plan: Plan, sampling: Sampling) -> list[str]:
    """Where the first sweeps of every chain lead on this machine, as ``Draws.info["first_sweeps"]`` has it of a run."""
    packed = pack(design, plan)
    chains = _chains(design, packed, sampling, [])
    for chain in chains:
        while chain.done < MARKED:
            chain.advance(MARKED)
    return [chain.mark.tobytes().hex() for chain in chains]


def ended_at(chains: list[Chain], crew: Crew) -> Standing | None:
    """Where the run stands at its end; None where there are no draws."""
    kept = min(sum(chunk.lp.size for chunk in chain.kept) for chain in chains)
    if not kept:
        return None
    draws = tuple([slim(chain.kept, kept)] for chain in chains)
    return Standing(tuple(snapshot.take(chain) for chain in chains), draws, dict(crew.course), crew.seconds())


def _no_checkpoint(keeper: Keeper, chains: list[Chain]) -> OutputError:
    """Where there is no draw yet that could be written instead."""
    said = _stopped_without(keeper, f"{min(chain.done for chain in chains):,} sweeps of warm-up")
    left = (
        "The checkpoint before it is as it was: when there is room again, gibbs resume goes on from there."
        if keeper.waits()
        else "There was no draw yet, and nothing was written."
    )
    error = OutputError(f"{said} {left}", where=keeper.failed.filename or "")
    error.exit_code = 1
    return error


def _stopped_without(keeper: Keeper, at: str) -> str:
    reason = keeper.failed.strerror or str(keeper.failed)
    return f"the checkpoint cannot be written ({reason.lower()}), so the run was stopped after {at}."


def kind_of(packed: Packed) -> type[Chain]:
    """The class of the chains of a model."""
    if packed.family != SECOND_ORDER:
        return Chain
    return FactorisedChain if packed.decided else SecondOrderChain


def _chains(design: Design, packed: Packed, sampling: Sampling, streamed: list[int]) -> list[Chain]:
    """The chains before their first sweep, each with a generator of its own."""
    kind = kind_of(packed)
    seeds = np.random.SeedSequence(sampling.seed).spawn(sampling.chains)
    chains = [kind(k, seed, packed, design, sampling.warmup) for k, seed in enumerate(seeds)]
    if sampling.until is not None:
        for chain in chains:
            chain.warm = []
    if streamed:
        _stream(chains, packed, streamed)
    return chains


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
