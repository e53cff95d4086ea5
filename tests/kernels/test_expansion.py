"""Decisions that read a handful of rows: derivatives, bounds, the alias table, and the probability of a decision against its definition."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import mpmath
import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from gibbs.kernels import expansion as ke
from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.model import by_group
from gibbs.sampling import pack
from gibbs.sampling.chains import FactorisedChain
from gibbs.sampling.factorised import levels_of_core
from tests.sampling.cases import by_factors
from tests.sampling.models import fitted_design
from tests.sampling.structured_effects import structure_of

SUITE = 1e-4

LIKELIHOODS = {
    "logit": (kd.BINOMIAL_LOGIT, lambda y, n, x: y * x - n * mpmath.log1p(mpmath.exp(x))),
    "probit": (kd.BINOMIAL_PROBIT, lambda y, n, x: y * mpmath.log(mpmath.ncdf(x)) + (n - y) * mpmath.log(mpmath.ncdf(-x))),
    "poisson": (kd.COUNT_POISSON, lambda y, n, x: y * x - n * mpmath.exp(x)),
    "cloglog": (kd.BINOMIAL_CLOGLOG, lambda y, n, x: y * mpmath.log(-mpmath.expm1(-mpmath.exp(x))) - (n - y) * mpmath.exp(x)),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_three_derivatives_are_those_of_the_likelihood(name):
    """Against derivatives at 40 digits; in the tail of a normal x + r and (x + r)(x + 2r) − 1 cancel, and a factor of η² of the digits goes
    with every order. (What a decision needs is that rows and sums use the same numbers.)"""
    code, l = LIKELIHOODS[name]
    with mpmath.workdps(40):
        for eta in (-30.0, -9.0, -3.0, -0.4, 0.0, 0.7, 2.5, 8.0):
            if name in ("poisson", "cloglog") and eta > 5.0:
                continue
            for y, n in ((0.0, 1.0), (1.0, 1.0), (3.0, 7.0)):
                found = ke.three_derivatives(code, y, n, eta)
                for k in (1, 2, 3):
                    wanted = mpmath.diff(lambda x, y=y, n=n: l(y, n, x), eta, k)
                    assert abs(found[k - 1] - wanted) <= 1e-13 * (1.0 + eta**2) ** k * (abs(wanted) + 1e-3), (eta, y, n, k)


def test_other_likelihoods_have_no_expansion():
    assert all(math.isnan(v) for v in ke.three_derivatives(kd.COUNT_NEGATIVE_BINOMIAL, 1.0, 1.0, 0.3))
    assert math.isnan(ke.steepness(kd.ORDINAL_LOGIT, 3, 1.0, 1.0, 0.3, 1.0))
    assert math.isnan(ke.steepness(kd.BINOMIAL_LOGIT, 4, 1.0, 1.0, 0.3, 1.0))


def test_a_complementary_log_log_far_out():
    """Where e^η overflows a 1 has no slope left, and a 0 has that of −e^η; where e^η is below the smallest number, a 1 has slope 1."""
    assert ke.three_derivatives(kd.BINOMIAL_CLOGLOG, 1.0, 1.0, 800.0) == (0.0, 0.0, 0.0)
    assert ke.three_derivatives(kd.BINOMIAL_CLOGLOG, 1.0, 1.0, -800.0) == (1.0, 0.0, 0.0)
    assert ke.three_derivatives(kd.BINOMIAL_CLOGLOG, 0.0, 1.0, 20.0) == (-math.exp(20.0),) * 3
    assert kd.derivatives(kd.BINOMIAL_CLOGLOG, 1.0, 1.0, 800.0, 1.0, np.zeros(0)) == (0.0, 0.0)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("order", [2, 3])
def test_bounds_of_derivatives_hold_and_are_no_larger_than_they_need_be(name, order):
    """At 30 digits, on a grid and a finer one: never exceeded, and reached to 10⁻⁵ (of a count at the end of its ball)."""
    code, l = LIKELIHOODS[name]
    ends = (-8.0, 8.0) if name != "poisson" else (-1.2, 0.4)
    with mpmath.workdps(30):

        def size(x: float) -> float:
            return float(abs(mpmath.diff(lambda z: l(1.0, 1.0, z), x, order + 1)))

        coarse = np.linspace(*ends, 401)
        best = coarse[np.argmax([size(x) for x in coarse])]
        largest = max(size(x) for x in np.clip(best + np.linspace(-0.05, 0.05, 201), *ends))
    bound = ke.steepness(code, order, 1.0, 1.0, sum(ends) / 2, (ends[1] - ends[0]) / 2)
    assert (1.0 - 1e-5) * bound <= largest <= bound * (1.0 + 1e-12)
    assert ke.steepness(code, order, 5.0, 5.0, 0.0, 1.0) == pytest.approx(5.0 * ke.steepness(code, order, 1.0, 1.0, 0.0, 1.0))


@pytest.mark.parametrize("order", [2, 3])
def test_the_bound_of_several_trials_is_above_the_derivative_everywhere_in_its_ball(order):
    """3 of 7, complementary log-log: the sum of what ones and zeros have; a ball about −0.3."""
    code, l = LIKELIHOODS["cloglog"]
    bound = ke.steepness(code, order, 3.0, 7.0, -0.3, 0.9)
    with mpmath.workdps(30):
        sizes = [float(abs(mpmath.diff(lambda z: l(3.0, 7.0, z), x, order + 1))) for x in np.linspace(-1.2, 0.6, 61)]
    assert 0.5 * bound < max(sizes) < bound
    assert not ke.bounded_everywhere(code) and ke.steepness(code, order, 3.0, 7.0, -0.3, np.inf) == np.inf


@pytest.mark.parametrize(
    "weight", [np.ones(7), np.array([0.0, 3.0, 1e-9, 5.0, 2.0]), np.random.default_rng(3).pareto(1.0, 1000), np.zeros(4)]
)
def test_the_alias_table_has_the_probabilities_of_the_weights(weight):
    n = weight.size
    threshold, alias = np.empty(n), np.empty(n, dtype=np.int32)
    ke.alias_table(weight, threshold, alias, np.empty(n, dtype=np.int32))
    share = threshold / n + np.bincount(alias, weights=(1.0 - threshold) / n, minlength=n)
    assert np.all((threshold >= 0.0) & (threshold <= 1.0 + 1e-12))
    if weight.any():
        assert np.allclose(share, weight / weight.sum(), rtol=0, atol=1e-13)


def test_cubic_coefficients_are_the_orders_of_their_indices():
    """Σ l'''(w'd)³/6 of one row, written out."""
    w, d = np.array([0.7, -1.3, 0.4]), np.array([0.2, 0.5, -0.9])
    cubic = np.array([w[a] * w[b] * w[k] for a in range(3) for b in range(a + 1) for k in range(b + 1)])
    ke.finish_cubic(3, cubic)
    assert ke.cubic_part(cubic, d) == pytest.approx((w @ d) ** 3 / 6.0, rel=1e-13)


@dataclass(frozen=True)
class Problem:
    """A chain whose expansion stands, its rows as a dense matrix, and two points."""

    chain: FactorisedChain
    W: np.ndarray
    now: np.ndarray
    new: np.ndarray

    @property
    def model(self) -> kl.Model:
        return kl.Model(self.chain.packed.layout, self.chain.gram, self.chain.packed.priors, self.chain._data())

    def log_likelihood(self, core: np.ndarray) -> np.ndarray:
        """l_i, of every row."""
        rows = self.chain.packed.rows
        eta = rows.offset + self.W @ core
        code, none = self.chain.packed.likelihood, np.zeros(0)
        return np.array([kd.log_likelihood(code, y, n, e, 1.0, none) for y, n, e in zip(rows.y, rows.weight, eta, strict=True)])

    def remainders(self, core: np.ndarray) -> np.ndarray:
        """l_i less its Taylor polynomial without the constant, of every row, by definition."""
        chain, rows = self.chain, self.chain.packed.rows
        at, d = rows.offset + self.W @ chain.expansion.centre, self.W @ (core - chain.expansion.centre)
        derivatives = [ke.three_derivatives(chain.packed.likelihood, y, n, c) for y, n, c in zip(rows.y, rows.weight, at, strict=True)]
        first, second, third = np.array(derivatives).T
        cubic = third * d**3 / 6.0 if chain.expansion.order == 3 else 0.0
        return self.log_likelihood(core) - first * d - 0.5 * second * d**2 - cubic


def problem(kind: str, family: str, order: int, *, rows: int = 40, far: float = 1.5, seed: int = 4) -> Problem:
    """Two draws of about the posterior, ``far`` times as far from the centre as it is wide."""
    named = {"link": "cloglog"} if family == "cloglog" else {}
    family = "binomial" if named else family
    design = by_group.arrange(fitted_design("slopes" if kind == "rw1" else kind, family, rows=rows, levels=4, seed=seed, **named))
    if kind == "rw1":
        walk = structure_of("rw1", len(design.factors[0].levels), np.random.default_rng(3))
        design = replace(design, factors=(replace(design.factors[0], structure=walk),))
    packed, rng = pack.pack(design, by_factors(design, order)), np.random.default_rng(seed)
    chain = FactorisedChain(0, np.random.SeedSequence(1), packed, design, 0)
    chain.order = order
    chain.derive()
    W = np.zeros((packed.rows.y.size, packed.core_columns))
    place, weight = np.zeros(W.shape[1] + 9, dtype=np.int64), np.zeros(W.shape[1] + 9)
    for i, row in enumerate(W):
        n = ke.weights_of_row(chain._data(), packed.rows.X, packed.layout, i, place, weight)
        row[place[:n]] = weight[:n]
    levels = levels_of_core(packed.layout, W.shape[1])
    W = W if levels is None else W @ levels
    step = np.linalg.inv(chain.expansion.root)
    now, new = (chain.expansion.centre + far * step @ rng.standard_normal(W.shape[1]) / 2.0 for _ in range(2))
    return Problem(chain, W, now, new)


CASES = [
    ("slopes", "logit", 3),
    ("rw1", "probit", 3),
    ("crossed", "probit", 2),
    ("crossed", "probit", 3),
    ("one_factor", "poisson", 3),
    ("slopes", "poisson", 2),
    ("crossed", "cloglog", 2),
    ("one_factor", "cloglog", 3),
]


@pytest.mark.parametrize(("kind", "family", "order"), CASES)
def test_polynomial_and_remainders_are_the_likelihood(kind, family, order):
    p = problem(kind, family, order)
    e = p.chain.expansion
    whole = ke.stand_in_rise(p.chain.gram, p.now, p.new) + cubic_rise(p)
    rest = p.remainders(p.new).sum() - p.remainders(p.now).sum()
    wanted = p.log_likelihood(p.new).sum() - p.log_likelihood(p.now).sum()
    assert whole + rest == pytest.approx(wanted, abs=1e-10)
    data = p.chain._data()
    assert ke.rise_of_rows(data, p.chain.packed.layout, e.X, p.now, p.new) == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize(("kind", "family", "order"), CASES)
def test_no_remainder_is_larger_than_its_bound(kind, family, order):
    """At 200 points from near to far, among them the worst direction of every row; l(c), a constant, is taken off."""
    p, rng = problem(kind, family, order), np.random.default_rng(8)
    e = p.chain.expansion
    inverse = np.linalg.inv(e.root.T @ e.root)
    constant, spare = p.remainders(e.centre), np.zeros(p.now.size)
    for k in range(200):
        direction = inverse @ p.W[k % len(p.W)] if k % 2 else np.linalg.solve(e.root, rng.standard_normal(p.now.size))
        core = e.centre + direction / np.linalg.norm(e.root @ direction) * rng.uniform(0.05, min(e.reach, 12.0)) * rng.choice((-1.0, 1.0))
        rho = ke.distance(e, core, spare)
        left = np.abs(p.remainders(core) - constant)
        assert np.all(left <= e.bound * rho ** (order + 1) + 1e-10), k


def cubic_rise(p: Problem) -> float:
    """The cubic part at the new point less that at the old one."""
    here, there = np.zeros(2), np.zeros(2)
    ke.look_at(p.chain.expansion, p.now, here)
    ke.look_at(p.chain.expansion, p.new, there)
    return there[1] - here[1]


def repeated(decide, expansion: kl.Expansion, times: int) -> list[int]:
    """What a decision ends with, so many times, each time as the first of a chunk."""
    found = []
    for _ in range(times):
        expansion.here[0] = np.nan
        found.append(decide())
    return found


def probability(p: Problem, rise: float) -> float:
    """min(1, e^(rise + cubic part)) Π min(1, e^(r' − r)), the definition."""
    rest = p.remainders(p.new) - p.remainders(p.now)
    rise += cubic_rise(p)
    return math.exp(min(rise, 0.0) + np.minimum(rest, 0.0).sum())


def share(p: Problem, rise: float, most: float, decide=ke.decide, times: int = 4000) -> tuple[float, np.recarray]:
    """How often ``new`` takes the place of ``now``."""
    rng, count = np.random.default_rng(5), kl.counts_of(1, 1).moves
    expansion = p.chain.expansion._replace(most=most)
    model = p.model
    found = repeated(lambda: decide(rng, rise, model, expansion, p.now, p.new, count), expansion, times)
    assert ke.BROKEN not in found
    return float(np.mean(np.array(found) == ke.ACCEPTED)), count


def hard(kind: str, family: str, order: int, rise: float = 0.0) -> Problem:
    """Two points so far out that the remainders have a say: the rows alone refuse between a fifth and four fifths of the times."""
    for seed in range(1, 200):
        p = problem(kind, family, order, far=2.0 if order == 2 else 3.5, seed=seed)
        refused = 1.0 - math.exp(np.minimum(p.remainders(p.new) - p.remainders(p.now), 0.0).sum())
        if 0.2 < refused < 0.8 and 0.1 < probability(p, rise) < 0.8:
            return p
    raise AssertionError("no such points")


DECISIONS = [(*c, rise) for c in CASES for rise in (0.3, -0.4)]
IN_TURN = [case for k, case in enumerate(DECISIONS) if k % 8 in (0, 3)]
"""Every second kind once, with either rise in turn."""


@pytest.mark.parametrize("case", [case if case in IN_TURN else pytest.param(case, marks=pytest.mark.slow) for case in DECISIONS])
def test_a_decision_has_the_probability_of_its_definition(case):
    p, times, rise = hard(*case), 4000, case[3]
    found, count = share(p, rise, np.inf)
    wanted = probability(p, rise)
    assert count[0].passes == 0 and count[0].rows_read > times
    assert abs(found - wanted) < ndtri(1.0 - SUITE / (4 * len(DECISIONS))) * math.sqrt(wanted * (1.0 - wanted) / times)


def test_a_decision_by_a_pass_has_the_probability_of_metropolis():
    p = problem("crossed", "probit", 3)
    found, count = share(p, 0.1, -1.0)
    rise = 0.1 - ke.stand_in_rise(p.chain.gram, p.now, p.new)
    wanted = math.exp(min(rise + p.log_likelihood(p.new).sum() - p.log_likelihood(p.now).sum(), 0.0))
    assert count[0].passes == 4000 and count[0].rows_read == 0
    assert stats.binomtest(round(4000 * found), 4000, wanted).pvalue > SUITE


def test_what_is_known_of_the_core_is_that_of_the_one_that_was_accepted():
    p, rng, count = problem("crossed", "probit", 3), np.random.default_rng(2), kl.counts_of(1, 1).moves
    expansion, model, wanted = p.chain.expansion, p.model, np.zeros(2)
    for most in (np.inf, -1.0):  # by rows, and by a pass
        for rise, at in ((50.0, p.new), (-1e9, p.now)):
            expansion.here[0] = np.nan
            decided = ke.decide(rng, rise, model, expansion._replace(most=most), p.now, p.new, count)
            ke.look_at(expansion, at, wanted)
            assert (decided == ke.ACCEPTED) == (at is p.new) and np.array_equal(expansion.here, wanted)


def test_in_warm_up_the_quadratic_alone_decides():
    p = problem("crossed", "probit", 3)
    p.chain.expansion = p.chain.expansion._replace(order=0)
    found, count = share(p, -0.7, np.inf)
    wanted = math.exp(-0.7)
    assert count[0].rows_read == count[0].passes == 0
    assert stats.binomtest(round(4000 * found), 4000, wanted).pvalue > SUITE


def one_row(bound: float) -> Problem:
    """One row of 1,000 trials and one coefficient at η = 0, where |l''''| of the logit is largest: the remainder reaches its bound."""
    design = by_group.arrange(fitted_design("none", "logit", rows=8))
    packed = pack.pack(design, by_factors(design, 3))
    rows, one = packed.rows, slice(0, 1)
    rows = rows._replace(**{name: np.ascontiguousarray(getattr(rows, name)[one]) for name in rows._fields})
    rows.X[:], rows.y[:], rows.weight[:], rows.offset[:] = np.eye(1, rows.X.shape[1]), 500.0, 1000.0, 0.0
    chain = FactorisedChain(0, np.random.SeedSequence(1), replace(packed, rows=rows), design, 0)
    chain.expansion.centre[:] = 0.0
    chain.order = 3
    chain.derive()
    chain.expansion.bound[:] *= bound
    chain.expansion = chain.expansion._replace(total=bound * chain.expansion.total)
    now = np.zeros(rows.X.shape[1])
    now[0] = 0.2
    return Problem(chain, rows.X, now, np.zeros_like(now))


@pytest.mark.parametrize(("bound", "broken"), [(1.0, False), (0.8, True)])
def test_a_bound_too_small_by_a_fifth_is_broken_and_told(bound, broken):
    p, rng, count = one_row(bound), np.random.default_rng(6), kl.counts_of(1, 1).moves
    expansion, model = p.chain.expansion._replace(most=np.inf), p.model
    found = repeated(lambda: ke.decide(rng, 5.0, model, expansion, p.now, p.new, count), expansion, 20_000)
    assert (ke.BROKEN in found) == broken and count[0].rows_read > 10
