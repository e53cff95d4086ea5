"""The invariance test finds the bugs that samplers have: each is put in on purpose, alone, and must be caught.

The bugs are put into the packed arrays, into the Design that the engine is given, into the data it sees, or into the order of its
steps; θ₀ and y always come from the true model. The order bugs are made of exact parts in numpy and of the engine's own draws, and
the same parts in the right order must pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from gibbs.kernels import hyper as kh
from gibbs.kernels import priors as kp
from gibbs.model.records import Design, Prior
from gibbs.sampling.chain import Chain, Kept
from tests import oracles
from tests.sampling.cases import Case
from tests.sampling.invariance import Engine, Stopped, examine

CAUGHT = 1e-6
"""The corrected p-value below which a bug counts as caught."""


# -------------------------------------------------------------------------------------------- bugs in the packed arrays


def repacked(engine: Engine, **fields) -> None:
    """The engine with other packed fields."""
    engine.packed = engine.chain.packed = replace(engine.packed, **fields)


def one_row_too_few(engine: Engine) -> None:
    repacked(engine, n=engine.packed.n - 1.0)


def squared_prior_scale(engine: Engine) -> None:
    rows = engine.packed.priors.sd
    rows[rows[:, 0] == kp.HALF_T, 2] **= 2
    rows[rows[:, 0] == kp.HALF_NORMAL, 1] **= 2


def no_jacobian_of_the_variance(engine: Engine) -> None:
    """IG on the variance read as on the sd: s^(−2a−2) for s^(−2a−1)."""
    rows = engine.packed.priors.sd
    rows[rows[:, 0] == kp.INVERSE_GAMMA, 1] += 0.5


def no_jacobian_of_log_nu(engine: Engine) -> None:
    engine.packed.priors.scale[1, 1] -= 1.0


def swapped_precision_and_variance(engine: Engine) -> None:
    engine.packed.priors.row[:, 1] **= -1.0


def prior_in_the_wrong_basis(engine: Engine) -> None:
    """Statements on the coefficients as written, read as on those of centred predictors."""
    packed = engine.packed
    for row, statement in zip(packed.priors.row, engine.design.coefficient_priors, strict=True):
        row[3:] = statement.weights


def normal_for_cauchy(engine: Engine) -> None:
    engine.packed.priors.row[:, 2] = np.inf


def lkj_exponent(engine: Engine) -> None:
    """|R|^η for |R|^(η−1)."""
    engine.packed.priors.cov[:, 1] += 1.0


def wishart_degrees_of_freedom(engine: Engine) -> None:
    """−(df + q)/2 for −(df + q + 1)/2."""
    engine.packed.priors.cov[:, 1] -= 1.0


def huang_wand_scales_squared(engine: Engine) -> None:
    engine.packed.priors.cov[:, 2:] **= 2


def no_haar_jacobian(engine: Engine) -> None:
    """exp(−g²r/2) dg without gⁿ⁻¹."""
    repacked(engine, n=1.0)


def haar_with_one_row_too_few(engine: Engine) -> None:
    repacked(engine, n=engine.packed.n - 1.0)


def haar_where_priors_have_means(engine: Engine) -> None:
    repacked(engine, haar=True)


def no_offset(engine: Engine) -> None:
    engine.packed.rows.offset[:] = 0.0


def no_products_between_units(engine: Engine) -> None:
    engine.packed.gram.cross_value[:] = 0.0


def cells_counted_once(engine: Engine) -> None:
    engine.packed.rows.trials[:] = 1


def wrong_parent(engine: Engine) -> None:
    """One class in the wrong school."""
    packed = engine.packed
    leaf = packed.layout.units[0, 0]
    packed.layout.index[packed.layout.factor[leaf].parent0] += 1


def wrong_side_for_one_row(engine: Engine) -> None:
    """The latent of one row truncated on the wrong side."""
    engine.seen = lambda y: np.concatenate([1.0 - y[:1], y[1:]])


def never_frozen(engine: Engine) -> None:
    """The fit of the variances' move follows the chain."""
    run = engine.sweep

    def sweep(sweeps: int) -> Kept:
        kept = []
        for _ in range(sweeps):
            state, coordinates = engine.chain.state, engine.chain.tuning.coordinates
            x = np.empty(coordinates.place.shape[0])
            kh.coordinates_of(coordinates, state.L, float(state.sigma[0]), x)
            coordinates.fit[:, kh.MEAN] = x
            kept.append(run(1))
        return joined(kept)

    engine.sweep = sweep


