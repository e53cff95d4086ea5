"""Design + Plan → the packed arrays of ``gibbs.kernels.layout``: everything a chain needs, laid out once.

Inside, the predictors are centred where there is an intercept, and real outcomes are taken as differences from a least-squares fit
(so that sums of squares do not cancel); ``Packed.coefficients`` turns draws back into the coefficients as written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gibbs import mapped
from gibbs.draws import names
from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.kernels import priors as kp
from gibbs.kernels.runs import RUN
from gibbs.kernels.statistics import accumulate, accumulate_both
from gibbs.model import by_group, families, laws, prior_kinds
from gibbs.model import cells as equal_rows
from gibbs.model.records import CoefficientPrior, Design, Factor, Prior
from gibbs.sampling import degrees, ordering, orthogonal, steps
from gibbs.sampling import reference as locations
from gibbs.sampling.plan import Plan, parents
from gibbs.sampling.plan_words import Blocks

SCHEME = {"joint": kl.JOINT, "collapsed": kl.COLLAPSED, "one-at-a-time": kl.ONE_AT_A_TIME, "second-order": kl.JOINT}
SECOND_ORDER = -1
"""``Packed.family`` of a model that is drawn without augmentation; its likelihood is ``Packed.likelihood``."""
CELL_SHARE = 0.7
"""Rows become cells where there are at most this many cells a row."""
_DRAWS = 512
"""Draws of effects that are turned into effects as written at a time."""


@dataclass(frozen=True)
class Packed:
    """The packed model, names as in ``gibbs.kernels.layout``; nothing here changes while chains run.

    ``gram`` holds the cross-products of gaussian and probit models; families whose precisions move refill a chain's own copy.
    """

    steps: np.ndarray  # (n, 2) of a sweep, as ``kl.Orders``
    family: int
    scheme: int
    layout: kl.Layout
    rows: kl.Rows
    gram: kl.Gram
    priors: kl.Priors
    core_columns: int
    effects: int
    yy: float
    n: float
    haar: bool
    known_scale: bool
    transform: np.ndarray  # (p, p): coefficients as written = transform @ (internal + reference)
    reference: np.ndarray  # (p,)
    residual_sd: float  # of the least-squares fit (of a row of precision weight 1); 1 for binary families
    cells: int
    hyper_names: tuple[str, ...]
    likelihood: int = -1  # second-order family of ``kernels/likelihood.py``; −1 where the outcome is augmented or gaussian
    cycles: int = 1  # times that a second-order sweep goes through its moves
    rounds: int = 0  # of moves by rows after each draw of the location; 0: the variances move with the location integrated out
    decided: int = 0  # order of the expansion by which decisions read single rows; 0: they pass over all
    cutpoints: int = 0  # ordinal: they are the first of the core
    pieces: kl.Rows | None = None  # ordinal: the three squares of every cell as rows (3M)
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))  # what the dispersion's own part depends on, distinct, and rows of each
    value_rows: np.ndarray = field(default_factory=lambda: np.zeros(0))
    student: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # factors with Student-t effects
    df_prior: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))  # of theirs
    neighbours: kl.Neighbours = field(default_factory=lambda: degrees.none())  # factors with a ρ to draw
    unit: float = 1.0  # ``residual_sd`` over the sd of a typical row: √ of the mean precision weight
    reported: np.ndarray | None = None  # places of the effects that are reported, in their order; None: all as they stand
    blocks: tuple[tuple[int, int, int], ...] = ()  # of those, by factor: first, levels, columns
    backs: tuple[np.ndarray | None, ...] = ()  # of every term, u as written = back u; None: they are the same
    shrink: np.ndarray | None = None  # (U,) 1/√w of the level of every effect, under weights of levels

    def effects_as_written(self, u: np.ndarray) -> np.ndarray:
        """u (n, U), draws of the effects in the centred basis of their terms ← effects as written. Changed in place, some draws at a time:
        fresh memory for all of them takes longer than the arithmetic."""
        if self.shrink is not None:
            u *= self.shrink
        for (f, column, q, *_), back in zip(self.layout.term.tolist(), self.backs, strict=True):
            if back is None:
                continue
            of = self.layout.factor[f]
            for first in range(0, len(u), _DRAWS):
                some = u[first : first + _DRAWS, of.u0 : of.u0 + of.levels * of.width].reshape(-1, of.levels, of.width)  # a view
                some[..., column : column + q] = some[..., column : column + q] @ back.T
        return u

    @cached_property
    def own_laws(self) -> np.ndarray:
        """(F,) the factors whose laws have a parameter of their own, in the order of ``State.own``."""
        return np.concatenate([self.student, self.neighbours.chosen])

    @cached_property
    def columns(self) -> np.ndarray:
        """(p, rows) the predictors by column, for all chains."""
        return np.ascontiguousarray(self.rows.X.T)

    @property
    def units(self) -> int:
        """How many units the sweep eliminates."""
        return int(self.layout.units.shape[0])

    def coefficients(self, internal: np.ndarray) -> np.ndarray:
        """(…, p) draws in the internal basis → coefficients as written."""
        return (internal + self.reference) @ self.transform.T


def pack(design: Design, plan: Plan) -> Packed:
    """Lay out ``design``, as the sampler sees it (``by_group.arrange``), for the kernels in the blocks of ``plan``."""
    asked, seen = design.asked or design, by_group.require(design)
    design = _observed(seen)
    second = plan.scheme == "second-order"
    record = families.of(design)
    likelihood, family = codes(record, second)
    if record.outcome == families.ORDINAL:
        design = _with_cutpoints(design)
    X, written = _centre(design)
    p = X.shape[1]
    weight = mapped.filled(design.y, design.y.size, 1.0) if design.known_se is None else design.known_se**-2.0
    times = _times(design)
    for factor in (design.precision, times):
        weight = weight if factor is None else weight * factor
    statements = _prior_weights(design, written)
    mean, scale = np.array([(s.mean, s.scale) for s in design.coefficient_priors], dtype=float).reshape(-1, 2).T
    cutpoints = len(design.categories) - 1 if record.outcome == families.ORDINAL else 0
    transform, turned = written, orthogonal.basis(X, weight, cutpoints, statements / scale[:, None])
    if turned is not None:
        X, transform, statements = np.ascontiguousarray(turned[0]), written @ turned[1], statements @ turned[1]
    reference, y, residual_sd = np.zeros(p), mapped.moved(design.y, design.y, float), 1.0
    if family in (kl.GAUSSIAN, kl.STUDENT):
        y = y - design.offset
        precision = 1.0 if design.precision is None else design.precision
        prior = statements, mean, scale
        reference, residual_sd = locations.fit(X, y, weight, precision, design.known_se is not None, prior, design.counts)
        y = y - X @ reference
    discrete = family not in (kl.GAUSSIAN, kl.STUDENT)
    offset = mapped.moved(y, design.offset, float) if discrete else mapped.filled(y, y.size, 0.0)
    Z = mapped.beside(y, [columns_of(f) for f in design.factors])
    level = mapped.beside(y, [f.codes[:, None] for f in design.factors], np.int32)
    trials = mapped.filled(y, y.size, 1, np.int64) if design.trials is None else np.asarray(design.trials, dtype=np.int64)
    values = value_rows = np.zeros(0)
    if second and record.constant_of:
        values, place = np.unique(y if record.constant_of == "y" else trials.astype(float), return_inverse=True)
        value_rows = np.bincount(np.ravel(place), weights=weight)
    n = float(y.size) if times is None else float(np.sum(times))
    if discrete and times is not None:
        y = y if record.cells == families.EQUAL else y * times
        trials = trials * times
    if discrete and not second and design.trials is not None:
        n = float(trials.sum())  # a latent for every trial
    if family == kl.STUDENT and design.precision is not None:  # √w y = √w η + σ t_ν: rows times √w have one scale
        root = np.sqrt(design.precision)
        X, Z, y, weight = X * root[:, None], Z * root[:, None], y * root, np.ones(y.size)
    order = _row_order(level, plan)
    X, Z, level, offset, y, weight, trials = (mapped.taken(a, order, design.y) for a in (X, Z, level, offset, y, weight, trials))
    del order
    if discrete:
        weight = mapped.moved(y, trials, float)
        X, Z, level, offset, y, weight = _cells(X, Z, level, offset, y, weight, record.cells, design.rows_used)
        trials = mapped.moved(y, np.rint(weight), np.int64)  # augmentation counts them; second-order moves take their weight
    layout, core_entry, pc, node_size = _layout(design, plan, p, level, Z if discrete else None)
    rows, U = kl.Rows(X, Z, level, offset, y, trials, weight, core_entry), int(np.sum(layout.factor.levels * layout.factor.width))
    gram, yy = _empty_gram(rows, layout, node_size, U, pc, crossed=family == kl.GAUSSIAN), 0.0
    if family == kl.PROBIT:
        accumulate(rows, weight, layout, gram)
    if family == kl.GAUSSIAN:
        accumulate_both(rows, weight, weight * y, layout, gram)
        with np.errstate(over="ignore"):
            yy = float(np.sum(weight * y * y))
    priors = _priors(design, statements, reference)
    haar = family == kl.PROBIT and plan.scheme == "joint" and not np.any(priors.row[:, 0]) and not np.any(offset)
    heavy = np.array([f for f, of in enumerate(design.factors) if laws.of(of).multipliers is not None], dtype=np.int64)
    neighbours = degrees.of(design, layout)
    haar = haar and not heavy.size and not neighbours.chosen.size  # whose moves need the cross-products of the latents as drawn
    blocks = Blocks(plan.scheme, plan.core, plan.units, plan.core_columns, rounds=plan.rounds)
    return Packed(
        steps=np.array([step[:2] for step in steps.of(seen, blocks)], dtype=np.int64), family=family, scheme=SCHEME[plan.scheme],
        layout=layout, rows=rows, gram=gram, priors=priors, core_columns=pc, effects=U, yy=yy, n=n, haar=bool(haar),
        known_scale=design.known_se is not None, transform=transform, reference=reference, residual_sd=residual_sd,
        cells=int(y.size), hyper_names=names.hyper_names(design), likelihood=likelihood,
        cycles=plan.cycles, rounds=plan.rounds, decided=plan.decided, cutpoints=cutpoints,
        pieces=_pieces(rows, cutpoints) if cutpoints else None, values=values, value_rows=value_rows,
        unit=1.0 if design.precision is None else float(np.sqrt(np.average(design.precision, weights=design.counts))),
        student=heavy, neighbours=neighbours,
        df_prior=np.array([_scale_code(laws.own_prior(design.factors[f]), "df") for f in heavy], dtype=float).reshape(-1, 3),
        reported=by_group.reported(asked, seen), blocks=_blocks(asked), backs=_backs(design), shrink=_shrink(design),
    )  # fmt: skip


def _empty_gram(rows: kl.Rows, layout: kl.Layout, nodes: int, effects: int, columns: int, *, crossed: bool) -> kl.Gram:
    """Room for the cross-products; those between units, which no sweep changes where ``crossed``, are there."""
    cross = (np.zeros(effects + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    if crossed and layout.units.shape[0] > 1:
        cross = cross_products(rows, layout)
    places = np.zeros((columns, columns) if layout.basis.size else (0, 0))
    return kl.Gram(np.zeros(nodes), np.zeros(effects), np.zeros(columns), np.zeros((columns, columns)), *cross, places)


def codes(family: families.Family, second: bool) -> tuple[int, int]:
    """(likelihood, family) as the compiled loops know them: the second-order likelihood, or the augmentation; −1 and ``SECOND_ORDER`` else.

    ValueError where the family is not drawn so.
    """
    names = family.likelihood if second else family.augmented
    if family.link not in names:
        how = "second-order moves" if second else "augmentation"
        raise ValueError(f"a {family.name} model with link {family.link} is not drawn by {how}")
    name = names[family.link]
    return (getattr(kd, name), SECOND_ORDER) if second else (-1, getattr(kl, name))


def _times(design: Design) -> np.ndarray | None:
    """How often each row's likelihood counts, (N,): frequency weights, or scaled sampling weights; None where every row counts once."""
    if design.survey is not None and not design.survey.flat:
        return design.survey.scaled
    return design.weights


