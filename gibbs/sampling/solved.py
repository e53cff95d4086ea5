"""The normal stand-in of fields (``gibbs.model.fields``), solved for.

    ω_i = E −l''(η_i),     b_i = ω_i m_i + E l'(η_i),     η_i ~ N(m_i, v_i),

m and v the mean and the variances of η under the stand-in (ω, b) itself, at the variances L of warm-up so far: the normal that is nearest
to the posterior given L (Opper & Archambeau 2009, Neural Computation 21, §3). Averages over warm-up's draws, which other models take, err
in every level; with thousands of levels in one piece the errors add up to a poor stand-in. v is that of draws of the stand-in about m;
averages are by Gauss–Hermite quadrature. Several units are drawn, and their mean is found, each given the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.kernels import second_order as k2
from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.gaussian import rhs_between_units
from gibbs.kernels.location import copy_core_factors, place_core, place_unit
from gibbs.kernels.statistics import linear_predictor

ROUNDS, NEWTON = 3, 3
"""How often v is found anew, and m for each."""
DRAWS = 100
"""Draws of the stand-in that v is the variance of."""
POINTS = 7
"""Points of each average."""
LEAST = 1e-6
"""Variance that a row has at least."""


def solve(chain: Any, L: np.ndarray) -> None:
    """Replace (ω, b), and the mean and cross-products that go with them; as they were where averages are no numbers.

    chain : ``gibbs.sampling.second_order.SecondOrderChain``. L : as ``State.L``.
    """
    p = chain.packed
    coefficient_precision(p.priors.row, chain.state.row_scale, chain.work.B)
    mean, drawn, eta = _Location(chain, L), _Location(chain, L), np.zeros_like(chain.centre)
    before = chain.omega.copy(), chain.linear.copy(), chain.centre.copy()
    mean.move(0.0)
    for _ in range(ROUNDS):
        mean.copy_to(drawn)
        squares = np.zeros_like(eta)
        for k in range(DRAWS):
            drawn.move(1.0, again=k == 0)
            squares += (drawn.predictor(eta) - mean.predictor(chain.centre)) ** 2
        spread = np.sqrt(np.maximum(squares / DRAWS, LEAST))
        for _ in range(NEWTON):
            average = _averages(chain, mean.predictor(chain.centre), spread)
            if not np.all(np.isfinite(average)):
                chain.omega[:], chain.linear[:], chain.centre[:] = before
                chain.derive()
                return
            chain.omega[:] = np.maximum(average[2], 1e-10)
            chain.linear[:] = chain.omega * chain.centre + average[1]
            chain.derive()
            mean.move(0.0)
    mean.predictor(chain.centre)


def _averages(chain: Any, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(3, M) averages of η, l' and −l'' over N(centre, spread²) of every row."""
    r, found = chain.packed.rows, np.zeros((3, centre.size))
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        sums = np.zeros((3, centre.size))
        kd.add_derivatives(chain.packed.likelihood, r.y, r.weight, centre + node * spread, chain.shape(), chain.first, sums)
        found += weight * sums
    return found


class _Location:
    """Coefficients and effects under a chain's stand-in at the variances L."""

    def __init__(self, chain: Any, L: np.ndarray) -> None:
        m, units = chain.moves, chain.layout.units
        self.chain, self.L = chain, L
        self.core, self.u = np.zeros_like(chain.state.core), np.zeros_like(chain.state.u)
        self.none = kl.Coordinates(m.place[0, :0], m.fit[0, :0], m.root[0, :0], m.widening[0, :0])
        self.units = [chain.layout._replace(units=units[k : k + 1]) for k in range(len(units))]

    def copy_to(self, other: _Location) -> None:
        other.core[:], other.u[:] = self.core, self.u

    def move(self, sigma: float, *, again: bool = True) -> None:
        """Core and effects ← their mean given the other units' plus ``sigma`` times noise, unit by unit.

        again: whether a single unit is to be eliminated, which stands in ``Work`` where this was done last.
        """
        chain, several = self.chain, len(self.units) > 1
        for k, layout in enumerate(self.units):
            if several:
                rhs_between_units(chain.layout, chain.gram, self.u, k, chain.work)
            gram = chain.gram._replace(h=chain.work.rhs, m=chain.work.rhs_core) if several else chain.gram
            if several or again:
                k2.log_stand_in(self.none, chain.packed.priors, layout, gram, chain.work, self.L)
            self.core[:] = sigma * chain.rng.standard_normal(self.core.size) if sigma else 0.0
            for f in (f for f in layout.units[0] if f >= 0):
                of = layout.factor[f]
                size = int(of.levels * of.width)
                self.u[of.u0 : of.u0 + size] = sigma * chain.rng.standard_normal(size) if sigma else 0.0
            place_core(layout, chain.work, self.core)
            place_unit(layout, 0, layout.units.shape[1] - 1, chain.work, self.core, self.u)
        copy_core_factors(chain.layout, self.core, self.u)

    def predictor(self, eta: np.ndarray) -> np.ndarray:
        """eta ← η of every row; returned."""
        linear_predictor(self.chain.packed.rows, self.chain.layout, self.core, self.u, eta)
        return eta
