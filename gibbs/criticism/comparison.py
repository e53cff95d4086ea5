"""Fits to the same outcome side by side: differences of their criteria, with the standard error of the pointwise differences.

Vehtari, Gelman and Gabry (2017, §5.2): se_diff = sqrt(n Var(elpd_i − elpd_i of the best)), much smaller than the two standard errors
suggest, for both models find the same rows hard. It is optimistic where the models predict alike or n is small (Sivula, Magnusson and
Vehtari 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gibbs.criticism import criteria
from gibbs.criticism.criteria import CRITERIA, Criterion, standard_error
from gibbs.errors import DataError, SpecError
from gibbs.files import pages
from gibbs.model import families
from gibbs.model.records import Design, Factor

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

_SMALL = 4.0  # an elpd difference below it is within what a modelling choice of no importance makes
_FEW = 100  # rows or levels, below which the normal approximation behind se_diff is poor


@dataclass(frozen=True)
class Comparison:
    """Several fits, best first. ``criteria`` by name in that order; ``table`` the differences."""

    criteria: Mapping[str, Criterion]

    @property
    def kind(self) -> str:
        """loo, waic or dic."""
        return next(iter(self.criteria.values())).kind

    @property
    def table(self) -> pd.DataFrame:
        """Index ``model``; elpd_diff and se_diff against the best (0 there, negative below), elpd, se, p_…, the criterion, bad_k (loo)."""
        import pandas as pd

        best = next(iter(self.criteria.values()))
        rows = []
        for found in self.criteria.values():
            difference = found.pointwise_elpd - best.pointwise_elpd
            row = {
                "elpd_diff": float(found.weights @ difference),
                "se_diff": standard_error(difference, found.weights),
                "elpd": found.elpd,
                "se": found.se,
                f"p_{found.kind}": found.p,
                "looic" if found.kind == "loo" else found.kind: found.ic,
            }
            rows.append(row | ({"bad_k": found.bad_k} if found.kind == "loo" else {}))
        return pd.DataFrame(rows, index=pd.Index(list(self.criteria), name="model"))

    @property
    def notes(self) -> tuple[str, ...]:
        """The focus, what each criterion warns of, and how far the differences can be read."""
        names, found = list(self.criteria), list(self.criteria.values())
        focuses = list(dict.fromkeys(criterion.focus for criterion in found))
        notes = (
            [f"Focus: {focuses[0]}."]
            if len(focuses) == 1
            else [f"Focus of {name}: {criterion.focus}." for name, criterion in self.criteria.items()]
        )
        said = [(name, note) for name, criterion in self.criteria.items() for note in criterion.notes]
        for note in dict.fromkeys(note for _, note in said):
            about = [name for name, other in said if other == note]
            notes.append(note if len(about) == len(names) else f"{', '.join(about)}: {note}")
        table = self.table
        close = [str(name) for name, gap in table["elpd_diff"].iloc[1:].items() if abs(gap) < _SMALL]
        if close:
            notes.append(
                f"{', '.join(close)}: within {_SMALL:g} of the best; so small a difference says that the models predict alike, and "
                "se_diff is no guide to it (Sivula et al. 2020)."
            )
        if len(names) > 1 and found[0].n < _FEW:
            unit = f"levels of {found[0].group}" if found[0].group else "rows"
            notes.append(f"{found[0].n} {unit} are few: se_diff is likely too small.")
        return tuple(notes)

    def _repr_html_(self) -> str:
        return pages.text(repr(self))

    def __repr__(self) -> str:
        from gibbs.columns import align

        table = self.table
        head = ("", *table.columns)
        rows = [head]
        for name, row in table.iterrows():
            cells = [f"{row[c]:.0f}" if c == "bad_k" else f"{row[c]:.1f}" for c in table.columns]
            rows.append((str(name), *(cell if cell != "-0.0" else "0.0" for cell in cells)))
        first = next(iter(self.criteria.values()))
        unit = f"levels of {first.group}" if first.group else "rows"
        lines = [f"{self.kind.upper()} of {first.n:,} {unit}", *align(tuple(rows)), ""]
        return "\n".join([*lines, *self.notes])


def compare(
    fits: Sequence[Fit] | Mapping[str, Fit],
    *,
    criterion: str = "loo",
    group: str | None = None,
    draws: int | None = None,
) -> Comparison:
    """Criteria of several fits to the same outcome, best first.

    fits : a sequence (named by title, else by formula), or a mapping name → Fit. criterion : loo, waic or dic.
    group : compare predictions for new levels of this factor, its effects integrated out; a fit without the factor takes part with its
        rows grouped as in the others. Rows in known levels where None. draws : use about so many of each, evenly spaced.

    Raises DataError where the fits are not to the same rows, the same values of the same outcome, or are densities beside probabilities,
    naming which; SpecError for a criterion or a group that is none.
    """
    named = dict(fits) if isinstance(fits, Mapping) else dict(zip(_names(list(fits)), fits, strict=True))
    if not named:
        raise SpecError("there is nothing to compare: give at least one fit.", where="compare")
    if criterion not in CRITERIA:
        from gibbs.errors import nearest

        raise SpecError(
            f"there is no criterion '{criterion}'; there are {', '.join(CRITERIA)}.{nearest(criterion, CRITERIA)}", where="criterion"
        )
    designs = {name: fit.design for name, fit in named.items()}
    first, *others = named
    for other in others:
        check_same_outcome(first, designs[first], other, designs[other])
    partition = None if group is None else _partition(designs, group)
    found = {
        name: criteria.criterion(fit.arrays, fit.outline, designs[name], criterion, group, draws, partition) for name, fit in named.items()
    }
    return Comparison(dict(sorted(found.items(), key=lambda entry: -entry[1].elpd)))


def _names(fits: list[Fit]) -> list[str]:
    """Titles where every fit has one of its own, else formulas, made different by a number where they are not."""
    titles = [fit.spec.title for fit in fits]
    words = titles if all(titles) and len(set(titles)) == len(titles) else [fit.formula for fit in fits]
    families = [fit.family for fit in fits]
    if len(set(words)) < len(words) and len(set(families)) > 1:
        words = [f"{word} ({family})" for word, family in zip(words, families, strict=True)]
    seen: dict[str, int] = {}
    out = []
    for word in words:
        seen[word] = seen.get(word, 0) + 1
        out.append(word if seen[word] == 1 else f"{word} #{seen[word]}")
    return out


def _partition(designs: Mapping[str, Design], group: str) -> Factor | None:
    """The factor in the fits that have it; it must be the same partition of the rows in all."""
    having = {name: factor for name, design in designs.items() for factor in design.factors if factor.name == group}
    if not having:
        return None
    first, *others = having
    for other in others:
        if having[first].levels != having[other].levels or not np.array_equal(having[first].codes, having[other].codes):
            raise DataError(f"{group} groups the rows differently in '{first}' and in '{other}'.", where="compare")
    return having[first]


def check_same_outcome(first: str, one: Design, second: str, two: Design) -> None:
    """Refuse (DataError) two fits whose likelihoods are of different things: other rows, another outcome or transformation, weights."""
    both = f"'{first}' and '{second}'"

    def refuse(message: str) -> None:
        raise DataError(message, where="compare")

    known = [design.rows if design.missing_outcome is None else design.rows[~design.missing_outcome] for design in (one, two)]
    if not np.array_equal(*known):
        if one.outcome != two.outcome:
            refuse(f"{both} are fits to different outcomes, {one.outcome} and {two.outcome}, and to different rows.")
        only = [np.setdiff1d(known[0], known[1]), np.setdiff1d(known[1], known[0])]
        words = [
            f"{len(rows):,} only in '{name}' ({_rows(rows)}; '{lacking}' dropped rows for {_dropped(design, other)})"
            for rows, name, lacking, design, other in ((only[0], first, second, two, one), (only[1], second, first, one, two))
            if len(rows)
        ]
        refuse(f"{both} are not fits to the same rows: {' and '.join(words)}. Fit both to the rows that have every column of both.")
    y = [design.y if design.missing_outcome is None else design.y[~design.missing_outcome] for design in (one, two)]
    differ = np.flatnonzero(y[0] != y[1])
    named = one.outcome if one.outcome == two.outcome else f"{one.outcome} in '{first}' and {two.outcome} in '{second}'"
    if len(differ):
        i = differ[0]
        example = f"row {known[0][i]} has {y[0][i]:g} and {y[1][i]:g}"
        if one.outcome != two.outcome:
            refuse(
                f"{both} are fits to different outcomes, or transformations of one: {named} ({example}). Densities of different "
                "variables cannot be compared; fit both to the same one."
            )
        refuse(f"the outcome {named} has other values in '{first}' than in '{second}', in {len(differ):,} rows ({example}).")
    densities = [not families.of(design).is_discrete for design in (one, two)]
    if densities[0] != densities[1]:
        refuse(
            f"'{first}' is {one.family} and '{second}' is {two.family}: one gives {named} a density and the other a probability, and these "
            "cannot be compared."
        )
    if (one.categories is None) != (two.categories is None) or (one.categories and one.categories != two.categories):
        refuse(f"{both} do not have the same categories of {named}: {_words(one.categories)} and {_words(two.categories)}.")
    if one.outcome_labels and two.outcome_labels and one.outcome_labels != two.outcome_labels:
        refuse(f"1 stands for '{one.outcome_labels[1]}' in '{first}' and for '{two.outcome_labels[1]}' in '{second}'.")
    for what, values in (("trials", (one.trials, two.trials)), ("frequency weights", (one.weights, two.weights))):
        pair = [np.ones(len(design.y), dtype=np.int64) if v is None else v for design, v in zip((one, two), values, strict=True)]
        kept = [v if d.missing_outcome is None else v[~d.missing_outcome] for d, v in zip((one, two), pair, strict=True)]
        differ = np.flatnonzero(kept[0] != kept[1])
        if len(differ):
            i = differ[0]
            refuse(f"{both} have different {what} in {len(differ):,} rows (row {known[0][i]}: {kept[0][i]} and {kept[1][i]}).")


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(str(row) for row in rows[:5])
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{', …' if len(rows) > 5 else ''}"


def _dropped(design: Design, other: Design) -> str:
    """The columns that a fit dropped rows for and the other did not."""
    found = [f"{column} ({count:,})" for column, count in design.dropped.items() if count and count != other.dropped.get(column)]
    return ", ".join(found) if found else "nothing; it read other rows"


def _words(categories: tuple[str, ...] | None) -> str:
    return "none" if categories is None else " < ".join(categories)


def run_names(runs: Sequence[str]) -> list[str]:
    """Names of run folders, as short as they differ: the last part of the path, or the path as given."""
    short = [Path(run).resolve().name for run in runs]
    return short if len(set(short)) == len(short) else list(runs)
