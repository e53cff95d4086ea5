"""Age, period and cohort: what the data say of the three together, and nothing else (Holford 1991; Clayton & Schifflers 1987).

With cohort = period − age, the straight lines (α + κ, π − κ, γ + κ) in age, period and cohort give the same predictor for every κ: no data
tell them apart. Estimable, and so the same whatever the priors of that direction and whatever constraint anyone would choose, are

    deviations     each curve less its own straight line (least squares over its levels)
    curvatures     the change of slope from level to level, (f_{i+1} − f_i)/δ_i − (f_i − f_{i−1})/δ_{i−1}
    net drift      π + γ, the trend over time of the age-specific rates
    longitudinal   α + π, the slope over age within a cohort;   cross-sectional   α − γ, that within a period
    local drifts   the trend over periods at one age: least squares over the cells of the table at that age

A curve is what its predictor of the same name adds, and the effects of its grouping factor. With ``constraint`` the trend of one axis is
set to zero, and all three curves are had, each named after what it hangs on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.draws import diagnostics
from gibbs.draws.outline import FactorOutline
from gibbs.errors import DataError, SpecError, nearest
from gibbs.files import pages
from gibbs.model import syntax
from gibbs.posterior import intervals
from gibbs.posterior.linear import flat

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

AXES = ("age", "period", "cohort")
LEAST_ESS, MOST_RHAT = 400.0, 1.01
MOST_OFF = 0.25
"""Of the slopes −1 and 1 of cohort over age and period, in the cells of the table: bands of years blur them, another unit is far."""
NOT_IDENTIFIED = (
    "The straight lines of age, period and cohort apart are not identified: adding any slope to age and cohort and taking it from period "
    "changes no prediction. Only the priors split them, so they are not printed."
)


@dataclass(frozen=True)
class Axis:
    """One of the three: its grouping factor, where its levels stand (in order), and its curve (chains, draws, J)."""

    name: str
    factor: str
    levels: tuple[str, ...]
    at: np.ndarray
    curve: np.ndarray = field(repr=False)

    @property
    def slope_weights(self) -> np.ndarray:
        """(J,): the least-squares slope over the levels is their sum with the curve."""
        centred = self.at - self.at.mean()
        return centred / np.sum(centred**2)

    @property
    def slope(self) -> np.ndarray:
        """(chains, draws): not identified by itself."""
        return self.curve @ self.slope_weights

    @property
    def deviations(self) -> np.ndarray:
        """(chains, draws, J)."""
        return self.curve - self.curve.mean(axis=2, keepdims=True) - self.slope[:, :, None] * (self.at - self.at.mean())

    @property
    def curvatures(self) -> np.ndarray:
        """(chains, draws, J − 2): slope after less slope before, at every level but the first and the last."""
        return np.diff(np.diff(self.curve, axis=2) / np.diff(self.at), axis=2)


@dataclass(frozen=True)
class AgePeriodCohort:
    """What is estimable. ``table``: function, axis, at, mean, sd, an interval, rhat, ess_bulk; ``draws``: (chains, draws, rows).

    constraint : the axis whose trend is set to zero, "" where none is; ``given`` says it beside every number that hangs on it.
    """

    table: pd.DataFrame
    axes: tuple[Axis, Axis, Axis] = field(repr=False)
    draws: np.ndarray = field(repr=False)
    constraint: str
    level: float
    outcome: str

    @property
    def title(self) -> str:
        """``Age, period and cohort: what is estimable``."""
        return "Age, period and cohort: what is estimable"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is not identified, the constraint, and whether the estimable functions converged."""
        rhat, ess = float(np.nanmax(self.table["rhat"])), float(np.nanmin(self.table["ess_bulk"]))
        fine = rhat <= MOST_RHAT and ess >= LEAST_ESS
        verdict = "have converged" if fine else "have NOT converged"
        judged = f"The estimable functions {verdict}: R-hat at most {rhat:.3f}, ESS at least {ess:,.0f}."
        held = (
            f" Curves and slopes under '{given(self.constraint)}' hang on that constraint, which no data support."
            if self.constraint
            else ""
        )
        return NOT_IDENTIFIED + held, judged

    def __repr__(self) -> str:
        from gibbs.files import tablefile

        return "\n".join([self.title, tablefile.text(self.table.round(4)), *self.sentences])

    def _repr_html_(self) -> str:
        return pages.table(self.table, self.title, " ".join(self.sentences))

    def plot(self) -> Picture:
        """Three curves with bands (deviations from the straight line, or the curves under the constraint), and the ridge of the trends."""
        from gibbs.predictions import apc_picture

        axes = {axis.name: axis for axis in self.axes}
        curves = under(axes, self.constraint) if self.constraint else {name: axis.deviations for name, axis in axes.items()}
        what = "curve" if self.constraint else "deviation from its straight line"
        note = f"Constraint: {given(self.constraint)}. {NOT_IDENTIFIED}" if self.constraint else NOT_IDENTIFIED
        places = {name: (axis.factor, axis.at) for name, axis in axes.items()}
        trends = axes["period"].slope, axes["cohort"].slope
        return apc_picture.draw(places, curves, trends, what, self.level, f"{self.title}: {self.outcome}", note)


