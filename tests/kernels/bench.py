"""Small models on the bench: the packed arrays a kernel takes, and beside them the same model as dense numpy matrices.

The dense side is built from the rows and the priors of the Design with plain numpy; effects stand in the order of the design,
θ = (β in the internal basis, u_1, …, u_K), whatever the plan does with them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy import linalg

from gibbs.kernels import covariance, elimination, hyper, location, statistics
from gibbs.kernels import layout as kl
from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.sampling.chain import Chain
from gibbs.sampling.pack import pack
from gibbs.sampling.plan import Plan, make
from tests import oracles
from tests.sampling.cases import by_factors

from . import loops

RTOL = 1e-9
HALF_T, LKJ = Prior("half_t", (5.0, 0.0, 0.8)), Prior("lkj", (1.5,))

# -------------------------------------------------------------------------------------------------------- designs

# name: (factors, each (name, coded by, terms)); a term is its number of columns; columns are taken from X in turn
_WIDE = {
    "slope_only": [("g", ("g",), (1,), 1)],  # (0 + x | g): columns start at 1
    "three_columns": [("g", ("g",), (3,), 0)],
    "three_columns_two_terms": [("g", ("g",), (2, 1), 0)],
    "five_columns": [("g", ("g",), (5,), 0)],
    "eight_columns": [("g", ("g",), (8,), 0)],
    "nested_slopes": [("a", ("g",), (2,), 0), ("a:b", ("g", "b"), (2,), 0)],
    "nested_mixed": [("a", ("g",), (1, 2), 0), ("a:b", ("g", "b"), (2,), 0), ("a:b:c", ("g", "b", "c"), (1,), 0)],
    "nested_slopes_crossed": [("a", ("g",), (2,), 0), ("a:b", ("g", "b"), (1,), 0), ("h", ("h",), (1, 1), 0)],
    "crossed_three": [("g", ("g",), (1,), 0), ("h", ("h",), (2,), 0), ("k", ("k",), (1,), 0)],
    "core_and_units": [("a", ("g",), (2,), 0), ("a:b", ("g", "b"), (1,), 0), ("h", ("h",), (2,), 0), ("k", ("k",), (2,), 1)],
    "crossed_wide": [("g", ("g",), (3,), 0), ("h", ("h",), (2, 1), 0)],
}
KINDS = (*oracles.KINDS, *_WIDE, "core_large")


def make_design(kind: str, seed: int = 1, **options) -> Design:
    """A small unbalanced design with random data: a kind of ``tests.oracles.random_design``, or a wider one of this file."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    if kind in oracles.KINDS:
        design = oracles.random_design(rng, kind, **{"rows": 40, "levels": 5, **options})
    elif kind == "core_large":  # more than 64 columns of the core: another factorisation
        design = oracles.random_design(rng, "crossed", **{"rows": 200, "levels": 75, **options})
    else:
        design = _wide_design(rng, kind, options)
    if design.family in ("gaussian", "student"):
        design = replace(design, y=2.0 + design.X.sum(axis=1) + 1.5 * rng.standard_normal(design.y.size))
    return design


def _wide_design(rng: np.random.Generator, kind: str, options: dict) -> Design:
    options = {"rows": 60, **options}
    covariance_prior = options.pop("covariance_prior", "lkj")
    sd_prior = options.pop("sd_prior", HALF_T)
    many = options.pop("levels", 5)
    design = oracles.random_design(rng, "none", predictors=7, **options)
    n, codes = design.y.size, {}
    for name, size in (("g", many), ("h", 4), ("k", 6), ("b", 3), ("c", 2)):
        codes[name] = rng.permutation(np.concatenate([np.arange(size), rng.integers(0, size, n - size)]))
    factors = []
    for name, by, sizes, first in _WIDE[kind]:
        labels = np.array(["_".join(f"{b}{codes[b][i]}" for b in by) for i in range(n)])
        levels, at = np.unique(labels, return_inverse=True)
        columns = list(range(first, first + sum(sizes)))
        terms, used = [], 0
        for q in sizes:
            names = tuple(f"c{c}" for c in columns[used : used + q])
            terms.append(_term(names, covariance_prior, sd_prior))
            used += q
        Z = np.ascontiguousarray(design.X[:, columns])
        names = tuple(c for t in terms for c in t.columns)
        factors.append(Factor(name, tuple(levels.tolist()), at.astype(np.int32), Z, names, tuple(terms)))
    # few fixed effects are enough
    keep = 3
    priors = tuple(replace(r, weights=r.weights[:keep]) for r in design.coefficient_priors if not np.any(r.weights[keep:]))
    return replace(
        design,
        X=np.ascontiguousarray(design.X[:, :keep]),
        coefficients=design.coefficients[:keep],
        coefficient_priors=priors,
        factors=tuple(factors),
    )