def columns_of(factor: Factor) -> np.ndarray:
    """The columns (N, q) that effects are drawn on: of a level of sampling weight w, whose effects are u = v/√w with v ~ N(0, Σ), Z/√w."""
    Z = factor.Z if factor.centred is None else factor.centred
    return Z if factor.level_weights is None else Z / np.sqrt(factor.level_weights)[factor.codes][:, None]


def _shrink(design: Design) -> np.ndarray | None:
    """1/√w of the level of every effect, (U,); None where no factor has weights of its levels."""
    if all(f.level_weights is None for f in design.factors):
        return None
    ones = [np.ones(f.nodes) if f.level_weights is None else f.level_weights for f in design.factors]
    return np.concatenate([np.repeat(1.0 / np.sqrt(w), len(f.columns)) for w, f in zip(ones, design.factors, strict=True)])


def _backs(design: Design) -> tuple[np.ndarray | None, ...]:
    return tuple(None if t.back is None else np.array(t.back) for f in design.factors for t in f.terms)


def _observed(design: Design) -> Design:
    """The rows whose outcome is known, those with weights repeated where rows stand apart; levels without rows stay."""
    if all(said is None for said in (design.missing_outcome, design.weights, design.survey)):
        return design
    known = np.ones(design.y.size, dtype=bool)
    if design.missing_outcome is not None:
        known &= ~design.missing_outcome
    if design.weights is not None:
        known &= design.weights > 0
    if design.survey is not None:
        known &= design.survey.scaled > 0
    keep = np.flatnonzero(known)
    if families.of(design).cells == families.APART and design.weights is not None:  # each row has something of its own
        keep = np.repeat(keep, design.weights[keep])
        design = replace(design, weights=None)
    if np.array_equal(keep, np.arange(design.y.size)):
        return design
    some = {
        name: None if getattr(design, name) is None else getattr(design, name)[keep]
        for name in ("y", "X", "offset", "known_se", "precision", "rows", "trials", "weights", "counts")
    }
    factors = tuple(
        replace(f, codes=f.codes[keep], Z=f.Z[keep], centred=None if f.centred is None else f.centred[keep]) for f in design.factors
    )
    basis = None if design.basis is None else design.basis.some(keep)
    survey = None if design.survey is None else design.survey.some(keep)
    return replace(design, factors=factors, missing_outcome=None, basis=basis, survey=survey, **some)


