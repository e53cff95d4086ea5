"""Every family, structure, prior and scheme leaves the law of (parameters, data) as it was: a slice always, the whole grid on demand.

``pytest -m calibration tests/sampling`` runs the grid. Thresholds are such that an exact sampler fails a suite with probability
below 1e-4 (Bonferroni over all statistics of all cases); seeds are fixed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model import families
from gibbs.model.prior_words import NU_KINDS, SD_KINDS
from gibbs.sampling import pack, plan
from tests import oracles
from tests.sampling import quantities
from tests.sampling.cases import FAMILIES, SCHEMES, SEVERAL, STRUCTURES, Case, design_of, plan_of
from tests.sampling.invariance import Engine, draw_data, examine
from tests.thin import some

SUITE = 1e-4
"""Probability that an exact sampler fails a suite."""

COVARIANCES = ("lkj", "inverse_wishart", "huang_wand")
COEFFICIENTS = ("normal", "student_t", "cauchy")

FAST = (
    Case("gaussian", "one_factor", "joint", True, sd_prior="half_cauchy", intercept_prior="b[Intercept]"),
    Case("gaussian", "slopes", "joint", False, coefficient_prior="student_t", offset=True, far=3.0),
    Case("gaussian", "nested", "joint", True, sd_prior="exponential", sigma_prior="inverse_gamma"),
    Case("gaussian", "crossed", "collapsed", sd_prior="half_normal"),
    Case("gaussian", "slopes", "joint", True, sd_prior="lognormal", sigma_prior="gamma"),
    Case("probit", "nested", "joint", False, sd_prior="gamma"),
    Case("gaussian", "three_crossed", "core", True, sigma_prior="uniform"),
    Case("gaussian", "crossed_slopes", "one-at-a-time", covariance_prior="inverse_wishart", coefficient_prior="cauchy"),
    Case("known_se", "slopes", "joint", True, covariance_prior="huang_wand"),
    Case("student", "slopes", "joint", True, covariance_prior="inverse_wishart", nu_prior="uniform"),
    Case("student", "crossed", "collapsed", nu_prior="gamma", offset=True),
    Case("probit", "one_factor", "joint", False, sd_prior="uniform", centred=True),
    Case("probit", "crossed_slopes", "collapsed", offset=True),
    Case("probit", "repeated", "joint", True, centred=True, rows=40),
    Case("logit", "nested", "joint", True, sd_prior="inverse_gamma", intercept_prior="b[Intercept]"),
    Case("logit", "crossed", "one-at-a-time", offset=True, coefficient_prior="cauchy"),
    Case("logit", "repeated", "joint", False, rows=40),
    Case("gaussian", "crossed_slopes", "joint", sd_prior="half_cauchy", rounds=1),
    Case("gaussian", "slopes", "joint", rows=40, levels=14, offset=True, rounds=1),
    Case("gaussian", "three_slopes", "joint", sd_prior="exponential", far=3.0, rounds=2),
    Case("gaussian", "crossed_slopes", "collapsed", covariance_prior="huang_wand", rounds=1),
    Case("known_se", "nested_slopes", "joint", covariance_prior="inverse_wishart", coefficient_prior="cauchy", rounds=1),
    Case("student", "three_crossed", "core", sd_prior="uniform", rounds=1),
    Case("probit", "slopes", "joint", sd_prior="half_normal", centred=True, rounds=1),
    Case("logit", "nested_crossed", "joint", sd_prior="inverse_gamma", intercept_prior="b[Intercept]", rounds=1),
)


def grid() -> list[Case]:
    """Every family × structure × scheme × move that is a path of its own, priors dealt out evenly within a family."""
    cases = []
    for number, family in enumerate(FAMILIES):
        cells = []
        for structure in STRUCTURES:
            for scheme in SCHEMES:
                if scheme == "collapsed" and structure not in SEVERAL:
                    continue  # the same as joint
                if scheme == "core" and structure not in ("nested_crossed", "three_crossed"):
                    continue
                collapses = scheme in ("joint", "core")  # only where a variance is drawn with the location out are there two moves
                cells += [(structure, scheme, move) for move in ((False, True) if collapses else (False,))]
        rng, n = np.random.default_rng(20 + number), len(cells)

        def deal(kinds, n, rng=rng):
            return rng.permutation(np.resize(np.array(kinds), n)).tolist()

        dealt = zip(
            cells,
            deal(SD_KINDS, n),
            deal(SD_KINDS, n),
            deal(NU_KINDS, n),
            deal(COVARIANCES, n),
            deal(COEFFICIENTS, n),
            deal(("intercept", "b[Intercept]"), n),
            deal((False, False, True), n),
            deal((True, False), n),
            deal((0.0, 0.0, 3.0), n),
            strict=True,
        )
        for (structure, scheme, move), sd, sigma, nu, covariance, coefficient, intercept, offset, centred, far in dealt:
            repeated = structure == "repeated"
            case = Case(family, structure, scheme, move, sd, sigma, nu, covariance, coefficient, intercept)
            haar = family == "probit" and centred
            further = dict(offset=offset and not repeated and not haar, centred=haar, far=0.0 if repeated else far)
            case = replace(case, **further, rows=40 if repeated else 20)
            correlated = "slopes" in structure and covariance == "lkj"  # a fixed sd is refused there
            if sd == "fixed" and (correlated or (scheme == "core" and move)):
                case = replace(case, sd_prior="half_t")
            cases.append(case)
    return cases


def grid_by_rows() -> list[Case]:
    """Moves by rows of every family and structure, together and unit by unit; priors dealt out evenly within a family."""
    cases = []
    for number, family in enumerate(FAMILIES):
        cells = [(structure, "joint") for structure in STRUCTURES if structure != "no_coefficient" or family != "student"]
        cells += [(structure, "collapsed") for structure in SEVERAL] + [("three_crossed", "core")]
        rng, n = np.random.default_rng(60 + number), len(cells)
        kinds = [kind for kind in SD_KINDS if kind != "fixed"]
        dealt = [rng.permutation(np.resize(np.array(words), n)).tolist() for words in (kinds, COVARIANCES, COEFFICIENTS, (1, 2))]
        dealt = zip(cells, *dealt, strict=True)
        for (structure, scheme), sd, covariance, coefficient, rounds in dealt:
            case = Case(family, structure, scheme, sd_prior=sd, covariance_prior=covariance, coefficient_prior=coefficient, rounds=rounds)
            many = structure == "slopes"  # enough levels for an inverse Wishart to propose
            cases.append(replace(case, rows=40 if structure == "repeated" or many else 20, levels=14 if many else 4))
    return cases


GRID = grid()
BY_ROWS = grid_by_rows()
LARGE_CORE = Case("gaussian", "crossed", "joint", True, rows=160, levels=70)  # 71 columns: factored by LAPACK


def assert_invariant(case: Case, suite: tuple[Case, ...] | list[Case], **how) -> None:
    verdict = examine(case, **how)
    name, p = verdict.worst()
    assert p * len(suite) > SUITE, f"{case}: {name}\n{verdict.report()}"
    assert verdict.likelihood_error < 1e-6


@pytest.mark.parametrize("case", some(FAST, 2), ids=str)
def test_sweeps_leave_the_joint_law_alone(case: Case):
    assert_invariant(case, FAST, replicates=600, seed=101)


@pytest.mark.parametrize("case", [FAST[1], replace(FAST[0], elliptical=False), replace(FAST[7], elliptical=False)], ids=str)
def test_packing_every_data_set_anew_is_invariant_too(case: Case):
    """Here the reference fit, the shift of priors by it and the shift back are part of what is tested."""
    assert_invariant(case, FAST, replicates=300, seed=102, repack=True)


@pytest.mark.calibration
@pytest.mark.parametrize("number", range(len(GRID)), ids=lambda n: f"{n}-{GRID[n]}")
def test_the_whole_grid_is_invariant(number: int):
    assert_invariant(GRID[number], GRID, replicates=2500, seed=1000 + number)


@pytest.mark.calibration
@pytest.mark.parametrize("number", range(len(BY_ROWS)), ids=lambda n: f"{n}-{BY_ROWS[n]}")
def test_moves_by_rows_are_invariant(number: int):
    assert_invariant(BY_ROWS[number], BY_ROWS, replicates=2500, seed=3000 + number)


@pytest.mark.calibration
def test_a_core_large_enough_for_lapack_is_invariant():
    assert_invariant(LARGE_CORE, [LARGE_CORE], replicates=1500, sweeps=3, seed=103)


def test_the_grid_has_every_family_prior_and_scheme():
    """A new family, prior or scheme that is not in the grid fails here."""
    augmented = {f.name for f in families.FAMILIES.values() if f.augmented and f.outcome != families.TRIALS}
    assert {"gaussian" if c.family == "known_se" else c.family for c in GRID} == augmented
    assert {c.scheme for c in GRID} - {"core"} == set(plan.SCHEMES) - {"auto", "augmented", "second-order"}  # those: test_second_order.py
    for family in FAMILIES:
        mine = [c for c in GRID if c.family == family]
        assert {c.sd_prior for c in mine} == set(SD_KINDS) == set(oracles.SD_PRIORS)
        assert {c.covariance_prior for c in mine} == set(COVARIANCES)
        assert {c.coefficient_prior for c in mine} == set(COEFFICIENTS)
        assert {c.intercept_prior for c in mine} == {"intercept", "b[Intercept]"}
        assert {(c.structure, c.scheme) for c in mine} >= {(s, "joint") for s in STRUCTURES} | {(s, "collapsed") for s in SEVERAL}
    assert {c.sigma_prior for c in GRID if c.family == "gaussian"} == set(SD_KINDS)
    assert {c.nu_prior for c in GRID if c.family == "student"} == set(NU_KINDS)


@pytest.mark.parametrize("case", FAST, ids=str)
def test_the_harness_puts_the_engine_where_it_says(case: Case):
    """θ₀ read back from the state is θ₀; the log-likelihood on many points is the oracle's on each; no sweep, no change."""
    rng = np.random.default_rng(5)
    design = design_of(case, rng)
    engine = Engine(design, plan_of(case, design), elliptical=case.elliptical, seed=1)
    for _ in range(5):
        values, y = draw_data(design, rng)
        engine.place(values, y)
        state, packed = engine.chain.state, engine.packed
        p = packed.reference.size
        np.testing.assert_allclose(packed.coefficients(state.core[:p]), values["beta"], rtol=1e-9, atol=1e-9)
        kept = {"beta": packed.coefficients(state.core[:p])[None], "u": state.u[None], "L": state.L[None]}
        kept["scale"] = np.array([[state.sigma[0], state.nu[0]]])
        point = engine.points(kept, y[None])
        for found, truth in zip(point.u, values["u"], strict=True):
            np.testing.assert_allclose(found[0], truth)
        for found, truth in zip(point.covariances, [c for blocks in values["covariances"] for c in blocks], strict=True):
            np.testing.assert_allclose(found[0], truth)
        wanted = quantities.oracle_log_likelihood(design, values, y)
        assert quantities.log_likelihood(design, point)[0] == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("case", [c for c in FAST if c.family in ("gaussian", "known_se", "student")], ids=str)
def test_refilling_in_place_is_packing(case: Case):
    """The statistics refilled about a reference fit of 0 are those of pack, whose reference is least squares: W'Ω(y − Xr)."""
    rng = np.random.default_rng(6)
    design = design_of(case, rng)
    decided = plan_of(case, design)
    engine = Engine(design, decided, elliptical=False, seed=1)
    values, y = draw_data(design, rng)
    engine.place(values, y)
    anew = pack.pack(replace(design, y=y), decided)
    p = anew.reference.size
    fitted = anew.rows.X @ anew.reference
    if design.family == "student":
        np.testing.assert_allclose(engine.packed.rows.y, anew.rows.y + fitted, atol=1e-10)
        return
    gram = np.tril(anew.gram.core) + np.tril(anew.gram.core, -1).T
    np.testing.assert_allclose(engine.packed.gram.m, anew.gram.m + gram[:, :p] @ anew.reference, atol=1e-9)
    refilled = engine.packed.yy - 2.0 * engine.packed.gram.m[:p] @ anew.reference + anew.reference @ gram[:p, :p] @ anew.reference
    assert refilled == pytest.approx(anew.yy, rel=1e-9)
