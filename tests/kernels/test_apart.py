"""Calls by address: the same result as a direct call, errors go on to the caller, and a signature that is not the kernel's is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gibbs.kernels.apart import Apart
from gibbs.kernels.layout import Coordinates
from gibbs.kernels.second_order import log_stand_in
from numba import njit, types
from numba.core.errors import TypingError

from gibbs.kernels import designed, elimination, field_degrees, fields, hyper, side_by_side, structured
from gibbs.kernels import layout as kl
from gibbs.sampling import pack
from tests.sampling.structured_effects import changed

from .bench import Bench, log_jacobian_at, make_design, plan_of

OWN = (
    elimination.ELIMINATE_FACTOR,
    side_by_side.SIDE_BY_SIDE,
    structured.TURN_CORE,
    structured.TURN_RHS,
    structured.EFFECTS_OF_COORDINATES,
    designed.ADD_ROW_OF_DESIGNED,
    *field_degrees.APART,
)


@njit
def weighted(sigma, u):
    """Two numbers; raises below zero."""
    if sigma < 0.0:
        raise ValueError("sigma below zero")
    return sigma * u[0], u.size > 1


WEIGHTED = Apart(weighted, types.Tuple((types.float64, types.boolean)))
weighted_at = WEIGHTED.call


@njit
def caller(at, sigma, u):
    """Through the address, several times."""
    total = 0.0
    for _ in range(3):
        value, long = weighted_at(at, (sigma, u))
        total += value if long else 0.0
    return total


def test_a_call_by_address_is_the_call():
    u = np.array([1.25, 7.0])
    caller.compile((types.int64, types.float64, types.float64[::1]))
    assert not weighted.overloads  # the caller is compiled before it
    assert caller(WEIGHTED.address(), 2.0, u) == 3 * 2.0 * 1.25
    assert caller(WEIGHTED.address(), 2, u) == 3 * 2.0 * 1.25  # a whole number is made what the signature says
    assert caller(WEIGHTED.address(), 2.0, u[:1]) == 0.0
    assert len(weighted.overloads) == 1 and WEIGHTED.address() == WEIGHTED.address() != 0


def test_an_error_goes_on_to_the_caller():
    with pytest.raises(ValueError, match="below zero"):
        caller(WEIGHTED.address(), -1.0, np.ones(2))


def test_a_kernel_that_was_not_compiled_is_an_error():
    """Not the end of the process."""
    with pytest.raises(RuntimeError, match="a kernel that this model was not made with"):
        caller(0, 2.0, np.ones(2))


def test_a_layout_has_the_addresses_of_what_it_needs():
    places = {name: place for name, place in vars(kl).items() if name.startswith("AT_")}
    assert sorted(places.values()) == list(range(kl.OF_LAYOUTS))
    kernels = dict(zip(sorted(places, key=places.__getitem__), (*fields.APART, *OWN), strict=True))

    def check(kind: str, structure: str, *wanted: str) -> None:
        design = changed(make_design(kind), (structure,), np.random.default_rng(1)) if structure else make_design(kind)
        at = pack.pack(design, plan_of(design, "joint")).layout.at
        assert {name: at[place] for name, place in places.items() if at[place]} == {name: kernels[name].address() for name in wanted}

    for kind in ("none", "one_factor", "slopes"):
        check(kind, "")
    check("nested", "", "AT_FACTOR")
    of_fields = ("AT_ELIMINATE", "AT_PLACE", "AT_WHITEN", "AT_COMPLETE", "AT_DIFFERENCES")
    check("one_factor", "icar*", *of_fields)
    check("one_factor", "ar1*", *of_fields, "AT_PLACE_DEGREE", "AT_DEGREE", "AT_PRODUCTS")
    check("one_factor", "icar", "AT_TURN_CORE", "AT_TURN_RHS", "AT_COORDINATES", "AT_DESIGNED")
    check("crossed_wide", "", "AT_FACTOR", "AT_SIDE_BY_SIDE")


def test_a_signature_that_is_not_the_kernels_is_refused():
    with pytest.raises(TypeError, match="weighted returns Tuple"):
        Apart(weighted, types.float64).address()
    with pytest.raises(KeyError):
        Apart(njit(lambda nowhere: nowhere))

    @njit
    def one_too_few(at, sigma):
        return weighted_at(at, (sigma,))

    with pytest.raises(TypingError, match="1 arguments"):
        one_too_few(WEIGHTED.address(), 1.0)

    @njit
    def passed_on(at, sigma, u):
        return weighted_at(at, (sigma, u))

    for wrong in (np.ones(6)[::2], np.ones(6, dtype=np.float32)):  # what the kernel was not compiled for
        with pytest.raises(TypingError, match="has array"):
            passed_on(WEIGHTED.address(), 1.0, wrong)


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
