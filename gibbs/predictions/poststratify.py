"""Poststratification: expected outcomes of the cells of a population, averaged with their sizes.

    θ_g = Σ_{i in g} w_i E(y_i) / Σ_{i in g} w_i        draw by draw, for every area g and for all cells

(Gelman and Little 1997; Park, Gelman and Bafumi 2004). The cells are passed in blocks, so the matrix of cells × draws is never in memory;
what is kept is one number for each draw and area, and not even that where there are very many areas: their tables are made as
they pass, and their draws again where they are asked for (nothing changes: a new level's effects depend on its label and the seed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.files import pages, tablefile
from gibbs.model import levels
from gibbs.model.numeric import as_number
from gibbs.posterior.intervals import PROBABILITIES
from gibbs.predictions import newdata, newlevels
from gibbs.predictions.effects import outcome_words
from gibbs.predictions.newdata import Groups
from gibbs.predictions.predict import Predictor, check_probabilities, statistic_names, summarise

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

TOTAL = "(all)"
KEPT = 2**25
"""Numbers (draws × areas × categories) that are kept: 256 MB."""
_SHOWN = 5


def poststratify(
    fit: Fit,
    frame: Any,
    weight: str,
    by: str | Sequence[str] = (),
    *,
    groups: Groups = "new",
    new_levels: str | None = None,
    probabilities: Sequence[float] = PROBABILITIES,
    seed: int | None = None,
    max_draws: int | None = None,
) -> Poststratified:
    """See ``Fit.poststratify``."""
    check_probabilities(probabilities)
    newlevels.check(new_levels)
    names = (by,) if isinstance(by, str) else tuple(by)
    taken = [name for name in names if name in ("category", "population", *statistic_names(probabilities))]
    if taken:
        raise SpecError(f"the table of estimates has a column '{taken[0]}' of its own; rename that of the cells.", where="by")
    rows = newdata.read(fit, frame, groups, allow_new=new_levels is not None, further=[weight, *names], strict=False)
    source = str(frame) if isinstance(frame, str) or hasattr(frame, "__fspath__") else "new data"
    assert rows.table is not None
    weights = _weights(rows.table, weight, source)
    labels, code = _areas(rows.table, names, source)
    _check_populated(weights, code, labels, names, source)
    unseen = newlevels.table(fit, rows, rows.modes, weights)
    if new_levels == "error":
        newlevels.refuse(unseen, rows, source, weights)
    predictor = Predictor(fit, rows, "expected", seed=seed, max_draws=max_draws)
    notes = tuple(newlevels.sentences(unseen, rows, weights))
    return Poststratified(predictor, weights, code, tuple(names), labels, tuple(probabilities), unseen, notes, outcome_words(fit))


def _weights(table: pd.DataFrame, name: str, source: str) -> np.ndarray:
    w = as_number(table[name], name, source)
    where = f"{source}, column '{name}'"
    for wrong, what in ((np.isnan(w), "missing"), (w < 0, "negative")):
        if wrong.any():
            raise DataError(
                f"the weight of a cell is how many people it stands for, a number from 0 on; it is {what} in "
                f"{levels.rows_text(table.index[wrong])}.",
                where=where,
            )
    if not w.any():
        raise DataError("every weight is 0: nobody is left to average over.", where=where)
    return w


def _areas(table: pd.DataFrame, names: Sequence[str], source: str) -> tuple[tuple[tuple[str, ...], ...], np.ndarray]:
    """The labels of each area, one word a column of ``by``, sorted, and the area of every row."""
    import pandas as pd

    if not names:
        return (), np.zeros(len(table), dtype=np.int64)
    coded = []
    for name in names:
        codes, words = levels.factorise(table[name])
        if (codes < 0).any():
            rows = levels.rows_text(table.index[codes < 0])
            raise DataError(f"it says which area a cell belongs to, and is missing in {rows}.", where=f"{source}, column '{name}'")
        coded.append((codes.astype(np.int64), words))
    key = np.zeros(len(table), dtype=np.int64)
    for codes, words in coded:
        key = pd.factorize(key * len(words) + codes, sort=True)[0].astype(np.int64)
    first = np.unique(key, return_index=True)[1]
    return tuple(tuple(words[codes[i]] for codes, words in coded) for i in first), key


def _check_populated(w: np.ndarray, code: np.ndarray, labels: Sequence[tuple[str, ...]], names: Sequence[str], source: str) -> None:
    empty = np.flatnonzero(np.bincount(code, weights=w, minlength=len(labels)) == 0) if labels else []
    if len(empty):
        shown = ", ".join(f"'{', '.join(labels[k])}'" for k in empty[:_SHOWN]) + (" …" if len(empty) > _SHOWN else "")
        raise DataError(
            f"all cells of {shown} have weight 0, and an average over nobody is nothing; leave these rows out.",
            where=f"{source}, column {', '.join(map(repr, names))}",
        )


@dataclass
class Poststratified:
    """Estimates of areas and of all. ``table``: mean, sd and quantiles; ``draws``: the joint draws; ``contrast``: differences.

    areas : the labels of each area, one a column of ``by``. population : the sum of the weights of each.
    new_levels : the levels of the cells that the fit has not seen and that were drawn: factor, level, rows, population, and the level of
        the fit that may have been meant. notes : the same in sentences. outcome : what is estimated, in words: ``Pr(vote = 1)``.
    """

    _predictor: Predictor = field(repr=False)
    _weights: np.ndarray = field(repr=False)
    _code: np.ndarray = field(repr=False)  # (cells,) the area of each
    by: tuple[str, ...]
    areas: tuple[tuple[str, ...], ...]
    probabilities: tuple[float, ...] = PROBABILITIES
    new_levels: pd.DataFrame | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    outcome: str = "estimate"
    _kept: np.ndarray | None = field(default=None, repr=False)
    _total: np.ndarray = field(init=False, repr=False)
    _statistics: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self._predictor.shape
        areas = len(self.areas)
        self.population = np.bincount(self._code, weights=self._weights, minlength=max(areas, 1))
        keep = areas * self._predictor.draws * int(np.prod(shape)) <= KEPT
        kept = np.empty((areas, self._predictor.draws, *shape)) if keep and areas else None
        statistics = np.empty((2 + len(self.probabilities), areas + 1, *shape))
        total: np.ndarray | float = 0.0
        for area, means in self._pass(np.argsort(self._code, kind="stable")):
            total = total + np.tensordot(self.population[area], means, axes=1)
            if areas:
                statistics[:, area] = summarise(np.swapaxes(means, 0, 1), self.probabilities)
                if kept is not None:
                    kept[area] = means
        self._total = np.asarray(total) / self.population.sum()
        statistics[:, areas] = summarise(self._total, self.probabilities)
        self._kept, self._statistics = kept, statistics

    def _pass(self, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Areas (k,) and the draws of their means (k, S, …) as the cells go by, sorted by area: each area once, when it is complete."""
        from scipy import sparse

        open_area, open_sum = -1, np.zeros(0)
        for at, values in self._predictor.blocks(order):
            area, place = np.unique(self._code[at], return_inverse=True)
            share = sparse.csr_matrix((self._weights[at], (place.reshape(-1), np.arange(len(at)))), shape=(len(area), len(at)))
            cells = np.moveaxis(values, 1, 0)  # (n, S, …)
            sums = (share @ cells.reshape(len(at), -1)).reshape(len(area), *cells.shape[1:])
            if open_area == area[0]:
                sums[0] += open_sum
            elif open_area >= 0:
                yield np.array([open_area]), (open_sum / self.population[open_area])[None]
            done = len(area) - 1
            if done:
                means = sums[:done] / self.population[area[:done]].reshape(-1, *(1,) * (sums.ndim - 1))
                yield area[:done], means
            open_area, open_sum = int(area[-1]), sums[-1]
        yield np.array([open_area]), (open_sum / self.population[open_area])[None]

    # ------------------------------------------------------------------------------------------------------- answers

    @property
    def categories(self) -> tuple[str, ...]:
        """Of an ordinal outcome, whose estimates are one for each category; else empty."""
        return self._predictor.categories if self._predictor.shape else ()

    @property
    def table(self) -> pd.DataFrame:
        """A row for each area and, last, for all: the columns of ``by``, (``category``,) ``population``, mean, sd, quantiles.

        mean and sd are nan where the draws settle none. ``attrs["notes"]`` has ``notes``.
        """
        import pandas as pd

        repeat = max(1, len(self.categories))
        rows = [*self.areas, (TOTAL,) * len(self.by)]
        columns: dict[str, Any] = {name: np.repeat([row[k] for row in rows], repeat) for k, name in enumerate(self.by)}
        if self.categories:
            columns["category"] = list(self.categories) * len(rows)
        population = [*(self.population if self.areas else ()), self.population.sum()]
        columns["population"] = np.repeat(population, repeat)
        statistics = self._statistics.reshape(len(self._statistics), -1)
        found = pd.DataFrame({**columns, **dict(zip(statistic_names(self.probabilities), statistics, strict=True))})
        found.attrs["notes"] = self.notes
        return found

    @property
    def total(self) -> np.ndarray:
        """Draws of the average over all cells, (S,), of an ordinal outcome (S, C)."""
        return self._total

    @property
    def draws(self) -> np.ndarray:
        """Joint draws of every area in the order of ``areas``, (S, areas), of an ordinal outcome (S, areas, C); made again where they
        were too many to keep."""
        if self._kept is None:
            self._kept = np.empty((len(self.areas), self._predictor.draws, *self._predictor.shape))
            if self.areas:
                for area, means in self._pass(np.argsort(self._code, kind="stable")):
                    self._kept[area] = means
        return np.moveaxis(self._kept, 0, 1)

    def of(self, area: Any) -> np.ndarray:
        """Draws of one area (S,), by its label: a word, or one for each column of ``by``; ``"(all)"`` is all cells."""
        k = self._place(area)
        if k < 0:
            return self._total
        if self._kept is not None:
            return self._kept[k]
        (_, means), *_ = self._pass(np.flatnonzero(self._code == k))
        return means[0]

    def contrast(self, first: Any, second: Any, *, draws: bool = False) -> pd.Series | pd.DataFrame | np.ndarray:
        """The difference first − second of two areas: mean, sd, quantiles and the probability that it is above 0.

        Of an ordinal outcome a row for each category. ``draws=True`` gives the draws (S,) or (S, C).
        """
        import pandas as pd

        difference = self.of(first) - self.of(second)
        if draws:
            return difference
        numbers = np.concatenate([summarise(difference, self.probabilities), (difference > 0).mean(axis=0)[None]])
        names = [*statistic_names(self.probabilities), "P(>0)"]
        if self.categories:
            return pd.DataFrame(numbers.T, columns=names, index=pd.Index(self.categories, name="category"))
        return pd.Series(numbers, index=names, name=f"{_text(first)} - {_text(second)}")

    def differences(self, reference: Any = TOTAL) -> pd.DataFrame:
        """Every area less ``reference`` (an area, or the average of all): the columns of ``by``, mean, sd, quantiles, ``P(>0)``.

        SpecError for an ordinal outcome, whose areas have a number for each category: ``contrast`` compares two of them.
        """
        self._one_number("differences")
        other = self.of(reference)
        draws = self.draws - other[:, None]
        table = self._labelled()
        for name, values in zip(statistic_names(self.probabilities), summarise(draws, self.probabilities), strict=True):
            table[name] = values
        table["P(>0)"] = (draws > 0).mean(axis=0)
        return table

    def ranks(self) -> pd.DataFrame:
        """Every area's rank, 1 the highest: the columns of ``by``, mean rank, its quantiles, the probabilities of being first and last."""
        self._one_number("ranks")
        draws = self.draws
        rank = draws.shape[1] - np.argsort(np.argsort(draws, axis=1, kind="stable"), axis=1)
        table = self._labelled()
        table["rank"] = rank.mean(axis=0)
        for p, values in zip(self.probabilities, np.quantile(rank, self.probabilities, axis=0), strict=True):
            table[f"q{100 * p:g}"] = values
        table["P(first)"], table["P(last)"] = (rank == 1).mean(axis=0), (rank == draws.shape[1]).mean(axis=0)
        return table.sort_values("rank", kind="stable").reset_index(drop=True)

    def plot(self, path: Any = None, *, tiles: str | None = None, title: str = "", force: bool = False) -> Any:
        """The picture of the areas: dots with intervals; a panel an area along the last of two columns where that is a number; with
        ``tiles`` (``us``, or a .csv with the columns area, row and column) a map of tiles. ``path`` writes it, too."""
        from gibbs.plots import areas

        if path is not None:
            areas.save(self, path, tiles=tiles, title=title, force=force)
        return areas.draw(self, tiles=tiles, title=title)

    def _one_number(self, what: str) -> None:
        if not self.areas:
            raise SpecError(f"{what} are between areas; name the columns that make them, by.", where="poststratify")
        if self.categories:
            raise SpecError(
                f"{what} are of one number an area; the outcome has categories. contrast() compares two areas.", where="poststratify"
            )

    def _labelled(self) -> pd.DataFrame:
        """The labels of the areas, a column each."""
        import pandas as pd

        return pd.DataFrame({name: [area[k] for area in self.areas] for k, name in enumerate(self.by)})

    def _place(self, area: Any) -> int:
        label = tuple(levels.label(word) for word in (area if isinstance(area, tuple | list) else (area,)))
        if set(label) == {TOTAL}:
            return -1
        if label in self.areas:
            return self.areas.index(label)
        text, known = ", ".join(label), [", ".join(row) for row in self.areas]
        if text in known:
            return known.index(text)
        shown = "; ".join(known[:10]) + (" …" if len(known) > 10 else "")
        raise SpecError(
            f"there is no area '{text}'.{nearest(text, known)} An area is named by {', '.join(self.by) or 'nothing: only (all) is there'}"
            f"{f'; the areas are {shown}' if known else ''}.",
            where="poststratify",
        )

    def __repr__(self) -> str:
        return "\n".join([tablefile.text(self.table), *self.notes])

    def _repr_html_(self) -> str:
        return pages.table(self.table, note=tablefile.with_reason(" ".join(self.notes), self.table))


def _text(area: Any) -> str:
    return ", ".join(map(str, area)) if isinstance(area, tuple | list) else str(area)
