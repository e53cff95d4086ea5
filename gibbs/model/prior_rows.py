"""Priors with their numbers filled in: the user's where there are any, else the defaults scaled to the data.

Coefficients become rows of (weights'β − mean)/scale; the columns of each grouping factor get their sd, correlation or covariance prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gibbs.errors import DataError, SpecError
from gibbs.model import collinear, priors
from gibbs.model.formula import RandomTerm
from gibbs.model.records import CoefficientPrior, Prior, Spec, Term

INTERCEPT = "Intercept"


def deviation(column: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Sample standard deviation (n − 1), exactly 0 for a constant column; with ``weight`` (N,) whole numbers, of the repeated rows."""
    if weight is not None:
        column, weight = column[weight > 0], weight[weight > 0]
    if len(column) < 2 or column.min() == column.max():
        return 0.0
    largest = float(np.abs(column).max())  # squares of enormous numbers would overflow
    if weight is None:
        return float((column / largest).std(ddof=1) * largest)
    z = column / largest
    return float(np.sqrt(np.sum(weight * (z - mean(z, weight)) ** 2) / (weight.sum() - 1.0)) * largest)


def mean(column: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean over the rows; with ``weight`` (N,) whole numbers, over the repeated rows."""
    return float(column.mean() if weight is None else np.sum(weight * column) / weight.sum())


def where(spec: Spec, prior: Prior) -> str:
    """The file and line of a prior of the user's; empty for one that was not written in a file."""
    key = prior.source.partition(": ")[2]
    line = spec.lines.get(f"priors.{key}")
    return ", ".join(x for x in (str(spec.path) if spec.path else "", f"line {line}" if line else "") if x)


# -------------------------------------------------------------------------------------------------------- coefficients


def coefficient_rows(
    book: priors.PriorBook,
    X: np.ndarray,
    names: Sequence[str],
    intercept: int | None,
    mean_y: float,
    sd_y: float,
    weight: np.ndarray | None = None,
) -> tuple[CoefficientPrior, ...]:
    """One row a prior statement, in the order of the coefficients; a flat prior has none.

    ``intercept`` is on the intercept with every other column at its mean over the rows of X: weights (1, x̄_1, …). ``weight`` (N,) says
    how often each row counts in means and sds: its frequency, and 0 without an outcome.
    ``b[Intercept]`` is on the coefficient itself. Without either, the default is of the first kind.
    """
    rows: list[CoefficientPrior] = []
    for j, name in enumerate(names):
        weights = np.zeros(len(names))
        weights[j] = 1.0
        prior = book.coefficient(name)
        label = f"b[{name}]"
        if j == intercept and prior is None:
            prior = book.intercept() or priors.default_intercept(mean_y, sd_y)
            weights = X.mean(axis=0) if weight is None else weight @ X / weight.sum()
            weights[j] = 1.0
            label = "intercept"
        elif prior is None:
            prior = priors.default_coefficient(sd_y, deviation(X[:, j], weight))
        if prior.kind == "flat":
            continue
        df, mean, scale = {
            "normal": lambda a: (np.inf, a[0], a[1]),
            "student_t": lambda a: a,
            "cauchy": lambda a: (1.0, a[0], a[1]),
        }[prior.kind](prior.args)
        rows.append(CoefficientPrior(label, weights, float(mean), float(scale), float(df), prior))
    return tuple(rows)


def aliased_notes(
    X: np.ndarray, names: Sequence[str], intercept: int | None, rows: Sequence[CoefficientPrior], source: str
) -> tuple[str, ...]:
    """What is to be said of columns that others explain exactly.

    The model is kept, for the priors tell the coefficients apart. Raises DataError where they do not: where a direction of the
    coefficients is moved by neither a row of data nor a prior.
    """
    found = collinear.aliased(X, intercept) if X.shape[1] else []
    if not found:
        return ()
    if len(rows) < X.shape[1]:  # some prior is flat
        size = np.sqrt((X**2).sum(axis=0))
        size[size == 0] = 1.0
        stated = np.array([row.weights for row in rows]).reshape(-1, X.shape[1])
        stated = stated / np.abs(stated * (1.0 / size)).max(axis=1, keepdims=True) if len(stated) else stated
        everything = np.vstack((collinear.triangular(X, np.ones(X.shape[1])), stated))
        open_directions = collinear.aliased(everything, tolerance=1e-11)
        if open_directions:
            described = "; ".join(a.describe(names) for a in open_directions[:5])
            raise DataError(
                f"{described}, in every row used, and the flat priors say nothing either: the coefficients have no posterior. "
                "Leave a column out, or give it a prior that is not flat.",
                where=source,
            )
    described = "; ".join(a.describe(names) for a in found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    columns = "this column" if len(found) == 1 else "these columns"
    return (
        f"rank-deficient: {described}, in every row used. The data say nothing of {columns} apart from the others (R would leave "
        f"{'it' if len(found) == 1 else 'them'} out); the priors alone tell the coefficients apart.",
    )


# ------------------------------------------------------------------------------------------------------------- factors


def terms(
    book: priors.PriorBook,
    spec: Spec,
    factor: str,
    parts: Sequence[tuple[RandomTerm, tuple[str, ...], np.ndarray]],
    sd_y: float,
    weight: np.ndarray | None = None,
    group: str = "",
) -> tuple[Term, ...]:
    """The Terms of one factor (of one group of its levels), with priors. ``parts``: each random term of the formula, its column names, its
    Z (N, q)."""
    out: list[Term] = []
    blocks = [
        (names if random.correlated else (name,)) for random, names, _ in parts for name in ((names[0],) if random.correlated else names)
    ]
    _check_any_block(book, spec, factor, blocks)
    for random, names, Z in parts:
        scales = []
        for name, z in zip(names, Z.T, strict=True):
            default = priors.default_scale(sd_y) if name == INTERCEPT else priors.default_scale(sd_y, deviation(z, weight))
            scales.append(book.scale(factor, name, group) or default)
        if not random.correlated:
            out.extend(Term((name,), (scale,), None) for name, scale in zip(names, scales, strict=True))
        else:
            out.append(_correlated(book, spec, factor, names, tuple(scales)))
    return tuple(replace(term, group=group) for term in out) if group else tuple(out)


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