def _with_cutpoints(design: Design) -> Design:
    """An ordinal model whose first coefficients are its cutpoints, with columns of zeros: no η holds them, the likelihood does."""
    K = len(design.categories) - 1
    X = np.column_stack([np.zeros((design.y.size, K)), design.X])
    none = np.zeros(K)
    statements = [
        replace(s, weights=np.concatenate([none, s.weights]), inner=None if s.inner is None else np.concatenate([none, s.inner]))
        for s in design.coefficient_priors
    ]
    prior = design.cutpoint_prior
    if prior.kind != "flat":
        df, mean, scale = prior_kinds.location(prior)
        inner = np.eye(X.shape[1])[:K]
        weights, at_means = inner.copy(), design.cutpoint_means is not None
        if at_means:
            weights[:, K:] -= design.cutpoint_means
        for k in range(K):
            own = inner[k] if at_means and design.basis is not None else None
            statements.append(CoefficientPrior(f"cutpoint {k + 1}", weights[k], mean, scale, df, prior, inner=own))
    names = tuple(f"Intercept[{k + 1}]" for k in range(K))
    return replace(design, X=X, coefficients=(*names, *design.coefficients), intercept=None, coefficient_priors=tuple(statements))


def _pieces(rows: kl.Rows, cutpoints: int) -> kl.Rows:
    """The linear predictors of the stand-in of an ordinal outcome y = k, as rows: η − c_k of every cell, η − c_{k−1}, then c_{k−1} − c_k.

    A difference that a cell does not have keeps its row, and will have weight 0.
    """
    M, k = rows.y.size, rows.y.astype(int)
    upper, lower = np.zeros_like(rows.X), np.zeros_like(rows.X)
    has_upper, has_lower = np.flatnonzero(k < cutpoints), np.flatnonzero(k > 0)
    upper[has_upper, k[has_upper]] = -1.0
    lower[has_lower, k[has_lower] - 1] = -1.0
    X = np.concatenate([rows.X + upper, rows.X + lower, upper - lower])
    Z = np.concatenate([rows.Z, rows.Z, np.zeros_like(rows.Z)])
    thrice = {name: np.concatenate([getattr(rows, name)] * 3) for name in ("level", "y", "trials", "weight", "core_entry")}
    offset = np.concatenate([rows.offset, rows.offset, np.zeros(M)])
    return kl.Rows(X, Z, thrice["level"], offset, thrice["y"], thrice["trials"], thrice["weight"], thrice["core_entry"])


