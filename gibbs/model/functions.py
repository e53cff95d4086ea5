"""The functions a formula may call: the allow-list, and the numbers each gives.

Elementwise functions act on a column alone. Stateful ones (``scale``, ``center``, ``poly``, ``bs``) learn something from the
data the model is fitted to, and keep it in a ``state`` of plain numbers, so that new data are encoded as the old were.
``poly`` and ``bs`` are formulaic's (the three-term recurrence of R's ``poly``; the basis of R's ``bs``), called directly:
no text of a formula is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

State = dict[str, Any]

_COUNTS: ContextVar[np.ndarray | None] = ContextVar("rows of the data behind each row that functions learn from", default=None)


@contextmanager
def counted(counts: np.ndarray | None) -> Iterator[None]:
    """What is learnt inside is learnt from rows that stand for ``counts`` (N,) rows of the data each; for themselves where None."""
    before = _COUNTS.set(counts)
    try:
        yield
    finally:
        _COUNTS.reset(before)


@dataclass(frozen=True)
class Function:
    """One entry of the allow-list.

    gives : "number" (one column, may stand inside other functions), "matrix" (several columns) or "category".
    parameters : further arguments in order, name → kind ("number", "whole", "flag", "numbers", "level", "levels", "contrasts").
    compute : (column, arguments, state or None when training) → (values, state); None where the caller knows what to do.
    """

    gives: str
    parameters: Mapping[str, str]
    compute: Callable[[np.ndarray, Mapping[str, Any], State | None], tuple[np.ndarray, State]] | None = None


def _elementwise(function: Callable[[np.ndarray], np.ndarray]) -> Function:
    return Function("number", {}, lambda x, arguments, state: (function(x), {}))


def _log(x: np.ndarray, arguments: Mapping[str, Any], state: State | None) -> tuple[np.ndarray, State]:
    base = arguments.get("base")
    return (np.log(x) if base is None else np.log(x) / np.log(base)), {}


def _scale(x: np.ndarray, arguments: Mapping[str, Any], state: State | None) -> tuple[np.ndarray, State]:
    """R's ``scale``: minus the mean, over the standard deviation (n − 1); without centring, over the root mean square (n − 1)."""
    if state is None:
        counts = _COUNTS.get()
        w, n = (1.0, len(x)) if counts is None else (counts, float(counts.sum()))
        center = float((w * x).sum() / n) if arguments.get("center", True) else 0.0
        width = float(np.sqrt((w * (x - center) ** 2).sum() / max(n - 1, 1))) if arguments.get("scale", True) else 1.0
        if width == 0:
            raise ValueError("the column has one value only, so it has no scale")
        state = {"center": center, "scale": width}
    return (x - state["center"]) / state["scale"], state


def _center(x: np.ndarray, arguments: Mapping[str, Any], state: State | None) -> tuple[np.ndarray, State]:
    return _scale(x, {"scale": False}, state)


def _poly(x: np.ndarray, arguments: Mapping[str, Any], state: State | None) -> tuple[np.ndarray, State]:
    """R's ``poly``: orthonormal over the training rows, or with ``raw`` the powers themselves."""
    degree, raw = int(arguments.get("degree", 1)), bool(arguments.get("raw", False))
    if raw:
        return x[:, None] ** np.arange(1, degree + 1), {}
    if state is None and len(np.unique(x)) <= degree:
        raise ValueError(f"poly of degree {degree} needs more than {degree} different values; there are {len(np.unique(x))}")
    from formulaic.transforms import poly

    # formulaic keeps {"alpha": {0: …}, "norms2": {0: …}}; a copy, so that an encoding is never changed by its use
    if state is None and (counts := _COUNTS.get()) is not None:
        state = _orthogonal(x, degree, counts)
    kept: State = {} if state is None else {key: dict(value) for key, value in state.items()}
    values = np.asarray(poly(x, degree=degree, _state=kept), dtype=np.float64)
    return values, kept


def _orthogonal(x: np.ndarray, degree: int, counts: np.ndarray) -> State:
    """What formulaic's ``poly`` keeps, of rows that stand for ``counts`` each: the recurrence of the monic orthogonal polynomials."""
    alpha, norms = {}, {}
    before, now = np.zeros_like(x), np.ones_like(x)
    for k in range(degree + 1):
        norms[k] = float(np.sum(counts * now**2))
        alpha[k] = float(np.sum(counts * x * now**2) / norms[k])
        before, now = now, (x - alpha[k]) * now - (norms[k] / norms[k - 1] if k else 0.0) * before
    return {"alpha": {k: alpha[k] for k in range(degree)}, "norms2": norms}


