"""What a predictor does to the expected outcome: average marginal effects, and predictions over a grid of its values.

Average marginal effect of x: the mean over the rows of the data of ∂E(y)/∂x, by a central difference of 2·10⁻⁵ sd(x) that runs through
every term x has a part in (squares, interactions, varying slopes); of a category, or of a number that is 0 or 1, the mean of
E(y | level) − E(y | base). A row counts as often as its frequency weight says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.files import pages, tablefile
from gibbs.model import coding, families, levels, syntax
from gibbs.model.numeric import as_number
from gibbs.model.records import Design
from gibbs.numerals import of_predictor
from gibbs.posterior.intervals import PROBABILITIES
from gibbs.predictions import newdata
from gibbs.predictions.newdata import Groups, Rows
from gibbs.predictions.predict import Predictor, check_probabilities, statistic_names, summarise

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gibbs.posterior.fit import Fit

GRID = 25
"""Values of a number on a grid, from its least to its largest in the data."""
OTHERS = ("typical", "observed")
KINDS = ("expected", "linear")
_STEP = 1e-5  # of a derivative, in sds


@dataclass(frozen=True)
class Described:
    """A column of the data that is a predictor: its categories, or its numbers."""

    name: str
    labels: tuple[str, ...]  # categories, the base first; () of a number
    values: tuple[Any, ...]  # what stands in the data for each of them; of a number that is 0 or 1: 0 and 1
    numbers: np.ndarray  # of a number (N,); of a category (0,)


def predictors(fit: Fit) -> tuple[str, ...]:
    """The columns that are predictors, in the order of the formula."""
    parsed = fit.spec.parsed
    trees = [parsed.fixed_tree, *(term.tree for term in parsed.random)]
    return tuple(dict.fromkeys(name for tree in trees for name in syntax.names(tree)))


def describe(fit: Fit, name: str) -> Described:
    """What ``name`` is. SpecError, with the nearest match, where it is no predictor."""
    have = predictors(fit)
    if name not in have:
        hint = nearest(name, have)
        listed = f"The predictors are {', '.join(have)}." if have else "The model has no predictors."
        raise SpecError(f"'{name}' is no predictor of this model.{hint} {listed}", where="effects")
    series = fit.data[name]
    if labels := _levels(fit.design, name):
        codes = levels.recode(*levels.raw_codes(series)[:2], labels)
        first = [int(np.flatnonzero(codes == k)[0]) for k in range(len(labels))]
        return Described(name, labels, tuple(series.iloc[i] for i in first), np.empty(0))
    x = as_number(series, name, "data")
    values = (0.0, 1.0) if set(np.unique(x)) == {0.0, 1.0} else ()
    return Described(name, (), values, x)


def _levels(model: Design, name: str) -> tuple[str, ...]:
    """The levels of a category among the predictors, the base that the model compares with first; empty where it is none."""
    parts = [model.encoding.fixed, *(part for random in model.encoding.factors.values() for part in random.parts)]
    for part in parts:
        for variable in part.variables.values():
            if variable.is_category and coding.coding(variable.node).column == name:
                return variable.suffixes
    return ()


# ------------------------------------------------------------------------------------------------ average marginal effects


def ame(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    *,
    by: str | None = None,
    at: Mapping[str, Any] | None = None,
    groups: Groups = "known",
    probabilities: Sequence[float] = PROBABILITIES,
    draws: bool = False,
    seed: int | None = None,
    max_draws: int | None = None,
) -> pd.DataFrame | dict[tuple[str, ...], np.ndarray]:
    """See ``Fit.ame``."""
    import pandas as pd

    check_probabilities(probabilities)
    names = predictors(fit) if variables is None else (variables,) if isinstance(variables, str) else tuple(variables)
    if not names:
        raise SpecError("the model has no predictors, so there is no effect of any.", where="effects")
    if by is not None and by in names:
        if variables is not None:
            raise SpecError(f"'{by}' cannot be shown by itself.", where="effects")
        names = tuple(name for name in names if name != by)
    given = dict(at or {})
    values, labels_by = ([None], [None]) if by is None else _values(describe(fit, by), given, fine=False, grid=GRID)
    work = _Averages(fit, groups, seed, max_draws)
    work.hold(fit, given, [*names, *([] if by is None else [by])])
    whole = work.data
    found: dict[tuple[str, ...], np.ndarray] = {}
    for name in names:
        x = describe(fit, name)
        for value, label in zip(values, labels_by, strict=True):
            work.data = whole if by is None else whole.assign(**{by: _filled(value, whole)})
            for effect, average in _effects_of(work, x):
                found[(name, effect) if by is None else (name, effect, label)] = average
    if draws:
        return found
    categories = list(fit.outline.categories or ())
    keys = [(*key, category) for key in found for category in (categories or [None])]
    statistics = np.concatenate([summarise(values, probabilities).reshape(2 + len(probabilities), -1) for values in found.values()], axis=1)
    columns: dict[str, Any] = {"variable": [k[0] for k in keys], "effect": [k[1] for k in keys]}
    if by is not None:
        columns[by] = [k[2] for k in keys]
    if categories:
        columns["category"] = [k[-1] for k in keys]
    return pd.DataFrame({**columns, **dict(zip(statistic_names(probabilities), statistics, strict=True))})


def _effects_of(work: _Averages, x: Described) -> Iterator[tuple[str, np.ndarray]]:
    """Each effect of one predictor and its draws: the derivative of a number; of a category the differences from its base."""
    if not (x.labels or x.values):
        yield "dy/dx", work.derivative(x.name, work.data[x.name].to_numpy(dtype=float))
        return
    labels = x.labels or ("0", "1")
    base = work.mean(work.data.assign(**{x.name: _filled(x.values[0], work.data)}))
    for label, value in zip(labels[1:], x.values[1:], strict=True):
        yield f"{label} - {labels[0]}", work.mean(work.data.assign(**{x.name: _filled(value, work.data)})) - base


def _filled(value: Any, frame: pd.DataFrame) -> Any:
    """A column that holds one value, of the kind that the value is."""
    import pandas as pd

    return pd.Series([value] * len(frame), index=frame.index)


class _Averages:
    """Means over the rows of the data of the expected outcome, with columns of them changed; groups stay each row's own."""

    def __init__(self, fit: Fit, groups: Groups, seed: int | None, max_draws: int | None, kind: str = "expected") -> None:
        self.fit, self.seed, self.max_draws, self.kind = fit, seed, max_draws, kind
        self.words = newdata.modes(groups, [f.name for f in fit.design.factors])
        self.data = fit.data
        weights = _row_weights(fit)
        self.weights = np.ones(len(self.data)) if weights is None else weights.astype(float)
        self.weights = self.weights / self.weights.sum()

    def rows(self, frame: pd.DataFrame) -> Rows:
        return newdata.encode(self.fit, frame, self.words, source="data", grouping=self.data)

    def predictor(self, rows: Rows) -> Predictor:
        return Predictor(self.fit, rows, self.kind, seed=self.seed, max_draws=self.max_draws)

    def hold(self, fit: Fit, given: Mapping[str, Any], shown: Sequence[str]) -> None:
        """Put columns at one value in every row. SpecError for what the model does not need, and for what is shown."""
        _check_needed(fit, given, self.words)
        for name, value in given.items():
            if name in shown:
                raise SpecError(f"at: '{name}' is shown itself; hold other predictors.", where="effects")
            if name in self.data:
                self.data = self.data.assign(**{name: _filled(value, self.data)})

    def mean(self, frame: pd.DataFrame) -> np.ndarray:
        """(S,), ordinal (S, C)."""
        predictor = self.predictor(self.rows(frame))
        return np.asarray(sum(np.tensordot(values, self.weights[at], axes=(1, 0)) for at, values in predictor.blocks()))

    def derivative(self, name: str, x: np.ndarray) -> np.ndarray:
        step = _STEP * (float(np.std(x)) or 1.0)
        try:
            above, below, width = self.rows(self.data.assign(**{name: x + step})), self.rows(self.data.assign(**{name: x - step})), 2 * step
        except DataError:  # a root or log at the edge of where it exists: to the right alone
            above, below, width = self.rows(self.data.assign(**{name: x + step})), self.rows(self.data.assign(**{name: x})), step
        high, low = self.predictor(above), self.predictor(below)
        total: np.ndarray | float = 0.0
        for (at, up), (_, down) in zip(high.blocks(), low.blocks(), strict=True):
            total = total + np.tensordot((up - down) / width, self.weights[at], axes=(1, 0))
        return np.asarray(total)