def _term(names: tuple[str, ...], kind: str, sd: Prior) -> Term:
    q = len(names)
    if q == 1 or kind == "lkj":
        return Term(names, (sd,) * q, LKJ if q > 1 else None)
    if kind == "inverse_wishart":
        S = 0.4 * np.eye(q) + 0.1
        return Term(names, (sd,) * q, None, Prior("inverse_wishart", (q + 3.0, tuple(map(tuple, S.tolist())))))
    return Term(names, (sd,) * q, None, Prior("huang_wand", (2.0, tuple(np.linspace(0.5, 0.8, q).tolist()))))


def schemes(design: Design) -> list[str]:
    """The schemes that give this design different blocks."""
    out, seen = [], set()
    for scheme in ("joint", "collapsed", "auto", "one-at-a-time"):
        plan = make(design, scheme)
        key = (plan.core, plan.units)
        if key not in seen:
            seen.add(key)
            out.append(scheme)
    return out


SMALL_CORE = "core and units"
"""A scheme of this file: the plan of a large crossed design, factor h in the core beside β and several units."""

CASES = [(kind, scheme) for kind in KINDS for scheme in schemes(make_design(kind))]
CASES += [(kind, SMALL_CORE) for kind in ("crossed_three", "core_and_units")]
"""Every kind of design with every scheme that blocks it differently."""


def plan_of(design: Design, scheme: str) -> Plan:
    """``gibbs.sampling.plan.make``, and the plan of large crossed designs, which small designs never get from it."""
    if scheme == "auto" and design.family in ("probit", "logit"):
        scheme = "augmented"
    if scheme.startswith("by factors"):
        return by_factors(design, int(scheme[-1]))
    if scheme != SMALL_CORE:
        return make(design, scheme)
    names = [f.name for f in design.factors]
    core = names.index("h")
    units = [(f,) for f in range(len(names)) if f != core]
    if "a:b" in names:
        a, ab = names.index("a"), names.index("a:b")
        units = [(ab, a), *(unit for unit in units if unit not in ((a,), (ab,)))]
    plan = make(design, "joint")
    columns = design.X.shape[1] + len(design.factors[core].levels) * len(design.factors[core].columns)
    return replace(plan, scheme="collapsed", core=(core,), units=tuple(units), core_columns=columns)


# ---------------------------------------------------------------------------------------------------------- bench


def lower(covariances: list[list[np.ndarray]]) -> np.ndarray:
    """The packed L: Cholesky factors of the terms' covariances, row-major, one after the other."""
    blocks = [np.linalg.cholesky(np.atleast_2d(c)).ravel() for factor in covariances for c in factor]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def random_covariances(design: Design, rng: np.random.Generator) -> list[list[np.ndarray]]:
    """Well-conditioned covariances of every term, sds between ⅓ and 3; given sds keep their value."""
    out = []
    for f in design.factors:
        blocks = []
        for t in f.terms:
            q = len(t.columns)
            A = rng.standard_normal((q, q + 2))
            sd = np.exp(rng.uniform(-1, 1, q)) / np.sqrt(np.sum(A**2, axis=1))
            if t.covariance is None and t.sd_priors[0].kind == "fixed":
                sd = np.array([t.sd_priors[0].args[0]]) / np.sqrt(np.sum(A**2, axis=1))
            blocks.append((A @ A.T) * np.outer(sd, sd))
        out.append(blocks)
    return out