# ---------------------------------------------------------------------------------------------------- bugs in the Design


def square_roots_of_the_known_sds(design: Design) -> Design:
    """1/s for 1/s²."""
    return replace(design, known_se=np.sqrt(design.known_se))


def slope_of_another_row(design: Design) -> Design:
    """Z shifted by a row against X."""
    factor = design.factors[0]
    return replace(design, factors=(replace(factor, Z=np.ascontiguousarray(np.roll(factor.Z, 1, axis=0))),))


@dataclass(frozen=True)
class Bug:
    """One bug, the model it is looked for in, and replicates enough to catch it."""

    case: Case
    replicates: int
    change: Callable[[Engine], None] | None = None
    miswritten: Callable[[Design], Design] = lambda design: design
    repack: bool = False


NARROW, WIDE = Prior("half_t", (5.0, 0.0, 0.4)), Prior("inverse_gamma", (1.5, 0.3))

FAST = {
    "n - 1 for n": Bug(Case("gaussian", "none"), 3000, one_row_too_few),
    "prior on the variance's scale": Bug(Case("gaussian", "one_factor", sd_prior=NARROW), 1500, squared_prior_scale),
    "no Jacobian of the variance": Bug(Case("gaussian", "one_factor", sd_prior="inverse_gamma"), 1500, no_jacobian_of_the_variance),
    "variance for precision": Bug(Case("gaussian", "one_factor", "one-at-a-time"), 1500, swapped_precision_and_variance),
    "prior in the wrong basis": Bug(Case("logit", "one_factor", intercept_prior="b[Intercept]", far=3.0), 1500, prior_in_the_wrong_basis),
    "no Haar determinant": Bug(Case("probit", "one_factor", centred=True), 400, no_haar_jacobian),
    "wrong side of the truncation, one row": Bug(Case("probit", "one_factor"), 1500, wrong_side_for_one_row),
    "no products between units": Bug(Case("gaussian", "crossed", "collapsed"), 1500, no_products_between_units),
    "1/s for 1/s²": Bug(Case("known_se", "one_factor"), 800, None, square_roots_of_the_known_sds),
}
SLOW = {
    "a class in the wrong school": Bug(Case("gaussian", "nested"), 3000, wrong_parent),
    "normal for Cauchy": Bug(Case("logit", "none", coefficient_prior="cauchy"), 3000, normal_for_cauchy),
    "lkj exponent": Bug(Case("gaussian", "slopes"), 4000, lkj_exponent),
    "Wishart degrees of freedom": Bug(Case("gaussian", "slopes", covariance_prior="inverse_wishart"), 4000, wishart_degrees_of_freedom),
    "Huang-Wand scales squared": Bug(Case("gaussian", "slopes", covariance_prior="huang_wand"), 4000, huang_wand_scales_squared),
    "no Jacobian of log nu": Bug(Case("student", "one_factor"), 3000, no_jacobian_of_log_nu),
    "Haar with n - 1": Bug(Case("probit", "one_factor", centred=True), 20000, haar_with_one_row_too_few),
    "Haar beside prior means": Bug(Case("probit", "none", rows=8), 15000, haar_where_priors_have_means),
    "offset forgotten": Bug(Case("logit", "one_factor", offset=True), 2000, no_offset),
    "cells counted once": Bug(Case("probit", "repeated", rows=40), 1000, cells_counted_once),
    "wrong side of the truncation, logit": Bug(Case("logit", "crossed"), 3000, wrong_side_for_one_row),
    "adaptation never frozen": Bug(Case("gaussian", "slopes", "joint", True, rows=10), 4000, never_frozen),
    "slopes of another row": Bug(Case("gaussian", "slopes"), 1500, None, slope_of_another_row),
}


def assert_caught(bug: Bug) -> None:
    try:
        verdict = examine(bug.case, replicates=bug.replicates, seed=7, repack=bug.repack, change=bug.change, miswritten=bug.miswritten)
    except Stopped:  # numbers that the engine itself refuses: caught sooner
        return
    name, p = verdict.worst()
    assert p < CAUGHT, f"not caught: {name}, p = {p:.2g}"