def given(constraint: str) -> str:
    """``period has no trend``."""
    return f"{constraint} has no trend" if constraint else ""


def apc(
    fit: Fit,
    age: str = "age",
    period: str = "period",
    cohort: str = "cohort",
    *,
    constraint: str | None = None,
    level: float = 0.95,
) -> AgePeriodCohort:
    """See ``Fit.apc``."""
    intervals.check(level)
    if constraint is not None and constraint not in AXES:
        raise SpecError(
            f"constraint is {', '.join(AXES)}, the axis whose trend is set to zero; found '{constraint}'.{nearest(constraint, AXES)}",
            where="constraint",
        )
    names = dict(zip(AXES, (age, period, cohort), strict=True))
    factors = {axis: _factor(fit, axis, name) for axis, name in names.items()}
    axes = {axis: _axis(fit, axis, f) for axis, f in factors.items()}
    codes = _cells(fit, factors, axes)
    parts = list(_functions(axes, codes))
    if constraint:
        parts += _under(axes, constraint)
    draws = np.concatenate([values for *_, values in parts], axis=2)
    return AgePeriodCohort(_table(parts, draws, level), (axes["age"], axes["period"], axes["cohort"]), draws, constraint or "", level,
                           fit.outline.outcome)  # fmt: skip


def _factor(fit: Fit, axis: str, name: str) -> int:
    known = [f.name for f in fit.outline.factors]
    if name not in known:
        raise SpecError(
            f"there is no grouping factor '{name}' for {axis}.{nearest(name, known)} There are {', '.join(known) or 'none'}; "
            f"age, period and cohort are three of them, {axis}= says which ({axis}='{known[0] if known else 'g'}').",
            where=axis,
        )
    f = known.index(name)
    if "Intercept" not in fit.outline.factors[f].columns:
        raise SpecError(f"only slopes vary over '{name}'; a curve over it needs (1 | {name}).", where=axis)
    return f


def _axis(fit: Fit, axis: str, f: int) -> Axis:
    """The curve of one axis at its levels, in the order of their positions."""
    from gibbs.plots.timeline import positions

    factor: FactorOutline = fit.outline.factors[f]
    at = factor.structure.positions if factor.structure is not None and factor.structure.walk else positions(factor)
    if at is None or len(at) < 3:
        raise DataError(
            f"the levels of {factor.name} have no places on a line ({', '.join(factor.levels[:4])} …); age, period and cohort need three "
            "levels or more that are numbers, such as 35 or 30-34.",
            where=axis,
        )
    order = np.argsort(at)
    q, column = len(factor.columns), factor.columns.index("Intercept")
    start = fit.arrays.u_offsets[f]
    u = fit.arrays.u[:, :, start : start + len(factor.levels) * q].reshape(*fit.arrays.u.shape[:2], -1, q)[:, :, order, column]
    levels = tuple(factor.levels[j] for j in order)
    return Axis(axis, factor.name, levels, np.asarray(at, dtype=float)[order], u + _fixed_part(fit, factor.name, at[order]))


def _fixed_part(fit: Fit, name: str, at: np.ndarray) -> np.ndarray:
    """(chains, draws, J): what the predictor of this name adds at each position, less its value at the first; 0 where there is none."""
    import pandas as pd

    if name not in set(syntax.names(fit.spec.parsed.fixed_tree)):
        return np.zeros((1, 1, len(at)))
    data = fit.data
    if data[name].dtype.kind not in "iuf":
        raise DataError(f"'{name}' is a predictor that is no number: its curve cannot be had at every level.", where="apc")
    found = []
    for row in (0, len(data) - 1):
        frame = pd.concat([data.iloc[[row]]] * len(at), ignore_index=True)
        frame[name] = at.astype(data[name].dtype) if np.all(at == np.round(at)) else at
        X = fit.design.encoding.fixed.encode(frame, "the levels")
        found.append(X - X[:1])
    if not np.allclose(found[0], found[1], atol=1e-9 * max(1.0, np.abs(found[0]).max())):
        raise SpecError(f"what '{name}' adds depends on other predictors (an interaction): there is no curve of it alone.", where="formula")
    return fit.arrays.beta @ found[0].T


