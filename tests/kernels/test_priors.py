"""Prior densities against scipy and against densities on Σ with the Jacobian of Σ = LL'."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gibbs.kernels import layout as kl
from gibbs.kernels import priors
from gibbs.model.records import Prior, Term
from gibbs.sampling.pack import _priors, _scale_code, _terms
from tests import oracles

from .bench import RTOL, log_jacobian_lower, make_design

SCALES = np.array([1e-6, 0.01, 0.2, 0.7, 1.0, 1.3, 1.9, 5.0, 40.0])
CODED = {
    **oracles.SD_PRIORS,
    "half_t(3, 0, 2.5)": Prior("half_t", (3.0, 0.0, 2.5)),
    "uniform(0.5, 2)": Prior("uniform", (0.5, 2.0)),
    "inverse_gamma(0.001, 0.001)": Prior("inverse_gamma", (0.001, 0.001)),
}


def differences(values: list[float]) -> np.ndarray:
    """Log densities from their first finite one: constants that do not depend on the argument drop out."""
    values = np.array(values)
    finite = np.isfinite(values)
    assert finite.sum() >= 2
    return np.where(finite, values - values[finite][0], -np.inf)


@pytest.mark.parametrize("name", [name for name in CODED if name != "fixed"])
def test_log_scale_prior(name):
    """Every sd prior, coded as ``pack`` codes it, against the oracle's density from scipy, support included."""
    code = _scale_code(CODED[name])
    ours = [priors.log_scale_prior(float(code[0]), code[1], code[2], s) for s in SCALES]
    theirs = [oracles.log_prior_sd(CODED[name], s) for s in SCALES]
    np.testing.assert_allclose(differences(ours), differences(theirs), rtol=RTOL, atol=1e-12)
    for s in (0.0, -1.0, math.nan):
        assert priors.log_scale_prior(float(code[0]), code[1], code[2], s) == -math.inf


@pytest.mark.parametrize("name", [name for name in oracles.NU_PRIORS if name != "fixed"])
def test_log_scale_prior_of_nu(name):
    code = _scale_code(oracles.NU_PRIORS[name], "nu")
    points = [0.5, 0.999, 1.0001, 1.7, 2.5, 9.0, 29.0, 31.0, 200.0]
    ours = [priors.log_scale_prior(float(code[0]), code[1], code[2], s) for s in points]
    theirs = [oracles.log_prior_nu(oracles.NU_PRIORS[name], s) for s in points]
    np.testing.assert_allclose(differences(ours), differences(theirs), rtol=RTOL, atol=1e-12)


def test_a_fixed_scale_has_no_density():
    assert priors.log_scale_prior(float(_scale_code(Prior("fixed", (0.7,)))[0]), 0.0, 0.0, 3.0) == 0.0


def random_factors(q: int, count: int, seed: int) -> list[np.ndarray]:
    """Lower triangular factors with a positive diagonal."""
    rng = np.random.default_rng([seed, q])
    out = []
    for _ in range(count):
        L = np.tril(0.6 * rng.standard_normal((q, q)))
        L[np.diag_indices(q)] = np.exp(0.7 * rng.standard_normal(q))
        out.append(L)
    return out


def coded(term: Term):
    """The kernel's arrays for a design whose only factor has the term twice: the second row must be read with its own offsets."""
    design = make_design("one_factor")
    f = design.factors[0]
    other = Term(("w",), (Prior("half_normal", (0.0, 0.3)),), None)
    design = replace(design, factors=(replace(f, columns=("w", *term.columns), terms=(other, term)),))
    found = _priors(design, np.eye(2), np.zeros(2))
    return _terms(design), found.sd, found.cov


def covariance_terms(q: int) -> dict[str, Term]:
    names = tuple(f"c{k}" for k in range(q))
    mixed = tuple(
        [Prior("half_t", (3.0, 0.0, 0.9)), Prior("exponential", (1.5,)), Prior("half_normal", (0.0, 2.0))][k % 3] for k in range(q)
    )
    A = np.random.default_rng(q).standard_normal((q, q))
    S = A @ A.T + np.eye(q)
    out = {
        "inverse_wishart": Term(names, (), None, Prior("inverse_wishart", (q + 2.5, tuple(map(tuple, S.tolist()))))),
        "huang_wand": Term(names, (), None, Prior("huang_wand", (2.0, tuple(np.linspace(0.4, 1.7, q).tolist())))),
        "huang_wand, one scale": Term(names, (), None, Prior("huang_wand", (3.5, 1.2))),
    }
    for eta in (0.6, 1.0, 2.0):
        out[f"lkj({eta})"] = Term(names, mixed, Prior("lkj", (eta,)) if q > 1 else None)
    return out