# ---------------------------------------------------------------------------------------------------- predictions on a grid


def effects(
    fit: Fit,
    variable: str,
    by: str | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    others: str = "typical",
    groups: Groups = "population",
    grid: int = GRID,
    kind: str = "expected",
    probabilities: Sequence[float] = PROBABILITIES,
    seed: int | None = None,
    max_draws: int | None = None,
) -> Effects:
    """See ``Fit.effects``."""
    import pandas as pd

    check_probabilities(probabilities)
    if len(probabilities) < 2:
        raise SpecError("a band needs two probabilities, such as (0.025, 0.5, 0.975).", where="quantiles")
    if others not in OTHERS:
        raise SpecError(f"others is typical or observed, not '{others}'.{nearest(str(others), OTHERS)}", where="effects")
    if kind not in KINDS:
        raise SpecError(f"kind is expected or linear, not '{kind}'.{nearest(str(kind), KINDS)}", where="effects")
    if by == variable:
        raise SpecError(f"'{variable}' cannot be shown by itself.", where="effects")
    given = dict(at or {})
    words = newdata.modes(groups, [f.name for f in fit.design.factors])
    shown = [describe(fit, name) for name in (variable, by) if name is not None]
    along = _along(shown)
    axes = [_values(x, given, fine=x is along, grid=grid) for x in shown]
    points = pd.MultiIndex.from_product([range(len(values)) for values, _ in axes])
    cells = {x.name: [axes[k][0][p[k]] for p in points] for k, x in enumerate(shown)}
    held = _held(fit, shown, given, words, others)
    if others == "typical":
        frame = pd.DataFrame({**{name: [value] * len(points) for name, value in held.items()}, **cells})
        frame.index = pd.RangeIndex(1, len(frame) + 1)
        predictor = Predictor(fit, newdata.encode(fit, frame, words, source="the grid"), kind, seed=seed, max_draws=max_draws)
        draws = np.concatenate([values for _, values in predictor.blocks()], axis=1)
    else:
        work = _Averages(fit, groups, seed, max_draws, kind)
        if any(name in work.data for name in held):
            work.data = work.data.assign(**{name: _filled(value, work.data) for name, value in held.items()})
        means = []
        for k in range(len(points)):
            means.append(work.mean(work.data.assign(**{name: _filled(values[k], work.data) for name, values in cells.items()})))
        draws = np.stack(means, axis=1)
    labels = {x.name: [axes[k][1][p[k]] for p in points] for k, x in enumerate(shown)}
    return Effects(
        variable=variable,
        by=by,
        along=along.name,
        outcome=outcome_words(fit) if kind == "expected" else f"linear predictor of {fit.outline.outcome}",
        held={name: value for name, value in held.items()} if others == "typical" else dict(given),
        others=others,
        average=_average_words(words),
        probabilities=tuple(probabilities),
        draws=draws,
        labels=labels,
        categories=tuple(fit.outline.categories or ()) if kind == "expected" else (),
    )


