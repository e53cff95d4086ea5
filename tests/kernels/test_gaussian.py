"""The residual sum of squares against the rows, and the law of the residual sd against quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gibbs.kernels import gaussian
from gibbs.sampling.pack import _scale_code
from tests import oracles
from tests.table import table

from . import loops
from .bench import CASES, RTOL, Bench, batch_z, make_design, quantile_indicators


@table("known_se", [False, True])
@table(("kind", "scheme"), CASES)
def test_residual_sum_of_squares(kind, scheme, known_se):
    b = Bench(make_design(kind, known_se=known_se), scheme)
    p, theta = b.packed, np.random.default_rng(61).standard_normal(b.W.shape[1])
    total = gaussian.residual_sum_of_squares(b.layout, b.gram, p.yy, theta[b.core], theta[b.p :])
    between = gaussian.between_units(b.gram, theta[b.p :])
    if len(b.units) < 2:
        assert between == 0.0
    if len(b.units) == 2:
        gaussian.rhs_between_units(b.layout, b.gram, theta[b.p :], 1, b.work)
        assert gaussian.between_two_units(b.layout, b.gram, theta[b.p :], b.work.rhs) == pytest.approx(between, rel=RTOL)
    assert total + 2.0 * between == pytest.approx(np.sum(b.omega * (b.y - b.W @ theta) ** 2), rel=RTOL)


@pytest.mark.parametrize("kind", ["slopes", "nested_crossed"])
def test_residual_sum_of_squares_at_the_outcome_as_written(kind):
    """Through the way back to coefficients as written: Σ (y − η)² of the design's own rows."""
    design = make_design(kind, offset=True)
    b = Bench(design, "joint")
    p, theta = b.packed, 0.3 * np.random.default_rng(62).standard_normal(b.W.shape[1])
    u = [theta[c].reshape(len(f.levels), -1) for c, f in zip(b.columns, design.factors, strict=True)]
    eta = oracles.linear_predictor(design, {"beta": p.coefficients(theta[: b.p]), "u": u})
    total = gaussian.residual_sum_of_squares(b.layout, b.gram, p.yy, theta[b.core], theta[b.p :])
    assert total == pytest.approx(np.sum((design.y - eta) ** 2), rel=RTOL)


@pytest.mark.parametrize(("n", "rss"), [(3.0, 0.5), (40.0, 90.0), (5000.0, 2200.0)])
@pytest.mark.parametrize("prior", [name for name in oracles.SD_PRIORS if name != "fixed"])
def test_law_of_the_residual_sd(prior, n, rss):
    """σ ∝ σ^{−n} exp(−RSS/2σ²) p(σ), quantiles by quadrature; 40,000 draws, 120 checks at |z| < 5.5."""
    code = np.array([_scale_code(oracles.SD_PRIORS[prior]), (0, 0.0, 0.0)], dtype=float)
    centre = 0.5 * math.log(rss / n)
    x = np.linspace(centre - 12.0 / math.sqrt(n), centre + 12.0 / math.sqrt(n), 20_001)
    log_density = -n * x - 0.5 * rss * np.exp(-2 * x) + x
    s = np.exp(x)
    log_density += {
        "half_t": lambda: stats.t.logpdf(s, 5.0, 0.0, 0.8),
        "half_normal": lambda: stats.norm.logpdf(s, 0.0, 0.8),
        "half_cauchy": lambda: stats.cauchy.logpdf(s, 0.0, 0.5),
        "exponential": lambda: -1.5 * s,
        "uniform": lambda: np.where(s <= 2.0, 0.0, -np.inf),
        "inverse_gamma": lambda: stats.invgamma.logpdf(s**2, 3.0, scale=1.0) + x,
        "gamma": lambda: stats.gamma.logpdf(s, 1.6, scale=0.5),
        "lognormal": lambda: stats.lognorm.logpdf(s, 0.7, scale=math.exp(-0.8)),
    }[prior]()
    draws = np.empty(40_000)
    loops.run_residual_sd(np.random.Generator(np.random.SFC64(63)), code, n, rss, math.exp(centre), draws)
    density = np.exp(log_density - log_density.max())
    assert density[0] < 1e-8 and density[-1] < 1e-8
    indicators, expected = quantile_indicators(np.log(draws), x, density)
    assert np.max(np.abs(batch_z(indicators, expected))) < 5.5
