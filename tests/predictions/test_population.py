"""Random effects integrated out: closed forms and quadrature against adaptive integration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special

from gibbs.posterior.family import inverse_link
from gibbs.predictions.population import expected, nodes

INVERSE = {
    "logit": special.expit,
    "cloglog": lambda x: -np.expm1(-np.exp(x)),
    "probit": special.ndtr,
    "log": np.exp,
    "identity": lambda x: x,
}
FAMILIES = {"logit": "logit", "cloglog": "binomial", "probit": "probit", "log": "poisson", "identity": "gaussian"}


def integral(inverse, eta: float, sd: float) -> float:  # type: ignore[no-untyped-def]
    """∫ F(η + sd z) φ(z) dz by QUADPACK, cut where φ(z) e^{sd z} or F turns."""
    ends = np.unique([-12.0, -4.0, 0.0, sd, sd + 4.0, sd + 12.0, np.clip(-eta / sd, -11.9, sd + 11.9)])

    def integrand(z: float) -> float:
        return inverse(eta + sd * z) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)

    return sum(integrate.quad(integrand, a, b, epsabs=1e-18, epsrel=1e-11, limit=200)[0] for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize("link", list(INVERSE))
@pytest.mark.parametrize("sd", [0.01, 0.5, 1.9, 2.1, 6.0])
def test_every_link_beside_the_integral(link: str, sd: float) -> None:
    etas = [-9.0, -2.0, 0.0, 0.7, 4.0]
    found = expected(FAMILIES[link], np.array([etas]), np.full((1, len(etas)), sd * sd), link=link)[0]
    for eta, value in zip(etas, found, strict=True):
        exact = integral(INVERSE[link], eta, sd)
        assert value == pytest.approx(exact, rel=1e-8, abs=1e-12), (eta, sd)


def test_rare_events_keep_their_digits() -> None:
    """E(y) of about 1e-8 where e^{η + v/2} is all there is."""
    for link in ("logit", "cloglog"):
        found = expected(FAMILIES[link], np.array([[-20.0]]), np.array([[1.0]]), link=link)[0, 0]
        assert found == pytest.approx(integral(INVERSE[link], -20.0, 1.0), rel=1e-9)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("sd", [0.0, 0.8, 3.0])
def test_ordinal_probabilities_are_differences_of_averaged_ones(link: str, sd: float) -> None:
    """Pr(y ≤ k) = E F(c_k − η − sd z): each category by itself; rows with their own v beside each other."""
    cut = np.array([[-1.0, 0.2, 1.5], [-0.3, 0.1, 4.0]])
    eta = np.array([[0.4, -1.0], [2.0, 0.0]])
    variance = np.array([[sd * sd, 0.5], [sd * sd, 9.0]])
    found = expected("ordinal", eta, variance, link=link, cutpoints=cut)
    assert found.shape == (2, 2, 4)
    np.testing.assert_allclose(found.sum(axis=2), 1.0, atol=1e-11)
    for s in range(2):
        for i in range(2):
            sd_here = float(np.sqrt(variance[s, i]))
            at = [c - eta[s, i] for c in cut[s]]
            below = [integral(INVERSE[link], float(a), sd_here) if sd_here else float(INVERSE[link](a)) for a in at]
            np.testing.assert_allclose(found[s, i], np.diff([0.0, *below, 1.0]), atol=1e-10)


def test_without_a_variance_it_is_the_inverse_link() -> None:
    eta = np.linspace(-3, 3, 7)[None]
    np.testing.assert_array_equal(expected("logit", eta), inverse_link("logit", eta))
    np.testing.assert_allclose(expected("logit", eta, np.zeros_like(eta)), inverse_link("logit", eta), rtol=1e-15)


def test_the_number_of_nodes_stays_small() -> None:
    assert [len(nodes("logit", sd)[0]) for sd in (0.0, 0.3, 1.0, 2.0)] <= [1, 20, 40, 80]
    assert len(nodes("cloglog", 2.0)[0]) < 120
    huge = expected("logit", np.array([[3.0]]), np.array([[1e12]]))[0, 0]  # a wild draw: Φ(3/1e6)
    assert huge == pytest.approx(0.5 + 3e-6 / np.sqrt(2 * np.pi), abs=1e-11)
