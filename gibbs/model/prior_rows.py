"""Priors with their numbers filled in: the user's where there are any, else the defaults scaled to the data.

Coefficients become rows of (weights'β − mean)/scale; the columns of each grouping factor get their sd, correlation or covariance prior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gibbs.errors import DataError, SpecError
from gibbs.model import averages, collinear, default_rows, priors
from gibbs.model.basis import Basis, Turned
from gibbs.model.formula import RandomTerm
from gibbs.model.prior_kinds import location
from gibbs.model.records import CoefficientPrior, Prior, Spec, Term

INTERCEPT = "Intercept"
EXACT = 1e-13
"""A column of which less than this share is left beside the others is explained by them to the last digit."""
LAST_DIGITS = 1e-9
"""What is left of a column below this share has too few digits of its own to tell its coefficient by."""


def deviation(column: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Sample standard deviation (n − 1), exactly 0 for a constant column; with ``weight`` (N,) whole numbers, of the repeated rows."""
    if weight is not None:
        column, weight = column[weight > 0], weight[weight > 0]
    if len(column) < 2 or column.min() == column.max():
        return 0.0
    largest, rows = averages.largest(column), len(column)  # squares of enormous numbers would overflow
    if weight is None:
        mean = averages.total(rows, lambda at: column[at] / largest) / rows
        return float(np.sqrt(averages.total(rows, lambda at: (column[at] / largest - mean) ** 2) / (rows - 1)) * largest)
    z = column / largest
    return float(np.sqrt(np.sum(weight * (z - averages.mean(z, weight)) ** 2) / (weight.sum() - 1.0)) * largest)


def where(spec: Spec, prior: Prior) -> str:
    """The file and line of a prior of the user's; empty for one that was not written in a file."""
    key = prior.source.partition(": ")[2]
    return spec.where(f"priors.{key}")


# -------------------------------------------------------------------------------------------------------- coefficients


def coefficient_rows(
    book: priors.PriorBook,
    basis: Basis,
    X: np.ndarray,
    names: Sequence[str],
    intercept: int | None,
    y: default_rows.Sizes,
    weight: np.ndarray | None = None,
) -> tuple[CoefficientPrior, ...]:
    """One row a prior statement, in the order of the coefficients; a flat prior has none.

    What is stated is on the coefficient as written; ``intercept`` is on the intercept with every other column at its mean over the rows of
    X: weights (1, x̄_1, …). Everything else has its default, on the centred basis. ``weight`` (N,) says how often each row counts in means
    and sds: its frequency, and 0 without an outcome.
    """
    own = {j: prior for j, name in enumerate(names) if (prior := book.coefficient(name)) is not None}
    stated = {j: default_rows.unit_row(j, len(names)) for j in own}
    if intercept is not None and intercept not in own and (prior := book.intercept()) is not None:
        own[intercept] = prior
        stated[intercept] = averages.means(X, weight)
        stated[intercept][intercept] = 1.0
    defaults = default_rows.rows(basis, X, tuple(names), y, weight, set(own))
    if own and defaults:
        stated, defaults = _independent(stated, defaults, lambda: default_rows.rows(basis, X, tuple(names), y, weight, set()))
    rows: list[CoefficientPrior] = []
    for j, name in enumerate(names):
        label = "intercept" if j == intercept and not (j in own and book.coefficient(name) is not None) else f"b[{name}]"
        if j in own:
            if own[j].kind != "flat":
                inner = default_rows.unit_row(j, len(names)) if label == "intercept" else None
                rows.append(CoefficientPrior(label, stated[j], *numbers(own[j]), own[j], inner=inner))
        else:
            row = defaults[j]
            block = tuple(names[k] for k in row.block) if len(row.block) > 1 else ()
            rows.append(CoefficientPrior(label, row.weights, *numbers(row.prior), row.prior, block, row.inner, row.words))
    return tuple(rows)


def numbers(prior: Prior) -> tuple[float, float, float]:
    """(mean, scale, df) of a normal, Student-t or Cauchy."""
    df, centre, scale = location(prior)
    return centre, scale, df


def _independent(
    stated: dict[int, np.ndarray],
    defaults: dict[int, default_rows.DefaultRow],
    everything: Callable[[], dict[int, default_rows.DefaultRow]],
) -> tuple[dict[int, np.ndarray], dict[int, default_rows.DefaultRow]]:
    """Default rows that leave no direction of the coefficients open beside the stated ones.

    Unit rows in the places of default ones nearly always do; categories coded by all levels can be stated so that they do not (every cell
    of f:g but one). Then default rows are taken in their order as far as they add a direction: they are a basis, so enough of them do.
    """
    if rank([*stated.values(), *(row.weights for row in defaults.values())]) == len(stated) + len(defaults):
        return stated, defaults
    chosen: list[default_rows.DefaultRow] = []
    for row in everything().values():
        if len(chosen) == len(defaults):
            break
        if rank([*stated.values(), *(r.weights for r in chosen), row.weights]) == len(stated) + len(chosen) + 1:
            chosen.append(row)
    return stated, dict(zip(defaults, chosen, strict=True)) if len(chosen) == len(defaults) else defaults


