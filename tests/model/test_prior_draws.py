"""Draws from priors against closed forms (scipy.stats), and against the generators of the oracles."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gibbs.draws import names
from gibbs.errors import SpecError
from gibbs.model import prior_draws, prior_kinds
from gibbs.model.prior_words import COVARIANCE_KINDS, NU_KINDS, SD_KINDS, SHAPE_KINDS
from gibbs.model.records import CoefficientPrior, Factor, Prior, Term
from gibbs.posterior import linear
from tests import oracles
from tests.model.tables import build, example
from tests.oracles.structured import covariance_of_levels
from tests.sampling.structured_effects import changed

N = 15_000
EXACT = 1e-5
"""p-values below this fail; seeds are fixed."""

SCALES = {
    "half_t": (Prior("half_t", (3.0, 0.0, 2.5)), lambda x: 2.0 * stats.t.cdf(x / 2.5, 3.0) - 1.0),
    "half_normal": (Prior("half_normal", (0.0, 1.7)), stats.halfnorm(scale=1.7).cdf),
    "half_cauchy": (Prior("half_cauchy", (0.0, 0.4)), stats.halfcauchy(scale=0.4).cdf),
    "exponential": (Prior("exponential", (2.5,)), stats.expon(scale=0.4).cdf),
    "uniform": (Prior("uniform", (0.5, 3.0)), stats.uniform(0.5, 2.5).cdf),
    "gamma": (Prior("gamma", (0.7, 1.5)), stats.gamma(0.7, scale=1 / 1.5).cdf),
    "lognormal": (Prior("lognormal", (-0.5, 0.8)), stats.lognorm(0.8, scale=math.exp(-0.5)).cdf),
    "inverse_gamma": (Prior("inverse_gamma", (3.0, 2.0)), lambda s: stats.invgamma(3.0, scale=2.0).cdf(s**2)),
}


def test_every_kind_of_prior_is_here():
    assert set(SCALES) | {"fixed"} == set(SD_KINDS)
    assert set(NU_KINDS) == {"gamma", "exponential", "uniform", "fixed"}
    assert set(SHAPE_KINDS) <= set(SCALES) | {"gamma"}
    assert set(COVARIANCE_KINDS) == {"inverse_wishart", "huang_wand"}


@pytest.mark.parametrize("kind", SCALES)
def test_scales(kind):
    prior, cdf = SCALES[kind]
    assert stats.kstest(prior_kinds.draw(prior, np.random.default_rng(1), N), cdf).pvalue > EXACT


def test_what_is_fixed_is_its_value():
    np.testing.assert_array_equal(prior_kinds.draw(Prior("fixed", (0.7,)), np.random.default_rng(1), 3), 0.7)


def test_degrees_of_freedom_are_a_gamma_above_one():
    nu = prior_kinds.draw(Prior("gamma", (2.0, 0.1)), np.random.default_rng(2), N, on="nu")
    assert nu.min() > 1.0
    below = stats.gamma(2.0, scale=10.0).cdf
    assert stats.kstest(nu, lambda x: (below(x) - below(1.0)) / (1.0 - below(1.0))).pvalue > EXACT
    assert (
        stats.kstest(
            prior_kinds.draw(Prior("gamma", (4.0, 1.5)), np.random.default_rng(3), N, on="shape"), stats.gamma(4.0, scale=1 / 1.5).cdf
        ).pvalue
        > EXACT
    )


@pytest.mark.parametrize(("q", "eta"), [(2, 1.0), (2, 2.5), (3, 1.0), (4, 0.7), (6, 3.0)])
def test_lkj(q, eta):
    """Each correlation is 2 Beta(b, b) − 1, b = η + (q − 2)/2 (LKJ 2009, §2.2); the determinant as Z(η) says."""
    R = prior_draws.lkj(q, eta, np.random.default_rng([4, q]), N)
    b = eta + 0.5 * (q - 2.0)
    for i in range(q):
        np.testing.assert_array_equal(R[:, i, i], 1.0)
        for j in range(i):
            assert stats.kstest(0.5 * (R[:, i, j] + 1.0), stats.beta(b, b).cdf).pvalue > EXACT
    # E log|R| from the normalising constant Z(η): d log Z/dη, with log Z as in the oracle's density
    step = 1e-4
    log_z = [float(oracles.log_lkj(np.eye(q), eta + d)) for d in (step, -step)]
    log_det = np.linalg.slogdet(R)[1]
    wanted = -(log_z[0] - log_z[1]) / (2.0 * step)
    assert abs(log_det.mean() - wanted) < 5.0 * log_det.std() / np.sqrt(N)


def test_inverse_wishart():
    """Of Σ ~ IW(df, S): Σ_11 is inverse-gamma((df − q + 1)/2, S_11/2), a'Σ⁻¹a a chi-square times a'S⁻¹a, E Σ = S/(df − q − 1)."""
    df, S = 7.0, np.array([[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 0.5]])
    draws = prior_draws.inverse_wishart(df, S, np.random.default_rng(5), N)
    for i in range(3):
        assert stats.kstest(draws[:, i, i], stats.invgamma((df - 2.0) / 2.0, scale=S[i, i] / 2.0).cdf).pvalue > EXACT
    for a in (np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 3.0])):
        precision = a @ np.linalg.inv(draws) @ a
        assert stats.kstest(precision / (a @ np.linalg.inv(S) @ a), stats.chi2(df).cdf).pvalue > EXACT
        b = np.array([0.3, 1.0, 1.0])
        variance = b @ draws @ b  # any direction, so the off-diagonals too
        assert stats.kstest(variance, stats.invgamma((df - 2.0) / 2.0, scale=0.5 * b @ S @ b).cdf).pvalue > EXACT


def test_huang_wand_gives_half_t_sds():
    """Huang and Wand (2013), property 2: each sd is half-t(ν, A); with ν = 2 each correlation is uniform."""
    term = Term(("Intercept", "x"), (), None, Prior("huang_wand", (2.0, (0.5, 1.5))))
    draws = prior_draws.covariance(term, np.random.default_rng(6), N)
    for k, A in enumerate((0.5, 1.5)):
        assert stats.kstest(np.sqrt(draws[:, k, k]), lambda x, A=A: 2.0 * stats.t.cdf(x / A, 2.0) - 1.0).pvalue > EXACT
    correlation = draws[:, 0, 1] / np.sqrt(draws[:, 0, 0] * draws[:, 1, 1])
    assert stats.kstest(correlation, stats.uniform(-1.0, 2.0).cdf).pvalue > EXACT


@pytest.mark.parametrize("covariance_prior", ["lkj", "inverse_wishart", "huang_wand"])
@pytest.mark.parametrize("kind", ["nested", "slopes", "two_terms"])
def test_a_whole_model_is_drawn_as_the_oracles_draw_it(kind, covariance_prior):
    """Every parameter, two-sample, against generators of their own; the order is that of the posterior's draws."""
    rng = np.random.default_rng([7, len(kind)])
    design = oracles.random_design(
        rng, kind, family="student", covariance_prior=covariance_prior, coefficient_prior="student_t", intercept_prior="intercept", levels=3
    )
    n = 500
    found = prior_draws.draw(design, rng, n)
    others = [oracles.draw_prior(design, rng) for _ in range(n)]
    hyper = np.array([_hyper(design, values) for values in others])
    assert found.hyper.shape[1] == len(names.hyper_names(design)) == hyper.shape[1]
    assert found.u.shape[1] == len(names.ranef_names(design))
    u = np.array([np.concatenate([np.asarray(x).ravel() for x in values["u"]]) for values in others])
    beta = np.array([values["beta"] for values in others])
    for mine, theirs in ((found.beta, beta), (found.hyper, hyper), (found.u, u)):
        for a, b in zip(mine.T, theirs.T, strict=True):
            assert stats.ks_2samp(a, b).pvalue > 1e-6
    # effects belong to their sds: u/sd of every column is standard normal
    start, place = 0, {name: k for k, name in enumerate(names.hyper_names(design))}
    for factor in design.factors:
        for a, column in enumerate(factor.columns):
            sd = found.hyper[:, place[names.sd_name(factor.name, column)]]
            z = found.u[:, start + a] / sd
            assert stats.kstest(z, stats.norm.cdf).pvalue > EXACT
        start += len(factor.levels) * len(factor.columns)


