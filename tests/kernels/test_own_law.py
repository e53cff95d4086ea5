"""Levels that move by their own law: the law that an effect has given all else, and what is kept of the predictor, are right."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.likelihood import stand_in
from gibbs.kernels.own_law import move_by_own_law, row_stand_in
from scipy import stats

from gibbs.sampling.own_law import table
from tests.thin import some

from .loops import run_own_law
from .test_second_order import Mover
from .test_second_order_bites import broken

FAMILIES = [
    ("logit", "logit"),
    ("probit", "probit"),
    ("binomial", "cloglog"),
    ("poisson", "log"),
    ("negative_binomial", "log"),
    ("ordinal", "logit"),
    ("ordinal", "probit"),
]


def alike(m: Mover, f: int, j: int) -> None:
    """The outcomes of level j of factor f: none, or the lowest category, in all its rows."""
    rows, design = m.packed.rows, m.design
    rows.y[rows.level[:, f] == j] = 0.0
    design.y[design.factors[f].codes == j] = 0.0
    m.refresh()


def moved(kernel, m: Mover, f: int, j: int, draws: int, thin: int = 8) -> np.ndarray:
    """(draws, q) of u_j, all else as it is."""
    p, s, small = m.packed, m.chain.state, m.chain.work.small
    which = [np.arange(int(row["levels"])) == (j if k == f else -1) for k, row in enumerate(p.layout.factor)]
    chosen, own_rows = table(p, which)
    assert chosen[:, :2].tolist() == [[f, j]]
    at = p.layout.factor[f].u0 + j * p.layout.factor[f].width
    rng, found, cut = np.random.Generator(np.random.SFC64(4)), [], s.core[: p.cutpoints]
    if kernel is move_by_own_law:
        out = np.empty((draws, int(p.layout.factor[f].width)))
        run_own_law(rng, m.data, cut, p.layout, chosen, own_rows, s, small, int(at), thin, out)
        return out
    for _ in range(draws):
        for _ in range(thin):
            kernel(rng, m.data, 1.0, cut, p.layout, chosen, own_rows, s, small)
        found.append(s.u[at : at + p.layout.factor[f].width].copy())
    return np.array(found)


def place(m: Mover, f: int, j: int, u: np.ndarray) -> None:
    """u_j ← u, where it is kept twice in both places."""
    s, row = m.chain.state, m.packed.layout.factor[f]
    s.u[row["u0"] + j * u.size : row["u0"] + (j + 1) * u.size] = u
    if row["core0"] >= 0:
        s.core[row["core0"] + j * u.size : row["core0"] + (j + 1) * u.size] = u


def law_at(m: Mover, f: int, j: int, points: np.ndarray) -> np.ndarray:
    """Log density of u_j at ``points`` (n, q) given all else, up to a constant, by the joint density."""
    values = []
    for u in points:
        place(m, f, j, u)
        values.append(m.log_joint())
    return np.array(values)


@pytest.mark.parametrize("all_alike", [True, False])
@pytest.mark.parametrize(("family", "link"), some(FAMILIES, 2, several=True))
def test_law_of_an_effect_given_all_else(family, link, all_alike):
    """Against its density on a grid; a level of the unit and one of the core."""
    m = Mover("crossed", family, link=link)
    assert sorted(m.packed.layout.factor.unit.tolist()) == [-1, 0]
    for f in (0, 1):
        if all_alike:
            alike(m, f, 1)
        draws = moved(move_by_own_law, m, f, 1, 1500)[:, 0]
        eta, gap, core = m.chain.state.eta.copy(), m.chain.state.gap.copy(), m.chain.state.core.copy()
        place(m, f, 1, draws[-1:])
        np.testing.assert_array_equal(core, m.chain.state.core)
        m.refresh()
        np.testing.assert_allclose(eta, m.chain.state.eta, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gap, m.chain.state.gap, rtol=1e-7, atol=1e-7)
        low, high = draws.min() - 3.0 * draws.std(), draws.max() + 3.0 * draws.std()
        grid = np.linspace(low, high, 121)
        density = np.exp(law_at(m, f, 1, grid[:, None]))
        below = np.cumsum(density) - 0.5 * density  # up to the middle of each cell
        assert stats.kstest(np.interp(draws, grid, below / below[-1]), "uniform").pvalue > 1e-5
        place(m, f, 1, draws[-1:])
        m.refresh()


def test_law_of_two_effects_of_a_level():
    """Means, and second moments, against a grid in two dimensions."""
    m = Mover("slopes", "logit")
    alike(m, 0, 2)
    draws = moved(move_by_own_law, m, 0, 2, 4000)
    axis = [np.linspace(d.mean() - 6.0 * d.std(), d.mean() + 6.0 * d.std(), 31) for d in draws.T]
    points = np.stack([g.ravel() for g in np.meshgrid(*axis, indexing="ij")], axis=1)
    density = law_at(m, 0, 2, points)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    for of in (lambda u: u[:, 0], lambda u: u[:, 1], lambda u: u[:, 0] ** 2, lambda u: u[:, 1] ** 2, lambda u: u[:, 0] * u[:, 1]):
        wanted, values = weight @ of(points), of(draws)
        assert abs(values.mean() - wanted) < 5.0 * 1.5 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize(("family", "link"), [("logit", "logit"), ("ordinal", "logit")])
def test_the_quadratics_of_rows_add_up_to_the_stand_in(family, link):
    m = Mover("one_factor", family, link=link)
    eta, data, cut = m.chain.state.eta, m.data, m.chain.state.core[: m.packed.cutpoints]
    total = sum(row_stand_in(data.code, i, data.y, data.omega, data.linear, eta[i], cut) for i in range(eta.size))
    assert total == pytest.approx(stand_in(data, eta, cut), rel=1e-12)


BUGS = {
    "a slice at the point itself": ("floor = -rng.standard_exponential()", "floor = -1e-9 * rng.standard_exponential()"),
    "the likelihood left out": ("found = _likelihood_along(code, Z, y, trials, eta, shape, cut, rows, z, change) >= floor", "found = True"),
    "normals of another law": ("s += L[term[t].l0 + a * n + b] * noise[b]", "s += 0.7 * L[term[t].l0 + a * n + b] * noise[b]"),
    "η left stale": ("            eta[i] = e\n", "            pass\n"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_of_the_move_is_caught(bug):
    """By the same comparison, of fewer draws: the law of the effect, or η after the moves."""
    m = Mover("one_factor", "logit")
    alike(m, 0, 1)
    draws = moved(broken(move_by_own_law, *BUGS[bug]), m, 0, 1, 600)[:, 0]
    eta = m.chain.state.eta.copy()
    place(m, 0, 1, draws[-1:])
    m.refresh()
    stale = float(np.max(np.abs(eta - m.chain.state.eta)))
    grid = np.linspace(-12.0, 12.0, 1201)
    density = law_at(m, 0, 1, grid[:, None])
    below = np.cumsum(np.exp(density - density.max()))
    assert stale > 1e-3 or stats.kstest(np.interp(draws, grid, below / below[-1]), "uniform").pvalue < 1e-6
