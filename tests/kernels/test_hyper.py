"""Variances with the location effects out: the target against the covariance form of log p(y), the moves against quadrature."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import interpolate, stats

from gibbs.kernels import hyper
from gibbs.kernels import layout as kl
from gibbs.model.records import Prior
from gibbs.sampling.fitted_move import fit_move
from tests import oracles
from tests.table import table
from tests.thin import some

from .bench import (
    CASES,
    KINDS,
    RTOL,
    SMALL_CORE,
    Bench,
    batch_z,
    coordinates_at,
    log_jacobian_at,
    log_jacobian_lower,
    lower,
    make_design,
    quantile_indicators,
    random_covariances,
)

Z_LIMIT = 5.5


def coordinates(b: Bench, covariances, sigma: float) -> np.ndarray:
    """x of (Σ, σ) in the order of the chain's coordinates."""
    return coordinates_at(b.chain.coordinate, b.coordinates.fit, lower(covariances), sigma)


def shift_coordinates(b: Bench, rng: np.random.Generator) -> None:
    """The constants c that warm-up would have found."""
    moved = b.chain.coordinate[:, 0] != hyper.PARTIAL
    b.coordinates.fit[moved, hyper.SHIFT] = rng.uniform(0.0, 0.8, moved.sum())


def expected_target(b: Bench, covariances, sigma: float, log_likelihood: float, factors: list[int]) -> float:
    """log p + log priors of the terms of ``factors`` (as densities of L) and of σ + log |∂(L, σ)/∂x|, all from the oracles."""
    d, total = b.design, log_likelihood
    for f in factors:
        for term, block in zip(d.factors[f].terms, covariances[f], strict=True):
            total += oracles.log_prior_covariance(term, block) + log_jacobian_lower(np.linalg.cholesky(block))
    if np.any(b.chain.coordinate[:, 0] == hyper.LOG_SIGMA):
        total += oracles.log_prior_sd(d.sigma_prior, sigma)
    return total + log_jacobian_at(b.chain.coordinate, b.coordinates.fit, lower(covariances), sigma)


VARIATIONS = [
    {},
    {"known_se": True},
    {"covariance_prior": "inverse_wishart"},
    {"covariance_prior": "huang_wand", "sigma_prior": "exponential"},
]
VARIATIONS += [{"sd_prior": oracles.SD_PRIORS["uniform"], "sigma_prior": "inverse_gamma"}]


PAIRS = [(kind, {}) for kind in KINDS]
PAIRS += [(kind, VARIATIONS[1 + k % 4]) for k, kind in enumerate(k for k in KINDS if k not in ("none", "core_large"))]
"""Every structure with the priors that stand first, and with others in turn."""


@table(("kind", "options"), PAIRS, ids=str)
def test_log_hyper_with_everything_out(kind, options):
    """Differences equal those of log p(y | Σ, σ) + log priors + log Jacobians, in the coordinates of the moves."""
    design = make_design(kind, **options)
    b, rng, ours, theirs = Bench(design, "joint"), np.random.default_rng(71), [], []
    shift_coordinates(b, rng)
    for _ in range(3):
        covariances = random_covariances(design, rng)
        sigma = 1.0 if design.known_se is not None else float(np.exp(rng.uniform(-0.7, 0.6)))
        if options.get("sd_prior"):
            covariances = [[0.3 * block for block in blocks] for blocks in covariances]  # inside the support
        value, now, rest = b.log_hyper(False, coordinates(b, covariances, sigma), sigma)
        np.testing.assert_allclose(b.state.L, lower(covariances), rtol=1e-11, atol=1e-13)
        assert now == pytest.approx(sigma, rel=1e-12)
        law = oracles.gaussian_marginal(design, covariances, sigma)
        ours.append(value)
        theirs.append(expected_target(b, covariances, sigma, law.log_marginal, list(range(len(design.factors)))))
        Q, rhs = b.conditional(covariances, sigma, 0 if len(b.units) else None)
        prior = b.prior(covariances)[2]
        total = np.sum(b.omega * b.y**2) + sigma**2 * prior - rhs @ np.linalg.solve(Q, rhs)
        assert rest == pytest.approx(total, rel=1e-8)
    assert np.all(np.isfinite(theirs))
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-9 * np.max(np.abs(theirs)))


