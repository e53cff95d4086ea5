"""Separation in models of discrete outcomes: predictors beyond which a binary outcome is always, or never, 1, and their relatives.

The likelihood then has no maximum (Albert and Anderson 1984), and a coefficient is held by its prior alone. It is asked in three
steps, each only if the one before leaves it open: single columns; Newton's method for the logit, whose convergence proves that
there is a maximum, hence no separation; a linear programme that finds the separating combination (Konis 2007).
"""

from __future__ import annotations

import numpy as np

from gibbs.model.records import Design

_LARGEST_PROGRAMME = 2_000_000  # rows × columns
_LARGEST_STACK = 20_000_000  # rows × cutpoints × columns of an ordinal model


def messages(design: Design, aliased: list[int]) -> list[str]:
    """What there is to say of separation in a design of a discrete outcome; ``aliased`` columns are left out.

    binomial: every row with a success is a row of ones, every row with a failure one of zeros. ordinal: the outcomes y > k,
    k = 0 … C − 2, stacked, with an intercept each: a direction of the coefficients without a maximum is one that separates them all.
    Counts: a predictor of two values with nothing but zeros at one of them, where the mean has no lower limit.
    """
    columns = [j for j in range(design.X.shape[1]) if j not in aliased]
    keep = np.ones(len(design.y), dtype=bool) if design.missing_outcome is None else ~design.missing_outcome
    X, y, offset = design.X[keep], design.y[keep], design.offset[keep]
    if design.family in ("poisson", "negative_binomial"):
        return _without_counts(design, X, y, columns)
    if design.family == "ordinal":
        return _ordinal(design, X, y, offset, columns)
    if design.trials is not None:
        n = design.trials[keep]
        some, not_all = y > 0, y < n
        X, offset = np.concatenate([X[some], X[not_all]]), np.concatenate([offset[some], offset[not_all]])
        y = np.concatenate([np.ones(some.sum(), dtype=bool), np.zeros(not_all.sum(), dtype=bool)])
        unit = "trial" if (n > 1).any() else "row"
    else:
        y, unit = y > 0.5, "row"
    if y.all() or not y.any():
        return []
    found, guilty = [], []
    for j in columns:
        if j == design.intercept:
            continue
        words = single_column(X[:, j], y, design.coefficients[j], design.outcome, unit)
        if words:
            guilty.append(j)
            found.append(words)
    if found:
        found[-1] += _advice(design, guilty)
        return found
    X = X if not aliased else X[:, columns]
    if len(columns) < 2 or maximum_exists(X, y, offset):
        return []
    what = f"with {design.outcome} = 1" if unit == "row" else "with successes"
    return _combination(design, X, y, columns, f"the {unit}s {what} from the others")


def _combination(design: Design, X: np.ndarray, y: np.ndarray, columns: list[int], parted: str) -> list[str]:
    """What to say where a combination of ``columns``, the first columns of X, separates."""
    combination = separating(X, y)
    if combination is None:
        return []
    weights, complete = combination
    guilty = [columns[i] for i in np.flatnonzero(np.abs(weights[: len(columns)]) > 1e-9) if columns[i] != design.intercept]
    if not guilty:
        return []
    names = ", ".join(f"'{design.coefficients[j]}'" for j in guilty[:8]) + (" …" if len(guilty) > 8 else "")
    how = "separates" if complete else "separates, but for ties,"
    whole = f"a combination of {names}" if len(guilty) > 1 else names
    return [f"{whole} {how} {parted}." + _advice(design, guilty)]


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
    """Predictors of two values, all counts being 0 at one of them."""
    found, guilty = [], []
    for j in columns:
        x = X[:, j]
        low, high = x.min(), x.max()
        if j == design.intercept or low == high or not ((x == low) | (x == high)).all():
            continue
        for value in (high, low):
            inside = y[x == value]
            if not inside.any():
                found.append(f"separated: {design.outcome} is 0 in all {len(inside)} rows where '{design.coefficients[j]}' is {value:g}.")
                guilty.append(j)
    if found:
        found[-1] += _advice(design, guilty)
    return found


def _advice(design: Design, guilty: list[int]) -> str:
    stated = {tuple(np.flatnonzero(row.weights)) for row in design.coefficient_priors}
    flat = [design.coefficients[j] for j in guilty if (j,) not in stated]
    if flat:
        return f" With a flat prior on {', '.join(flat)} there is no posterior: give a prior with a scale."
    return " Such a coefficient is limited by its prior alone: state one you believe."


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
    scale = np.abs(X).max(axis=0)
    scale[scale == 0] = 1.0
    Z = X / scale
    b = np.zeros(X.shape[1])
    for _ in range(30):
        eta = Z @ b + offset
        if np.abs(eta).max() > 30:
            return False
        mean = 1.0 / (1.0 + np.exp(-eta))
        gradient = Z.T @ (y - mean)
        hessian = (Z * (mean * (1.0 - mean))[:, None]).T @ Z
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return False
        change = float(np.abs(Z @ step).max())
        if not np.isfinite(change):
            return False
        if change < 1e-8:  # towards a maximum at infinity the steps never become small: η grows by about 1 each
            return True
        b += step * min(1.0, 5.0 / change)
    return False


def separating(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, bool] | None:
    """A combination b (p,) with x'b ≥ 0 in all rows of ones and ≤ 0 in all others, not 0 in all; and whether it is strict in every row.

    None where there is none, or where the programme would be too large. Distinct rows only enter it.
    """
    scale = np.abs(X).max(axis=0)
    scale[scale == 0] = 1.0
    signed = np.unique(np.where(y[:, None], X, -X) / scale, axis=0)
    if signed.size > _LARGEST_PROGRAMME:
        return None
    from scipy.optimize import linprog

    answer = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1.0, 1.0), method="highs")
    if answer.status != 0 or -answer.fun < 1e-7:
        return None
    margin = signed @ answer.x
    if (margin < -1e-9).any():
        return None
    return answer.x / scale, bool((margin > 1e-9).all())
