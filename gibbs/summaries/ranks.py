"""Ranks of the levels of a factor with their uncertainty: who is first, who is above average, who is above whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import FactorOutline, Outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError, nearest, some
from gibbs.posterior.linear import flat

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 1_000  # levels of a matrix of pairs
_BLOCK = 4_000_000


def effects(draws: Draws, outline: Outline, group: str, term: str | None = None) -> tuple[FactorOutline, str, np.ndarray]:
    """The factor, the term and its effects (draws, J). ``term`` may be left out where there is one. SpecError for what there is not."""
    names = [factor.name for factor in outline.factors]
    if group not in names:
        there = f"the grouping factors are {', '.join(names)}" if names else "the model has none"
        raise SpecError(f"there is no grouping factor '{group}'; {there}.{nearest(group, names)}", where="ranks")
    number = names.index(group)
    factor = outline.factors[number]
    if term is None:
        term = "Intercept" if "Intercept" in factor.columns else factor.columns[0]
    if term not in factor.columns:
        raise SpecError(
            f"'{term}' does not vary over {group}; {', '.join(factor.columns)} {'do' if len(factor.columns) > 1 else 'does'}."
            f"{nearest(term, factor.columns)}",
            where="ranks",
        )
    q = len(factor.columns)
    start = draws.u_offsets[number] + factor.columns.index(term)
    return (
        factor,
        term,
        np.asarray(flat(draws.u[:, :, start : start + factor.shown * q - factor.columns.index(term) : q]), dtype=float),
    )


def table(
    draws: Draws, outline: Outline, group: str, term: str | None = None, *, best: str = "highest", level: float = 0.95
) -> pd.DataFrame:
    """One row a level, best first. Rank 1 is the highest effect (``best="lowest"``: the lowest), draw by draw; ties share a mean rank.

    Columns: mean (of the effect), rank (its posterior mean), lower and upper (interval of the rank), p_best (of being first), p_above
    (of being better than the average of all levels). What predictors of the groups explain is in the coefficients, not in the effects:
    the ranks are of what is left.
    """
    import pandas as pd
    from scipy.stats import rankdata

    if best not in ("highest", "lowest"):
        raise SpecError(f"best is highest or lowest, not '{best}'.{nearest(best, ('highest', 'lowest'))}", where="ranks")
    if not 0.0 < level < 1.0:
        raise SpecError(f"an interval has a level between 0 and 1, such as 0.95, not {level:g}.", where="level")
    factor, _, u = effects(draws, outline, group, term)
    better = u if best == "highest" else -u
    ranks = np.empty(u.shape)
    step = max(1, _BLOCK // u.shape[1])
    for start in range(0, len(u), step):
        ranks[start : start + step] = rankdata(-better[start : start + step], axis=1)
    first = better == better.max(axis=1, keepdims=True)
    tail = (1.0 - level) / 2.0
    lower, upper = np.quantile(ranks, (tail, 1.0 - tail), axis=0, method="inverted_cdf")
    frame = pd.DataFrame(
        {
            "mean": u.mean(axis=0),
            "rank": ranks.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "p_best": (first / first.sum(axis=1, keepdims=True)).mean(axis=0),
            "p_above": (better > better.mean(axis=1, keepdims=True)).mean(axis=0),
        },
        index=pd.Index(factor.levels[: factor.shown], name=group),
    )
    return frame.sort_values("rank", kind="stable")


def pairs(draws: Draws, outline: Outline, group: str, term: str | None = None, levels: Sequence[str] | None = None) -> pd.DataFrame:
    """Pr(effect of the row's level > effect of the column's level), levels × levels; the diagonal is nan.

    levels : these alone, in this order; all where None. SpecError for more than ``MOST_PAIRS`` levels, and for one that is none.
    """
    import pandas as pd

    factor, _, u = effects(draws, outline, group, term)
    shown = factor.levels[: factor.shown]
    place = {label: j for j, label in enumerate(shown)}
    wanted = [str(label) for label in (shown if levels is None else levels)]
    for label in wanted:
        if label not in place:
            raise SpecError(f"{group} has no level '{label}'.{nearest(label, shown)} {some(shown)}", where="levels")
    if len(set(wanted)) < len(wanted):
        raise SpecError("a level is named twice.", where="levels")
    if len(wanted) > MOST_PAIRS:
        raise SpecError(f"{len(wanted):,} levels have too many pairs to show; name at most {MOST_PAIRS:,} (levels=[…]).", where="levels")
    u = u[:, [place[label] for label in wanted]]
    out = np.stack([(u[:, j, None] > u).mean(axis=0) for j in range(len(wanted))]) if wanted else np.empty((0, 0))
    np.fill_diagonal(out, np.nan)
    return pd.DataFrame(out, index=pd.Index(wanted, name=group), columns=pd.Index(wanted, name=f"above {group}"))