def test_a_sigma_of_which_nothing_is_left_is_refused():
    """Below 10⁻¹⁵ of ỹ'Ωỹ, whatever the density of such a σ would come to; above it the density is that of the algebra."""
    design = make_design("one_factor")
    b, rng = Bench(design, "joint"), np.random.default_rng(5)
    covariances = random_covariances(design, rng)
    least = math.sqrt(hyper.DIGITS * b.target(False).yy)
    values = [b.log_hyper(False, coordinates(b, covariances, s), 1.0)[0] for s in (100.0 * least, 1.01 * least, 0.99 * least, 1e-3 * least)]
    assert np.isfinite(values[:2]).all() and values[2:] == [-np.inf, -np.inf]


SEVERAL = [(kind, scheme) for kind, scheme in CASES if scheme == SMALL_CORE]


def core_target(b: Bench, unit: int, covariances, sigma: float, theta: np.ndarray) -> float:
    """log p(ỹ − other units' effects | Σ of the core and of ``unit``, σ), by the oracle on the reduced design."""
    d = b.design
    members = sorted({*b.plan.core, *b.plan.units[unit]})
    u = [theta[b.columns[f]].reshape(len(d.factors[f].levels), -1) for f in range(len(d.factors))]
    y = d.y.copy()
    for f, factor in enumerate(d.factors):
        if f not in members:
            y -= np.sum(factor.Z * u[f][factor.codes], axis=1)
    reduced = replace(d, factors=tuple(d.factors[f] for f in members))
    return oracles.gaussian_marginal(reduced, [covariances[f] for f in members], sigma, response=y).log_marginal