def _cells(fit: Fit, factors: dict[str, int], axes: dict[str, Axis]) -> np.ndarray:
    """The cells of the table that rows fall in, (cells, 3) places on the three axes. DataError where cohort is not period − age."""
    design = fit.design
    columns = []
    for axis, f in factors.items():
        place = {text: k for k, text in enumerate(axes[axis].levels)}
        of_level = np.array([place[text] for text in design.factors[f].levels])
        columns.append(of_level[design.factors[f].codes])
    cells = np.unique(np.column_stack(columns), axis=0)
    a, p, c = (axes[axis].at[cells[:, k]] for k, axis in enumerate(AXES))
    gap = c - (p - a)
    wide = max(float(np.max(np.diff(axes[axis].at))) for axis in AXES)
    W = np.column_stack([np.ones(len(a)), a - a.mean(), p - p.mean()])
    slopes = np.linalg.lstsq(W, c, rcond=None)[0][1:] if np.linalg.matrix_rank(W) == 3 else np.array([-1.0, 1.0])
    if np.max(np.abs(gap - np.median(gap))) > 1.01 * wide or np.max(np.abs(slopes - [-1.0, 1.0])) > MOST_OFF:
        k = int(np.argmax(np.abs(gap - np.median(gap))))
        raise DataError(
            f"cohort is not period − age here: at age {a[k]:g} in period {p[k]:g} stands cohort {c[k]:g}. All three need one unit, such as "
            "years (derive: makes columns).",
            where="apc",
        )
    return cells


def _functions(axes: dict[str, Axis], cells: np.ndarray) -> list[tuple[str, str, list[str], str, np.ndarray]]:
    """(function, axis, at, what it hangs on, draws (chains, draws, k)) of everything that is estimable."""
    age, period, cohort = (axes[name] for name in AXES)
    whole = [
        ("net drift", "period + cohort", period.slope + cohort.slope),
        ("longitudinal slope", "age + period", age.slope + period.slope),
        ("cross-sectional slope", "age − cohort", age.slope - cohort.slope),
    ]
    found = [(name, axis, [""], "", _finite(draws)[:, :, None]) for name, axis, draws in whole]
    drifts, at = [], []
    for k, label in enumerate(age.levels):
        mine = cells[cells[:, 0] == k]
        p = period.at[mine[:, 1]]
        if len(np.unique(p)) < 2:
            continue
        weights = (p - p.mean()) / np.sum((p - p.mean()) ** 2)
        drifts.append((period.curve[:, :, mine[:, 1]] + cohort.curve[:, :, mine[:, 2]]) @ weights)
        at.append(label)
    if drifts:
        found.append(("local drift", "age", at, "", np.stack(drifts, axis=2)))
    for axis in (age, period, cohort):
        found.append(("deviation", axis.name, list(axis.levels), "", axis.deviations))
        found.append(("curvature", axis.name, list(axis.levels[1:-1]), "", axis.curvatures))
    return found


def _finite(draws: np.ndarray) -> np.ndarray:
    return np.asarray(draws, dtype=float)


def under(axes: dict[str, Axis], constraint: str) -> dict[str, np.ndarray]:
    """The curves (chains, draws, J) with no trend of ``constraint``: κ is what makes it so."""
    sign = {"age": 1.0, "period": -1.0, "cohort": 1.0}
    kappa = -sign[constraint] * axes[constraint].slope
    found = {}
    for name, axis in axes.items():
        curve = axis.curve + sign[name] * kappa[:, :, None] * (axis.at - axis.at.mean())
        found[name] = curve - curve.mean(axis=2, keepdims=True)
    return found


def _under(axes: dict[str, Axis], constraint: str) -> list[tuple[str, str, list[str], str, np.ndarray]]:
    curves = under(axes, constraint)
    found = [
        ("slope", name, [""], given(constraint), (curves[name] @ axis.slope_weights)[:, :, None])
        for name, axis in axes.items()
        if name != constraint
    ]
    return found + [("curve", name, list(axes[name].levels), given(constraint), curve) for name, curve in curves.items()]


def _table(parts: list[tuple[str, str, list[str], str, Any]], draws: np.ndarray, level: float) -> pd.DataFrame:
    import pandas as pd

    every = flat(draws)
    low, high = intervals.interval(every, level)
    names = intervals.column_names(level)
    moving = np.ptp(every, axis=0) > 0.0
    rhat, ess = np.full(draws.shape[2], np.nan), np.full(draws.shape[2], np.nan)
    if moving.any():
        rhat[moving], ess[moving] = diagnostics.rhat(draws[:, :, moving]), diagnostics.ess_bulk(draws[:, :, moving])
    labels = [(what, axis, at, hangs) for what, axis, at_, hangs, _ in parts for at in at_]
    found = pd.DataFrame(labels, columns=["function", "axis", "at", "given"])
    found["mean"], found["sd"] = every.mean(axis=0), every.std(axis=0, ddof=1)
    found[names[0]], found[names[1]] = low, high
    found["rhat"], found["ess_bulk"] = rhat, ess
    return found if found["given"].any() else found.drop(columns="given")
