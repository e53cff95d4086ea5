"""Passes over the rows in shards: the draws of one pass over all of them, whoever takes the shards, and every kind of pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from gibbs.kernels import shards as ks
from gibbs.sampling import decisions, pack, shards
from gibbs.sampling.chains import kind_of
from gibbs.sampling.crew import Crew
from tests.sampling.cases import Case, design_of, plan_of
from tests.sampling.invariance import draw_data

WARMUP, DRAWS = 45, 15
CASES = {
    "levels, ancestors, scales": Case("logit", "nested_slopes", "second-order", rows=300, levels=8),
    "several units in turn": Case("probit", "crossed", "second-order in turn", rows=300, levels=8),
    "counts": Case("poisson", "one_factor", "second-order", rows=300, levels=8, offset=True),
    "dispersion": Case("negative_binomial", "nested", "second-order", rows=300, levels=8),
    "cutpoints": Case("ordinal", "one_factor", "second-order", rows=300, levels=8),
    "by rows": Case("logit", "three_slopes", "second-order", rows=300, levels=8, rounds=2),
}


def chain_of(case: Case, monkeypatch: pytest.MonkeyPatch, size: int):
    """A chain before its first sweep; ``size`` rows a shard, 0: no shards."""
    monkeypatch.setattr(decisions, "SHARD", size or 2**18)
    monkeypatch.setattr(decisions, "LEAST_SHARED", 2 * size or 2**19)
    rng = np.random.default_rng(5)
    design = design_of(case, rng)
    design = replace(design, y=draw_data(design, rng)[1])
    plan = plan_of(case, design)
    packed = pack.pack(design, plan)
    chain = kind_of(packed)(0, np.random.SeedSequence(8), packed, design, WARMUP)
    chain.every = chain.small_every = 1.0
    assert (chain.shards is None) == (size == 0)
    return chain


def sweeps(chain, helpers: int = 0) -> dict[str, np.ndarray]:
    """Draws, warm-up's stand-in and what was counted."""
    if helpers:
        with ThreadPoolExecutor(helpers) as pool:
            chain.helped_by(pool, helpers)
            return sweeps(chain)
    while chain.done < WARMUP + DRAWS:
        chain.advance(7)
    found = {name: np.concatenate([getattr(kept, name) for kept in chain.kept]) for name in ("beta", "L", "scale", "lp", "u")}
    found |= {"omega": chain.omega, "linear": chain.linear}
    return found | {name: chain.counts.moves[name] for name in chain.counts.moves.dtype.names} | {"levels": chain.counts.accepted}


@pytest.mark.parametrize("name", CASES)
def test_draws_are_those_of_one_pass_whoever_takes_the_shards(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions are the same, numbers to rounding; with helpers to the bit."""
    whole = sweeps(chain_of(CASES[name], monkeypatch, 0))
    asked: set[int] = set()
    answer = shards.Shards._answer
    monkeypatch.setattr(shards.Shards, "_answer", lambda self, *task: asked.add(task[0]) or answer(self, *task))
    alone, helped = (sweeps(chain_of(CASES[name], monkeypatch, 41), helpers) for helpers in (0, 3))
    for what, wanted in whole.items():
        np.testing.assert_allclose(alone[what], wanted, rtol=1e-6, atol=1e-6, err_msg=what)
        np.testing.assert_array_equal(helped[what], alone[what], err_msg=what)
    wanted = {ks.PREDICT, ks.KEEP, ks.RISE, ks.TOTAL}
    wanted |= {ks.GAPS, ks.OF_FAMILY} if name in ("dispersion", "cutpoints") else set()
    wanted |= {ks.OF_LEVELS, ks.KEEP_LEVELS} if "levels" in name or "units" in name else set()
    assert wanted <= asked


@pytest.mark.parametrize("task", [ks.PREDICT, ks.OF_LEVELS, ks.KEEP_LEVELS, ks.KEEP, ks.RISE, ks.TOTAL, ks.DERIVATIVES])
def test_a_shard_that_is_left_out_changes_the_draws(task: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison catches it in every kind of pass."""
    case = CASES["levels, ancestors, scales"]
    whole, kernel = sweeps(chain_of(case, monkeypatch, 0)), ks.pass_over_shard

    def without_the_last(of, *others):
        return 0.0 if of.task == task and of.last == 300 else kernel(of, *others)

    without_the_last.compile = kernel.compile
    monkeypatch.setattr(ks, "pass_over_shard", without_the_last)
    found = sweeps(chain_of(case, monkeypatch, 41))
    assert any(not np.allclose(found[what], whole[what], rtol=1e-6, atol=1e-6) for what in whole)


def test_what_a_pass_raises_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code could not raise it, and a sum that is missing must not become a draw."""
    chain = chain_of(CASES["counts"], monkeypatch, 41)

    def full(*arguments: object) -> float:
        raise MemoryError("no room")

    monkeypatch.setattr(ks, "pass_over_shard", full)
    with pytest.raises(MemoryError, match="no room"):
        chain.advance(3)
    assert chain.done == 0 and not chain.kept


def test_boundaries_depend_on_the_rows_and_leave_room() -> None:
    """Enough rows a shard; sums by level, which every shard has of its own, are not more than a quarter of the rows."""
    rows = 2**20
    sorted_levels = np.repeat(np.arange(2**14), 2**6).astype(np.int32)[:, None]
    np.testing.assert_array_equal(shards.boundaries(rows, sorted_levels), np.arange(5) * 2**18)
    crossed = np.random.default_rng(1).permutation(sorted_levels[:, 0])[:, None]
    assert shards.boundaries(rows, np.hstack([sorted_levels, crossed])).size - 1 == 4  # 4 shards of 2¹⁴ sums
    some = np.random.default_rng(1).integers(0, 2**17, rows).astype(np.int32)[:, None]
    assert shards.boundaries(rows, some).size - 1 == 2  # 4 shards would be half of the rows
    many = np.random.default_rng(1).integers(0, 2**18, rows).astype(np.int32)[:, None]
    np.testing.assert_array_equal(shards.boundaries(rows, many), [0, rows])  # and so would two
    np.testing.assert_array_equal(shards.boundaries(2**19 - 1, sorted_levels[: 2**19 - 1]), [0, 2**19 - 1])


def test_threads_that_chains_leave_free_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five cores and two chains three; none where chains take them all, and none of a model without passes."""
    chains = [chain_of(CASES["counts"], monkeypatch, 41) for _ in range(2)]
    Crew(chains, 2, lambda target: None)
    assert [chain.shards.hands for chain in chains] == [0, 0]
    Crew(chains, 5, lambda target: None)
    assert [chain.shards.hands for chain in chains] == [3, 3]
    gaussian = design_of(Case("gaussian"), np.random.default_rng(1))
    packed = pack.pack(gaussian, plan_of(Case("gaussian"), gaussian))
    Crew([kind_of(packed)(0, np.random.SeedSequence(1), packed, gaussian, 10)], 5, lambda target: None)