def given_others(b: Bench, unit: int, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W'Ω(ỹ − other units' effects): (core part, all effects)."""
    other = np.setdiff1d(np.arange(b.W.shape[1]), b.joint(unit))
    rhs = b.W.T @ (b.omega * (b.y - b.W[:, other] @ theta[other]))
    return rhs[b.core].copy(), rhs[b.p :].copy()


@table("options", [{}, {"known_se": True}, {"covariance_prior": "huang_wand"}], ids=str)
@table(("kind", "scheme"), SEVERAL)
def test_log_hyper_of_the_core_given_the_other_units(kind, scheme, options):
    """Coordinates are the core's covariances alone; one unit's effects are out at fixed Σ of their own, the other units are given."""
    design = make_design(kind, **options)
    b, rng = Bench(design, scheme), np.random.default_rng(73)
    assert all(b.chain.coordinate[:, 0] != hyper.LOG_SIGMA) and len(b.chain.coordinate) > 0
    shift_coordinates(b, rng)
    for unit in b.units:
        theta, base, ours, theirs = rng.standard_normal(b.W.shape[1]), random_covariances(design, rng), [], []
        sigma = 1.0 if design.known_se is not None else 0.7
        for _ in range(4):
            fresh = random_covariances(design, rng)
            covariances = [fresh[f] if f in b.plan.core else base[f] for f in range(len(base))]
            b.set(base, sigma, theta)
            core, rhs = given_others(b, unit, theta)
            b.eliminate(sigma, unit, core, rhs)
            ours.append(b.log_hyper(True, coordinates(b, covariances, sigma), sigma, core, rhs)[0])
            log_p = core_target(b, unit, covariances, sigma, theta)
            theirs.append(expected_target(b, covariances, sigma, log_p, list(b.plan.core)))
        np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-9 * np.max(np.abs(theirs)))


@pytest.mark.parametrize("kind", ["one_factor", "slopes"])
def test_the_target_at_a_point_has_the_bits_of_that_at_its_coordinates(kind):
    """However a chain got to (L, σ); and coordinates are those of the point that has them."""
    b, w = Bench(make_design(kind)), np.random.default_rng(75)
    p, s, c = b.packed, b.state, b.coordinates
    c.fit[:, hyper.SHIFT] = 0.3
    for _ in range(20):
        x, back = w.normal(1.0, 0.8, c.place.shape[0]), np.empty(c.place.shape[0])
        value, sigma, rest = b.log_hyper(False, x, 1.0)
        assert sigma == hyper.place_coordinates(c, x, s.L.copy(), 1.0)
        hyper.coordinates_of(c, s.L, sigma, back)
        np.testing.assert_allclose(back, x, rtol=1e-12, atol=1e-13)
        for array in b.work:
            array[...] = np.nan if array.dtype == float else -1
        assert (value, rest) == hyper.log_target(c, p.priors, b.layout, b.gram, b.target(), b.work, s.L, sigma)


@pytest.mark.parametrize("kind", ["one_factor", "slopes"])
def test_no_density_where_a_scale_is_out_of_range(kind):
    b = Bench(make_design(kind, sd_prior=oracles.SD_PRIORS["uniform"]))
    covariances = random_covariances(b.design, np.random.default_rng(74))
    x = coordinates(b, covariances, 0.7)
    for place, value in ((0, math.log(2.1)), (0, -400.0), (len(x) - 1, 400.0), (0, math.nan)):
        bad = x.copy()
        bad[place] = value
        assert b.log_hyper(False, bad, 0.7)[0] == -math.inf
        assert hyper.has_room(b.coordinates, bad) == (place == 0 and value > 0.0)  # log 2.1 has room, but no density under this prior
    assert hyper.has_room(b.coordinates, x)
    b.coordinates.fit[0, hyper.SHIFT] = 0.5  # below log c there is no sd
    bad = x.copy()
    bad[0] = math.log(0.49)
    assert b.log_hyper(False, bad, 0.7)[0] == -math.inf


# ---------------------------------------------------------------------------------------------------------- moves


def freeze(b: Bench, rng: np.random.Generator) -> None:
    """A rough, deliberately ill-centred fit for the elliptical move, and shifts."""
    d = b.chain.coordinate.shape[0]
    shift_coordinates(b, rng)
    x = coordinates(b, random_covariances(b.design, rng), 0.9)
    b.coordinates.fit[:, hyper.MEAN] = x + 0.2
    b.coordinates.root[:, :] = np.linalg.cholesky(0.2 * np.eye(d) + 0.05)
    kinds = b.chain.coordinate[:, 0]
    b.coordinates.widening[:, :] = rng.normal(0.0, 0.5, (d, d)) * np.outer(kinds == hyper.PARTIAL, kinds == hyper.SD)


MOVES = [(hyper.SLICES, False), (hyper.SLICES, True), (hyper.ELLIPTICAL, False), (hyper.INDEPENDENT, False)]  # move, learn
ALL_MOVES = [hyper.SLICES, hyper.ELLIPTICAL, hyper.INDEPENDENT]
HYPER_CASES = [(k, s) for k, s in CASES if s in ("joint", "auto", SMALL_CORE) and k != "core_large"]


@table(("move", "learn"), MOVES)
@table(("kind", "scheme"), HYPER_CASES)
def test_the_factorisation_left_behind_is_that_of_the_new_point(kind, scheme, move, learn):
    """After a move, drawing with no noise gives the dense conditional mean at the returned L and σ."""
    design = make_design(kind)
    b, rng = Bench(design, scheme), np.random.default_rng(75)
    if len(b.chain.coordinate) == 0:
        assert scheme != "joint"
        return
    freeze(b, rng)
    for unit in b.units if scheme == SMALL_CORE else [0 if len(b.units) else None]:
        theta = rng.standard_normal(b.W.shape[1])
        b.set(random_covariances(design, rng), 0.9, theta)
        kept = b.state.L.copy()
        core = rhs = None
        if scheme == SMALL_CORE:
            core, rhs = given_others(b, unit, theta)
            b.eliminate(0.9, unit, core, rhs)
        for _ in range(2):
            L, sigma = b.run_hyper(1, move, scheme == SMALL_CORE, learn, core, rhs)
            np.testing.assert_array_equal(L[0], b.state.L)
            covariances = unpack(design, L[0])
            Q, right = b.conditional(covariances, sigma[0], unit, b.theta if scheme == SMALL_CORE else None)
            mean = np.linalg.solve(Q, right)
            np.testing.assert_allclose(b.draw(0.0, unit), mean, rtol=1e-7, atol=1e-8 * np.max(np.abs(mean)))
            if scheme != SMALL_CORE:
                expected = np.sum(b.omega * b.y**2) + sigma[0] ** 2 * b.prior(covariances)[2] - right @ mean
                assert b.rest == pytest.approx(expected, rel=1e-7)
            value, *_ = b.log_hyper(scheme == SMALL_CORE, coordinates(b, covariances, sigma[0]), sigma[0], core, rhs)
            assert b.reached == pytest.approx(value, rel=1e-9)
        moved = {start + i for kind_, start, k, _ in b.chain.coordinate.tolist() if kind_ == hyper.SD for i in range(k + 1)}
        changed = {int(i) for i in np.flatnonzero(~np.isclose(b.state.L, kept, rtol=1e-12))}
        assert changed <= moved if move == hyper.INDEPENDENT else changed == moved  # a proposal may be rejected


def unpack(design, L: np.ndarray) -> list[list[np.ndarray]]:
    """Covariances from a packed L."""
    out, at = [], 0
    for f in design.factors:
        out.append([])
        for t in f.terms:
            q = len(t.columns)
            block = L[at : at + q * q].reshape(q, q)
            out[-1].append(block @ block.T)
            at += q * q
    return out


def test_widths_follow_only_while_learning():
    b = Bench(make_design("slopes"))
    b.set(random_covariances(b.design, np.random.default_rng(76)), 0.9)
    widths = b.coordinates.fit[:, hyper.SLICE_WIDTH].copy()
    b.run_hyper(20, hyper.SLICES)
    np.testing.assert_array_equal(b.coordinates.fit[:, hyper.SLICE_WIDTH], widths)
    b.run_hyper(20, hyper.SLICES, learn=True)
    assert np.all(b.coordinates.fit[:, hyper.SLICE_WIDTH] != widths)


def frozen_bench(kind: str, options: dict, shift: float) -> Bench:
    """A bench whose fit is rough but frozen."""
    b = Bench(make_design(kind, seed=3, rows=24, **options))
    d = b.chain.coordinate.shape[0]
    b.set([[np.array([[0.5]])]], 1.0 if options.get("known_se") else 1.4)
    b.coordinates.fit[:, hyper.SHIFT] = shift
    b.coordinates.fit[:, hyper.SLICE_WIDTH] = 0.7
    b.coordinates.fit[:, hyper.MEAN] = np.log(np.array([0.6, 1.5]) + shift)[:d]
    b.coordinates.root[:, :] = np.array([[0.5, 0.0], [0.1, 0.2]])[:d, :d]
    return b


@functools.cache
def posterior_of_one_sd(sd_prior: str) -> tuple[np.ndarray, np.ndarray]:
    """A grid of log sd and the log density on it, of the design of the next test: the likelihood is smooth, the prior is exact."""
    design = make_design("one_factor", seed=3, rows=24, known_se=True, sd_prior=sd_prior)
    coarse, x = np.linspace(-9.0, 3.5, 250), np.linspace(-9.0, 3.5, 4_000)  # log sd
    log_likelihood = [oracles.gaussian_marginal(design, [[np.array([[math.exp(2 * v)]])]], 1.0).log_marginal for v in coarse]
    log_prior = [oracles.log_prior_sd(oracles.SD_PRIORS[sd_prior], math.exp(v)) for v in x]
    return x, interpolate.CubicSpline(coarse, log_likelihood)(x) + np.array(log_prior) + x


@pytest.mark.parametrize("shift", some([0.0, 0.6], 2))
@pytest.mark.parametrize("move", ALL_MOVES)
@pytest.mark.parametrize("sd_prior", ["half_t", "uniform", "inverse_gamma"])
def test_moves_leave_the_law_of_one_sd(sd_prior, move, shift):
    """(1 | g) with known standard errors: p(sd | y) by quadrature of the oracle's marginal likelihood."""
    b = frozen_bench("one_factor", {"known_se": True, "sd_prior": sd_prior}, shift)
    assert len(b.chain.coordinate) == 1
    x, log_density = posterior_of_one_sd(sd_prior)
    L, _ = b.run_hyper(60_000, move)
    indicators, expected = quantile_indicators(np.log(L[:, 0]), x, np.exp(log_density - log_density.max()))
    assert np.max(np.abs(batch_z(indicators, expected))) < Z_LIMIT


