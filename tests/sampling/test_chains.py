"""Chains: phases, freezing, stopping, errors, and what is handed over."""

from __future__ import annotations

import itertools
import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from gibbs.errors import SamplingError
from gibbs.model.records import Prior, Sampling, Until
from gibbs.sampling import chains, crew, gather, own_law, pack, plan
from gibbs.sampling.chain import Chain
from gibbs.sampling.second_order import SecondOrderChain
from tests.sampling.models import fitted_design, run
from tests.sampling.structured_effects import changed


def make_chain(design, *, seed: int = 1, warmup: int = 100, scheme: str = "auto") -> Chain:
    decided = plan.make(design, scheme)
    return Chain(0, np.random.SeedSequence(seed), pack.pack(design, decided), design, warmup)


def test_shapes_and_names_of_what_is_handed_over():
    design = fitted_design("crossed_slopes", "student", rows=80, levels=5)
    draws = run(design, warmup=30, draws=20, how=3)
    U = sum(f.Z.shape[1] * len(f.levels) for f in design.factors)
    assert draws.beta.shape == (3, 20, 2) and draws.u.shape == (3, 20, U) and draws.lp.shape == (3, 20)
    assert draws.hyper.shape == (3, 20, 8) and draws.hyper_names[-2:] == ("sigma", "nu")
    assert draws.u_offsets == (0, 10) and draws.warmup == 30 and draws.stopped == ""
    assert len(draws.seconds_warmup) == len(draws.seconds_sampling) == 3
    assert min(draws.seconds_sampling) > 0.0


def test_sds_and_correlations_are_those_of_the_cholesky_factors():
    design = fitted_design("two_terms", rows=60)
    chain = make_chain(fitted_design("slopes", rows=60))
    while chain.done < 110:
        chain.advance(10)
    L = chain.draws()["L"].reshape(-1, 2, 2)
    found = gather.scales(chain.packed, chain.draws()["L"][None], chain.draws()["own"][None])[0]
    cov = L @ np.swapaxes(L, 1, 2)
    np.testing.assert_allclose(found[:, 0] ** 2, cov[:, 0, 0])
    np.testing.assert_allclose(found[:, 1] ** 2, cov[:, 1, 1])
    np.testing.assert_allclose(found[:, 2] * found[:, 0] * found[:, 1], cov[:, 1, 0])
    assert np.all(np.diagonal(L, axis1=1, axis2=2) > 0.0)
    split = run(design, warmup=30, draws=20)
    assert split.hyper_names[:2] == ("sd_g__Intercept", "sd_g__x") and np.all(split.hyper > 0.0)


def test_the_log_likelihood_kept_is_that_of_the_draw():
    """Up to a constant, against scipy on the coefficients as written."""
    from scipy import stats

    design = fitted_design("slopes", "student", rows=60, levels=5)
    draws = run(design, warmup=60, draws=25, how=2)
    u = draws.u.reshape(2, 25, len(design.factors[0].levels), 2)
    eta = draws.beta @ design.X.T + np.einsum("csna,na->csn", u[:, :, design.factors[0].codes], design.factors[0].Z)
    sigma, nu = draws.hyper[:, :, -2, None], draws.hyper[:, :, -1, None]
    wanted = stats.t.logpdf(design.y, nu, eta, sigma).sum(axis=2)
    np.testing.assert_allclose(draws.lp - wanted, np.mean(draws.lp - wanted), atol=1e-8)


def test_chains_start_apart_and_inside_the_prior():
    design = fitted_design("slopes", "probit", rows=60)
    terms = replace(design.factors[0].terms[0], sd_priors=(Prior("uniform", (0.5, 0.9)),) * 2)
    design = replace(design, factors=(replace(design.factors[0], terms=(terms,)),))
    decided = plan.make(design, "augmented")
    packed = pack.pack(design, decided)
    started = [Chain(k, s, packed, design, 100) for k, s in enumerate(np.random.SeedSequence(1).spawn(5))]
    for name in ("core", "L"):
        values = np.stack([getattr(c.state, name) for c in started])
        assert np.unique(values[:, 0]).size > 1
    for chain in started:
        L = chain.state.L.reshape(2, 2)
        sds = np.sqrt(np.sum(L**2, axis=1))
        assert np.all((sds >= 0.5) & (sds <= 0.9))
        assert np.all(np.isfinite(chain.state.core)) and np.all(np.isfinite(chain.state.u))