def _hyper(design, values):
    """An oracle's values in the order of ``names.hyper_names``."""
    out = []
    for blocks in values["covariances"]:
        blocks = [np.atleast_2d(c) for c in blocks]
        sds = [np.sqrt(np.diag(c)) for c in blocks]
        out += [s for one in sds for s in one]
        out += [c[a, b] / (s[a] * s[b]) for c, s in zip(blocks, sds, strict=True) for b in range(len(c)) for a in range(b)]
    return [*out, values["sigma"], values["nu"]]


def test_statements_on_sums_of_coefficients_are_solved():
    """An intercept at the means of predictors: 1β₀ + x̄β₁ has its prior, β₁ its own, β₀ follows."""
    rng = np.random.default_rng(8)
    design = oracles.random_design(rng, "none", intercept_prior="intercept")
    beta = prior_draws.draw(design, rng, N).beta
    at_means = beta @ design.X.mean(axis=0)
    row = design.coefficient_priors[0]
    assert row.label == "intercept"
    assert stats.kstest(at_means, stats.norm(row.mean, row.scale).cdf).pvalue > EXACT
    assert stats.kstest(beta[:, 1], stats.norm(0.0, 0.7).cdf).pvalue > EXACT
    assert abs(np.corrcoef(at_means, beta[:, 1])[0, 1]) < 5.0 / np.sqrt(N)