def _quantiles(x: np.ndarray, shares: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """numpy's quantiles (R's type 7) of rows that stand for ``counts`` each."""
    order = np.argsort(x)
    upto = np.cumsum(counts[order])
    at = shares * (upto[-1] - 1)
    low, high = (x[order][np.searchsorted(upto, edge, side="right")] for edge in (np.floor(at), np.ceil(at)))
    return low + (high - low) * (at - np.floor(at))


def _bs(x: np.ndarray, arguments: Mapping[str, Any], state: State | None) -> tuple[np.ndarray, State]:
    """R's ``splines::bs``: a B-spline basis; beyond the training range its end polynomials are continued, as in R."""
    from formulaic.transforms import basis_spline

    degree, intercept = int(arguments.get("degree", 3)), bool(arguments.get("intercept", False))
    knots = arguments.get("knots")
    if state is None and knots is not None and (min(knots) <= x.min() or max(knots) >= x.max()):
        raise ValueError(f"the knots of bs lie inside the data's range, {x.min():.6g} to {x.max():.6g}")
    df = None if arguments.get("df") is None else int(arguments["df"])
    kept: State = {} if state is None else dict(state)
    counts = _COUNTS.get()
    if state is None and df is not None and counts is not None and df - degree - intercept >= 0:
        inside = _quantiles(x, np.linspace(0.0, 1.0, df - degree - intercept + 2)[1:-1], counts).tolist()
        low, high = float(x.min()), float(x.max())
        kept = {"knots": [low] * (degree + 1) + inside + [high] * (degree + 1), "lower_bound": low, "upper_bound": high}
    basis = basis_spline(x, df=df, knots=knots, degree=degree, include_intercept=intercept, extrapolation="extend", _state=kept)
    columns = [np.asarray(basis[key], dtype=np.float64) for key in sorted(basis)]
    return np.column_stack(columns), kept


FUNCTIONS: Mapping[str, Function] = {
    "I": _elementwise(lambda x: x),
    "log": Function("number", {"base": "number"}, _log),
    "log2": _elementwise(np.log2),
    "log10": _elementwise(np.log10),
    "log1p": _elementwise(np.log1p),
    "exp": _elementwise(np.exp),
    "expm1": _elementwise(np.expm1),
    "sqrt": _elementwise(np.sqrt),
    "abs": _elementwise(np.abs),
    "sin": _elementwise(np.sin),
    "cos": _elementwise(np.cos),
    "scale": Function("number", {"center": "flag", "scale": "flag"}, _scale),
    "center": Function("number", {}, _center),
    "poly": Function("matrix", {"degree": "whole", "raw": "flag"}, _poly),
    "bs": Function("matrix", {"df": "whole", "knots": "numbers", "degree": "whole", "intercept": "flag"}, _bs),
    "as.numeric": Function("number", {}, None),
    "factor": Function("category", {"levels": "levels"}, None),
    "as.factor": Function("category", {}, None),
    "relevel": Function("category", {"ref": "level"}, None),
    "C": Function("category", {"contr": "contrasts"}, None),
}

KNOWN_ELSEWHERE: Mapping[str, str] = {
    "cbind": "cbind(successes, failures) is an outcome; it stands alone on the left of '~'.",
    "ns": "ns() is not available; bs(x, df = 4) is.",
    "s": "s(x, k = 10), a penalised spline, is a term of its own; in products bs(x, df = 4) and poly(x, 2) are curves.",
    "te": "te() is not available; products of bs() or poly() terms are.",
    "ordered": "ordered() is not available; factor(x) gives treatment coding.",
    "ifelse": "ifelse() is not available in a formula; make the column in the data, or under 'derive'.",
    "cut": "cut() is not available in a formula; make the column in the data, or under 'derive'.",
    "Treatment": 'Treatment() stands inside C(): C(x, Treatment("a")).',
    "mo": "mo() is not available.",
    **{
        kind: f"{kind}() is a term of its own, or stands after the bar of a random term: … + {kind}(g), (1 + x | {kind}(g))."
        for kind in ("rw1", "rw2", "ar1", "icar", "bym2", "leroux")
    },
    "mm": "mm() is a term of its own, or stands after the bar of a random term: … + mm(g1, g2), (1 + x | mm(g1, g2)).",
    "car": 'car() of brms is icar(g, graph = "borders.csv") here, a term of its own, or leroux() or bym2().',
    "ar": "ar() of brms, on the residuals, is not available; ar1(year), a term of its own, is an autoregression of effects.",
    "weights": "weights() stands on the left of '~', after a bar: share | weights(n) ~ …, a share of n trials; or "
    'y | weights(w, type = "frequency") ~ …, rows that stand for w equal ones.',
    "trials": "trials(n) stands on the left of '~', after a bar: successes | trials(n) ~ …",
    "frequency": 'Frequencies are written y | weights(w, type = "frequency") ~ …',
    "rate": "rate(t) is an offset: y ~ … + offset(log(t)).",
    "exposure": "An exposure is an offset: y ~ … + offset(log(t)).",
    "cs": "Category-specific effects are not available.",
    "thres": "thres() is not available: the cutpoints follow from the categories of the outcome.",
    "cens": "Censoring is not available.",
    "trunc": "Truncation is not available.",
    "se": "se() stands on the left of '~', after a bar: y | se(s) ~ …",
    "gr": 'gr() stands in a random term, after its bar: (1 | gr(g, dist = "student")), (1 | gr(g, by = z)).',
    "c": 'c() stands only as the knots of bs() and the levels of factor(): factor(x, levels = c("a", "b")).',
}
"""What people write that belongs to other packages, and what to write instead."""
