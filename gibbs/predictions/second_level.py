"""What each level of a factor has, as the equations of the second level say it: α_j and β_j, against a predictor of the level.

    y_i = α_j + β_j x_i + …        α_j = δ + γ z_j + ν_j        β_j = λ + θ z_j + η_j

α_j is the sum of the coefficients of columns that are constant within the factor's levels (1, z, z:w), each times its value there, and the
level's own effect ν_j; β_j that of the columns x times something constant within levels (x, x:z), and η_j. Effects of other factors, and
what other predictors of level 1 do, are no part of them. :func:`against` holds every other predictor of the level at its mean over the
levels (a category at its most frequent), so that points and line differ by ν_j and η_j alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import SpecError, nearest
from gibbs.model import levels
from gibbs.model.records import Design, Factor
from gibbs.posterior import intervals
from gibbs.predictions import effects as predictors_of

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

GRID = 41
_SAME = 1e-9


@dataclass(frozen=True)
class Coefficient:
    """One coefficient that varies over a factor. term : Intercept, or the x of the slope. levels : (J,). draws : (S, J)."""

    factor: str
    term: str
    levels: tuple[str, ...]
    draws: np.ndarray = field(repr=False)

    @property
    def symbol(self) -> str:
        """α for the intercept, β for a slope."""
        return "α" if self.term == "Intercept" else "β"

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """level, term, mean, sd, and the ends of the interval."""
        import pandas as pd

        low, high = intervals.interval(self.draws, level)
        first, last = intervals.column_names(level)
        columns = {"level": self.levels, "term": self.term, "mean": self.draws.mean(axis=0), "sd": self.draws.std(axis=0, ddof=1)}
        return pd.DataFrame({**columns, first: low, last: high})


@dataclass(frozen=True)
class Against:
    """A coefficient against a predictor z of its levels.

    z : (J,) numbers, or places among ``labels`` of a category. grid : (G,), of a category one place each; line : (S, G), δ + γ z.
    held : the other predictors of the level, and where they are.
    """

    coefficient: Coefficient
    predictor: str
    labels: tuple[str, ...]
    z: np.ndarray
    grid: np.ndarray
    line: np.ndarray = field(repr=False)
    held: dict[str, Any] = field(default_factory=dict)


def factor_of(fit: Fit, name: str | None) -> Factor:
    """The grouping factor called ``name``, the first where None. SpecError where there is none."""
    factors = fit.design.factors
    if not factors:
        raise SpecError("the model has no grouping factor, and so no second level.", where="factor")
    known = [f.name for f in factors]
    if name is not None and name not in known:
        raise SpecError(f"there is no grouping factor '{name}'; there is {', '.join(known)}.{nearest(name, known)}", where="factor")
    return factors[0 if name is None else known.index(name)]


def coefficients(fit: Fit, factor: str | None = None, term: str | None = None) -> list[Coefficient]:
    """α_j and every β_j of a factor, at the values that its levels have. ``term`` picks one. Raises SpecError for a term that is none."""
    of = factor_of(fit, factor)
    first = _first_rows(of)
    return [_made(fit, of, a, fit.design.X[first], first) for a in _terms(of, term)]


def predictors(fit: Fit, factor: str | None = None) -> tuple[str, ...]:
    """The predictors that are constant within the levels of a factor, and differ between them."""
    of, data = factor_of(fit, factor), fit.data
    found = []
    for name in predictors_of.predictors(fit):
        codes = levels.factorise(data[name])[0]
        if _constant(codes.astype(float), of) and len(np.unique(codes)) > 1:
            found.append(name)
    return tuple(found)


def against(fit: Fit, factor: str | None = None, predictor: str | None = None, term: str | None = None) -> list[Against]:
    """α_j and every β_j of a factor against a predictor of its levels (the first where None), with the line of the second level.

    Raises SpecError where the factor's levels have no predictor, or not this one.
    """
    of = factor_of(fit, factor)
    have = predictors(fit, of.name)
    if not have:
        raise SpecError(f"no predictor is constant within the levels of {of.name}, so its second level has no line.", where="predictor")
    if predictor is not None and predictor not in have:
        hint = nearest(predictor, have)
        raise SpecError(f"'{predictor}' is no predictor of the levels of {of.name}; there is {', '.join(have)}.{hint}", where="predictor")
    name = predictor or have[0]
    x, held = predictors_of.describe(fit, name), _held(fit, of, [other for other in have if other != name])
    first = _first_rows(of)
    if x.labels:
        z = levels.recode(*levels.raw_codes(fit.data[name])[:2], x.labels)[first].astype(float)
        grid, values = np.arange(len(x.labels), dtype=float), list(x.values)
    else:
        z = x.numbers[first]
        grid = np.linspace(z.min(), z.max(), GRID) if len(np.unique(z)) > 2 else np.unique(z)
        values = grid.tolist()
    return [_one(fit, of, a, name, x.labels, z, grid, values, held, first) for a in _terms(of, term)]


def _one(
    fit: Fit,
    of: Factor,
    a: int,
    name: str,
    labels: tuple[str, ...],
    z: np.ndarray,
    grid: np.ndarray,
    values: Sequence[Any],
    held: dict[str, Any],
    first: np.ndarray,
) -> Against:
    """One coefficient, its points and its line: rows of one person, moved from level to level and along the grid."""
    row = _person(of, a)
    at_levels = fit.data.iloc[np.full(len(first), row)].reset_index(drop=True)
    at_levels = at_levels.assign(**{name: fit.data[name].iloc[first].to_numpy()})
    along = fit.data.iloc[np.full(len(values), row)].reset_index(drop=True)
    along = along.assign(**{name: predictors_of._filled(values[0], along) if len(values) == 1 else values})
    for other, value in held.items():
        at_levels[other], along[other] = predictors_of._filled(value, at_levels), predictors_of._filled(value, along)
    encode = fit.design.encoding.fixed.encode
    X, line = encode(at_levels, "the levels"), encode(along, "the grid")
    made = _made(fit, of, a, X, np.full(len(first), row))
    beta = fit.arrays.beta.reshape(-1, fit.arrays.beta.shape[2])
    columns, over = _columns(fit.design, of, a)
    return Against(made, name, labels, z, grid, beta[:, columns] @ (line[:, columns] / (of.Z[row, a] if over else 1.0)).T, dict(held))


def _made(fit: Fit, of: Factor, a: int, X: np.ndarray, rows: np.ndarray) -> Coefficient:
    """The coefficient of column ``a``, for X (J, p) of each level; ``rows`` are the rows of the data that X has its x from."""
    design = fit.design
    beta = fit.arrays.beta.reshape(-1, fit.arrays.beta.shape[2])
    columns, over = _columns(design, of, a)
    values = X[:, columns].copy()
    if over:
        z = of.Z[rows, a]
        told = z != 0
        values[told] /= z[told, None]
        for j in np.flatnonzero(~told):  # this row of the level has x = 0: another of it, else what the level's other columns say
            inside = np.flatnonzero((of.codes == j) & (of.Z[:, a] != 0))
            source = inside[0] if len(inside) else None
            values[j] = (
                design.X[source, columns] / of.Z[source, a] if source is not None else _from_names(design, of.columns[a], columns, X[j])
            )
    draws = beta[:, columns] @ values.T
    start = fit.arrays.u_offsets[[f.name for f in design.factors].index(of.name)]
    u, q = fit.arrays.u if start < 0 else fit.arrays.whole, len(of.columns)
    own = u[:, :, start + a : start + len(of.levels) * q : q].reshape(len(beta), -1)
    return Coefficient(of.name, of.columns[a], of.levels, draws + own)


def _from_names(design: Design, x: str, columns: Sequence[int], row: np.ndarray) -> np.ndarray:
    """What x is multiplied by in each column x:z, from the columns that are named z; 1 for x itself."""
    found = []
    for c in columns:
        rest = [part for part in design.coefficients[c].split(":") if part != x]
        found.append(float(np.prod([row[design.coefficients.index(part)] if part in design.coefficients else 1.0 for part in rest])))
    return np.array(found)


def _columns(design: Design, of: Factor, a: int) -> tuple[list[int], bool]:
    """The columns of X that make the coefficient of column ``a`` of Z, and whether they hold its x, to be divided by."""
    name = of.columns[a]
    if name == "Intercept":
        return [c for c in range(design.X.shape[1]) if _constant(design.X[:, c], of)], False
    z = of.Z[:, a]
    told, found = z != 0, []
    for c, label in enumerate(design.coefficients):
        column = design.X[:, c]
        if name in label.split(":") and not np.any(column[~told]):
            ratio = np.zeros(len(z))
            ratio[told] = column[told] / z[told]
            if _constant(ratio, of, told):
                found.append(c)
    return found, True


def _constant(column: np.ndarray, of: Factor, where: np.ndarray | None = None) -> bool:
    """Whether a column has one value within every level, over the rows ``where``."""
    codes = of.codes if where is None else of.codes[where]
    values = column if where is None else column[where]
    low, high = np.full(len(of.levels), np.inf), np.full(len(of.levels), -np.inf)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    there = high >= low
    size = float(np.abs(values).max(initial=0.0))
    return bool(np.all((high - low)[there] <= _SAME * size))


def _terms(of: Factor, term: str | None) -> list[int]:
    if term is None:
        return list(range(len(of.columns)))
    wanted = "Intercept" if term == "(Intercept)" else term
    if wanted not in of.columns:
        raise SpecError(
            f"'{term}' does not vary over {of.name}; what does is {', '.join(of.columns)}.{nearest(term, of.columns)}", where="term"
        )
    return [of.columns.index(wanted)]


def _first_rows(of: Factor) -> np.ndarray:
    """(J,) the first row of each level. SpecError where a level has none, and so no value of any predictor."""
    there, first = np.unique(of.codes, return_index=True)
    if len(there) < len(of.levels):
        absent = [of.levels[j] for j in np.setdiff1d(np.arange(len(of.levels)), there)]
        raise SpecError(
            f"no row has {', '.join(absent[:6])}{' …' if len(absent) > 6 else ''} of {of.name}, so that these levels, which are drawn, "
            "have no value of a predictor.",
            where="factor",
        )
    return first


def _person(of: Factor, a: int) -> int:
    """A row in which column ``a`` of Z is not 0."""
    there = np.flatnonzero(of.Z[:, a])
    return int(there[0]) if len(there) else 0


def _held(fit: Fit, of: Factor, names: Sequence[str]) -> dict[str, Any]:
    """Other predictors of the level: numbers at their mean over the levels, categories at the value that most levels have."""
    first, found = _first_rows(of), {}
    for name in names:
        x = predictors_of.describe(fit, name)
        if x.labels:
            codes = levels.recode(*levels.raw_codes(fit.data[name])[:2], x.labels)[first]
            found[name] = x.values[int(np.bincount(codes).argmax())]
        else:
            found[name] = float(x.numbers[first].mean())
    return found
