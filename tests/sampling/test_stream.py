"""Effects that are summarised as they are drawn, against the same draws stored."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws.records import STREAMED_PROBABILITIES, StreamedDraws
from gibbs.model.records import Sampling, Until
from gibbs.sampling import chains
from gibbs.sampling.stream import BATCHES, Stream, diagnose, summarise
from tests.kernels.bench import make_design, plan_of
from tests.posterior.fabricated import autoregressive

U = 60
BLOCKS = ((0, 20, 2), (40, 20, 1))


def streams(draws: np.ndarray, cut: int = 7) -> list[Stream]:
    """One stream a chain of (chain, draw, U), fed ``cut`` draws at a time."""
    made = []
    for chain in draws:
        stream = Stream(np.arange(draws.shape[2]), BLOCKS if draws.shape[2] == U else ((0, draws.shape[2], 1),))
        for start in range(0, len(chain), cut):
            stream.add(chain[start : start + cut])
        made.append(stream)
    return made


def flat(found: tuple, name: str) -> np.ndarray:
    return np.concatenate([getattr(one, name).reshape(-1) for one in found])


@pytest.mark.parametrize("law", ["normal", "skewed", "far", "drifting"])
def test_moments_are_exact_and_quantiles_are_close(law: str) -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(3, 700, U))
    if law == "skewed":
        draws = rng.exponential(size=draws.shape)
    elif law == "far":
        draws = 1e6 + 1e-3 * draws
    elif law == "drifting":  # the first draws say nothing of the range of the later ones
        draws = draws + np.linspace(0, 40, 700)[:, None]
    found = summarise(streams(draws))
    together = draws.reshape(-1, U)
    sd = together.std(axis=0, ddof=1)
    np.testing.assert_allclose(flat(found, "mean"), together.mean(axis=0), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(flat(found, "sd"), sd, rtol=1e-6 if law == "far" else 1e-11)
    exact = np.quantile(together, STREAMED_PROBABILITIES, axis=0)
    close = np.concatenate([one.quantiles.reshape(5, -1) for one in found], axis=1)
    # at the outer quantiles neighbouring draws lie 1/(n f) = 0.01 sd (skewed: 0.02) apart: exact itself means no more than that
    error = np.abs(close - exact) / sd
    assert error.max() < (0.08 if law == "skewed" else 0.06)
    assert error.mean() < 0.01


def test_how_often_above_the_average_and_the_expected_rank() -> None:
    draws = np.random.default_rng(2).normal(size=(2, 160, U)) + np.arange(U) / 10
    first, second = summarise(streams(draws))
    for block, one in ((draws[:, :, :40].reshape(2, 160, 20, 2), first), (draws[:, :, 40:].reshape(2, 160, 20, 1), second)):
        np.testing.assert_allclose(one.above, (block > block.mean(axis=2, keepdims=True)).mean(axis=(0, 1)))
        some = block[:, ::8]  # every eighth draw of a chain
        rank = 1 + (some[:, :, None] > some[:, :, :, None]).sum(axis=3)  # how many are higher
        np.testing.assert_allclose(one.rank, rank.mean(axis=(0, 1)))


def test_nothing_depends_on_the_chunks() -> None:
    draws = np.random.default_rng(3).standard_t(3, size=(2, 333, U))
    for one, other in zip(summarise(streams(draws, 1)), summarise(streams(draws, 100)), strict=True):
        for name, values in vars(one).items():
            np.testing.assert_array_equal(values, getattr(other, name), err_msg=name)


def test_r_hat_is_the_split_r_hat_of_the_draws() -> None:
    """With whole batches in both halves it is the classical one (Gelman et al. 2013, section 11.4), by hand."""
    draws = autoregressive((4, 512, U), 0.5) + 0.4 * np.arange(4)[:, None, None] * (np.arange(U) < 5)
    rhat, _ = diagnose(streams(draws))
    halves = draws.reshape(8, 256, U)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    wanted = np.sqrt(255 / 256 + halves.mean(axis=1).var(axis=0, ddof=1) / within)
    np.testing.assert_allclose(rhat, wanted, rtol=1e-6)
    assert rhat[:5].min() > 1.05 > rhat[5:].max()


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_effective_sample_size_of_an_autoregression(phi: float) -> None:
    """N (1 − φ)/(1 + φ), and a little more: what the theory of batches of 64 says to 3 %, over 300 effects.

    The variance of a mean of n is v(n)/n with v(n) = (1 + φ)/(1 − φ) − 2φ(1 − φⁿ)/(n (1 − φ)²), so a batch of b shows v(b) of v(∞), and
    the halves of a chain, h draws each, show 1 − v(h)/h of the variance. The mean of 1/ESS is free of the noise of single ones.
    """
    chains_drawn = autoregressive((4, 2000, 300), phi, seed=4)
    made = streams(chains_drawn, 500)
    assert (made[0].batch, len(made[0].batches)) == (64, 31)
    _, ess = diagnose(made)
    used, half = 4 * 31 * 64, 15 * 64

    def v(n: int) -> float:
        return (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**n) / (n * (1 - phi) ** 2)

    expected = used * (1 - v(half) / half) / v(64)
    if phi == 0.0:  # held at N, where half of the estimates would be above
        assert 0.85 * used < 1 / np.mean(1 / ess) < used and ess.max() == used
    else:
        assert 1 / np.mean(1 / ess) == pytest.approx(expected, rel=0.03)
        assert expected / (8000 * (1 - phi) / (1 + phi)) < 1.16


def test_few_draws_and_effects_that_do_not_move() -> None:
    draws = np.random.default_rng(5).normal(size=(2, 10, U))
    draws[:, :, 3] = 0.25
    found = summarise(streams(draws))
    assert np.isfinite(flat(found, "mean")).all() and np.isnan(flat(found, "rhat")[3])
    assert flat(found, "sd")[3] == 0 and found[0].quantiles[:, 1, 1] == pytest.approx(0.25)
    rhat, ess = diagnose(streams(draws[:, :3]))
    assert np.isnan(rhat).all() and np.isnan(ess).all()


def test_batches_stay_between_sixteen_and_thirty_one() -> None:
    for stream in streams(np.random.default_rng(6).normal(size=(1, 5000, 2)), 64):
        assert BATCHES <= len(stream.batches) < 2 * BATCHES
        assert stream.batch * len(stream.batches) + stream.in_batch == stream.count == 5000


# ------------------------------------------------------------------------------------------------------------- a run


@pytest.mark.parametrize(("kind", "options", "scheme"), [("crossed_slopes", {}, "auto"), ("nested_mixed", {"family": "probit"}, "auto")])
@pytest.mark.parametrize("which", ["none", "first", "last"])
def test_the_same_draws_stored_and_summarised(kind: str, options: dict, scheme: str, which: str) -> None:
    design = make_design(kind, **options)
    plan, sampling = plan_of(design, scheme), Sampling(chains=2, seed=3, warmup=60, draws=150, cores=1)
    names = [factor.name for factor in design.factors]
    keep = {"none": (), "first": (names[0],), "last": (names[-1],)}[which]
    whole, found = chains.run(design, plan, sampling), chains.run(design, plan, sampling, keep=keep)
    assert isinstance(found, StreamedDraws) and set(found.streamed) == set(names) - set(keep)
    for name in ("beta", "hyper", "lp"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert found.whole.shape[2] == sum(len(f.levels) * len(f.columns) for f in design.factors if f.name in keep)
    for factor, start, place in zip(design.factors, whole.u_offsets, found.u_offsets, strict=True):
        size = len(factor.levels) * len(factor.columns)
        u = whole.u[:, :, start : start + size]
        if factor.name in keep:
            np.testing.assert_array_equal(found.whole[:, :, place : place + size], u)
            continue
        assert place == -1
        one = found.streamed[factor.name]
        assert one.mean.shape == (len(factor.levels), len(factor.columns))
        np.testing.assert_allclose(one.mean.reshape(-1), u.mean(axis=(0, 1)), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(one.sd.reshape(-1), u.reshape(-1, size).std(axis=0, ddof=1), rtol=1e-9)


def test_keeping_every_factor_is_keeping_all() -> None:
    design = make_design("crossed")
    draws = chains.run(
        design, plan_of(design, "auto"), Sampling(chains=1, seed=3, warmup=60, draws=5), keep=tuple(f.name for f in design.factors)
    )
    assert not isinstance(draws, StreamedDraws) and not draws.streamed and draws.u.shape[2] > 0


def test_until_looks_at_summarised_effects_too() -> None:
    design = make_design("one_factor")
    plan = plan_of(design, "auto")
    sampling = Sampling(chains=2, seed=3, warmup=100, draws=100, cores=1, until=Until(ess=300, rhat=1.05, max_seconds=60))
    draws = chains.run(design, plan, sampling, keep=())
    name = design.factors[0].name
    assert draws.beta.shape[1] > 100 and not draws.stopped
    assert draws.streamed[name].ess.min() >= 300 and draws.streamed[name].rhat.max() <= 1.05