def log_posterior(design, sd: float, sigma: float) -> float:
    """log p(sd, σ | y) up to a constant."""
    prior = oracles.log_prior_sd(design.factors[0].terms[0].sd_priors[0], sd)
    if design.sigma_prior is not None:
        prior += oracles.log_prior_sd(design.sigma_prior, sigma)
    return prior + oracles.gaussian_marginal(design, [[np.array([[sd**2]])]], sigma).log_marginal if prior > -math.inf else prior


@functools.cache
def posterior_of_sd_and_sigma() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grids of log sd and log σ, and the log density on them, of the design of the next test."""
    design = make_design("one_factor", seed=3, rows=24, sigma_prior="half_normal")
    x, z = np.linspace(-10.0, 2.5, 90), np.linspace(-0.8, 1.4, 26)
    return x, z, np.array([[log_posterior(design, math.exp(v), math.exp(w)) + v + w for w in z] for v in x])


@pytest.mark.parametrize("shift", some([0.6, 0.0], 2))
@pytest.mark.parametrize("move", ALL_MOVES)
def test_moves_leave_the_law_of_sd_and_sigma(move, shift):
    """(1 | g): moments and quantiles of both scales and their product by a two-dimensional grid."""
    b = frozen_bench("one_factor", {"sigma_prior": "half_normal"}, shift)
    if move == hyper.INDEPENDENT:  # its proposals must reach the whole posterior
        b.coordinates.root[:, :] = np.array([[0.5 if shift else 1.3, 0.0], [0.0, 0.25]])
    check_the_law_of_sd_and_sigma(b, move)


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_proposals_from_two_t_leave_the_law_of_sd_and_sigma(share):
    b = frozen_bench("one_factor", {"sigma_prior": "half_normal"}, 0.0)
    b.coordinates.root[:, :] = np.array([[0.6, 0.0], [0.1, 0.25]])
    b.coordinates.plain_fit[:, hyper.MEAN] = b.coordinates.fit[:, hyper.MEAN] - np.array([1.0, 0.1])
    b.coordinates.plain_fit[0, hyper.SHIFT] = share
    b.coordinates.plain_root[:, :] = np.array([[1.8, 0.0], [-0.1, 0.3]])
    check_the_law_of_sd_and_sigma(b, hyper.INDEPENDENT)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_log_proposed_is_the_density_of_a_mixture(share):
    """Differences of it against scipy's multivariate t."""
    rng = np.random.default_rng(8)
    roots = [np.tril(rng.uniform(0.3, 1.5, (2, 2))) for _ in range(2)]
    means = rng.standard_normal((2, 2))
    place = np.array([[hyper.SD, 0, 0, -1], [hyper.LOG_SIGMA, 0, 0, -1]])
    fits = [np.column_stack([mean, np.zeros(2), np.ones(2)]) for mean in means]
    fits[1][0, hyper.SHIFT] = share
    c = kl.Coordinates(place, fits[0], roots[0], np.zeros((2, 2)), fits[1], roots[1])
    assert hyper.plain_share(c) == share
    laws = [stats.multivariate_t(mean, root @ root.T, hyper.T_DF) for mean, root in zip(means, roots, strict=True)]
    points = rng.standard_normal((40, 2)) * 3.0
    wanted = np.log((1.0 - share) * laws[0].pdf(points) + share * laws[1].pdf(points))
    found = np.array([hyper.log_proposed(c, point, np.empty(2)) for point in points])
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=1e-11)


