"""Invariance (``invariance.py``) of models whose effects know their neighbours: random walks, areas, kin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from gibbs.kernels.field_degrees import BYM2
from gibbs.kernels.neighbours import IN_PARTS, READY
from gibbs.kernels.priors import FIXED

from gibbs.kernels import layout as kl
from gibbs.model import pedigrees, structures
from gibbs.model.records import Design, Factor, Prior
from gibbs.sampling import plan
from tests import oracles
from tests.oracles.structured import graph_covariance
from tests.sampling.cases import by_factors
from tests.sampling.gr_effects import DF, GrEngine, judge
from tests.sampling.invariance import Engine

RHO = {
    "ar1": Prior("uniform", (-1.0, 1.0)),
    "bym2": Prior("beta", (1.5, 2.0)),
    "leroux": Prior("uniform", (0.0, 1.0)),
}
"""Priors of what levels know of their neighbours."""
AREAS = np.array([(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)])  # two components, and an island (6)


@dataclass(frozen=True)
class StructuredCase:
    """A model of a few rows; ``kinds``: of each factor's levels, "" where they are exchangeable, "t" where their effects are Student-t."""

    family: str
    structure: str
    scheme: str
    kinds: tuple[str, ...]
    elliptical: bool = False
    rows: int = 24
    levels: int = 7

    def __str__(self) -> str:
        kinds = "+".join(kind or "iid" for kind in self.kinds)
        return f"{self.family}-{self.structure}-{self.scheme}-{kinds}" + ("-ellipse" if self.elliptical else "")


def structure_of(kind: str, J: int, rng: np.random.Generator) -> structures.Structure:
    """A structure of J levels: irregular positions, areas in components, kin, a curve, groups and their mixtures; "rw1*": as a field."""
    observed, sparse, kind = np.ones(J, dtype=bool), kind.endswith("*"), kind.removesuffix("*")
    if kind in ("rw1", "rw2"):
        return structures.of_walk(kind, kind, np.cumsum(rng.choice([1.0, 2.0, 4.5], J)), observed, sparse)
    if kind == "s":
        return structures.of_spline("s(x)", np.cumsum(rng.choice([1.0, 2.0, 4.5], J)), J - 2, observed)
    if kind == "mm":  # four groups, and mixtures of two of them
        B = np.zeros((J, 4))
        B[:4] = np.eye(4)
        for row, share in zip(B[4:], rng.uniform(0.2, 0.8, J - 4), strict=True):
            row[rng.choice(4, 2, replace=False)] = share, 1.0 - share
        return structures.of_members("mm(a, b)", B, observed)
    if kind in structures.GRAPHS:
        return structures.of_areas(kind, kind, AREAS[(AREAS < J).all(axis=1)], J, observed, sparse)
    if kind == "pedigree":  # founders, and young of those before them, one of whom or both are known; some are inbred
        parents = np.array([[rng.integers(-1, i) if i > 1 else -1 for _ in range(2)] for i in range(J)])
        R, _ = pedigrees.precision(parents, "", [str(i) for i in range(J)])
        return structures.of_precision(kind, kind, R, observed, "", sparse)
    if kind == "ar1":
        return structures.of_autoregression(kind, np.cumsum(rng.choice([1.0, 2.0, 3.0], J)), 1.0, observed, sparse)
    A = rng.standard_normal((J, J + 2))
    return structures.of_covariance("cov", A @ A.T / J, observed, "")


def changed(design: Design, kinds: tuple[str, ...], rng: np.random.Generator) -> Design:
    """``design`` with levels that know their neighbours."""
    factors: list[Factor] = []
    for factor, kind in zip(design.factors, kinds, strict=True):
        if kind == "t":
            factors.append(replace(factor, own_prior=DF["gamma"]))
            continue
        new = structure_of(kind, len(factor.levels), rng) if kind else None
        factors.append(replace(factor, structure=new, own_prior=RHO.get(kind.removesuffix("*"))) if kind else factor)
    return replace(design, factors=tuple(factors))


def design_of(case: StructuredCase, rng: np.random.Generator) -> Design:
    """The random design of the case; of the first level of every factor that is structured no row is left where that can be."""
    more = 1 + (case.family == "ordinal")
    made = oracles.random_design(rng, case.structure, family=case.family, rows=case.rows, levels=case.levels, predictors=more)
    return changed(made, case.kinds, rng)