def rank(rows: Sequence[np.ndarray]) -> int:
    """The rank of rows of weights, each row and then each column scaled to 1: units play no part in it."""
    W = np.array(rows, dtype=float)
    W = W / np.abs(W).max(axis=1, keepdims=True)
    largest = np.abs(W).max(axis=0)
    return int(np.linalg.matrix_rank(W / np.where(largest > 0.0, largest, 1.0)))


def aliased(X: np.ndarray, basis: Basis | None, intercept: int | None, tolerance: float = collinear.TOLERANCE) -> list[collinear.Alias]:
    """Columns that others explain exactly, as they show in the centred basis, where powers and products far from 0 keep their digits."""
    if not X.shape[1]:
        return []
    if basis is None or not basis.turned:
        return collinear.aliased(X, intercept, tolerance)
    constant = basis.constant if basis.constant == 0 else None
    inside = collinear.aliased(Turned(X, basis), constant, tolerance)
    if not inside:
        return []
    found = collinear.aliased(X, intercept, tolerance)
    if len(found) == len(inside):
        return found
    same = {a.column for a in inside}
    return [a for a in found if a.column in same] or inside


def aliased_notes(
    X: np.ndarray, basis: Basis, names: Sequence[str], intercept: int | None, rows: Sequence[CoefficientPrior], source: str
) -> tuple[str, ...]:
    """What is to be said of columns that others explain exactly.

    The model is kept, for the priors tell the coefficients apart. Raises DataError where they do not: where a direction of the
    coefficients is moved by neither a row of data nor a prior.
    """
    found = aliased(X, basis, intercept)
    if not found:
        return ()
    exact = len(aliased(X, basis, intercept, EXACT)) == len(found)
    described = "; ".join(a.describe(names) for a in found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    described += ", in every row used" if exact else ", to seven digits or more in every row used"
    one = len(found) == 1
    columns = "this column" if one else "these columns"
    if len(rows) < X.shape[1]:  # some prior is flat
        if _open(X, basis, rows, LAST_DIGITS):
            raise DataError(
                f"{described}, and the flat priors say nothing either: the coefficients have no posterior"
                f"{'' if exact else ' that numbers of sixteen digits could tell'}. "
                "Leave a column out, or give it a prior that is not flat.",
                where=source,
            )
        if _open(X, basis, rows, collinear.TOLERANCE):
            return (
                f"rank-deficient: {described}. Nothing but the last digits of {columns} tells the coefficients apart (R would leave "
                f"{'it' if one else 'them'} out), for a flat prior says nothing: their sds are enormous, and "
                "only their sum is known.",
            )
    return (
        f"rank-deficient: {described}. The data say {'' if exact else 'next to '}nothing of {columns} apart from the others (R would leave "
        f"{'it' if one else 'them'} out); the priors {'alone ' if exact else ''}tell the coefficients apart.",
    )


def _open(X: np.ndarray, basis: Basis, rows: Sequence[CoefficientPrior], tolerance: float) -> bool:
    """Whether some direction of the coefficients is moved by neither a row of data, to ``tolerance``, nor a prior."""
    columns = collinear.triangular(Turned(X, basis), np.ones(X.shape[1]))
    size = np.sqrt((columns**2).sum(axis=0))
    size[size == 0] = 1.0
    stated = np.array([row.weights @ basis.back if row.inner is None else row.inner for row in rows]).reshape(-1, X.shape[1])
    stated = stated / np.abs(stated * (1.0 / size)).max(axis=1, keepdims=True) if len(stated) else stated
    return bool(collinear.aliased(np.vstack((columns, stated)), tolerance=tolerance))


# ------------------------------------------------------------------------------------------------------------- factors


def terms(
    book: priors.PriorBook,
    spec: Spec,
    factor: str,
    parts: Sequence[tuple[RandomTerm, tuple[str, ...], np.ndarray]],
    bases: Sequence[Basis | None],
    sd_y: float,
    weight: np.ndarray | None = None,
    group: str = "",
) -> tuple[Term, ...]:
    """The Terms of one factor (of one group of its levels), with priors. ``parts``: each random term of the formula, its column names, its
    Z (N, q); ``bases``: the centred basis of those that are correlated."""
    out: list[Term] = []
    blocks = [
        (names if random.correlated else (name,)) for random, names, _ in parts for name in ((names[0],) if random.correlated else names)
    ]
    _check_any_block(book, spec, factor, blocks)
    intercept = any(INTERCEPT in names for _, names, _ in parts)
    for (random, names, Z), basis in zip(parts, bases, strict=True):
        own = [book.scale(factor, name, group) for name in names]
        sizes = [
            1.0 if name == INTERCEPT else default_rows.spread(z, weight, centre=intercept)
            for name, z in zip(names, Z.T, strict=True)
        ] if basis is None else [_size(basis, Z, a, weight, intercept) for a in range(len(names))]  # fmt: skip
        scales = [prior or priors.default_scale(sd_y, size) for prior, size in zip(own, sizes, strict=True)]
        if not random.correlated:
            out.extend(Term((name,), (scale,), None) for name, scale in zip(names, scales, strict=True))
        else:
            term = _correlated(book, spec, factor, names, tuple(scales))
            out.append(term if basis is None else _in_basis(term, basis, own, book.correlation(factor) is not None))
    return tuple(replace(term, group=group) for term in out) if group else tuple(out)


def _size(basis: Basis, Z: np.ndarray, a: int, weight: np.ndarray | None, intercept: bool) -> float:
    """What the default scale of a varying column is divided by: sd of the centred column; the root mean square where there is no intercept,
    over the rows of the level where all levels of a category have a column."""
    product = basis.products[a]
    if all(p.level >= 0 for p in product) and not basis.spans:
        return 1.0
    if not product:
        return 1.0
    if basis.spans:
        return default_rows.size(basis, Z, a, weight)
    column = basis.column(Z, a)
    if any(p.level >= 0 for p in product):
        inside = Z[:, a] != 0.0
        column, weight = column[inside], None if weight is None else weight[inside]
    return default_rows.spread(column, weight, centre=intercept and len(product) == 1)


def _in_basis(term: Term, basis: Basis, own: Sequence[Prior | None], correlation: bool) -> Term:
    """The term with its way to the centred basis and back; None where both are the same.

    A stated sd of a column that is the same in both bases (the slope of x in (1 + x | g)) is exact in either. One of a lower column, or
    a stated correlation, is on Σ as written, and so then are all the priors of the term; a covariance prior always is.
    """
    q = len(term.columns)
    if q == 1 or np.array_equal(basis.back, np.eye(q)):
        return term
    same = [np.array_equal(basis.back[a], np.eye(q)[a]) for a in range(q)]
    written = term.covariance is not None or correlation or any(p is not None and not s for p, s in zip(own, same, strict=True))
    words = ["" if same[a] else default_rows.where(basis, a) for a in range(q)]
    back, there = (tuple(tuple(float(v) for v in row) for row in M) for M in (basis.back, basis.there))
    return replace(term, back=back, there=there, written=written, words=tuple(words))


def _check_any_block(book: priors.PriorBook, spec: Spec, factor: str, blocks: Sequence[tuple[str, ...]]) -> None:
    """cor[…] and cov[…] need a term of two columns or more."""
    if any(len(block) > 1 for block in blocks):
        return
    q = len(blocks)
    reason = "it has one column" if q == 1 else f"its {q} columns are independent (|| or separate terms)"
    for what in ("covariance", "correlation"):
        prior = book.stated(what[:3], factor)
        if prior is not None:
            raise SpecError(
                f"{prior} is a prior on a {what} of '{factor}', but {reason}, so there is none; "
                f"write sd[{factor}], or (1 + x | {factor}) in the formula for correlated columns.",
                where=where(spec, prior),
            )


def _correlated(book: priors.PriorBook, spec: Spec, factor: str, names: tuple[str, ...], scales: tuple[Prior, ...]) -> Term:
    q = len(names)
    if q == 1:
        return Term(names, scales, None)
    covariance = book.covariance(factor, columns=q)
    if covariance is not None:
        return Term(names, scales, None, _sized(covariance, spec, factor, names))
    for name, prior in zip(names, scales, strict=True):
        if prior.kind == "fixed":
            raise SpecError(
                f"the sd of '{name}' over '{factor}' is fixed at {prior.args[0]:g}, but the term ({' + '.join(names)} | {factor}) has a "
                f"free covariance matrix, whose sds are drawn together with its correlations. Write || for independent columns, "
                "or give the sd a narrow prior.",
                where=where(spec, prior),
            )
    return Term(names, scales, book.correlation(factor) or priors.default_correlation())


def _sized(prior: Prior, spec: Spec, factor: str, names: tuple[str, ...]) -> Prior:
    """A covariance prior checked against the number of columns; a single A of huang_wand becomes one a column."""
    q = len(names)
    columns = f"the term ({' + '.join(names)} | {factor}) has {q} columns"
    if prior.kind == "inverse_wishart":
        df, matrix = prior.args
        if len(matrix) != q:
            raise SpecError(f"the scale matrix of {prior} is {len(matrix)} × {len(matrix)}, but {columns}.", where=where(spec, prior))
        if df <= q - 1:
            raise SpecError(f"the df of {prior} must be greater than {q - 1}: {columns}.", where=where(spec, prior))
        return prior
    nu, A = prior.args
    A = tuple(A) if isinstance(A, (tuple, list)) else (float(A),) * q
    if len(A) != q:
        raise SpecError(f"A of {prior} has {len(A)} numbers, but {columns}; write one number, or one a column.", where=where(spec, prior))
    return Prior(prior.kind, (nu, A), prior.source)