def check_the_law_of_sd_and_sigma(b, move):
    """Of 60,000 draws by ``move``, against the grid."""
    x, z, log_density = posterior_of_sd_and_sigma()
    density = np.exp(log_density - log_density.max())
    assert max(density[0].max(), density[-1].max(), density[:, 0].max(), density[:, -1].max()) < 1e-3
    weight = density / density.sum()
    L, sigma = b.run_hyper(60_000, move)
    sd = L[:, 0]

    def functions(sd, sigma):
        return np.tanh(sd), sigma, np.log(sd + sigma), np.tanh(sd) * sigma

    expected = np.array([np.sum(weight * g) for g in functions(np.exp(x)[:, None], np.exp(z)[None, :])])
    draws = np.column_stack(functions(sd, sigma))
    assert np.max(np.abs(batch_z(draws, expected))) < Z_LIMIT
    for values, grid, marginal in ((np.log(sd), x, density.sum(axis=1)), (np.log(sigma), z, density.sum(axis=0))):
        fine = np.linspace(grid[0], grid[-1], 4000)
        smooth = np.interp(fine, grid, np.log(marginal + 1e-300))
        indicators, levels = quantile_indicators(values, fine, np.exp(smooth))
        assert np.max(np.abs(batch_z(indicators, levels))) < Z_LIMIT + 1.0  # the grid's own error