class Bench:
    """A packed model, a chain's arrays to run kernels on, and the dense twin.

    W (M, p + U): the rows' columns, internal basis; omega (M,), y (M,): precisions and outcome (less the reference fit).
    """

    def __init__(self, design: Design, scheme: str = "auto", rounds: int = 0) -> None:
        self.design, self.plan = design, replace(plan_of(design, scheme), rounds=rounds)
        self.packed = p = pack(design, self.plan)
        self.chain = Chain(0, np.random.SeedSequence(7), p, design, 40)
        self.layout, self.state, self.work, self.rng = p.layout, self.chain.state, self.chain.work, self.chain.rng
        self.coordinates = self.chain.tuning.coordinates
        self.gram = p.gram._replace(**{name: getattr(p.gram, name).copy() for name in ("node", "h", "m", "core")})
        self.node, self.m, self.h = self.gram.node, self.gram.m, self.gram.h
        self.p = p.reference.size
        r = p.rows
        M, blocks, z = r.X.shape[0], [r.X], 0
        for f, factor in enumerate(design.factors):
            J, q = len(factor.levels), len(factor.columns)
            block = np.zeros((M, J, q))
            block[np.arange(M), r.level[:, f]] = r.Z[:, z : z + q]
            blocks.append(block.reshape(M, J * q))
            z += q
        self.W = np.hstack(blocks)
        self.omega, self.y = r.weight.copy(), r.y.copy()
        sizes = [len(f.levels) * len(f.columns) for f in design.factors]
        starts = self.p + np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.columns = [np.arange(starts[f], starts[f + 1]) for f in range(len(sizes))]  # of each factor in θ
        self.core = np.concatenate([np.arange(self.p), *(self.columns[f] for f in self.plan.core)]).astype(int)

    @property
    def units(self) -> range:
        """Numbers of the units."""
        return range(len(self.plan.units))

    def unit(self, unit: int) -> np.ndarray:
        """Columns of θ that ``unit`` eliminates."""
        return np.concatenate([self.columns[f] for f in self.plan.units[unit]])

    def joint(self, unit: int | None) -> np.ndarray:
        """Columns of θ in the draw of (core, unit)."""
        return self.core if unit is None else np.concatenate([self.core, self.unit(unit)])

    # ------------------------------------------------------------------------------------------- the dense twin

    def prior(self, covariances: list[list[np.ndarray]], row_scale: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, float]:
        """Prior precision of θ (p+U, p+U), precision times prior mean, and the prior's quadratic form at zero."""
        d, p = self.design, self.p
        weights = np.array([r.weights for r in d.coefficient_priors]).reshape(-1, p) @ self.packed.transform
        mean = np.array([r.mean for r in d.coefficient_priors]) - weights @ self.packed.reference
        precision = np.array([r.scale**-2.0 for r in d.coefficient_priors])
        if row_scale is not None:
            precision = precision * row_scale
        Q, b = np.zeros((self.W.shape[1],) * 2), np.zeros(self.W.shape[1])
        Q[:p, :p], b[:p] = (weights.T * precision) @ weights, weights.T @ (precision * mean)
        for columns, blocks, f in zip(self.columns, covariances, d.factors, strict=True):
            Q[np.ix_(columns, columns)] = np.kron(np.eye(len(f.levels)), np.linalg.inv(linalg.block_diag(*blocks)))
        return Q, b, float(np.sum(precision * mean**2))

    def conditional(self, covariances, sigma: float, unit: int | None, theta: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(Q, b) of ``elimination``: θ[joint] given the other columns at ``theta`` is N(Q⁻¹b, σ²Q⁻¹)."""
        Q0, b0, _ = self.prior(covariances)
        mine = self.joint(unit)
        other = np.setdiff1d(np.arange(self.W.shape[1]), mine)
        y = self.y if theta is None or not other.size else self.y - self.W[:, other] @ theta[other]
        A = self.W[:, mine]
        Q = A.T @ (self.omega[:, None] * A) + sigma**2 * Q0[np.ix_(mine, mine)]
        return Q, A.T @ (self.omega * y) + sigma**2 * b0[mine]

    # ------------------------------------------------------------------------------------------------ the state

    def set(self, covariances, sigma: float = 1.0, theta: np.ndarray | None = None) -> np.ndarray:
        """L, σ and, where given, θ into the state; returns L."""
        self.state.L[:] = lower(covariances)
        self.state.sigma[0] = sigma
        if theta is not None:
            self.state.core[:], self.state.u[:] = theta[self.core], theta[self.p :]
        return self.state.L

    @property
    def theta(self) -> np.ndarray:
        """θ of the state."""
        return np.concatenate([self.state.core[: self.p], self.state.u])

    def load(self, omega: np.ndarray, y: np.ndarray) -> None:
        """Take these precisions and working responses, by the kernels and in the dense twin."""
        p, r = self.packed, self.packed.rows
        self.omega, self.y = omega, y
        statistics.accumulate_both(r, omega, omega * y, p.layout, self.given(None, None))

    def given(self, rhs_core: np.ndarray | None, rhs: np.ndarray | None) -> kl.Gram:
        """The cross-products with other right-hand sides, where they are given."""
        return self.gram._replace(m=self.m if rhs_core is None else rhs_core, h=self.h if rhs is None else rhs)

    def target(self, core_only: bool = False, known: float = math.nan) -> kl.Target:
        """What the marginal density is of; sets B."""
        quadratic = self.prior_precision()
        return kl.Target(core_only, float(self.packed.n), float(np.sum(self.omega * self.y**2)), quadratic, known)

    def prior_precision(self) -> float:
        """B of the coefficient priors into the work arrays; returns Σ λ mean²/s²."""
        return elimination.coefficient_precision(self.packed.priors.row, self.state.row_scale, self.work.B)

    def eliminate(self, sigma: float, unit: int | None, rhs_core: np.ndarray, rhs: np.ndarray) -> tuple[float, float]:
        """The roots, one unit out, the core factored: (log|Q|, b'Q⁻¹b)."""
        layout, w, gram = self.layout, self.work, self.given(rhs_core, rhs)
        self.prior_precision()
        elimination.factor_roots(layout, self.state.L, w)
        elimination.load_core(gram, w)
        log_det = reduction = 0.0
        if unit is not None:
            log_det, reduction = elimination.eliminate_unit(layout, gram, unit, sigma**2, w)
        log_det_core, quadratic = elimination.factor_core(layout, sigma * sigma, w)
        return log_det + log_det_core, reduction + quadratic

    def draw(self, sigma: float, unit: int | None) -> np.ndarray:
        """One draw of (core, unit) after ``eliminate``; returns θ[joint(unit)]."""
        layout, w, s = self.layout, self.work, self.state
        location.draw_core(self.rng, layout, w, sigma, s.core)
        if unit is not None:
            location.draw_unit(self.rng, layout, unit, w, sigma, s.core, s.u)
        location.copy_core_factors(layout, s.core, s.u)
        return self.theta[self.joint(unit)]

    def log_marginal(self, sigma: float) -> tuple[float, float]:
        """``hyper.log_marginal`` at the state's L."""
        return hyper.log_marginal(self.layout, self.gram, self.target(), self.work, self.state.L, sigma)

    def log_hyper(self, core_only: bool, x: np.ndarray, sigma: float, rhs_core=None, rhs=None) -> tuple[float, float, float]:
        """``hyper.log_hyper`` at coordinates x."""
        target, gram = self.target(core_only), self.given(rhs_core, rhs)
        return hyper.log_hyper(self.coordinates, x, self.packed.priors, self.layout, gram, target, self.work, self.state.L, sigma)

    def run_hyper(
        self, n: int, move: int, core_only: bool = False, learn: bool = False, rhs_core=None, rhs=None, known: float = math.nan
    ) -> tuple[np.ndarray, np.ndarray]:
        """``n`` moves of ``hyper.draw_hyper`` from the state, whose σ follows: L (n, …) and σ (n,) after each."""
        s, L, sigma = self.state, np.empty((n, self.state.L.size)), np.empty(n)
        target, gram = self.target(core_only, known), self.given(rhs_core, rhs)
        ok, s.sigma[0], self.rest, self.reached = loops.run_hyper(
            self.rng, move, learn, self.coordinates, self.chain.counts.moves, self.packed.priors, self.layout, gram, target, self.work, s.L,
            s.sigma[0], L, sigma,
        )  # fmt: skip
        assert ok
        return L, sigma

    def residual_rhs(self, unit: int, pos: int, rhs: np.ndarray) -> np.ndarray:
        """``covariance.residual_rhs`` of the factor at ``pos`` of ``unit``."""
        s, out = self.state, np.full(self.packed.effects, np.nan)
        covariance.residual_rhs(self.layout, self.given(None, rhs), unit, pos, s.core, s.u, out)
        return out


def coordinates_at(place: np.ndarray, fit: np.ndarray, L: np.ndarray, sigma: float) -> np.ndarray:
    """x of (L, σ), by definition: log(s_k + c), log(σ + c), and atanh of the correlation of columns k and b given columns 0 … b − 1, from
    the inverse of their covariance."""
    x = []
    for (kind, start, k, b), (_, shift, _) in zip(place.tolist(), fit, strict=True):
        if kind == hyper.LOG_SIGMA:
            x.append(math.log(sigma + shift))
            continue
        rows = _rows_above(place, start, k)
        root = np.zeros((k + 1, k + 1))
        for i, at in enumerate(rows):
            root[i, : i + 1] = L[at : at + i + 1]
        cov = root @ root.T
        if kind == hyper.SD:
            x.append(math.log(math.sqrt(cov[k, k]) + shift))
        else:
            inverse = np.linalg.inv(cov[np.ix_([*range(b + 1), k], [*range(b + 1), k])])
            x.append(math.atanh(-inverse[b, -1] / math.sqrt(inverse[b, b] * inverse[-1, -1])))
    return np.array(x)


def _rows_above(place: np.ndarray, start: int, k: int) -> list[int]:
    """Where rows 0 … k of the Cholesky factor begin whose row k begins at ``start``."""
    starts = sorted({(s, r) for kind, s, r, _ in place.tolist() if kind != hyper.LOG_SIGMA})
    at = starts.index((start, k))
    return [s for s, _ in starts[at - k : at + 1]]


def log_jacobian_at(place: np.ndarray, fit: np.ndarray, L: np.ndarray, sigma: float) -> float:
    """log |∂(L, σ)/∂x|, by differences of ``coordinates_at`` (Richardson: errors of the fourth order)."""
    moved = [start + i for kind, start, k, _ in place.tolist() if kind == hyper.SD for i in range(k + 1)]
    scale = any(kind == hyper.LOG_SIGMA for kind, *_ in place.tolist())
    columns = []
    for n in range(len(moved) + scale):
        size = abs(sigma) if n == len(moved) else max(abs(L[moved[n]]), 0.1 * np.abs(L).max())
        slopes = []
        for h in (1e-3 * size, 5e-4 * size):
            ends = []
            for step in (h, -h):
                there, sd = L.copy(), sigma
                if n == len(moved):
                    sd += step
                else:
                    there[moved[n]] += step
                ends.append(coordinates_at(place, fit, there, sd))
            slopes.append((ends[0] - ends[1]) / (2.0 * h))
        columns.append((4.0 * slopes[1] - slopes[0]) / 3.0)
    return -float(np.linalg.slogdet(np.array(columns))[1]) if columns else 0.0


def log_jacobian_lower(L: np.ndarray) -> float:
    """log |∂Σ/∂L| over the lower triangles, Σ = LL' (2^q Π L_kk^(q−k+1), Muirhead 1982, theorem 2.1.9); of a sd on itself: 0."""
    q = len(L)
    return 0.0 if q == 1 else q * math.log(2.0) + float(np.sum(np.arange(q, 0, -1) * np.log(np.diag(L))))


def batch_z(draws: np.ndarray, expected: np.ndarray, batches: int = 100) -> np.ndarray:
    """z of the means of correlated draws (n,) or (n, k) against their expected values, by batch means."""
    draws = np.asarray(draws, float).reshape(len(draws), -1)
    means = np.array([b.mean(axis=0) for b in np.array_split(draws, batches)])
    return (draws.mean(axis=0) - expected) / (means.std(axis=0, ddof=1) / math.sqrt(batches))


def quantile_indicators(draws: np.ndarray, grid: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indicators draw < q for the 5, 25, 50, 75 and 95 % quantiles of a density known on an even grid, and their expectations."""
    cdf = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    cdf /= cdf[-1]
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    quantiles = np.interp(levels, cdf, grid)
    return (draws[:, None] < quantiles).astype(float), levels