class StructuredEngine(GrEngine):
    """``Engine`` for structured factors: their coordinates in the core are those of the effects, and noise where K has no direction. The
    noise of fields is redrawn in three pieces. Where ``elliptical``, rho is proposed from a fitted t, else along the ridge of ar1."""

    def _build(self, design: Design) -> None:
        super()._build(design)
        if self.packed.layout.fields.table.size and self.plan.scheme == "second-order":
            self.chain.pieces[0] = 3
        if self.elliptical:  # rho and its sd are proposed from a t, as good as any
            sigma = self.packed.family == kl.GAUSSIAN and self.packed.units <= 1 and self.packed.priors.scale[0, 0] != FIXED
            self.chain.tuning.own_fit[:] = [0.3, -0.6, -0.2, 1.0, -0.3, 0.8, 0.1, 0.2, 0.9, 3.0 if sigma else 2.0]
            if sigma:
                first, of = self.packed.student.size, self.packed.neighbours
                self.chain.tuning.own_fit[first + np.flatnonzero(of.law == BYM2), READY] = IN_PARTS

    def nodes(self, f: int, values: dict) -> np.ndarray:
        """The effects of factor f, and given them what a field has beside them."""
        factor, u = self.design.factors[f], values["u"][f]
        if factor.nodes == len(factor.levels):
            return np.ravel(u)
        root = np.linalg.cholesky(oracles.factor_covariance(values["covariances"][f]))
        K, e = graph_covariance(factor.structure.edges, len(u)), u @ np.linalg.inv(root).T
        shared = np.stack([shared_part(K, column, values["df"][f], self.rng) for column in e.T], axis=1)
        return np.ravel(np.concatenate([u, shared @ root.T]))

    def place(self, values: dict, y: np.ndarray) -> None:
        Engine.place(self, {**values, "u": []}, y)
        state, packed = self.chain.state, self.packed
        times = [np.repeat(m**-0.5, u.shape[1]) for m, u in zip(values["multipliers"], values["u"], strict=True)]
        hidden = [np.ones((f.nodes - len(f.levels)) * len(f.columns)) for f in self.design.factors]
        state.spread[:] = np.concatenate([part for both in zip(times, hidden, strict=True) for part in both])
        state.u[:] = np.concatenate([self.nodes(f, values) for f in range(len(self.design.factors))]) / state.spread
        for f, factor in enumerate(self.design.factors):
            of = packed.layout.factor[f]
            if of.core0 < 0:
                continue
            w = values["u"][f] * np.sqrt(values["multipliers"][f])[:, None]
            if factor.structure is not None and factor.structure.has_degree:
                root = np.linalg.cholesky(oracles.factor_covariance(values["covariances"][f])).T
                B = structures.of_coordinates(factor.structure, np.eye(len(w))[None], np.array([values["df"][f]]))[0]
                there = np.sum(B * B, axis=0) > 0.0
                noise = self.rng.standard_normal(w.shape) @ root
                noise[there] = np.linalg.lstsq(B[:, there], w, rcond=None)[0]
                w = noise
            elif factor.structure is not None and factor.coordinates < len(factor.levels):
                w = np.linalg.lstsq(factor.structure.basis, w, rcond=None)[0]
            elif factor.structure is not None:
                values_, V = np.linalg.eigh(factor.structure.basis)
                there = values_ > 1e-8 * values_[-1]
                noise = self.rng.standard_normal(w.shape) @ np.linalg.cholesky(oracles.factor_covariance(values["covariances"][f])).T
                w = V[:, there] @ ((V[:, there].T @ w) / values_[there, None]) + V[:, ~there] @ (V[:, ~there].T @ noise)
            state.core[of.core0 : of.core0 + w.size] = np.ravel(w)
        state.own[:] = [values["df"][f] for f in packed.own_laws]
        if packed.own_laws.size:
            if packed.family in (kl.STUDENT, kl.PROBIT, kl.LOGIT):
                state.sweeps[0] = 0.0  # latents of θ₀ and y come first: ρ moves given them
            self.chain.derive()


def shared_part(K: np.ndarray, u: np.ndarray, rho: float, rng: np.random.Generator) -> np.ndarray:
    """ψ ~ N(0, K) given u = √rho ψ + √(1 − rho) θ, θ ~ N(0, I)."""
    gain = np.sqrt(rho) * K @ np.linalg.inv(rho * K + (1.0 - rho) * np.eye(len(K)))
    values, V = np.linalg.eigh(K - np.sqrt(rho) * gain @ K)
    return gain @ u + V @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(K)))


def examine(case: StructuredCase, *, replicates: int, sweeps: int = 5, seed: int = 1, broken=None, miswritten=lambda design: design):
    """(the most extreme statistic, its p-value times their number); broken, miswritten: break the engine, or its Design."""
    rng = np.random.default_rng([seed, 3])
    design = design_of(case, rng)
    written = miswritten(design)
    made = by_factors(written, int(case.scheme[-1])) if "factors" in case.scheme else plan.make(written, case.scheme)
    engine = StructuredEngine(written, made, elliptical=case.elliptical, seed=seed, repack=True)
    return judge(engine, design, rng, replicates=replicates, sweeps=sweeps, broken=broken)