def _along(shown: Sequence[Described]) -> Described:
    """The one on the horizontal axis: the first that is a number of many values, else the first."""
    return next((x for x in shown if not x.labels and not x.values), shown[0])


def _values(x: Described, given: dict[str, Any], *, fine: bool, grid: int) -> tuple[list[Any], list[Any]]:
    """The values on the grid, and their names in the table."""
    if x.name in given:
        value = given.pop(x.name)
        many = list(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else [value]
        return many, [levels.label(v) for v in many] if x.labels else [float(v) for v in many]
    if x.labels:
        return list(x.values), list(x.labels)
    if x.values:
        return [0.0, 1.0], [0.0, 1.0]
    values = np.linspace(x.numbers.min(), x.numbers.max(), max(2, grid)).tolist() if fine else middle(x)
    return values, values


def middle(x: Described) -> list[float]:
    """The mean of a number, and a sd to both sides."""
    mean, sd = float(x.numbers.mean()), float(x.numbers.std(ddof=1))
    return [mean - sd, mean, mean + sd]


def _check_needed(fit: Fit, given: Mapping[str, Any], words: Mapping[str, str]) -> Sequence[str]:
    """The columns that new rows need. SpecError where ``given`` names another."""
    needed = newdata.needed(fit, words)
    for name in given:
        if name not in needed:
            have = ", ".join(needed)
            raise SpecError(f"at: '{name}' is not needed by the model.{nearest(str(name), needed)} It needs {have}.", where="effects")
    return needed


def _held(fit: Fit, shown: Sequence[Described], given: Mapping[str, Any], words: Mapping[str, str], others: str) -> dict[str, Any]:
    """The columns that stay as they are, and where: ``given``, and under ``typical`` the means of numbers and the base of categories."""
    needed = _check_needed(fit, given, words)
    if others == "observed":
        return dict(given)
    weights = _row_weights(fit)
    held: dict[str, Any] = {}
    are_predictors = predictors(fit)
    for name in needed:
        if name in given:
            held[name] = given[name]
        elif any(x.name == name for x in shown):
            continue
        elif name in are_predictors:
            x = describe(fit, name)
            held[name] = x.values[0] if x.labels else float(np.average(x.numbers, weights=weights))
        elif any(name in random.grouping.columns for random in fit.design.encoding.factors.values()):
            raise SpecError(
                f"which '{name}' is not said: at = {{'{name}': …}}, or average over all, groups = 'population average'.", where="effects"
            )
        else:  # in an offset
            held[name] = float(np.average(as_number(fit.data[name], name, "data"), weights=weights))
    return held


def _row_weights(fit: Fit) -> np.ndarray | None:
    """What averages over the rows weigh them by: frequency weights, or sampling weights as they are in the data; None: all alike."""
    return fit.design.weights if fit.design.survey is None else fit.design.survey.raw


def outcome_words(fit: Fit) -> str:
    name, labels = fit.outline.outcome, fit.outline.outcome_labels
    outcome = families.of(fit.outline).outcome
    if outcome == families.BINARY:
        return f"Pr({name} = {labels[1] if labels else 1})"
    if outcome == families.TRIALS:
        return f"Pr(success), {name}"
    return f"Pr({name})" if outcome == families.ORDINAL else f"E({name})"


def _average_words(words: Mapping[str, str]) -> str:
    spelt = {
        "population": "averaged over all {0} there could be",
        "typical": "{0} at its middle (effect 0)",
        "known": "{0} as known",
        "new": "{0} as known or new",
        "all new": "new {0}",
    }
    return "; ".join(spelt[mode].format(name) for name, mode in words.items())


@dataclass(frozen=True)
class Effects:
    """Predictions over a grid. ``table``: a row a point (and category); ``draws`` (S, points), of an ordinal outcome (S, points, C).

    held : where the other predictors stand. others : typical, or observed (the average over the rows of the data).
    """

    variable: str
    by: str | None
    along: str
    outcome: str
    held: Mapping[str, Any]
    others: str
    average: str
    probabilities: tuple[float, ...]
    draws: np.ndarray = field(repr=False)
    labels: Mapping[str, Sequence[Any]] = field(repr=False)
    categories: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """The values of the predictors shown, (``category``,) mean, sd (nan where the draws settle none), quantiles."""
        import pandas as pd

        statistics = summarise(self.draws, self.probabilities)
        repeat = max(1, len(self.categories))
        columns: dict[str, Any] = {name: np.repeat(np.array(list(values)), repeat) for name, values in self.labels.items()}
        if self.categories:
            columns["category"] = list(self.categories) * self.draws.shape[1]
        flat = statistics.reshape(len(statistics), -1)
        return pd.DataFrame({**columns, **dict(zip(statistic_names(self.probabilities), flat, strict=True))})

    @property
    def caption(self) -> str:
        """What the rest of the model was at, in words."""
        rest = ", ".join(
            f"{name} = {of_predictor(value)}" if isinstance(value, float) else f"{name} = {value}" for name, value in self.held.items()
        )
        rest = rest if self.others == "typical" else f"{rest}{', ' if rest else ''}the others as in the data, averaged"
        return "; ".join(part for part in (rest, self.average) if part)

    def __repr__(self) -> str:
        title = f"{self.outcome} by {self.variable}{f' and {self.by}' if self.by else ''}"
        return f"{title} ({self.caption})\n{tablefile.text(self.table, tuple(self.labels))}"

    def _repr_html_(self) -> str:
        title = f"{self.outcome} by {self.variable}{f' and {self.by}' if self.by else ''}"
        return pages.table(self.table, title, tablefile.with_reason(self.caption, self.table))

    def plot(
        self,
        ax: Any = None,
        *,
        size: Sequence[float] | None = None,
        level: float | None = None,
        title: str | None = None,
        path: Any = None,
        force: bool = False,
    ) -> Figure:
        """Lines with bands (numbers) or points with intervals (categories), as a matplotlib Figure.

        One line for each value of the other predictor, or for each category of an ordinal outcome; both at once take a panel for each
        value. Colours are told apart by the colour-blind, and lines and markers differ too.

        ax : Axes to draw on, one a panel. size : (width, height) in inches. level : of the intervals; that of the table where None.
        title : "" for none. path : a file to write it to (png, pdf, svg), ``force`` replaces one.
        """
        from gibbs.posterior import of_rows

        if level is None:
            level = max(self.probabilities) - min(self.probabilities)
        return of_rows.picture(self, ax=ax, size=size, level=level, title=title, path=path, force=force)


def shown(value: Any) -> str:
    """A value of a predictor, for a legend or an axis."""
    return of_predictor(value) if isinstance(value, float | np.floating) else str(value)
