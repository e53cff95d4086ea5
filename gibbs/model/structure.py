"""What the grouping of a Design looks like, and what a careful reader would warn of before any sweep."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gibbs.model import collinear, exact_fit, factor_warnings, families, prior_conflict, separation
from gibbs.model.factor_warnings import Warning
from gibbs.model.nesting import parents
from gibbs.model.prior_rows import aliased
from gibbs.model.records import Design, Factor
from gibbs.numerals import plain

LARGE_INFLATION = 100.0  # a standard error ten times what it would be alone
FAR_FROM_ZERO = 1e6  # |mean| / sd
_MARKS = 50_000_000  # pairs of levels that are counted by one mark each rather than by sorting


@dataclass(frozen=True)
class Sizes:
    """Rows in the levels of one factor."""

    factor: str
    levels: int
    smallest: int
    median: float
    largest: int

    def __str__(self) -> str:
        return f"{self.factor}: {self.levels} levels of {self.smallest} to {self.largest} rows (median {self.median:g})"


@dataclass(frozen=True)
class Pair:
    """Two factors: ``a`` nested in ``b``, crossed with it, or the same grouping (identical)."""

    a: str
    b: str
    relation: str  # nested | crossed | identical
    observed: float  # share of all pairs of levels that occur in the data

    def __str__(self) -> str:
        match self.relation:
            case "nested":
                return f"{self.a} is nested in {self.b}"
            case "identical":
                return f"{self.a} and {self.b} are the same grouping"
        return f"{self.a} is crossed with {self.b} ({100 * self.observed:.3g} % of the pairs of levels occur)"


@dataclass(frozen=True)
class Structure:
    """Every factor's sizes, and how each pair of factors lies."""

    factors: tuple[Sizes, ...]
    pairs: tuple[Pair, ...]


def describe(design: Design) -> Structure:
    """The sizes of the factors, and for each pair whether one is nested in the other, they are crossed, or they are one."""
    sizes = []
    for factor in design.factors:
        rows = np.bincount(factor.codes, weights=design.counts, minlength=len(factor.levels)).round().astype(np.int64)
        sizes.append(Sizes(factor.name, len(factor.levels), int(rows.min()), float(np.median(rows)), int(rows.max())))
    pairs = [_pair(a, b) for i, a in enumerate(design.factors) for b in design.factors[i + 1 :]]
    return Structure(tuple(sizes), tuple(pairs))


def _pair(a: Factor, b: Factor) -> Pair:
    inside, outside = parents(a.codes, b.codes, len(a.levels)) is not None, parents(b.codes, a.codes, len(b.levels)) is not None
    cells = len(a.levels) * len(b.levels)
    if inside and outside:
        return Pair(a.name, b.name, "identical", len(a.levels) / cells)
    if inside:
        return Pair(a.name, b.name, "nested", len(a.levels) / cells)
    if outside:
        return Pair(b.name, a.name, "nested", len(b.levels) / cells)
    key = a.codes.astype(np.int64) * len(b.levels) + b.codes
    if cells <= _MARKS:
        seen = np.zeros(cells, dtype=bool)
        seen[key] = True
        observed = int(seen.sum())
    else:
        observed = len(np.unique(key))
    return Pair(a.name, b.name, "crossed", observed / cells)


def groups_of_levels(factor: Factor) -> str:
    """``"g by z: 8 levels with A, 4 with B"``; empty where all levels share a covariance. Also of a factor without its rows."""
    if factor.group is None:
        return ""
    sizes = np.bincount(factor.group, minlength=len(factor.groups)).tolist()
    values = [group.removeprefix(factor.by) for group in factor.groups]
    first = f"{'1 level' if sizes[0] == 1 else f'{sizes[0]:,} levels'} with {values[0]}"
    return f"{factor.name} by {factor.by}: " + ", ".join([first, *(f"{n:,} with {v}" for n, v in zip(sizes[1:], values[1:], strict=True))])


# ------------------------------------------------------------------------------------------------------------ warnings


def warnings(design: Design) -> list[Warning]:
    """Everything worth a warning, in the order: fixed columns, grouping factors, outcome.

    What ``build`` found already (``Design.notes``) is among them, so this list alone is to be shown.
    """
    aliases = aliased(design.X, design.basis, design.intercept)
    found = [Warning("aliased" if note.startswith("rank-deficient") else "note", note) for note in design.notes]
    if aliases and not any(w.kind == "aliased" for w in found):
        found.append(Warning("aliased", "rank-deficient: " + "; ".join(a.describe(design.coefficients) for a in aliases[:5]) + "."))
    found += _columns(design, [a.column for a in aliases])
    for factor in design.factors:
        found += factor_warnings.of_factor(design, factor)
    for pair in describe(design).pairs:
        if pair.relation == "identical":
            found.append(Warning("identical", f"{pair}: the data cannot tell their effects apart; one of them is enough."))
    alike, exact = factor_warnings.constant_outcome(design), exact_fit.message(design)
    if alike and exact:  # the same, twice
        alike = [replace(one, message=f"{one.message} As it is there is no posterior, and a run is refused.") for one in alike]
    elif exact:
        found.append(Warning("exact-fit", exact))
    found += alike
    found += [Warning("prior", message) for message in prior_conflict.messages(design)]
    if families.of(design).is_discrete:
        found += [Warning("separation", message) for message in separation.messages(design, [a.column for a in aliases])]
    return found


def _columns(design: Design, aliased: list[int]) -> list[Warning]:
    """Nearly collinear columns, and columns far from zero for their spread."""
    X, names, found = design.X, design.coefficients, []
    keep = [j for j in range(X.shape[1]) if j not in aliased]
    intercept = keep.index(design.intercept) if design.intercept in keep else None
    R, inner = collinear.standardised(X[:, keep] if aliased else X, intercept)
    columns = [keep[j] for j in inner]
    if len(columns) > 1:
        inflation, condition = collinear.inflation(R)
        near = [(names[j], v) for j, v in zip(columns, inflation, strict=True) if v > LARGE_INFLATION]
        if near:
            shown = ", ".join(f"'{name}' (variance inflation {plain(v, 3)})" for name, v in near[:6]) + (" …" if len(near) > 6 else "")
            found.append(
                Warning(
                    "collinear",
                    f"nearly collinear columns: {shown}; condition number {plain(condition, 3)}. "
                    "Their coefficients are known together better than apart; centring, or poly() for powers, often cures it.",
                )
            )
    for j in columns:
        with np.errstate(over="ignore"):  # columns too large to square: sampling refuses them, with the rows
            mean, sd = abs(float(X[:, j].mean())), float(X[:, j].std())
        if X[:, j].min() == X[:, j].max():
            if design.categories:  # of an ordinal outcome, whose cutpoints are its intercepts
                found.append(
                    Warning(
                        "constant",
                        f"'{names[j]}' is {plain(X[0, j])} in all rows, so that its coefficient cannot be told apart from the cutpoints: "
                        "only the priors split them. Take it out.",
                    )
                )
        elif mean > FAR_FROM_ZERO * sd:
            found.append(
                Warning(
                    "far-from-zero",
                    f"'{names[j]}' is {mean / sd:.1g} of its standard deviations away from zero, so that the intercept is an "
                    f"extrapolation beyond all precision: subtract a constant, such as its mean.",
                )
            )
    return found
