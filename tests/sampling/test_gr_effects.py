"""Student-t effects and covariances by groups of levels: prior → data → sweeps leaves the joint law alone, and bugs are caught."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import gibbs
from gibbs.draws import diagnostics
from gibbs.kernels import between
from tests.sampling.gr_effects import GrCase, assert_joint_law_stays, examine
from tests.sampling.invariance import Stopped

CASES = (
    GrCase("gaussian", "one_factor", "joint", elliptical=True),
    GrCase("gaussian", "slopes", "joint", by=(0,), df="uniform"),
    GrCase("gaussian", "nested", "joint", student=(0, 1)),
    GrCase("gaussian", "nested", "joint", student=(1,), by=(0,)),
    GrCase("gaussian", "crossed", "collapsed", student=(0, 1), df="uniform"),
    GrCase("gaussian", "crossed_slopes", "one-at-a-time", by=(0,), df="fixed"),
    GrCase("gaussian", "crossed", "joint", student=(1,)),
    GrCase("student", "slopes", "joint", student=(), by=(0,)),
    GrCase("probit", "one_factor", "joint", elliptical=True),
    GrCase("probit", "one_factor", "joint", student=(), by=(0,)),
    GrCase("logit", "slopes", "joint", by=(0,), df="uniform"),
    GrCase("logit", "crossed", "collapsed", student=(0,)),
    GrCase("logit", "nested", "second-order", student=(0, 1), df="uniform"),
    GrCase("binomial", "slopes", "second-order", by=(0,)),
    GrCase("poisson", "crossed", "second-order", student=(0,), df="exponential"),
    GrCase("ordinal", "one_factor", "second-order", by=(0,)),
    GrCase("negative_binomial", "one_factor", "second-order", df="fixed"),
    GrCase("poisson", "crossed", "second-order", student=(1,), core=(0, 1)),
)


@pytest.mark.parametrize("case", CASES[::6], ids=str)
def test_sweeps_leave_the_joint_law_alone(case: GrCase):
    assert_joint_law_stays(case, examine(case, replicates=150, seed=11), len(CASES))


@pytest.mark.calibration
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sweeps_leave_the_joint_law_alone_to_the_last(case: GrCase):
    assert_joint_law_stays(case, examine(case, replicates=1500, seed=12), len(CASES))


def _exact(successes: int, trials: int, sd: float, df: float) -> tuple[float, float]:
    """E(u) and Pr(|u| > 10) of the effect of one level, u ~ t_df(0, sd²), by quadrature."""
    points = [-2000.0, -300.0, -60.0, -15.0, -5.0, 0.0, 5.0, 15.0, 60.0, 300.0, 2000.0]

    def density(u: float) -> float:
        log_likelihood = successes * special.log_expit(u) + (trials - successes) * special.log_expit(-u)
        return stats.t.pdf(u / sd, df) / sd * np.exp(log_likelihood)

    def integral(g) -> float:
        return sum(integrate.quad(lambda u: g(u) * density(u), a, b, limit=300, epsabs=0)[0] for a, b in pairwise(points))

    return integral(lambda u: u) / integral(lambda u: 1.0), integral(lambda u: float(abs(u) > 10.0)) / integral(lambda u: 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["second-order", "augmented"])
def test_levels_that_are_all_alike_reach_into_the_tails(scheme: str):
    """64 of 64 successes hold an effect from one side only, and a t from the other hardly: against quadrature."""
    trials, successes = (64, 64, 20, 20, 20, 20), (64, 0, 10, 12, 7, 20)
    rows = [(1, g) for g, n in zip("abcdef", successes, strict=True) for _ in range(n)]
    rows += [(0, g) for g, n, m in zip("abcdef", successes, trials, strict=True) for _ in range(m - n)]
    data = pd.DataFrame(rows, columns=["y", "g"])
    given = {"sd[g]": "1.66", "df[g]": "2.5"}
    fit = gibbs.fit(
        'y ~ 0 + (1 | gr(g, dist = "student"))', data, family="logit", scheme=scheme, priors=given, draws=1500, seed=1, progress=False
    )
    u = fit.arrays.u
    for j, (n, m) in enumerate(zip(successes, trials, strict=True)):
        mean, beyond = _exact(n, m, 1.66, 2.5)
        for x, wanted in ((u[:, :, j], mean), ((np.abs(u[:, :, j]) > 10.0).astype(float), beyond)):
            if np.ptp(x) > 0.0:
                assert abs(x.mean() - wanted) < 4.5 * float(diagnostics.mcse_mean(x)), (j, x.mean(), wanted)
    assert float(np.min(diagnostics.ess_tail(u))) > 1000.0


# -------------------------------------------------------------------------------------------------------- bugs


def _idle_counted(engine) -> None:
    """Effects that meet no row are counted when a covariance is drawn given the effects."""
    layout = engine.packed.layout
    term = layout.term.copy()
    term["first"], term["count"] = 0, layout.factor[term.factor].levels
    engine.chain.layout = layout._replace(term=term)


def _cross_products_stay(monkeypatch) -> None:
    """Products between units are those of the columns before λ moved."""

    def staying(name: str, of: int) -> None:
        right = getattr(between, name)

        def call(*arguments):
            kept = arguments[of].cross_value.copy()
            right(*arguments)
            arguments[of].cross_value[:] = kept

        monkeypatch.setattr(between, name, call)

    staying("rescale", 1)
    staying("place_laws", 3)


def _one_column(monkeypatch) -> None:
    """λ_j from Gamma((ν + 1)/2, …) whatever the number of columns: a multiplier of half a degree more is taken away again."""

    def draw(rng, layout, multipliers, *arguments):
        right(rng, layout, multipliers, *arguments)
        for f, nu in zip(multipliers.chosen, multipliers.df, strict=True):
            J, q, u0 = (int(layout.factor[f][c]) for c in ("levels", "width", "u0"))
            share = rng.beta(0.5 * (nu + 1.0), 0.5, J)  # Gamma(a + ½)·Beta(a, ½) ~ Gamma(a)
            times = np.repeat(share**-0.5, q)
            multipliers.spread[u0 : u0 + J * q] *= times
            multipliers.change[u0 : u0 + J * q] *= times

    right = between.draw_level_scales
    monkeypatch.setattr(between, "draw_level_scales", draw)


def _stale_scales(monkeypatch) -> None:
    """ν moves with the λ integrated out, and the λ stay."""

    def draw(rng, layout, multipliers, *arguments):
        kept = multipliers.spread.copy()
        right(rng, layout, multipliers, *arguments)
        multipliers.spread[:] = kept
        multipliers.change[:] = 1.0

    right = between.draw_level_scales
    monkeypatch.setattr(between, "draw_level_scales", draw)


BUGS = {
    "idle effects counted": (GrCase("gaussian", "slopes", "joint", by=(0,)), {"broken": _idle_counted}, 300),
    "products between units not rescaled": (GrCase("gaussian", "crossed", "collapsed"), _cross_products_stay, 600),
    "one column for several": (GrCase("gaussian", "slopes", "joint", df="fixed"), _one_column, 2000),
    "scales stale after the degrees of freedom": (GrCase("gaussian", "one_factor", "joint"), _stale_scales, 1500),
}
"""Bug → the case that shows it, what breaks the engine (or the module), replicates."""


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_caught(bug: str, monkeypatch):
    case, change, replicates = BUGS[bug]
    if not isinstance(change, dict):
        change(monkeypatch)
        change = {"patched": True}
    try:
        name, p = examine(case, replicates=replicates, seed=21, **change)
    except Stopped:
        return
    assert p < 1e-6, f"{bug}: not caught ({name}, {p:.2g})"
