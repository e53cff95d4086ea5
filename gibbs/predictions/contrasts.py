"""The values of a predictor compared two by two, on the outcome's own scale or as ratios.

The difference of b and a is E(y | b) − E(y | a), or with ``exp`` exp(η_b − η_a), draw by draw from the predictions of
:mod:`gibbs.predictions.effects`: at typical values of the other predictors, or over the rows of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import SpecError, nearest
from gibbs.files import pages, tablefile
from gibbs.posterior import intervals, ratios
from gibbs.predictions import effects
from gibbs.predictions.newdata import Groups
from gibbs.predictions.predict import summarise

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

MOST = 60
"""Values of a predictor: of more, the pairs are thousands, and ``against`` or ``at`` chooses some."""


@dataclass(frozen=True)
class Contrasts:
    """Pairwise comparisons. ``table``: a row a pair (and value of ``by``, category); ``draws`` (S, rows of the table).

    word : "difference", or which ratio. scale : of what. caption : where the rest of the model was.
    """

    variable: str
    by: str | None
    word: str
    scale: str
    caption: str
    table: pd.DataFrame
    draws: np.ndarray = field(repr=False)

    @property
    def title(self) -> str:
        """``Differences of Pr(y = 1) between the values of sector``."""
        return f"{self.word[0].upper()}{self.word[1:]}s of {self.scale} between the values of {self.variable}"

    def __repr__(self) -> str:
        return f"{self.title} ({self.caption})\n{tablefile.text(self.table, (self.by or '',))}"

    def _repr_html_(self) -> str:
        return pages.table(self.table, self.title, tablefile.with_reason(self.caption, self.table))


def contrasts(
    fit: Fit,
    variable: str,
    by: str | None = None,
    *,
    against: str | None = None,
    exp: bool = False,
    at: Mapping[str, Any] | None = None,
    others: str = "typical",
    groups: Groups = "population",
    level: float = 0.95,
    seed: int | None = None,
    max_draws: int | None = None,
) -> Contrasts:
    """See ``Fit.contrasts``."""
    import pandas as pd

    intervals.check(level)
    word = ratios.word(fit.outline) if exp else "difference"
    given = dict(at or {})
    for x in (effects.describe(fit, name) for name in (variable, by) if name is not None):
        if not (x.labels or x.values):
            given.setdefault(x.name, effects.middle(x))
    kind = "linear" if exp else "expected"
    found = effects.effects(fit, variable, by, at=given, others=others, groups=groups, kind=kind, seed=seed, max_draws=max_draws)
    own, beside = list(found.labels[variable]), list(found.labels[by]) if by is not None else [None] * len(found.labels[variable])
    pairs = _pairs(list(dict.fromkeys(own)), against, variable)
    place = {(value, other): k for k, (value, other) in enumerate(zip(own, beside, strict=True))}
    rows, columns = [], []
    for other in dict.fromkeys(beside):
        for a, b in pairs:
            difference = found.draws[:, place[b, other]] - found.draws[:, place[a, other]]
            columns.append((np.exp(difference) if exp else difference).reshape(len(difference), -1))
            mark = f"{effects.shown(b)} {'/' if exp else '-'} {effects.shown(a)}"
            for category in found.categories or (None,):
                rows.append({"contrast": mark, **({by: other} if by is not None else {}), **({"category": category} if category else {})})
    draws = np.concatenate(columns, axis=1)
    table = pd.DataFrame(rows)
    return Contrasts(variable, by, word, _scale(found, exp), found.caption, _with_statistics(table, draws, level, exp), draws)


def _pairs(values: list[Any], against: str | None, variable: str) -> list[tuple[Any, Any]]:
    """(a, b) of b − a, in the order of the values. SpecError for a value to compare with that there is not, and for too many."""
    named = {effects.shown(value): value for value in values}
    if against is not None:
        if str(against) not in named:
            raise SpecError(
                f"{variable} has no value '{against}'; it is compared at {', '.join(named)}.{nearest(str(against), named)}", where="against"
            )
        return [(named[str(against)], value) for value in values if value != named[str(against)]]
    if len(values) < 2:
        raise SpecError(f"{variable} is compared at one value alone, {', '.join(named)}; give two or more.", where="contrasts")
    if len(values) > MOST:
        raise SpecError(
            f"{variable} has {len(values):,} values, {len(values) * (len(values) - 1) // 2:,} pairs: compare them against one of "
            "them, or name some (at).",
            where="contrasts",
        )
    return list(combinations(values, 2))


def _with_statistics(table: pd.DataFrame, draws: np.ndarray, level: float, exp: bool) -> pd.DataFrame:
    """mean (of a ratio the geometric one), sd, the median between the ends of the interval, and the probability of being above 0 (a
    ratio: 1); mean and sd are nan where the draws settle none."""
    tail = 0.5 * (1.0 - level)
    mean, sd, low, middle, high = summarise(np.log(draws) if exp else draws, (tail, 0.5, 1.0 - tail))
    if exp:
        mean, low, middle, high = np.exp([mean, low, middle, high])
        sd = mean * sd
    first, last = intervals.column_names(level)
    above = (draws > (1.0 if exp else 0.0)).mean(axis=0)
    return table.assign(**{"mean": mean, "sd": sd, first: low, "q50": middle, last: high, "p_above": above})


def _scale(found: effects.Effects, exp: bool) -> str:
    return found.outcome.removeprefix("linear predictor of ") if exp else found.outcome