def test_cutpoints_are_the_order_statistics_of_their_prior():
    """Independent draws given that they are in order are the sorted draws: the k-th of n has F(c) ~ Beta(k, n − k + 1)."""
    rng = np.random.default_rng(9)
    design = oracles.random_design(rng, "none", family="ordinal")
    at = [k for k, name in enumerate(names.hyper_names(design)) if name.startswith("b_Intercept[")]
    cut = prior_draws.draw(design, rng, N).hyper[:, at]
    df, mean, scale = design.cutpoint_prior.args
    for k in range(3):
        assert stats.kstest(stats.t.cdf((cut[:, k] - mean) / scale, df), stats.beta(k + 1, 3 - k).cdf).pvalue > EXACT


def test_flat_priors_are_refused_by_name():
    design = oracles.random_design(np.random.default_rng(1), "none")
    only_one = replace(design, coefficient_priors=design.coefficient_priors[:1])
    with pytest.raises(SpecError, match=r"the prior of b\[x\] is flat"):
        prior_draws.draw(only_one, np.random.default_rng(1))
    with pytest.raises(SpecError, match=r"the priors of b\[Intercept\], b\[x\] are flat"):
        prior_draws.check_proper(replace(design, coefficient_priors=()))
    ordinal = oracles.random_design(np.random.default_rng(1), "none", family="ordinal")
    with pytest.raises(SpecError, match="the prior of the cutpoints is flat"):
        prior_draws.check_proper(replace(ordinal, cutpoint_prior=Prior("flat")))


def test_statements_that_leave_a_direction_open_are_refused():
    design = oracles.random_design(np.random.default_rng(1), "none")
    a = design.coefficient_priors[1]
    twice = (replace(a, label="b[Intercept]"), a)
    with pytest.raises(SpecError, match="leave a direction open"):
        prior_draws.check_proper(replace(design, coefficient_priors=twice))


def test_units_play_no_part_in_whether_a_prior_is_proper():
    """A predictor in billionths, and the intercept at its mean."""
    design = oracles.random_design(np.random.default_rng(1), "none")
    rows = (
        CoefficientPrior("intercept", np.array([1.0, 1e-9]), 0.0, 1.0, np.inf, Prior("normal", (0.0, 1.0))),
        CoefficientPrior("b[x]", np.array([0.0, 1.0]), 0.0, 1e9, np.inf, Prior("normal", (0.0, 1e9))),
    )
    found = prior_draws.draw(replace(design, coefficient_priors=rows), np.random.default_rng(2), 1000)
    assert np.std(found.beta[:, 1]) == pytest.approx(1e9, rel=0.15)


def test_sds_next_to_nothing_do_not_stop_it():
    """Half-Cauchy sds make covariances that a Cholesky factor would refuse."""
    term = Term(("a", "b", "c"), tuple(Prior("half_cauchy", (0.0, 10.0**k)) for k in (-9, 0, 9)), Prior("lkj", (0.05,)))
    base = oracles.random_design(np.random.default_rng(1), "one_factor")
    factor = replace(base.factors[0], Z=np.ones((len(base.y), 3)), columns=("a", "b", "c"), terms=(term,))
    found = prior_draws.draw(replace(base, factors=(factor,)), np.random.default_rng(3), 2000)
    assert np.isfinite(found.u).all() and np.isfinite(found.hyper).all()


def test_the_predictor_made_of_draws_is_the_models():
    """u, levels and columns are in the places where the posterior's code looks for them."""
    from gibbs.calibration.datasets import as_draws

    rng = np.random.default_rng(11)
    design = oracles.random_design(rng, "crossed_slopes", offset=True)
    truths = prior_draws.draw(design, rng, 3)
    eta = linear.linear_predictor(as_draws(design, truths), *linear.rows_of(design))
    for k in range(3):
        u, start = [], 0
        for factor in design.factors:
            size = len(factor.levels) * len(factor.columns)
            u.append(truths.u[k, start : start + size].reshape(len(factor.levels), -1))
            start += size
        np.testing.assert_allclose(eta[k], oracles.linear_predictor(design, {"beta": truths.beta[k], "u": u}), rtol=1e-12)


# ------------------------------------------------------------------------------------- Student-t effects, groups of levels


