"""Small models for the invariance tests: family, structure, priors and scheme by name → Design and Plan.

Structures are those of ``tests.oracles.KINDS`` and, built here from them, the shapes that take further code paths of the engine:
three columns a level, slopes at two nested levels, no coefficient at all, a core factor beside several units, rows that repeat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.sampling import plan as plans
from gibbs.sampling.plan import Plan
from tests import oracles

FAMILIES = ("gaussian", "known_se", "student", "probit", "logit")
STRUCTURES = (*oracles.KINDS, "three_slopes", "nested_slopes", "no_coefficient", "three_crossed", "repeated")
"""Further structures: (1 + x + x1 | g); (1 + x | a/b); y ~ 0 + (1|g); (1|g) + (1|h) + (1|k); one factor, one 0/1 predictor."""
SCHEMES = ("joint", "collapsed", "one-at-a-time", "core")
"""``core``: several units drawn in turn beside a factor in the core, what ``auto`` chooses for large crossed designs; ``second-order in
turn``: second-order moves of several units."""
SEVERAL = ("crossed", "crossed_slopes", "nested_crossed", "three_crossed")
"""Structures that have more than one unit, so that ``collapsed`` is not ``joint`` by another name."""


@dataclass(frozen=True)
class Case:
    """One cell of the grid. ``elliptical``: variances by the frozen elliptical move, else by slices (as in early warm-up)."""

    family: str = "gaussian"
    structure: str = "one_factor"
    scheme: str = "joint"
    elliptical: bool = False
    sd_prior: str | Prior = "half_t"
    sigma_prior: str | Prior = "half_t"
    nu_prior: str | Prior = "gamma"
    covariance_prior: str = "lkj"
    coefficient_prior: str = "normal"
    intercept_prior: str = "intercept"
    centred: bool = False  # prior means of 0 and no offset: what the Haar move of a probit model needs
    offset: bool = False
    link: str = ""
    far: float = 0.0  # added to every predictor: with a mean far from zero the coefficients as written are not those of centred ones
    rows: int = 20
    levels: int = 4
    rounds: int = 0  # of moves by rows

    def __str__(self) -> str:
        move = "by rows" if self.rounds else "elliptical" if self.elliptical else "slices"
        priors = [str(self.sd_prior), self.coefficient_prior, self.intercept_prior, self.covariance_prior]
        further = [w for w, on in (("centred", self.centred), ("offset", self.offset)) if on]
        return "-".join([self.family + self.link, self.structure, self.scheme, move, *priors, *further])


def design_of(case: Case, rng: np.random.Generator) -> Design:
    """The Design of a case; its y is a placeholder."""
    further = {
        "three_slopes": "one_factor",
        "nested_slopes": "nested",
        "no_coefficient": "one_factor",
        "three_crossed": "crossed",
        "repeated": "one_factor",
    }
    family = "gaussian" if case.family == "known_se" else case.family
    design = oracles.random_design(
        rng,
        further.get(case.structure, case.structure),
        family=family,
        rows=case.rows,
        levels=case.levels,
        predictors=(2 if case.structure == "three_slopes" else 1) + (case.family == "ordinal" and case.structure.endswith("_slopes")),
        coefficient_prior=case.coefficient_prior,
        intercept_prior=case.intercept_prior,
        sd_prior=case.sd_prior,
        covariance_prior=case.covariance_prior,
        sigma_prior=case.sigma_prior,
        nu_prior=case.nu_prior,
        known_se=case.family == "known_se",
        offset=case.offset,
        link=case.link,
    )
    if case.far:
        design = _shifted(design, case.far)
    if case.structure == "three_slopes":
        design = replace(design, factors=(_with_columns(design.factors[0], design, (0, 1, 2), case),))
    elif case.structure == "nested_slopes":
        design = replace(design, factors=tuple(_with_columns(f, design, (0, 1), case) for f in design.factors))
    elif case.structure == "no_coefficient":
        empty = np.zeros((case.rows, 0))
        design = replace(design, X=empty, coefficients=(), intercept=None, coefficient_priors=())
    elif case.structure == "three_crossed":
        labels = rng.permutation(np.resize(np.arange(3), case.rows)).astype(np.int32)
        third = replace(design.factors[0], name="k", levels=("k0", "k1", "k2"), codes=labels)
        design = replace(design, factors=(*design.factors, third))
    elif case.structure == "repeated":
        design = _repeated(design)
    if case.centred:
        rows = tuple(replace(row, mean=0.0) for row in design.coefficient_priors)
        design = replace(design, coefficient_priors=rows, offset=np.zeros(case.rows))
    return design


def plan_of(case: Case, design: Design) -> Plan:
    """The Plan: that of ``gibbs.sampling.plan``, or for ``core`` the last factor there and two units; by factors: all there."""
    if case.scheme.startswith("by factors"):
        return by_factors(design, int(case.scheme[-1]))
    if case.scheme == "second-order in turn":
        like = design_of(replace(case, family="gaussian", link="", scheme="collapsed"), np.random.default_rng(0))
        several, made = plans.make(like, "collapsed"), plans.make(design, "second-order")
        columns = design.X.shape[1] + len(design.categories or ("",)) - 1
        columns += sum(design.factors[f].coordinates * len(design.factors[f].columns) for f in several.core)
        return replace(made, core=several.core, units=several.units, core_columns=columns, rounds=case.rounds)
    if case.scheme != "core":
        return replace(plans.make(design, case.scheme), rounds=case.rounds)
    made = plans.make(design, "collapsed")
    small = len(design.factors) - 1
    units = tuple((f,) for f in range(small))
    columns = design.X.shape[1] + len(design.factors[small].levels) * len(design.factors[small].columns)
    return replace(made, scheme="collapsed", core=(small,), units=units, core_columns=columns, rounds=case.rounds)


def by_factors(design: Design, order: int) -> Plan:
    """Everything in the core, decided by factors of an expansion of that order, however few the rows."""
    columns = design.X.shape[1] + sum(f.coordinates * len(f.columns) for f in design.factors)
    core = tuple(range(len(design.factors)))
    return replace(plans.make(design, "second-order"), core=core, units=(), core_columns=columns, decided=order)


def _with_columns(factor: Factor, design: Design, columns: tuple[int, ...], case: Case) -> Factor:
    """``factor`` with these columns of X as one correlated term."""
    names = tuple(design.coefficients[c] for c in columns)
    q = len(columns)
    sds = (oracles.SD_PRIORS[case.sd_prior],) * q
    if case.covariance_prior == "lkj":
        term = Term(names, sds, Prior("lkj", (1.5,)))
    elif case.covariance_prior == "inverse_wishart":
        scale = 0.4 * np.eye(q) + 0.1
        term = Term(names, sds, None, Prior("inverse_wishart", (q + 3.0, tuple(tuple(r) for r in scale.tolist()))))
    else:
        term = Term(names, sds, None, Prior("huang_wand", (2.0, tuple(np.linspace(0.5, 0.8, q).tolist()))))
    return replace(factor, Z=np.ascontiguousarray(design.X[:, list(columns)]), columns=names, terms=(term,))


def _shifted(design: Design, far: float) -> Design:
    """Every predictor moved away from zero, in X and in Z; statements on the intercept at the means move with them."""
    X = design.X + far * (np.arange(design.X.shape[1]) > 0)
    factors = tuple(replace(f, Z=f.Z + far * (np.array(f.columns) != "Intercept")) for f in design.factors)
    rows = tuple(replace(r, weights=X.mean(axis=0)) if r.label == "intercept" else r for r in design.coefficient_priors)
    return replace(design, X=X, factors=factors, coefficient_priors=rows)


def _repeated(design: Design) -> Design:
    """x becomes 0 or 1, so that rows repeat and binary families count cells; statements on the intercept follow the new means."""
    X = np.column_stack([np.ones(len(design.y)), (design.X[:, 1] > 0.3).astype(float)])
    rows = tuple(replace(r, weights=X.mean(axis=0)) if r.label == "intercept" else r for r in design.coefficient_priors)
    return replace(design, X=X, coefficient_priors=rows)