@pytest.mark.parametrize(("kind", "family"), [("slopes", "gaussian"), ("nested", "logit"), ("one_factor", "student")])
def test_after_warm_up_everything_learnt_is_frozen(kind, family):
    chain = make_chain(fitted_design(kind, family, rows=60), scheme="augmented" if family == "logit" else "auto")
    tuning = chain.tuning
    before = tuning.coordinates.fit.copy()
    while chain.done < 100:
        chain.advance(1000)  # stops at the boundaries of the phases by itself

    def learnt():
        values = (*tuning.coordinates, tuning.reference, tuning.width, chain.independent, chain.elliptical)
        return [np.array(v) for v in values]

    kept = learnt()
    assert chain.elliptical and not np.array_equal(before, tuning.coordinates.fit) and not chain.kept
    chain.advance(150)
    assert chain.done == 250 and sum(o.lp.size for o in chain.kept) == 150
    for old, new in zip(kept, learnt(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_packed_statistics_are_not_touched_by_chains():
    design = fitted_design("crossed", "logit", rows=60)
    decided = plan.make(design, "augmented")
    packed = pack.pack(design, decided)
    layout = packed.layout._replace(fields=packed.layout.fields.value)
    records = (layout, packed.rows, packed.gram, packed.priors)
    kept = [(array, array.copy()) for record in records for array in record]
    chain = Chain(0, np.random.SeedSequence(1), packed, design, 20)
    chain.advance(20)
    for array, before in kept:
        np.testing.assert_array_equal(array, before)


def test_until_goes_on_to_the_target_and_stops_at_the_time_limit():
    design = fitted_design("one_factor", rows=60)
    decided = plan.make(design)
    asked = Sampling(chains=2, seed=1, warmup=100, draws=50, until=Until(ess=600.0, rhat=1.05, max_seconds=60.0))
    draws = chains.run(design, decided, asked)
    assert draws.beta.shape[1] > 300 and draws.stopped == ""
    never = replace(asked, until=Until(ess=1e9, rhat=1.0, max_seconds=0.6, max_draws=10_000_000))
    assert chains.run(design, decided, never).stopped == "max_seconds"


def test_ctrl_c_keeps_what_every_chain_has_and_raises_before_that():
    design = fitted_design("one_factor", rows=60)
    decided = plan.make(design)

    def stop_when(condition):
        pressed = []

        def progress(snapshot):
            if snapshot.phase != "compile" and condition(snapshot) and not pressed:
                pressed.append(True)
                raise KeyboardInterrupt

        return progress

    endless = Sampling(chains=2, seed=1, warmup=50, draws=3_000_000)
    draws = chains.run(design, decided, endless, progress=stop_when(lambda s: min(s.done) > 60))
    assert draws.stopped == "interrupted" and 0 < draws.beta.shape[1] < 3_000_000
    assert np.all(np.isfinite(draws.beta))
    late = Sampling(chains=2, seed=1, warmup=3_000_000, draws=10)
    with pytest.raises(KeyboardInterrupt):
        chains.run(design, decided, late, progress=stop_when(lambda s: True))


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_chains_take_turns_and_a_run_that_is_stopped_is_the_beginning_of_the_whole(cores, family):
    """With fewer cores than chains, too, each has about as much; and what is kept does not depend on when it was stopped."""
    design = fitted_design("one_factor", family, rows=60)
    decided, stop, seen = plan.make(design), threading.Event(), []

    def progress(snapshot):
        seen.append(snapshot.done)
        if min(snapshot.done) > 400:
            stop.set()

    asked = Sampling(chains=4, seed=1, warmup=100, draws=2_000_000, cores=cores)
    part = chains.run(design, decided, asked, progress=progress, stop=stop)
    kept = part.beta.shape[1]
    assert part.stopped == "interrupted" and 300 < kept < 2_000_000
    assert max(seen[-1]) < 4 * min(seen[-1])
    whole = chains.run(design, decided, replace(asked, draws=200, cores=2))
    for name in ("beta", "hyper", "u", "lp"):
        np.testing.assert_array_equal(getattr(part, name)[:, :200], getattr(whole, name))


def test_a_limit_of_time_leaves_every_chain_with_draws():
    design = fitted_design("one_factor", rows=60)
    never = Sampling(
        chains=4, seed=1, warmup=100, draws=4_000_000, cores=1, until=Until(ess=1e9, rhat=1.0, max_seconds=1.5, max_draws=10_000_000)
    )
    draws = chains.run(design, plan.make(design), never)
    assert draws.stopped == "max_seconds" and 0 < draws.beta.shape[1] < 4_000_000 and np.all(np.isfinite(draws.beta))


@pytest.mark.parametrize("keep", [None, ()])
def test_a_sweep_without_an_end_is_left_behind(monkeypatch, keep):
    """What the chains had kept before is what there is, and what the thread still does changes none of it."""
    design = fitted_design("one_factor", rows=60)
    decided, stop, go_on = plan.make(design), threading.Event(), threading.Event()
    sweeps = Chain._sweeps

    def slow(self, how, warming, out):
        if self.done >= 130:
            stop.set()
            go_on.wait(60)
        return sweeps(self, how, warming, out)

    monkeypatch.setattr(Chain, "_sweeps", slow)
    monkeypatch.setattr(crew, "PATIENCE", 0.2)
    asked = Sampling(chains=2, seed=1, warmup=100, draws=200, cores=2)
    began = time.perf_counter()
    part = chains.run(design, decided, asked, stop=stop, keep=keep, chunk=10)
    assert time.perf_counter() - began < 20 and part.stopped == "interrupted" and 20 <= part.beta.shape[1] <= 30
    kept = part.beta.copy()
    go_on.set()
    monkeypatch.setattr(Chain, "_sweeps", sweeps)
    time.sleep(0.2)
    whole = chains.run(design, decided, asked, keep=keep)
    np.testing.assert_array_equal(part.beta, kept)
    np.testing.assert_array_equal(part.beta, whole.beta[:, : kept.shape[1]])


def test_the_first_chunk_is_one_sweep_and_chunks_grow_by_time(monkeypatch):
    """A sweep of a large model may take a second; nobody knows before the first."""
    design, sizes = fitted_design("one_factor", rows=60), []
    advance = Chain.advance
    monkeypatch.setattr(Chain, "advance", lambda self, sweeps: (sizes.append(sweeps), advance(self, sweeps))[1])
    chains.run(design, plan.make(design), Sampling(chains=1, seed=1, warmup=100, draws=3000, cores=1))
    assert sizes[0] == 1 and all(b <= crew.GROWTH * a for a, b in itertools.pairwise(sizes))
    sizes.clear()
    monkeypatch.setattr(Chain, "advance", lambda self, sweeps: (sizes.append(sweeps), time.sleep(0.1 * sweeps), advance(self, sweeps))[2])
    chains.run(design, plan.make(design), Sampling(chains=1, seed=1, warmup=10, draws=10, cores=1))
    assert max(sizes) <= 4


def test_a_chain_that_fails_says_where_and_stops_the_others():
    design = fitted_design("one_factor", rows=60)
    y = design.y.copy()
    y[7], y[8] = 1e200, -1e200
    broken = replace(design, y=y)
    with pytest.raises(SamplingError) as caught:
        run(broken, how=2, draws=100_000)
    said = str(caught.value)
    assert "chain" in said and "iteration 1" in said and "block variances" in said
    assert str(broken.rows[7]) in said and str(broken.rows[8]) in said  # the largest numbers in the model


def test_parameters_that_are_given_stay_where_they_are():
    base = fitted_design("one_factor", "student", rows=60)
    term = replace(base.factors[0].terms[0], sd_priors=(Prior("fixed", (0.7,)),))
    factors = (replace(base.factors[0], terms=(term,)),)
    design = replace(base, factors=factors, sigma_prior=Prior("fixed", (1.3,)), nu_prior=Prior("fixed", (4.0,)))
    draws = run(design, warmup=20, draws=20, how=2)
    np.testing.assert_allclose(draws.hyper, np.broadcast_to([0.7, 1.3, 4.0], (2, 20, 3)))
    assert make_chain(design).packed.layout.term[0].given == 1


def test_acceptance_is_reported_by_block_and_an_alarm_names_the_chain_that_is_stuck(monkeypatch):
    """Groups whose outcomes are all alike move by their own law too, and are counted; of the others the worst is named."""
    design = fitted_design("one_factor", "logit", rows=480, levels=24)
    codes = np.asarray(design.factors[0].codes)
    y = np.where(codes < 12, codes % 2, design.y).astype(float)
    y[[np.flatnonzero(codes == j)[0] for j in range(12, 24)]] = 0.0
    y[[np.flatnonzero(codes == j)[1] for j in range(12, 24)]] = 1.0
    design = replace(design, y=y)
    sampling = Sampling(chains=2, seed=4, warmup=400, draws=100, scheme="second-order", cores=1)
    found = chains.run(design, plan.make(design, "second-order"), sampling).info
    assert set(found["acceptance"]) == {"core", "levels of g", "worst level of g"} and not found["alarms"]
    assert all(len(shares) == 2 and all(0.05 < share <= 1.0 for share in shares) for shares in found["acceptance"].values())
    assert all(share < 0.999 for share in found["acceptance"]["worst level of g"])
    assert all(12 <= number < 24 for number in found["levels_by_own_law"]["g"])
    monkeypatch.setattr(gather, "STUCK", 1.1)
    alarms = chains.run(design, plan.make(design, "second-order"), sampling).info["alarms"]
    assert len(alarms) == 6 and any(re.match(r"In chain 2 the worst level of g \(\S+\) hardly moves: \d", a) for a in alarms)


def test_one_level_that_is_stuck_is_not_hidden_by_the_others(monkeypatch):
    """The shares of the levels are those of the counts, level by level; here nobody's tail is heavy."""
    design = fitted_design("nested", "logit", rows=300, levels=9)
    decided = plan.make(design, "second-order")
    chain = SecondOrderChain(0, np.random.SeedSequence(1), pack.pack(design, decided), design, 50)
    nobody = [np.zeros(len(f.levels), dtype=bool) for f in chain.factors]
    chain.choose(nobody)
    monkeypatch.setattr(own_law, "heavy", lambda *_: nobody)
    packed, (first, second) = chain.packed, chain.factors
    chain.counts.tried[:] = chain.counts.accepted[:] = 100
    chain.counts.accepted[packed.layout.factor[1].u0 + 2 * packed.layout.factor[1].width] = 1
    found = chain.acceptance()
    assert found[f"worst level of {first.name}"] == 1.0 and found[f"worst level of {second.name}"] == 0.01
    assert chain.worst_levels()[second.name] == (second.levels[2], 0.01)
    chain._learn_levels(0.9)
    assert [np.flatnonzero(w & ~a).tolist() for w, a in zip(chain.which, chain.alike, strict=True)] == [[], [2]]


def test_a_move_that_only_some_chains_have_is_none_in_the_others(monkeypatch):
    design = fitted_design("one_factor", "logit", rows=60, levels=6)
    shares = [{"core": 0.9, "levels of g": 0.8}, {"core": 0.9, "levels of g": 0.8, "other parts of the core": 0.01}]
    monkeypatch.setattr(chains.SecondOrderChain, "acceptance", lambda self: shares[self.number])
    sampling = Sampling(chains=2, seed=4, warmup=50, draws=10, scheme="second-order", cores=1)
    found = chains.run(design, plan.make(design, "second-order"), sampling).info
    assert found["acceptance"] == {"core": [0.9, 0.9], "levels of g": [0.8, 0.8], "other parts of the core": [None, 0.01]}
    assert found["alarms"] == ["In chain 2 the other parts of the core hardly move: 1.0% of the proposals are accepted."]


def test_a_level_of_a_field_is_stuck_where_its_pieces_are_refused_for_it():
    """Pieces of some tens of levels are refused now and then, whoever is in them: a level is named where its own are refused more often."""
    design = changed(fitted_design("one_factor", "poisson", rows=60, levels=9), ("rw1*",), np.random.default_rng(1))
    chain = SecondOrderChain(0, np.random.SeedSequence(1), pack.pack(design, plan.make(design, "auto")), design, 50)
    (factor,), counts, u0 = chain.factors, chain.counts, int(chain.packed.layout.factor[0].u0)
    counts.tried[:], counts.accepted[:] = 1000, 760
    counts.accepted[u0 + 3] = 690
    assert not chain.worst_levels() and f"worst level of {factor.name}" not in chain.acceptance()
    counts.accepted[u0 + 3] = 510
    assert chain.worst_levels() == {factor.name: (factor.levels[3], 0.51)}
    counts.accepted[:] = 400  # all of them
    assert chain.worst_levels()[factor.name][1] == 0.4
