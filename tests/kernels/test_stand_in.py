"""The normal stand-in of second-order sweeps, with all effects integrated out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gibbs.kernels.layout import Coordinates
from gibbs.kernels.second_order import log_stand_in

from gibbs.kernels import hyper

from .bench import Bench, log_jacobian_at, make_design


@pytest.mark.parametrize("kind", ["one_factor", "slopes", "nested_mixed"])
def test_the_stand_in_of_the_second_order_sweep_is_the_marginal_density(kind):
    """At coordinates, and at L as it is: then without their Jacobian and the prior of σ."""
    b = Bench(make_design(kind, known_se=True), "joint")
    p, s, c = b.packed, b.state, b.coordinates
    x = np.array([0.3, -0.4, 0.2, 0.1, -0.2, 0.05, 0.4, -0.1, 0.2])[: c.place.shape[0]]
    assert len(x) == c.place.shape[0]
    whole = b.target()
    wanted, sigma, _ = hyper.log_hyper(c, x, p.priors, b.layout, b.gram, whole, b.work, s.L, 1.0)
    assert sigma == 1.0
    constant = -0.5 * (whole.yy + whole.prior_quadratic)  # a stand-in knows neither ỹ'Ωỹ nor b₀'B₀⁻¹b₀

    def stand_in(coordinates: Coordinates) -> float:
        return log_stand_in(coordinates, p.priors, b.layout, b.gram, b.work, s.L)

    assert math.isclose(stand_in(c), wanted - constant, rel_tol=1e-12)
    jacobian = log_jacobian_at(c.place, c.fit, s.L, 1.0)
    assert math.isclose(stand_in(Coordinates(*(array[:0] for array in c))), wanted - constant - jacobian, rel_tol=1e-9)
