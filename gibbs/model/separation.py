"""Separation in models of discrete outcomes: predictors beyond which a binary outcome is always, or never, 1, and their relatives.

The likelihood then has no maximum (Albert and Anderson 1984), and a coefficient is held by its prior alone. It is asked in four
steps, each only if the one before leaves it open: cells of categories and of products of them (``pure_cells``); single columns; Newton's
method for the logit, whose convergence proves that there is a maximum, hence no separation; a linear programme that finds the separating
combination (Konis 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gibbs import mapped
from gibbs.model import collinear, families, pure_cells
from gibbs.model.records import Design

_LARGEST_STACK = 20_000_000  # rows × cutpoints × columns of an ordinal model
_FIRST_ROWS, _MOST_ROUNDS, _LARGEST_PROGRAMME = 2_000, 60, 20_000_000  # of the linear programme; the last: rows × columns
_MOST_TOLD = 4  # cells of one product that are told one by one


def messages(design: Design, aliased: list[int]) -> list[str]:
    """What there is to say of separation in a design of a discrete outcome; ``aliased`` columns are left out.

    binomial: every row with a success is a row of ones, every row with a failure one of zeros. ordinal: the outcomes y > k,
    k = 0 … C − 2, stacked, with an intercept each: a direction of the coefficients without a maximum is one that separates them all.
    Counts: nothing but zeros in some rows that the predictors can part from the others, where the mean has no lower limit.
    """
    columns = [j for j in range(design.X.shape[1]) if j not in aliased]
    keep = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    X, y, offset = design.X[keep], design.y[keep], design.offset[keep]
    n = None if design.trials is None else design.trials[keep]
    if not len(y):
        return []
    pure = _cells(design, X, y, n, aliased)
    outcome = families.of(design).outcome
    if outcome == families.COUNT:
        return pure or _without_counts(design, X, y, columns)
    if outcome == families.ORDINAL:
        return pure or _ordinal(design, X, y, offset, columns)
    if n is not None:
        some, not_all = y > 0, y < n
        X, offset = np.concatenate([X[some], X[not_all]]), np.concatenate([offset[some], offset[not_all]])
        y = np.concatenate([np.ones(some.sum(), dtype=bool), np.zeros(not_all.sum(), dtype=bool)])
        unit = "trial" if (n > 1).any() else "row"
    else:
        y, unit = y > 0.5, "row"
    if y.all() or not y.any():
        return []
    found, guilty = list(pure), []
    for j in columns:
        if j == design.intercept or (pure and _two_values(X[:, j])):
            continue
        words = single_column(X[:, j], y, design.coefficients[j], design.outcome, unit)
        if words:
            guilty.append(j)
            found.append(words)
    if found:
        found[-1] += _advice(design, guilty) if guilty else ""
        return found
    X = X if not aliased else X[:, columns]
    if len(columns) < 2 or maximum_exists(X, y, offset):
        return []
    what = f"with {design.outcome} = 1" if unit == "row" else "with successes"
    return _combination(design, X, y, columns, f"the {unit}s {what} from the others")


def _cells(design: Design, X: np.ndarray, y: np.ndarray, trials: np.ndarray | None, aliased: list[int]) -> list[str]:
    """Cells of categorical predictors, and of products of them, whose outcomes are all at the end of what there is."""
    fixed = getattr(design.encoding, "fixed", None)
    if fixed is None or len(fixed.names) != X.shape[1]:
        return []
    top: np.ndarray | float = 1.0 if trials is None else trials
    bottom = 0.0
    if design.categories:  # of those that occur
        bottom, top = float(y.min()), float(y.max())
    ends = [y == bottom] if families.of(design).outcome == families.COUNT else [y == bottom, y == top]
    if any(end.all() for end in ends):
        return []
    found, guilty = [], []
    for pure in pure_cells.pure(fixed, X, ends, aliased, cutpoints=bool(design.categories)):
        guilty += [j for cell in pure.cells for j in cell.columns if j != design.intercept and j not in guilty]
        told = [_what(design, X, cell, y[cell.first], trials) for cell in pure.cells[:_MOST_TOLD]]
        if len(pure.cells) <= _MOST_TOLD:
            found += [f"separated: {words}." for words in told]
        else:
            of = ":".join(pure.variables)
            found.append(
                f"separated: {design.outcome} is the same in all rows of {len(pure.cells):,} of the {pure.occurring:,} "
                f"{'levels' if len(pure.variables) == 1 else 'cells'} of {of}: {'; '.join(told)}; …."
            )
    if found:
        found[-1] += _advice(design, guilty)
    return found


def _what(design: Design, X: np.ndarray, cell: pure_cells.Cell, y: float, trials: np.ndarray | None) -> str:
    """``y is 1 in all 29 rows with a = 1, b = 2``; of one level of one variable also by the column that is 1, or 0, there."""
    rows = "the one row" if cell.rows == 1 else f"all {cell.rows:,} rows"
    place = f"with {cell}"
    for j in cell.columns if len(cell.variables) == 1 else ():
        value = X[cell.first, j]
        if j != design.intercept and int((X[:, j] == value).sum()) == cell.rows:
            name = design.coefficients[j]
            place = f"where '{name}' is {value:g}" + ("" if name == cell.variables[0] else f" ({cell})")
    if trials is not None and (trials > 1).any():
        return f"{'every' if y > 0 else 'no'} trial is a success ({design.outcome}) in {rows} {place}"
    value = design.categories[int(y)] if design.categories else f"{int(y > 0)}"
    return f"{design.outcome} is {value} in {rows} {place}"


def _two_values(x: np.ndarray) -> bool:
    low, high = x.min(), x.max()
    return bool(((x == low) | (x == high)).all())


def _combination(design: Design, X: np.ndarray, y: np.ndarray, columns: list[int], parted: str) -> list[str]:
    """What to say where a combination of ``columns``, the first columns of X, separates."""
    combination = separating(X, y)
    if combination is None:
        return []
    weights, complete = combination
    guilty = [columns[i] for i in np.flatnonzero(np.abs(weights[: len(columns)]) > 1e-9) if columns[i] != design.intercept]
    if not guilty:
        return []
    how = "separates" if complete else "separates, but for ties,"
    return [f"{_named(design, guilty)} {how} {parted}." + _advice(design, guilty)]


def _named(design: Design, guilty: list[int]) -> str:
    names = ", ".join(f"'{design.coefficients[j]}'" for j in guilty[:8]) + (" …" if len(guilty) > 8 else "")
    return f"a combination of {names}" if len(guilty) > 1 else names


def _ordinal(design: Design, X: np.ndarray, y: np.ndarray, offset: np.ndarray, columns: list[int]) -> list[str]:
    """Separation of a cumulative model by its stacked outcomes y > k."""
    cuts = len(design.categories or ()) - 1
    if not columns or cuts < 1 or len(y) * cuts * (len(columns) + cuts) > _LARGEST_STACK:
        return []
    above = y[None, :] > np.arange(cuts)[:, None]
    at = np.repeat(np.eye(cuts), len(y), axis=0)
    stacked = np.column_stack([np.tile(X[:, columns], (cuts, 1)), at])
    if maximum_exists(stacked, above.ravel(), np.tile(offset, cuts)):
        return []
    return _combination(design, stacked, above.ravel(), columns, f"the categories of {design.outcome} by their order")


def _without_counts(design: Design, X: np.ndarray, y: np.ndarray, columns: list[int]) -> list[str]:
    """Predictors of two values, all counts being 0 at one of them; then combinations that part rows of zeros from all the others."""
    found, guilty = [], []
    for j in columns:
        x = X[:, j]
        low, high = x.min(), x.max()
        if j == design.intercept or low == high or not _two_values(x):
            continue
        for value in (high, low):
            inside = y[x == value]
            if not inside.any():
                found.append(f"separated: {design.outcome} is 0 in all {len(inside)} rows where '{design.coefficients[j]}' is {value:g}.")
                guilty.append(j)
    if found:
        found[-1] += _advice(design, guilty)
        return found
    some = X if len(columns) == X.shape[1] else X[:, columns]
    weights = falling(some, y > 0) if y.any() and columns else None
    if weights is None:
        return []
    guilty = [columns[i] for i in np.flatnonzero(np.abs(weights) > 1e-9) if columns[i] != design.intercept]
    zeros = int((np.abs(some @ weights) > 1e-9 * np.abs(some).max()).sum())
    what = f"parts {zeros:,} rows where {design.outcome} is 0 from all that have a count"
    return [f"{_named(design, guilty)} {what}." + _advice(design, guilty)] if guilty else []


@dataclass(frozen=True)
class _Some:
    """The rows ``keep`` of X, as far as blocks of them go."""

    X: np.ndarray
    keep: np.ndarray

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, at: slice) -> np.ndarray:
        return self.X[at][self.keep[at]]


def falling(X: np.ndarray, counted: np.ndarray) -> np.ndarray | None:
    """A combination b (p,) with x'b = 0 in every row with a count and ≤ 0 in all others, not 0 in all; None where there is none.

    The likelihood of counts then rises without end along b (Correia, Guimarães and Zylkin 2019).
    """
    scale = _scale(X)
    R = collinear.triangular(_Some(X, counted), scale)
    _, sizes, V = np.linalg.svd(R)
    free = V[sizes <= 1e-9 * max(float(sizes[0]), 1e-300)]
    if not len(free):
        return None
    signed = -np.unique((X[~counted] / scale) @ free.T, axis=0)
    found = _programme(signed, signed.sum(axis=0))
    return None if found is None else (free.T @ found) / scale


def _advice(design: Design, guilty: list[int]) -> str:
    labels = {row.label for row in design.coefficient_priors}
    stated = [f"b[{name}]" in labels or (j == design.intercept and "intercept" in labels) for j, name in enumerate(design.coefficients)]
    held = _held(design)
    open_ones = [j for j in guilty if not held[j]]  # by itself, or through a flat one that its row also speaks of
    flat = [design.coefficients[j] for j in open_ones if not stated[j]]
    if open_ones and not flat:
        flat = [name for name, said in zip(design.coefficients, stated, strict=True) if not said]
    if flat:
        shown = ", ".join(flat[:8]) + (" …" if len(flat) > 8 else "")
        return f" With a flat prior on {shown} there is no posterior: give a prior with a scale."
    return " Such a coefficient is limited by its prior alone: state one you believe."


def _held(design: Design) -> np.ndarray:
    """Whether the statements of the prior together say something of each coefficient (p,) by itself: its unit vector is in their span."""
    p = design.X.shape[1]
    if not design.coefficient_priors:
        return np.zeros(p, bool)
    W = np.array([row.weights for row in design.coefficient_priors])
    alone = (W[np.count_nonzero(W, axis=1) == 1] != 0).any(axis=0)
    W = W / np.maximum(np.abs(W).max(axis=0), 1e-300) * (np.abs(W).max(axis=0) > 0)
    _, sizes, V = np.linalg.svd(W, full_matrices=False)
    V = V[sizes > np.finfo(float).eps * max(W.shape) * sizes[0]]
    return alone | (np.abs(V.T @ V - np.eye(p)).max(axis=0) < 1e-6)


def single_column(x: np.ndarray, y: np.ndarray, name: str, outcome: str, unit: str = "row") -> str:
    """A sentence if one column separates by itself, else "". ``y`` is (N,) bool; ``unit``: row, or trial of a binomial outcome.

    A column of two values separates if the outcome is the same in all rows of one value; any other, if a threshold
    parts the outcomes.
    """
    ones, zeros = x[y], x[~y]
    low, high = x.min(), x.max()
    if low == high:
        return ""
    if bool(((x == low) | (x == high)).all()):
        for value in (high, low):
            inside = y[x == value]
            if inside.all() or not inside.any():
                if unit == "trial":
                    what = "every trial is a success" if inside[0] else "no trial is a success"
                    return f"separated: {what} ({outcome}) where '{name}' is {value:g}."
                return f"separated: {outcome} is {int(inside[0])} in all {len(inside)} rows where '{name}' is {value:g}."
        return ""
    if unit == "trial" and (zeros.max() <= ones.min() or ones.max() <= zeros.min()):
        up, border = (True, ones.min()) if zeros.max() <= ones.min() else (False, zeros.min())
        below, above = ("no trial is", "every trial is") if up else ("every trial is", "no trial is")
        return f"separated: {below} a success ({outcome}) wherever '{name}' is below {border:g}, and {above} above."
    if zeros.max() <= ones.min():
        return f"separated: {outcome} is 0 wherever '{name}' is below {ones.min():g}, and 1 above."
    if ones.max() <= zeros.min():
        return f"separated: {outcome} is 1 wherever '{name}' is below {zeros.min():g}, and 0 above."
    return ""


def maximum_exists(X: np.ndarray, y: np.ndarray, offset: np.ndarray) -> bool:
    """Whether Newton's method finds the maximum of the logit likelihood, which then has one: the rows are not separated.

    X (N, p) of full column rank. False where 30 steps do not find it: then the question is open.
    """
    scale = _scale(X)
    b = np.zeros(X.shape[1])
    for _ in range(30):
        gradient, hessian = np.zeros(b.size), np.zeros((b.size, b.size))
        for at in mapped.blocks(len(X)):
            Z = X[at] / scale
            eta = Z @ b + offset[at]
            if np.abs(eta).max() > 30:
                return False
            mean = 1.0 / (1.0 + np.exp(-eta))
            gradient += Z.T @ (y[at] - mean)
            hessian += (Z * (mean * (1.0 - mean))[:, None]).T @ Z
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return False
        change = max(float(np.abs((X[at] / scale) @ step).max()) for at in mapped.blocks(len(X)))
        if not np.isfinite(change):
            return False
        if change < 1e-8:  # towards a maximum at infinity the steps never become small: η grows by about 1 each
            return True
        b += step * min(1.0, 5.0 / change)
    return False


def _scale(X: np.ndarray) -> np.ndarray:
    """(p,) the largest absolute value of each column; 1 of one that is 0."""
    found = np.maximum(np.abs(X.max(axis=0)), np.abs(X.min(axis=0)))
    found[found == 0] = 1.0
    return found


def separating(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """A combination b (p,) with x'b ≥ 0 in all rows of ones and ≤ 0 in all others, not 0 in all; and whether it is strict in every row.

    None where there is none, or where the programme would be too large.
    """
    if X.size > _LARGEST_PROGRAMME:
        return None
    scale = np.abs(X).max(axis=0)
    scale[scale == 0] = 1.0
    signed = np.unique(np.where(y[:, None], X, -X) / scale, axis=0)
    margin = np.zeros(signed.shape[1] + 1)
    margin[-1] = 1.0
    strict = _programme(np.column_stack([signed, -np.ones(len(signed))]), margin)  # signed b ≥ t, t as large as it can be
    if strict is not None:
        return strict[:-1] / scale, True
    found = _programme(signed, signed.sum(axis=0))
    return None if found is None else (found / scale, False)


def _programme(signed: np.ndarray, aim: np.ndarray) -> np.ndarray | None:
    """b in [−1, 1]ᵖ with ``signed`` b ≥ 0 that makes ``aim``'b largest; None where none makes it positive.

    A linear programme over a few rows, to which those that its answer violates most are added until there are none: then the answer is
    that of the programme over all rows.
    """
    from scipy.optimize import linprog

    rows = np.arange(len(signed))
    if len(signed) > _FIRST_ROWS:
        rows = np.random.default_rng(0).choice(len(signed), _FIRST_ROWS, replace=False)
    for _ in range(_MOST_ROUNDS):
        answer = linprog(-aim, A_ub=-signed[rows], b_ub=np.zeros(len(rows)), bounds=(-1.0, 1.0), method="highs")
        if answer.status != 0 or -answer.fun < 1e-7:
            return None
        margin = signed @ answer.x
        violated = np.flatnonzero(margin < -1e-9)
        if not len(violated):
            return answer.x
        worst = violated[np.argsort(margin[violated])[:_FIRST_ROWS]]
        if np.isin(worst, rows).all():  # they are violated by rounding alone
            return None
        rows = np.union1d(rows, worst)
    return None