def _size_prior(design: Design) -> np.ndarray:
    """Code and numbers of the prior of the family's own dispersion."""
    return np.array(_scale_code(design.dispersion_prior, "shape"), dtype=float) if design.dispersion_prior is not None else np.zeros(3)


def _centre(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """The columns that coefficients are drawn on, and the matrix that takes coefficients back.

    The centred basis of the design; without one, predictors at their means where there is an intercept, or cutpoints.
    """
    cutpoints = len(design.categories) - 1 if design.categories else 0
    transform = np.eye(design.X.shape[1])
    if design.basis is not None:
        inner = design.X[:, cutpoints:]
        X = design.basis.rows(inner)
        X = mapped.beside(design.y, [design.X[:, :cutpoints], X]) if cutpoints else X
        transform[cutpoints:, cutpoints:] = design.basis.back
        transform[:cutpoints, cutpoints:] -= design.basis.cut  # c = c' − cut·θ
        return X, transform
    X = np.array(design.X, dtype=float, order="C")
    if design.intercept is not None or cutpoints:
        means = X.mean(axis=0)
        if cutpoints:
            transform[:cutpoints] += means  # c = c' + x̄'β
        else:
            means[design.intercept] = 0.0
            transform[design.intercept] -= means
        X -= means
    return X, transform


def _prior_weights(design: Design, transform: np.ndarray) -> np.ndarray:
    """(R, p): the rows of weights of the coefficient priors on the columns of ``_centre``."""
    rows = np.zeros((len(design.coefficient_priors), transform.shape[0]))
    for row, s in zip(rows, design.coefficient_priors, strict=True):
        row[:] = transform.T @ s.weights if s.inner is None or design.basis is None else s.inner
    return rows


def _row_order(level: np.ndarray, plan: Plan) -> np.ndarray:
    """Rows sorted by the levels of the eliminated factors, then of the core's: neighbours in memory share their blocks."""
    keys = [f for unit in plan.units for f in unit] + list(plan.core)
    if not keys:
        return np.arange(level.shape[0])
    return mapped.moved(level, np.lexsort(tuple(level[:, f] for f in reversed(keys))))


def _cells(X, Z, level, offset, y, trials, together, rows):
    """Rows that share predictors, groups and offset become one cell, outcomes and trials summed, where that pays.

    ``together``: ``EQUAL`` (ordinal) takes only rows of one outcome together, ``APART`` none. trials : (M,) float, weights
    included. rows : of the data.
    """
    if together == families.APART:
        return X, Z, level, offset, y, trials
    ordinal = together == families.EQUAL
    columns = [*X.T, *Z.T, *level.T, offset, *([y] if ordinal else [])]
    found = equal_rows.of_rows(columns, y.size, most=CELL_SHARE * rows)
    if found is None:
        return X, Z, level, offset, y, trials
    cell, keep = found
    total = y[keep] if ordinal else np.bincount(cell, weights=y, minlength=keep.size)
    trials = np.bincount(cell, weights=trials, minlength=keep.size)
    X, Z, level, offset = (np.ascontiguousarray(a[keep]) for a in (X, Z, level, offset))
    return X, Z, level, offset, total, trials


def _layout(design: Design, plan: Plan, p: int, level: np.ndarray, Z: np.ndarray | None) -> tuple[kl.Layout, np.ndarray, int, int]:
    """The layout; core_entry of the rows; columns of the core; length of ``node``. Z: None where no sweep passes over the rows."""
    factors, K = design.factors, len(design.factors)
    table = kl.table(K, kl.FACTOR)
    J = np.array([f.nodes for f in factors], dtype=np.int64)
    q = np.array([len(f.columns) for f in factors], dtype=np.int64)
    table.levels, table.width = J, q
    table.z0, table.u0, table.root0 = _starts(q), _starts(J * q), _starts(q * q)
    C = np.array([f.coordinates for f in factors], dtype=np.int64)
    table.coordinates = C
    for name in ("ancestors", "g0", "b0", "c0", "list0", "pointer0"):
        table[name] = 0
    bases, used = [np.zeros(0)], 0
    for f, factor in enumerate(factors):
        if factor.structure is not None and factor.field is None:
            table[f].basis0 = used
            bases.append(np.ascontiguousarray(factor.structure.basis, dtype=float).ravel())
            used += bases[-1].size
    pc = p
    for f in plan.core:
        table[f].core0 = pc
        pc += int(C[f] * q[f])
    depth = max((len(chain) for chain in plan.units), default=1)
    units = np.full((len(plan.units), depth), -1, dtype=np.int64)
    index: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    entries: list[np.ndarray] = []
    size = length = 0

    def append(values: np.ndarray) -> int:
        """Put ``values`` at the end of the index; returns where they start."""
        nonlocal length
        start, length = length, length + values.size
        index.append(values.astype(np.int64))
        return start

    for t, chain in enumerate(plan.units):
        units[t, : len(chain)] = chain
        for k, f in enumerate(chain):
            table[f].unit = t
            table[f].ancestors = sum(q[g] for g in chain[k + 1 :])
            if k + 1 < len(chain):
                table[f].parent0 = append(parents(factors[f], factors[chain[k + 1]]))
            if k == 0 and factors[f].field is None:
                pointer, columns, places = _leaf_lists(f, plan.core, J, q, table, p, level)
                table[f].entry0 = sum(e.shape[1] for e in entries)
                entries.append(places)
            else:
                pointer, columns = np.arange(J[f] + 1) * pc, np.tile(np.arange(pc), int(J[f]))
            table[f].pointer0, table[f].list0 = append(pointer), append(columns)
            for name, cells in (("g0", J[f] * q[f] ** 2), ("b0", J[f] * q[f] * table[f].ancestors), ("c0", columns.size * q[f])):
                table[f][name] = size
                size += int(cells)
    core_entry = np.concatenate(entries, axis=1) if entries else np.zeros((level.shape[0], 0))
    core_factors = np.array(plan.core, dtype=np.int64)
    known = [f for f, factor in enumerate(factors) if factor.field is not None]
    table.sparse[known] = np.arange(len(known))
    fields = ordering.of([factors[f].field for f in known], [level[:, f] for f in known], [int(q[f]) for f in known], pc)
    layout = kl.Layout(table, _terms(design), np.concatenate(index), units, core_factors, np.concatenate(bases), fields)
    layout = layout if Z is None else _with_runs(layout, Z, level, design)
    return layout, np.ascontiguousarray(core_entry, dtype=np.int32), pc, size


def _with_runs(layout: kl.Layout, Z: np.ndarray, level: np.ndarray, design: Design) -> kl.Layout:
    """The layout with runs of rows of one level (``kernels/runs.py``), and whose Z is 1, and stays so."""
    index = [layout.index]
    for f, (row, of) in enumerate(zip(layout.factor, design.factors, strict=True)):
        begins = np.flatnonzero(level[1:, f] != level[:-1, f]) + 1
        row.runs, row.ones = 0, laws.of(of).multipliers is None and bool(np.all(Z[:, row.z0] == 1.0))
        if (begins.size + 1) * RUN <= level.shape[0]:
            row.runs, row.runs0 = begins.size + 1, sum(part.size for part in index)
            index.append(np.concatenate([[0], begins, [level.shape[0]]]))
    return layout._replace(index=np.concatenate(index))


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Offsets of consecutive blocks of these sizes."""
    return np.concatenate([[0], np.cumsum(sizes)])[: sizes.size].astype(np.int64)


def _leaf_lists(f, core, J, q, table, p, level):
    """Core columns met by each level of leaf factor f: β first, then the levels of each core factor in order of their columns; all of a
    structured factor, each of whose columns is of all its levels."""
    core0 = table.core0
    count = np.full(J[f], p, dtype=np.int64)
    met = []
    for g in core:
        if table[g].basis0 >= 0:
            own = table[g].coordinates
            pairs, inverse = np.arange(J[f] * own), level[:, f].astype(np.int64) * own
        else:
            own = J[g]
            pairs, inverse = np.unique(level[:, f].astype(np.int64) * own + level[:, g], return_inverse=True)
        node = pairs // own
        first = np.searchsorted(node, np.arange(J[f]))
        start = count[node] + (np.arange(pairs.size) - first[node]) * q[g]  # place of the pair in its node's list
        met.append((g, pairs % own, node, start, np.ravel(inverse)))
        count += np.bincount(node, minlength=J[f]) * q[g]
    pointer = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    index = np.zeros(pointer[-1], dtype=np.int64)
    for b in range(p):
        index[pointer[:-1] + b] = b
    places = np.zeros((level.shape[0], len(core)), dtype=np.int32)
    for k, (g, other, node, start, inverse) in enumerate(met):
        for b in range(q[g]):
            index[pointer[node] + start + b] = core0[g] + other * q[g] + b
        places[:, k] = start[inverse]
    return pointer, index, places


def _terms(design: Design) -> np.ndarray:
    """One row a covariance term: factor, first column, size, offset in L, first sd, whether the sd is given, first level, levels."""
    rows = []
    l0 = s0 = 0
    for f, factor in enumerate(design.factors):
        column = 0
        for term in factor.terms:
            size = len(term.columns)
            given = size == 1 and term.covariance is None and term.sd_priors[0].kind == "fixed"
            members = np.flatnonzero(factor.group == factor.groups.index(term.group)) if term.group else np.arange(factor.dimensions)
            rows.append((f, column, size, l0, s0, int(given), int(members[0]), members.size))
            column += size
            l0 += size * size
            s0 += size
    return np.array(rows, dtype=kl.TERM).view(np.recarray)


def _blocks(design: Design) -> tuple[tuple[int, int, int], ...]:
    """First effect, levels and columns of every factor, as reported."""
    found, start = [], 0
    for factor in design.factors:
        found.append((start, len(factor.levels), len(factor.columns)))
        start += len(factor.levels) * len(factor.columns)
    return tuple(found)


def cross_products(rows: kl.Rows, layout: kl.Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CSR of Z_f'ΩZ_g over all random effects, for factors f, g of different units."""
    from scipy import sparse

    factor = layout.factor
    levels, width, unit = factor.levels, factor.width, factor.unit
    M, U = rows.level.shape[0], int(np.sum(levels * width))
    data, index = [], []
    for f in range(factor.shape[0]):
        for a in range(width[f]):
            data.append(rows.Z[:, factor[f].z0 + a] * (unit[f] >= 0))
            index.append(factor[f].u0 + rows.level[:, f].astype(np.int64) * width[f] + a)
    pointer = np.arange(M + 1) * len(data)
    Z = sparse.csr_matrix((np.column_stack(data).ravel(), np.column_stack(index).ravel(), pointer), shape=(M, U))
    product = (Z.T @ Z.multiply(rows.weight[:, None]).tocsr()).tocoo()
    unit_of = np.repeat(unit, levels * width)
    keep = (unit_of[product.row] != unit_of[product.col]) & (product.data != 0.0)
    matrix = sparse.csr_matrix((product.data[keep], (product.row[keep], product.col[keep])), shape=(U, U))
    matrix.sort_indices()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(float)


def _scale_code(prior: Prior | None, on: str = "sd") -> tuple[int, float, float]:
    """(code, a, b) of the prior of a positive parameter ``on`` (sd, nu, df, shape)."""
    name, a, b = prior_kinds.code(prior, on=on)
    return getattr(kp, name), a, b


def _priors(design: Design, weights: np.ndarray, reference: np.ndarray) -> kl.Priors:
    """The priors in codes and numbers; ``weights`` (R, p): coefficient statements on the internal basis."""
    row_prior = np.zeros((len(weights), 3 + weights.shape[1]))
    for r, (s, row) in enumerate(zip(design.coefficient_priors, weights, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):  # beyond what floats hold: the first sweep refuses it
            row_prior[r] = (s.mean - row @ reference, np.float64(s.scale) ** -2.0, s.df, *row)
    terms = [t for f in design.factors for t in f.terms]
    codes = [_scale_code(prior) for t in terms for prior in (t.sd_priors or (None,) * len(t.columns))]
    cov_prior = np.zeros((len(terms), kp.TURN + 64))
    for k, t in enumerate(terms):
        q = len(t.columns)
        if t.covariance is not None and t.covariance.kind == "inverse_wishart":
            S = np.asarray(t.covariance.args[1], dtype=float)
            if t.there is not None:  # Σ_c ~ IW(df, TST')
                S = np.array(t.there) @ S @ np.array(t.there).T
            cov_prior[k, :2] = kp.INVERSE_WISHART, t.covariance.args[0]
            cov_prior[k, 2 : 2 + q * q] = np.ravel(S)
        elif t.covariance is not None:
            cov_prior[k, :2] = kp.HUANG_WAND, t.covariance.args[0]
            cov_prior[k, 2 : 2 + q] = np.broadcast_to(np.ravel(t.covariance.args[1]), (q,))
            if t.there is not None:
                cov_prior[k, 0] = kp.HUANG_WAND_WRITTEN
                cov_prior[k, kp.TURN : kp.TURN + q * q] = np.ravel(t.there)
        elif q > 1:
            cov_prior[k, :2] = kp.LKJ, t.correlation.args[0]
            if t.written:
                cov_prior[k, 0] = kp.LKJ_WRITTEN
                cov_prior[k, kp.TURN : kp.TURN + q * q] = np.ravel(t.back)
    scale_prior = np.array([_scale_code(design.sigma_prior), _scale_code(design.nu_prior, "nu")], dtype=float)
    return kl.Priors(row_prior, np.array(codes, dtype=float).reshape(-1, 3), cov_prior, scale_prior, _size_prior(design))
