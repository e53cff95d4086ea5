"""A category of an ordinal outcome that nobody chose: the posterior of the cutpoints against quadrature, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import DataError, SpecError

FAULT = Path(__file__).resolve().parents[3] / "shared" / "faults" / "empty_category"
POINTS = (0.025, 0.25, 0.5, 0.75, 0.975)


def quantiles(counts: list[int], link: str, df: float = 3.0, scale: float = 2.5, n: int = 1501) -> np.ndarray:
    """(cutpoints, POINTS): ordered cutpoints c_k under t_df(0, scale) and Π (F(c_k) − F(c_{k−1}))^n_k, a chain along k, on a grid."""
    F, log_F = (special.expit, special.log_expit) if link == "logit" else (special.ndtr, special.log_ndtr)
    u = np.linspace(-6.0, 6.0, n)
    x = np.sinh(u)
    log_prior = stats.t.logpdf(x, df, 0.0, scale) + np.log(np.cosh(u))
    K = len(counts) - 1
    with np.errstate(divide="ignore"):
        steps = []
        for k in range(1, K):
            step = counts[k] * np.log(np.maximum(F(x)[None, :] - F(x)[:, None], 1e-300))
            step[np.tril_indices(n)] = -np.inf
            if counts[k] == 0:
                step[np.diag_indices(n)] = np.log(0.5)  # half the cell lies above the diagonal
            steps.append(step)
        up = [log_prior + counts[0] * log_F(x)]
        for step in steps:
            up.append(special.logsumexp(up[-1][:, None] + step, axis=0) + log_prior)
        down = [counts[K] * log_F(-x)]
        for step in reversed(steps):
            down.append(special.logsumexp(step + (down[-1] + log_prior)[None, :], axis=1))
    found = []
    for a, b in zip(up, reversed(down), strict=True):
        w = np.exp(a + b - np.max(a + b))
        w /= w.sum()
        found.append(np.interp(POINTS, np.cumsum(w) - 0.5 * w, x))
    return np.array(found)


COUNTS = [[12, 0, 25, 8], [0, 12, 25, 8], [12, 25, 8, 0], [12, 0, 0, 25, 8], [0, 0, 30, 10, 0], [0, 9, 6]]
IN_TURN = [(counts, ("logit", "probit")[k % 2]) for k, counts in enumerate(COUNTS)]
CROSSED = [pytest.param(c, link, marks=pytest.mark.slow) for c in COUNTS for link in ("logit", "probit") if (c, link) not in IN_TURN]


@pytest.mark.parametrize(("counts", "link"), [*IN_TURN, *CROSSED])
def test_cutpoints_have_the_posterior_of_quadrature(counts: list[int], link: str) -> None:
    labels = [f"k{i}" for i in range(len(counts))]
    table = pd.DataFrame({"y": np.repeat(labels, counts)})
    with pytest.warns(UserWarning, match="nobody in the rows used chose"):
        fit = gibbs.fit("y ~ 1", table, family="ordinal", link=link, categories=labels, seed=5, draws=4000, progress=False)
    assert fit.convergence.ok
    for k, exact in enumerate(quantiles(counts, link)):
        draws = fit.draws.posterior[f"b_Intercept[{k + 1}]"].to_numpy()
        for p, q in zip(POINTS, exact, strict=True):
            below = (draws <= q).astype(float)
            assert abs(below.mean() - p) < 4.7 * float(diagnostics.mcse_mean(below)), (k, p)


@pytest.mark.skipif(not FAULT.is_dir(), reason="../shared/faults is not here")
def test_the_input_that_failed_and_what_comes_after(tmp_path) -> None:
    table = pd.read_csv(FAULT / "data.csv")
    with pytest.warns(UserWarning, match="nobody in the rows used chose 'Strongly disagree'"):
        fit = gibbs.fit(FAULT / "spec.yaml", table, progress=False, output=tmp_path / "run")
    assert fit.convergence.ok
    found = fit.summary()
    # the other parameters are those of the model without the category (a bound from the left that is nearly always far away)
    rest = gibbs.fit(
        "answer ~ group + (1 | person)", table, family="ordinal", categories=["Disagree", "Neither", "Agree", "Strongly agree"],
        seed=2, progress=False,
    ).summary()  # fmt: skip
    for mine, other in (("b_groupB", "b_groupB"), ("b_Intercept[3]", "b_Intercept[2]"), ("sd_person__Intercept", "sd_person__Intercept")):
        assert found.loc[mine, "mean"] == pytest.approx(rest.loc[other, "mean"], abs=0.25 * rest.loc[other, "sd"])
    new = fit.predict(pd.DataFrame({"group": ["A"], "person": ["p0"]}))
    assert new["category"].tolist()[0] == "Strongly disagree" and 0.0 < new["mean"].iloc[0] < 0.05
    assert new["mean"].sum() == pytest.approx(1.0)
    assert np.isfinite(fit.waic().elpd)
    assert gibbs.load(tmp_path / "run").outline.categories == fit.design.categories
    fit.plot.ppc()


def test_flat_cutpoints_need_someone_at_both_ends() -> None:
    table = pd.DataFrame({"y": ["a", "b", "a", "c"] * 5, "x": np.arange(20.0)})
    keys = {"family": "ordinal", "priors": {"cutpoints": "flat"}}
    gibbs.check("y ~ x", table, categories=["a", "between", "b", "c"], **keys)
    for categories in (["none", "a", "b", "c"], ["a", "b", "c", "none"]):
        with pytest.raises(SpecError, match="nobody chose 'none'"):
            gibbs.check("y ~ x", table, categories=categories, **keys)
    with pytest.raises(DataError, match="Did you mean 'B'"):
        gibbs.check("y ~ x", table, family="ordinal", categories=["a", "B", "c"])
    with pytest.raises(DataError, match="nothing to explain"):
        gibbs.check("y ~ x", table.assign(y="a"), family="ordinal", categories=["a", "b", "c"])