@pytest.mark.parametrize("name", FAST)
def test_a_bug_is_caught(name: str):
    assert_caught(FAST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_subtle_bug_is_caught(name: str):
    assert_caught(SLOW[name])


# ------------------------------------------------------------------------------------------------- bugs in the order of steps

BY_PARTS = Case("gaussian", "crossed", sd_prior=WIDE, sigma_prior=WIDE)
SINGLES = Case(  # little more than one row a level: the sd of the effects and σ share what the data say
    "gaussian", "one_factor", sd_prior=Prior("half_normal", (0.0, 1.0)), sigma_prior=Prior("inverse_gamma", (2.0, 2.0)), rows=60, levels=50
)


def joined(parts: list[Kept]) -> Kept:
    return Kept(*(np.concatenate([getattr(k, name) for k in parts]) for name in Kept.NAMES))


class Parts:
    """A sampler of random intercepts from exact parts: sds given effects and σ given residuals in numpy (inverse gamma);
    the engine's collapsed draw of the sds at a given σ, and its location draw at given sds and σ."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.design = engine, engine.design
        self.rng = np.random.default_rng(3)
        packed = engine.packed
        priors, term = packed.priors._replace(scale=packed.priors.scale.copy()), packed.layout.term.copy()
        priors.scale[0, 0] = kp.FIXED
        self.variances = self._chain(engine, priors=priors)
        term["given"] = 1
        self.location_only = self._chain(engine, priors=priors, layout=packed.layout._replace(term=term))

    @staticmethod
    def _chain(engine: Engine, **fields) -> Chain:
        chain = Chain(0, np.random.SeedSequence(4), replace(engine.packed, **fields), engine.design, 0)
        chain.likelihood = True
        return chain

    def _run(self, chain: Chain, L: np.ndarray, sigma: float) -> Kept:
        """One sweep of an auxiliary chain from the engine's state; the data are shared, for gaussian chains read the packed statistics."""
        state = self.engine.chain.state
        chain.packed = replace(chain.packed, yy=self.engine.packed.yy)
        for name in ("core", "u", "row_scale"):
            getattr(chain.state, name)[:] = getattr(state, name)
        chain.tuning.reference[:] = self.engine.chain.tuning.reference
        chain.state.L[:], chain.state.sigma[0] = L, sigma
        chain.state.sweeps[0] = 0.0
        out = chain.new_kept(1, False)
        assert chain._sweeps(1, False, out)[0] == 0
        return out

    def collapsed_sds(self, L: np.ndarray, sigma: float) -> np.ndarray:
        """sds | σ, y with all location effects integrated out (what is left of a sweep when its effects are thrown away)."""
        return self._run(self.variances, L, sigma).L[0]

    def location(self, L: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """(β, u) | sds, σ, y in one draw."""
        out = self._run(self.location_only, L, sigma)
        return out.beta[0], out.u[0]

    def sds(self, u: np.ndarray) -> np.ndarray:
        """sds | u."""
        out, start = [], 0
        for factor in self.design.factors:
            J, (a, b) = len(factor.levels), factor.terms[0].sd_priors[0].args
            out.append(np.sqrt((b + 0.5 * np.sum(u[start : start + J] ** 2)) / self.rng.gamma(a + 0.5 * J)))
            start += J
        return np.array(out)

    def sigma(self, beta: np.ndarray, u: np.ndarray, y: np.ndarray) -> float:
        """σ | β, u, y."""
        eta, start = self.design.offset + self.design.X @ self.engine.packed.coefficients(beta), 0
        for factor in self.design.factors:
            eta = eta + u[start + factor.codes]
            start += len(factor.levels)
        a, b = self.design.sigma_prior.args
        return float(np.sqrt((b + 0.5 * np.sum((y - eta) ** 2)) / self.rng.gamma(a + 0.5 * y.size)))


def by_parts(step) -> Callable[[Engine], None]:
    """An engine whose sweep is ``step(parts, (β, u, L, σ), y)`` → the same four."""

    def change(engine: Engine) -> None:
        parts = Parts(engine)
        data = {}

        def seen(y):
            data["y"] = y
            return y

        def sweep(sweeps: int) -> Kept:
            state, kept = engine.chain.state, []
            p = engine.packed.reference.size
            now = (state.core[:p].copy(), state.u.copy(), state.L.copy(), float(state.sigma[0]))
            for _ in range(sweeps):
                now = step(parts, now, data["y"])
                beta, u, L, sigma = now
                kept.append(Kept(beta[None], L[None], np.array([[sigma, 1.0]]), np.zeros((1, 0)), np.zeros(1), u[None]))
            return joined(kept)

        engine.seen, engine.sweep = seen, sweep

    return change


def right_order(parts, now, y):
    """sds with u out → (β, u) → σ."""
    _, _, L, sigma = now
    L = parts.collapsed_sds(L, sigma)
    beta, u = parts.location(L, sigma)
    return beta, u, L, parts.sigma(beta, u, y)


def stale_effects(parts, now, y):
    """sds with u out → σ given the old u → (β, u): the order of ALGORITHMS' warning."""
    beta, u, L, sigma = now
    L = parts.collapsed_sds(L, sigma)
    sigma = parts.sigma(beta, u, y)
    return *parts.location(L, sigma), L, sigma


def right_gibbs(parts, now, y):
    _, _, L, sigma = now
    beta, u = parts.location(L, sigma)
    return beta, u, parts.sds(u), parts.sigma(beta, u, y)


def swapped_precisions(parts, now, y):
    """The location draw with the two factors' sds exchanged."""
    _, _, L, sigma = now
    beta, u = parts.location(L[::-1].copy(), sigma)
    return beta, u, parts.sds(u), parts.sigma(beta, u, y)


def sigma_of_the_sweep_before(parts, now, y):
    """The location draw at a σ that is drawn, stored, and not used until the sweep after."""
    beta, u, L, sigma = now
    new = parts.sigma(beta, u, y)
    beta, u = parts.location(L, sigma)
    return beta, u, parts.sds(u), new


@pytest.mark.slow
@pytest.mark.parametrize("step", [right_order, right_gibbs])
def test_the_parts_in_the_right_order_are_invariant(step):
    name, p = examine(BY_PARTS, replicates=1000, sweeps=3, seed=7, change=by_parts(step)).worst()
    assert p > 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("step", [swapped_precisions, sigma_of_the_sweep_before])
def test_a_wrong_step_is_caught(step):
    name, p = examine(BY_PARTS, replicates=2000, sweeps=3, seed=7, change=by_parts(step)).worst()
    assert p < CAUGHT, name


@pytest.mark.slow
def test_stale_effects_after_a_collapsed_variance_draw_are_caught():
    name, p = examine(SINGLES, replicates=4000, sweeps=12, seed=7, change=by_parts(stale_effects)).worst()
    assert p < CAUGHT, name
    name, p = examine(SINGLES, replicates=4000, sweeps=12, seed=7, change=by_parts(right_order)).worst()
    assert p > 1e-4, name


# ----------------------------------------------------------------------------------------------------- the machinery itself

EXACT = Case("known_se", "one_factor", sd_prior="fixed")


def independent_draws(inflate: float) -> Callable[[Engine], None]:
    """Independent draws of (β, u) from their normal posterior by dense algebra, deviations multiplied by ``inflate``."""

    def change(engine: Engine) -> None:
        data, rng = {}, np.random.default_rng(8)

        def seen(y):
            data["y"] = y
            return y

        def sweep(sweeps: int) -> Kept:
            design = replace(engine.design, y=data["y"])
            cov = [[np.array([[term.sd_priors[0].args[0] ** 2]]) for term in f.terms] for f in design.factors]
            law = oracles.gaussian_marginal(design, cov, None)
            root = np.linalg.cholesky(law.covariance + 1e-14 * np.eye(law.mean.size))
            draws = law.mean + inflate * rng.standard_normal((sweeps, law.mean.size)) @ root.T
            beta = np.linalg.solve(engine.packed.transform, draws[:, : law.p].T).T - engine.packed.reference
            state, ones = engine.chain.state, np.ones((sweeps, 1))
            scale = ones * np.concatenate([state.sigma, state.nu])
            return Kept(beta, ones * state.L, scale, np.zeros((sweeps, 0)), np.zeros(sweeps), draws[:, law.p :])

        engine.seen, engine.sweep = seen, sweep

    return change


def test_exact_independent_draws_pass_and_draws_too_wide_do_not():
    """z of a correct sampler is standard normal; one whose posterior sds are 30 % too large is caught."""
    verdict = examine(EXACT, replicates=400, sweeps=4, seed=9, change=independent_draws(1.0))
    assert verdict.worst()[1] > 1e-4
    z = np.array(list(verdict.z.values()))
    assert stats.chi2.cdf(np.sum(z**2) / 3.0, z.size / 3.0) < 0.9999  # correlated: about a third as many as there are names
    name, p = examine(EXACT, replicates=400, sweeps=4, seed=9, change=independent_draws(1.3)).worst()
    assert p < CAUGHT, name