def _effects_of(formula: str, n: int, **priors: str) -> tuple[dict[str, np.ndarray], np.ndarray, Factor]:
    """Draws of the hyper-parameters by name, of the effects (n, J, q), and their factor."""
    frame = example(120)
    frame["s"] = np.where(np.isin(frame["g"], [1, 5, 6, 11]), "A", "B")
    model = build(formula, frame, priors={"b": "normal(0, 1)", "intercept": "normal(0, 1)", "sigma": "1", **priors})
    found = prior_draws.draw(model, np.random.default_rng(5), n)
    g = model.factors[0]
    return dict(zip(names.hyper_names(model), found.hyper.T, strict=True)), found.u.reshape(n, len(g.levels), len(g.columns)), g


def test_effects_have_the_covariance_of_their_group() -> None:
    hyper, u, g = _effects_of(
        "y ~ (1 + x | gr(g, by = s))", N, **{"sd[g]": "half_normal(1)", "sd[g,x:sB]": "uniform(3, 4)", "cor": "lkj(2)"}
    )
    for level, column, name in ((1, 0, "sd_g__Intercept:sB"), (0, 0, "sd_g__Intercept:sA"), (2, 1, "sd_g__x:sB"), (4, 1, "sd_g__x:sA")):
        assert ("sA", "sB")[g.group[level]] == name[-2:]
        assert stats.kstest(u[:, level, column] / hyper[name], stats.norm.cdf).pvalue > EXACT
    assert stats.kstest(hyper["sd_g__x:sB"], stats.uniform(3.0, 1.0).cdf).pvalue > EXACT
    rho = hyper["cor_g__Intercept:sA__x:sA"]
    given = u[:, 0, 1] / hyper["sd_g__x:sA"] - rho * u[:, 0, 0] / hyper["sd_g__Intercept:sA"]
    assert stats.kstest(given / np.sqrt(1 - rho**2), stats.norm.cdf).pvalue > EXACT


def test_student_effects_share_a_multiplier_within_a_level_and_not_between() -> None:
    hyper, u, g = _effects_of('y ~ (x || gr(g, by = s, dist = "student"))', N, **{"sd": "half_normal(1)", "df[g]": "3"})
    scales = [np.stack([hyper[f"sd_g__{column}:{g.groups[k]}"] for k in g.group], axis=1) for column in g.columns]
    t = u / np.stack(scales, axis=2)
    for level in (0, 1):
        assert stats.kstest(t[:, level, 0], stats.t(3.0).cdf).pvalue > EXACT
        assert stats.kstest((t[:, level] ** 2).sum(axis=1) / 2.0, stats.f(2, 3.0).cdf).pvalue > EXACT
    # the larger of two levels' |t|: F(x)² where they are independent
    larger, law = np.abs(t[:, :2, 0]).max(axis=1), stats.t(3.0)
    assert stats.kstest(larger, lambda x: (2.0 * law.cdf(x) - 1.0) ** 2).pvalue > EXACT


def test_degrees_of_freedom_of_effects_begin_at_one() -> None:
    exponential, _, _ = _effects_of('y ~ (1 | gr(g, dist = "student"))', N, df="exponential(0.2)", sd="1")
    assert stats.kstest(exponential["df_g"], stats.expon(1.0, 5.0).cdf).pvalue > EXACT
    nu = prior_kinds.draw(Prior("exponential", (0.2,)), np.random.default_rng(1), N, on="nu")
    assert stats.kstest(nu, stats.expon(scale=5.0).cdf).pvalue > EXACT
    default, u, _ = _effects_of('y ~ (1 | gr(g, dist = "student"))', N, sd="1")
    assert default["df_g"].min() > 1.0
    assert stats.kstest(stats.t.cdf(u[:, 3, 0], default["df_g"]), stats.uniform.cdf).pvalue > EXACT


@pytest.mark.parametrize("kind", ["rw2*", "icar*", "bym2*", "leroux*", "ar1*", "pedigree*", "leroux"])
def test_columns_that_vary_over_levels_that_know_each_other(kind: str) -> None:
    """cov(u) = K ⊗ Σ, with K at its rho, of a field, and in the core."""
    rng = np.random.default_rng(4)
    factor = changed(oracles.random_design(rng, "slopes", rows=40, levels=7), (kind,), rng).factors[0]
    n, S = 20_000, np.array([[0.8, 0.3], [0.3, 0.5]])
    has = factor.structure.has_degree
    u = prior_draws.effects_of(factor, [np.tile(S, (n, 1, 1))], np.full(n, 0.6) if has else None, rng, n)
    wanted = np.kron(covariance_of_levels(factor.structure, 0.6 if has else None), S)
    size = np.sqrt(np.outer(np.diagonal(wanted), np.diagonal(wanted)))
    np.testing.assert_allclose(np.cov(u.T) / size, wanted / size, atol=5.0 * np.sqrt(2.0 / n))  # 105 pairs, 5 sds