@pytest.mark.parametrize("q", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("name", list(covariance_terms(2)))
def test_log_cholesky_prior(name, q):
    """p(L) = p(Σ) |∂Σ/∂L|; for one column p(Σ) is the oracle's density of the sd itself."""
    term = covariance_terms(q)[name]
    table, sd_prior, cov_prior = coded(term)
    ours, theirs = [], []
    for L in random_factors(q, 6, 31):
        flat = np.concatenate([L.ravel(), [np.nan]])  # what lies beyond belongs to the next term
        ours.append(priors.log_cholesky_prior(table, 1, sd_prior, cov_prior, flat, np.full(64, np.nan)))
        theirs.append(oracles.log_prior_covariance(term, L @ L.T) + log_jacobian_lower(L))
    np.testing.assert_allclose(differences(ours), differences(theirs), rtol=RTOL, atol=1e-10)


@pytest.mark.parametrize("q", [2, 3, 5, 8])
@pytest.mark.parametrize("name", list(covariance_terms(2)))
def test_a_prior_on_the_covariance_as_written(name, q):
    """Effects drawn with centred columns, Σ = AΣ_cA', |A| = 1: p(L_c) = p(AL_cL_c'A') |∂Σ_c/∂L_c|."""
    rng = np.random.default_rng([q, 5])
    back = np.triu(rng.standard_normal((q, q)), 1) + np.eye(q)
    turned = {"back": tuple(map(tuple, back.tolist())), "there": tuple(map(tuple, np.linalg.inv(back).tolist())), "written": True}
    term = covariance_terms(q)[name]
    table, sd_prior, cov_prior = coded(replace(term, **turned))
    ours, theirs = [], []
    for L in random_factors(q, 6, 34):
        flat = np.concatenate([L.ravel(), [np.nan]])
        ours.append(priors.log_cholesky_prior(table, 1, sd_prior, cov_prior, flat, np.full(64, np.nan)))
        theirs.append(oracles.log_prior_covariance(term, back @ L @ L.T @ back.T) + log_jacobian_lower(L))
    np.testing.assert_allclose(differences(ours), differences(theirs), rtol=RTOL, atol=1e-9)


@pytest.mark.parametrize("q", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["lkj(1.0)", "inverse_wishart", "huang_wand"])
def test_log_cholesky_prior_without_a_positive_diagonal(name, q):
    table, sd_prior, cov_prior = coded(covariance_terms(q)[name])
    """None at 0; below it the density is that of LL', whose factor has the signs of its columns turned."""
    L = np.eye(q)
    at = {}
    for last in (0.0, math.nan, 0.3, -0.3):
        L[-1, -1] = last
        at[last] = priors.log_cholesky_prior(table, 1, sd_prior, cov_prior, L.ravel(), np.zeros(64))
    assert at[0.0] == -math.inf and all(value == -math.inf for last, value in at.items() if math.isnan(last))
    assert at[0.3] > -math.inf
    assert at[-0.3] == (-math.inf if q == 1 and name.startswith("lkj") else at[0.3])  # one sd alone is positive


@pytest.mark.parametrize("q", [2, 3, 4])
def test_jacobian_by_finite_differences(q):
    """The determinant of ∂Σ/∂L that the comparisons rest on, by central differences, exact for the quadratic LL'."""
    for L in random_factors(q, 4, 32):
        rows, columns = np.tril_indices(q)
        J = np.empty((rows.size, rows.size))
        for k, (a, b) in enumerate(zip(rows, columns, strict=True)):
            up, down = L.copy(), L.copy()
            up[a, b] += 0.5
            down[a, b] -= 0.5
            J[:, k] = (up @ up.T - down @ down.T)[rows, columns]
        assert np.linalg.slogdet(J)[1] == pytest.approx(log_jacobian_lower(L), rel=RTOL, abs=1e-10)


def test_lkj_density_of_the_factor_integrates_the_correlation_law():
    """q = 2: the conditional density of ρ given the sds, read off along L = (s₁, s₂ρ, s₂√(1−ρ²)), is the Beta law of LKJ."""
    eta, s1, s2 = 1.7, 0.8, 1.4
    term = covariance_terms(2)["lkj(1.0)"]
    term = Term(term.columns, term.sd_priors, Prior("lkj", (eta,)))
    table, sd_prior, cov_prior = coded(term)
    rho = np.linspace(-0.95, 0.95, 9)
    ours = []
    for r in rho:
        root = math.sqrt(1 - r * r)
        L = np.array([s1, 0.0, s2 * r, s2 * root])
        # |∂(L11, L21, L22)/∂(s1, s2, ρ)| = s2/√(1−ρ²)
        ours.append(priors.log_cholesky_prior(table, 1, sd_prior, cov_prior, L, np.zeros(64)) + math.log(s2 / root))
    theirs = stats.beta.logpdf((rho + 1) / 2, eta, eta)
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-11)


@pytest.mark.parametrize("q", [1, 2, 5, 8])
def test_invert_lower(q):
    for L in random_factors(q, 3, 33):
        out = np.full(64, np.nan)
        priors.invert_lower(L.ravel(), q, out)
        np.testing.assert_allclose(out[: q * q].reshape(q, q), np.linalg.inv(L), rtol=1e-8, atol=1e-10 * np.max(np.abs(np.linalg.inv(L))))


def test_a_correlation_that_floats_cannot_tell_from_one_has_no_density():
    """M.5 with its own seed once stayed there: the density that is computed next to ±1 is rounding noise, and can be high."""
    term = np.array([(0, 0, 2, 0, 0, 0, 0, 1)], dtype=kl.TERM).view(np.recarray)
    sd_prior = np.array([[1.0, 3.0, 1.0]] * 2)  # half_t(3, 0, 1)
    cov_prior = np.zeros((1, 66))
    cov_prior[0, :2] = 1.0, 1.0  # lkj(1)
    values = [
        priors.log_cholesky_prior(term, 0, sd_prior, cov_prior, np.array([0.4, 0.0, 0.5, r]), np.zeros(64)) for r in (5e-6, 2e-6, 2e-7)
    ]
    assert values[2] == -np.inf
    assert values[0] - values[1] == pytest.approx(np.log(2.5), rel=1e-9)  # p(L) ∝ L₂₂ there
