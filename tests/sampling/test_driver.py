"""A run to precision, driven: it ends at a check, its draws depend on the seed alone, long runs are thinned, warm-up is extended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model.records import Sampling, Until
from gibbs.sampling import chains, plan, stopping
from tests.sampling.models import convergence, fitted_design

PRECISE = Sampling(chains=4, seed=1, warmup=100, draws=100, until=Until(ess=300.0, rhat=1.05, max_seconds=300.0))


def run(sampling: Sampling, kind: str = "one_factor", family: str = "gaussian", **keys):
    design = fitted_design(kind, family, rows=60)
    return chains.run(design, plan.make(design), sampling, **keys)


def same(a, b) -> None:
    for name in ("beta", "hyper", "u", "lp"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.info["to_precision"] == b.info["to_precision"] and a.warmup == b.warmup


def test_it_ends_precise_at_a_check_and_says_how_it_went() -> None:
    draws = run(PRECISE)
    how, kept = draws.info["to_precision"], draws.beta.shape[1]
    grid = [100]
    while grid[-1] < kept:
        grid.append(stopping.next_check(grid[-1], 10**6))
    assert draws.stopped == "" and kept == grid[-1] == how["draws_a_chain"] and how["checks"] == len(grid) >= 2
    rhat, ess = convergence(draws)
    assert rhat < 1.05 and ess >= 0.4 * 300


@pytest.mark.parametrize("keep", [None, ()])
def test_draws_depend_on_no_chunks_cores_or_watchers(keep) -> None:
    seen: list[object] = []
    whole = run(replace(PRECISE, cores=2), keep=keep)
    other = run(replace(PRECISE, cores=1), keep=keep, chunk=7, progress=seen.append)
    for name in ("beta", "hyper", "lp"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))
    np.testing.assert_array_equal(whole.whole, other.whole)
    assert whole.info["to_precision"] == other.info["to_precision"]
    if keep is not None:
        np.testing.assert_array_equal(whole.streamed["g"].mean, other.streamed["g"].mean)
    assert any(one.worst is not None and one.worst.name for one in seen) and seen[0].phase == "compile"


def test_a_long_run_keeps_every_so_many_sweeps_of_the_same_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinned or not, the chains are the same, and what is kept are the sweeps whose number the factor divides."""
    monkeypatch.setattr(stopping, "settled", lambda warm: True)
    monkeypatch.setattr(stopping, "LEAST_STORED", 100)
    monkeypatch.setattr(stopping, "STORED", 0.0)
    monkeypatch.setattr(stopping, "ENOUGH", 0.0)
    never = replace(PRECISE, until=Until(ess=1e9, rhat=1.0001, max_draws=700))
    thinned = run(never, chunk=13)
    how = thinned.info["to_precision"]
    assert how["every"] == 8 and how["draws_a_chain"] == 700 and thinned.beta.shape[1] == 700 // 8 and thinned.stopped == "max_draws"
    whole = run(Sampling(chains=4, seed=1, warmup=100, draws=700))
    for name in ("beta", "hyper", "u", "lp"):
        np.testing.assert_array_equal(getattr(thinned, name), getattr(whole, name)[:, 7::8])
    summed = run(never, keep=())
    np.testing.assert_allclose(summed.streamed["g"].mean.ravel(), whole.u.mean(axis=(0, 1)), rtol=1e-10)  # of all draws


def test_warm_up_is_extended_until_the_chains_have_settled_and_then_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def settled(warm: np.ndarray) -> bool:
        lengths.append(warm.shape[1])
        return len(lengths) == 3

    monkeypatch.setattr(stopping, "settled", settled)
    draws = run(PRECISE)
    assert lengths == [100, 200, 400] and draws.warmup == 400 and draws.info["to_precision"]["settled"]
    lengths.clear()
    same(draws, run(replace(PRECISE, cores=1), chunk=11))
    monkeypatch.setattr(stopping, "settled", lambda warm: False)
    never = run(PRECISE)
    assert never.warmup == 800 and not never.info["to_precision"]["settled"]
