"""The memory that a run will need: what it grows with, and when the effects of large factors are summarised without being asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs import memory
from gibbs.model.records import Sampling, Until
from gibbs.preview import memory_sentence
from gibbs.sampling import footprint, plan
from tests.sampling.models import fitted_design

FIXED = Sampling(chains=4, seed=1, draws=1000)


def predicted(kind: str, family: str = "gaussian", sampling: Sampling = FIXED, keep: tuple[str, ...] | None = None, **size: int):
    design = fitted_design(kind, family, **size)
    return footprint.predict(design, plan.make(design), sampling, keep)


def test_draws_are_counted_once_in_the_chains_and_for_one_more_while_they_are_gathered() -> None:
    """2 coefficients, a sd and sigma, the log-likelihood, 8 effects: 13 numbers."""
    assert predicted("one_factor").draws == 8 * 13 * 1000 * 5
    assert predicted("one_factor", sampling=replace(FIXED, chains=1)).draws == 8 * 13 * 1000
    assert predicted("one_factor", sampling=replace(FIXED, draws=2000)).draws == 8 * 13 * 2000 * 5


def test_a_run_to_precision_is_counted_to_its_earliest_end() -> None:
    """Its second check, or the first at which there are as many draws as are to be effective."""
    until = replace(FIXED, draws=500, until=Until())
    assert footprint.stored_draws(until) == 750 and footprint.stored_draws(FIXED) == 1000
    assert footprint.stored_draws(replace(until, until=Until(max_draws=600))) == 600
    assert footprint.stored_draws(replace(until, until=Until(ess=4000))) == 1125  # 500, 750, 1,125: 4 chains
    assert footprint.stored_draws(replace(until, until=Until(tail_ess=10_000))) == 2530
    assert footprint.stored_draws(replace(until, until=Until(ess=1e6, max_draws=900))) == 900


@pytest.mark.parametrize("family", ["gaussian", "logit", "poisson", "ordinal"])
def test_work_grows_with_cells_levels_and_chains(family: str) -> None:
    few, many = (predicted("one_factor", family, rows=n) for n in (200, 2000))
    assert many.packing > 9 * few.packing and (many.work > few.work or family == "gaussian")
    more = predicted("one_factor", family, rows=2000, levels=400)
    assert more.work > many.work and more.tables > many.tables
    assert predicted("one_factor", family, replace(FIXED, chains=8), rows=2000).work > many.work
    together = more.so_far + more.compiling + more.packing + more.work + more.draws + more.standing + more.tables
    assert more.peak == max(more.before, together) and replace(more, before=10 * together).peak == 10 * together


def test_compiling_counts_where_the_sampler_was_not_compiled_before(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(footprint, "usable_cores", lambda: 1)
    assert predicted("one_factor").compiling == 2 * footprint.COMPILING
    monkeypatch.setattr(footprint, "usable_cores", lambda: 2)
    assert predicted("one_factor", "poisson").compiling == 2 * footprint.COMPILING  # second-order moves
    found = predicted("one_factor")
    assert found.compiling == footprint.COMPILING and "compiling the sampler, which is done once, 170 MB" in memory_sentence(found, FIXED)
    monkeypatch.setattr(footprint, "compiled_before", lambda scheme: True)
    found = predicted("one_factor")
    assert found.compiling == 0 and "compiling" not in memory_sentence(found, FIXED)


def test_a_copy_of_state_and_sums_is_counted_for_going_on() -> None:
    """8 effects: of four chains the state, and 4 numbers of each draw beside the log-likelihood; or their sums."""
    assert predicted("one_factor").standing == 8 * 4 * footprint.STATES * 8 + 8 * 4 * 1000 * 5
    sums = footprint.COPIES * footprint._summed(8)
    assert predicted("one_factor", keep=()).standing == 8 * 4 * footprint.STATES * 8 + 8 * 4 * 1000 * 5 + 4 * sums


def test_what_is_summarised_takes_what_its_sums_take() -> None:
    stored, summed = (predicted("one_factor", keep=keep, levels=50) for keep in (None, ()))
    assert stored.draws - summed.draws == 8 * 50 * 1000 * 5 - 4 * footprint._sums(50)
    assert summed.standing - stored.standing == 4 * footprint.COPIES * footprint._summed(50)


def large() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"y": rng.standard_normal(3000), "g": np.arange(3000) % 1500, "h": np.arange(3000) % 7})


def test_large_factors_are_summarised_where_their_draws_would_take_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "installed", lambda: 150_000_000)  # 1,500 effects × 4 chains × 1,000 draws × 8 bytes are 48 MB
    check = gibbs.check("y ~ 1 + (1 | g) + (1 | h)", large(), seed=1, draws=1000)
    assert check.spec.keep == ("h",)
    said = next(w for w in check.warnings if w.startswith("the effects of g are summarised"))
    assert "the effects of g are summarised as they are drawn (keep: h): their draws would take 48 MB" in said
    assert "more than 25% of the memory, 150 MB. keep: all stores them." in said
    for words in ({"keep": "all"}, {"keep": ["g", "h"]}, {"draws": 300}, {"draws": 1000, "chains": 2}):
        kept = gibbs.check("y ~ 1 + (1 | g) + (1 | h)", large(), **({"seed": 1, "draws": 1000} | words)).spec.keep
        assert kept == (("g", "h") if words == {"keep": ["g", "h"]} else None)


def test_small_factors_never_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "installed", lambda: 10_000_000)
    assert gibbs.check("y ~ 1 + (1 | h)", large(), seed=1, draws=20_000).spec.keep is None


def test_memory_is_that_of_the_container_where_it_is_less(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import io

    real, machine = builtins.open, memory.installed()

    def limited(name, *words, **keys):
        return io.StringIO("12345678\n") if name == "/sys/fs/cgroup/memory.max" else real(name, *words, **keys)

    monkeypatch.setattr(builtins, "open", limited)
    assert machine is None or memory.installed() == 12_345_678
    assert memory.used() > 20_000_000