def test_a_start_without_density_is_reported():
    b = Bench(make_design("one_factor", sd_prior=Prior("uniform", (0.5, 1.0))))
    for move in ALL_MOVES:
        b.set([[np.array([[9.0]])]], 1.0)
        ok, *_ = hyper.draw_hyper(
            b.rng, move, False, b.coordinates, b.chain.counts.moves, b.packed.priors, b.layout, b.gram, b.target(), b.work, b.state.L, 1.0
        )  # fmt: skip
        assert not ok


def test_moves_of_a_full_covariance_leave_its_prior_where_the_data_are_silent():
    """Precisions near zero: the law of Σ is its prior, an inverse-Wishart: each variance is inverse-gamma, E Σ⁻¹ = df S⁻¹."""
    b = Bench(make_design("slopes", covariance_prior="inverse_wishart", known_se=True))
    b.load(np.full(b.y.size, 1e-12), b.y)
    b.set([[np.array([[0.2, 0.05], [0.05, 0.3]])]], 1.0)
    sliced, _ = b.run_hyper(60_000, hyper.SLICES)
    fit_move(b.coordinates, sliced[::20], np.ones(len(sliced[::20])))
    b.coordinates.widening[1, [0, 2]] = 0.4, -0.3  # more than there is to fit
    others = [b.run_hyper(60_000, move)[0] for move in (hyper.ELLIPTICAL, hyper.INDEPENDENT)]
    df, S = 5.0, 0.4 * np.eye(2) + 0.1
    for L in (sliced, *others):
        covariance = L.reshape(-1, 2, 2) @ np.swapaxes(L.reshape(-1, 2, 2), 1, 2)
        levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
        for a in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.6, -1.0)):
            ratio = np.einsum("nij,i,j->n", covariance, a, a) / (np.array(a) @ S @ np.array(a))
            quantiles = stats.invgamma((df - 1) / 2, scale=0.5).ppf(levels)
            assert np.max(np.abs(batch_z(ratio[:, None] < quantiles, levels))) < Z_LIMIT
        assert np.max(np.abs(batch_z(np.linalg.inv(covariance), (df * np.linalg.inv(S)).ravel()))) < Z_LIMIT


@pytest.mark.parametrize("move", ALL_MOVES)
def test_a_known_target_changes_no_bit(move):
    """Where the target at the current point is known depends on the length of a chunk; neither draws nor counts do."""
    runs, evaluations = [], []
    for known in (False, True):
        b = frozen_bench("one_factor", {}, 0.3)
        value, *_ = b.log_hyper(False, coordinates(b, [[np.array([[0.5]])]], 1.4), 1.4)
        L, sigma = b.run_hyper(50, move, known=value if known else math.nan)
        runs.append(np.column_stack([L, sigma]))
        evaluations.append(b.chain.counts.moves[0].evaluations)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert evaluations[0] == evaluations[1] >= 50
