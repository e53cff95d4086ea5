"""What a careful reader would say of a grouping factor: slopes that have no data, effects that are the residuals, outcomes of the group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gibbs import mapped
from gibbs.model import collinear, families
from gibbs.model.nesting import parents
from gibbs.model.records import Design, Factor, Term

FEW_LEVELS = 5
FAR_SLOPE = 3.0  # |mean| / sd of a varying column, 0 outside its range
_SAME = 1e-9  # of a column's size: what counts as one value


@dataclass(frozen=True)
class Warning:
    """Something a person should know before sampling.

    kind : aliased, collinear, far-from-zero, far-slope, far-line, constant-slope, unmet, one-row, many-effects, few-levels, identical,
    constant-outcome, exact-fit, prior, separation.
    """

    kind: str
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class _Block:
    """One term over the levels that share its covariance. columns: its places in Z; levels: (J,) bool; of: what to call them."""

    term: Term
    columns: tuple[int, ...]
    levels: np.ndarray
    of: str
    intercept: bool  # of this term, or of another of the same levels


def of_factor(design: Design, factor: Factor) -> list[Warning]:
    """Every warning about one grouping factor."""
    blocks = list(_blocks(factor))
    met = _met(factor)
    found = [*_slopes(factor, blocks), *_far_slopes(factor, blocks), *_far_lines(factor, blocks)]
    if factor.structure is not None:  # neighbours speak for a level that has few rows, or none
        return [*found, *(_own_part(design, factor, met) if factor.structure.kind == "bym2" else [])]
    found += _unmet(blocks, met)
    rows = _one_row(design, factor, blocks, met) or _many_effects(design, factor, blocks, met)
    return [*found, *rows, *_few_levels(factor, blocks, met)]


def _blocks(factor: Factor) -> Iterator[_Block]:
    J = len(factor.levels)
    for g, group in enumerate(factor.groups or ("",)):
        terms = [term for term in factor.terms if term.group == group]
        inside = np.ones(J, dtype=bool) if factor.group is None else factor.group == g
        of = f"{factor.name} with {factor.by} {group.removeprefix(factor.by)}" if group else factor.name
        intercept = any("Intercept" in term.columns for term in terms)
        at = 0
        for term in terms:
            yield _Block(term, tuple(range(at, at + len(term.columns))), inside, of, intercept)
            at += len(term.columns)


def _ranges(factor: Factor, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest of ``values`` (N, …) in every level, (J, …); 0 and 0 in a level that no row has."""
    shape = (len(factor.levels), *values.shape[1:])
    low, high, rows = np.full(shape, np.inf), np.full(shape, -np.inf), np.zeros(len(factor.levels), dtype=np.int64)
    for at in mapped.blocks(len(values)):
        codes = factor.codes[at]
        rows += np.bincount(codes, minlength=rows.size)
        order = np.argsort(codes, kind="stable")
        some, starts = np.unique(codes[order], return_index=True)
        block = values[at][order]
        low[some] = np.minimum(low[some], np.minimum.reduceat(block, starts, axis=0))
        high[some] = np.maximum(high[some], np.maximum.reduceat(block, starts, axis=0))
    low[rows == 0] = high[rows == 0] = 0.0
    return low, high


def varies(factor: Factor, values: np.ndarray) -> np.ndarray:
    """Whether ``values`` (N, …) has more than one value within a level, (J, …) bool."""
    low, high = _ranges(factor, values)
    return (high - low) > _SAME * np.maximum(np.abs(high), np.abs(low))


def _met(factor: Factor) -> np.ndarray:
    """Whether an effect meets a row: the column of Z is not 0 in all rows of the level, (J, q) bool."""
    low, high = _ranges(factor, factor.Z)
    return (low != 0) | (high != 0)


# --------------------------------------------------------------------------------------------------------------- slopes


def _slopes(factor: Factor, blocks: Sequence[_Block]) -> list[Warning]:
    """Predictors that vary over a factor but hardly within its levels.

    Beside an intercept such a slope is confounded with it. Without one it is what it says: the effect of the levels where the column is
    not 0, as of the clusters of a treated arm.
    """
    found = []
    within = varies(factor, factor.Z)
    for block in blocks:
        names, J = block.term.columns, int(block.levels.sum())
        slopes = [(name, a) for name, a in zip(names, block.columns, strict=True) if name != "Intercept"]
        if not slopes or not block.intercept:
            continue
        number = {a: int(within[block.levels, a].sum()) for _, a in slopes}
        constant = [name for name, a in slopes if number[a] == 0]
        if constant and "Intercept" in names:
            found.append(
                Warning(
                    "constant-slope",
                    f"{_named(constant)} {'has' if len(constant) == 1 else 'have'} one value within every level of {block.of}, so "
                    f"{'its' if len(constant) == 1 else 'their'} slopes cannot be told apart from the intercepts; "
                    f"{'it is a predictor' if len(constant) == 1 else 'they are predictors'} of that level: keep "
                    f"{'it' if len(constant) == 1 else 'them'} in the fixed part and take {'it' if len(constant) == 1 else 'them'} out of "
                    f"( … | {factor.name}).",
                )
            )
        elif constant and any(len(np.unique(factor.Z[:, a])) > 2 for name, a in slopes if name in constant):
            found.append(
                Warning(
                    "constant-slope",
                    f"{_named(constant)} {'has' if len(constant) == 1 else 'have'} one value within every level of {block.of}: beside the "
                    f"intercepts, slopes there are no more than a variance of the levels that grows with {constant[0]}².",
                )
            )
        found += [
            Warning(
                "constant-slope",
                f"'{name}' varies within only {number[a]} of the {J} levels of {block.of}; the sd of its slopes rests on those few.",
            )
            for name, a in slopes
            if 0 < number[a] < 0.1 * J
        ]
    return found


def _far_slopes(factor: Factor, blocks: Sequence[_Block]) -> list[Warning]:
    """Varying slopes of columns far from 0, whose intercepts are an extrapolation."""
    far: dict[str, tuple[float, float, float, float]] = {}
    correlated = False
    for block in blocks:
        for name, a in zip(block.term.columns, block.columns, strict=True):
            if name == "Intercept" or not block.intercept:
                continue
            found = _far(factor.Z[:, a])
            if found is None:
                continue
            far[name] = found
            correlated = correlated or "Intercept" in block.term.columns
    if not far:
        return []
    parts = [_how_far(name, *found) for name, found in far.items()]
    first, (mean, *_) = next(iter(far.items()))
    which = "and the correlation of intercepts with slopes are those" if correlated else "is that"
    advice = f"Subtract a constant, such as {_near(mean)}, to read them inside it"
    if correlated:
        advice += f"; sd(Intercept at means) in the results is that at the mean of {first}"
    else:
        advice += f". That intercepts and slopes are uncorrelated there is the model itself; ({first} | {factor.name}) depends on no origin"
    return [
        Warning(
            "far-slope",
            f"slopes that vary by {factor.name} on {' and '.join(parts)}: sd[{factor.name},Intercept] {which} where {first} is 0, far "
            f"outside the data. {advice}.",
        )
    ]


def _far_lines(factor: Factor, blocks: Sequence[_Block]) -> list[Warning]:
    """Varying slopes without an intercept, of columns far from 0: lines through one point far outside the data are hardly slopes."""
    far = {}
    for block in blocks:
        for name, a in zip(block.term.columns, block.columns, strict=True):
            if not block.intercept and (found := _far(factor.Z[:, a])) is not None:
                far[name] = found
    return [
        Warning(
            "far-line",
            f"effects of {_how_far(name, *found)} vary by {factor.name} without an intercept beside them: the lines of all levels meet "
            f"where {name} is 0, far outside the data, and inside it the effects are differences in level more than in slope. Write "
            f"(1 + {name} | {factor.name}), or subtract a constant, such as {_near(found[0])}, where the lines should meet.",
        )
        for name, found in far.items()
    ]


def _far(z: np.ndarray) -> tuple[float, float, float, float] | None:
    """Mean, sd, least and largest of a column that is far from 0 in sds, with 0 outside its range; None of others."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(z.mean()), float(z.std())
    if z.min() <= 0.0 <= z.max() or not abs(mean) > FAR_SLOPE * sd or sd == 0.0:
        return None
    return mean, sd, float(z.min()), float(z.max())


def _how_far(name: str, mean: float, sd: float, low: float, high: float) -> str:
    return f"'{name}' ({abs(mean / sd):.3g} of its sds from 0, from {low:.6g} to {high:.6g})"


def _near(mean: float) -> str:
    """A round number near ``mean``, with all digits before the point."""
    return f"{mean:.{max(3, len(str(int(abs(mean)))))}g}"


def _unmet(blocks: Sequence[_Block], met: np.ndarray) -> list[Warning]:
    """Correlations of columns that no level has together."""
    found = []
    for block in blocks:
        columns = block.columns
        if len(columns) < 2:
            continue
        seen = met[np.ix_(block.levels, columns)].astype(float)
        together = seen.T @ seen
        pairs = [(a, b) for a in range(len(columns)) for b in range(a) if together[a, b] == 0 and together[a, a] and together[b, b]]
        if pairs:
            a, b = pairs[0]
            more = f" (and {len(pairs) - 1:,} more pairs)" if len(pairs) > 1 else ""
            found.append(
                Warning(
                    "unmet",
                    f"no level of {block.of} has both '{block.term.columns[b]}' and '{block.term.columns[a]}'{more}: "
                    "the data say nothing of their correlation, which is its prior's.",
                )
            )
    return found


# ------------------------------------------------------------------------------------------------- effects and residuals


def _residuals_apart(design: Design) -> bool:
    """Whether residual variances that are known, or known but for a factor, tell residuals from effects of single rows."""
    return design.known_se is not None or (design.precision is not None and np.ptp(design.precision) > 0.0)


def _own_part(design: Design, factor: Factor, met: np.ndarray) -> list[Warning]:
    """Areas with a part of their own, and a single row each, beside residuals that have a variance to be drawn."""
    own = families.of(design).parameter("dispersion_prior")
    beyond = own is not None and bool(own.beyond)
    if _residuals_apart(design) or not (beyond or design.sigma_prior is not None):
        return []
    rows = np.bincount(factor.codes, weights=design.weights, minlength=len(factor.levels))[met.any(axis=1)]
    if not rows.size or np.any(rows > 1):
        return []
    other = f"{own.name} of family {design.family}" if beyond else "sigma"
    return [
        Warning(
            "one-row",
            f"every level of {factor.name} has one row: what bym2 gives an area of its own and {other} stand for the same variation, and "
            "only the priors split it"
            + (f"; rho, the sd and {other} may be slow to move" if beyond else "")
            + ". Take icar(), all of which neighbours share"
            + ("." if beyond else ", or give known errors: y | se(s)."),
        )
    ]


def _one_row(design: Design, factor: Factor, blocks: Sequence[_Block], met: np.ndarray) -> list[Warning]:
    """Levels with a single row, where the residual has a variance of its own to be confounded with."""
    if _residuals_apart(design):
        return []
    reached = met.any(axis=1)
    rows = np.bincount(factor.codes, weights=design.weights, minlength=len(factor.levels))
    J = int(reached.sum())
    single = int((rows[reached] == 1).sum())
    kind = families.of(design).outcome
    if J == 0:
        return []
    if single == J:
        own = families.of(design).parameter("dispersion_prior")
        if own is not None and own.beyond:
            return [
                Warning(
                    "one-row",
                    f"every level of {factor.name} has one row: its effects and {own.name} of family {design.family} both stand for "
                    f"{own.beyond}, and only the priors split it. Keep one of them.",
                )
            ]
        if kind == "count" or (design.trials is not None and np.mean(design.trials > 1) > 0.5):
            return []  # an effect of each observation: variation beyond Poisson or binomial, which such rows can show
        if design.sigma_prior is not None and not _same_as_residuals(design, factor, blocks):
            return []  # a residual sd that differs by the column
        if design.sigma_prior is not None:
            return [
                Warning(
                    "one-row",
                    f"every level of {factor.name} has one row ({J} levels, {design.rows_used} rows): its effects and the residuals are "
                    "the same thing, and only the priors split their variance. Leave it out, or give known errors: y | se(s).",
                )
            ]
        return [
            Warning(
                "one-row",
                f"every level of {factor.name} has one row: one {'answer' if kind == 'ordinal' else 'yes or no'} a level says next to "
                "nothing of the sd of its effects.",
            )
        ]
    if design.sigma_prior is not None and 2 * single > J:
        return [Warning("one-row", f"{single} of the {J} levels of {factor.name} have one row; sigma is learnt from the others.")]
    return []


def _many_effects(design: Design, factor: Factor, blocks: Sequence[_Block], met: np.ndarray) -> list[Warning]:
    """As many effects as rows, the slopes of a factor among them: ``(0 + f | id)`` with one row a cell."""
    if _residuals_apart(design) or (design.weights is not None and (design.weights != 1).any()):
        return []
    effects, rows = int(met.sum()), design.rows_used
    kind = families.of(design).outcome
    columns = ", ".join(factor.columns)
    if design.sigma_prior is None:
        if kind not in ("binary", "ordinal") or effects < rows or (design.trials is not None and (design.trials > 1).any()):
            return []
        return [
            Warning(
                "many-effects",
                f"{factor.name} has {effects:,} effects ({columns}) for {rows:,} rows: one "
                f"{'answer' if kind == 'ordinal' else 'yes or no'} an effect says next to nothing of their sds.",
            )
        ]
    if _same_as_residuals(design, factor, blocks):
        return [
            Warning(
                "many-effects",
                f"{factor.name} has an effect for every row ({effects:,} effects of {columns}; {rows:,} rows): with them the residuals are "
                "the same thing as effects, and only the priors split their variance between sigma and the sds. Leave a column out, as in "
                f"(1 | {factor.name}), or give known errors: y | se(s).",
            )
        ]
    if effects >= rows:
        return [
            Warning(
                "many-effects",
                f"{factor.name} has as many effects as there are rows, or more ({effects:,} effects of {columns}; {rows:,} rows): "
                "little but the priors tells their sds from sigma.",
            )
        ]
    return []


def _same_as_residuals(design: Design, factor: Factor, blocks: Sequence[_Block]) -> bool:
    """Whether sigma can be traded for the factor's covariances without a change of the model.

    The outcomes of level j have the covariance Z_j Σ Z_j' + σ²I. A matrix S with Z_j S Z_j' = I in every level, with a block for every
    term, gives Σ − εS and σ² + ε the same likelihood: as (1 | id) with one row a level, S = 1, or (0 + f | id) with one row a cell,
    S = I. It is the solution of z_i'S z_k = 1 for i = k, 0 for other pairs of rows of a level, if these have one.
    """
    rows = np.bincount(factor.codes, minlength=len(factor.levels))
    if design.weights is not None and (design.weights != 1).any():
        return False
    if rows.max() > len(factor.columns) or families.of(design).is_discrete:
        return False
    order = np.argsort(factor.codes, kind="stable")
    codes, Z = factor.codes[order], factor.Z[order]
    for of in dict.fromkeys(block.of for block in blocks):
        same = [block for block in blocks if block.of == of and not block.term.given]
        parts = []
        for apart in range(int(rows.max())):
            pair = np.flatnonzero(codes[: len(codes) - apart] == codes[apart:])
            pair = pair[next(b for b in blocks if b.of == of).levels[codes[pair]]]
            left, right = Z[pair], Z[pair + apart]
            products = [
                left[:, [a]] * right[:, [b]] + (left[:, [b]] * right[:, [a]] if a != b else 0.0)
                for block in same
                for a in block.columns
                for b in block.columns
                if b <= a
            ]
            parts.append(np.hstack([*products, np.full((len(pair), 1), float(apart == 0))]))
        system = np.vstack(parts)
        scale = np.maximum(np.abs(system).max(axis=0), 1e-300)
        R = collinear.triangular(system, scale)
        residual = R[:, -1] - R[:, :-1] @ np.linalg.lstsq(R[:, :-1], R[:, -1], rcond=1e-9)[0] if R.shape[1] > 1 else R[:, -1]
        if not np.linalg.norm(residual) <= 1e-6 * np.linalg.norm(R[:, -1]):
            return False
    return True


def _few_levels(factor: Factor, blocks: Sequence[_Block], met: np.ndarray) -> list[Warning]:
    """A factor, or a group of its levels with a covariance of its own, with few levels and default priors of sds."""
    J = len(factor.levels)
    sizes = [J] if factor.group is None else np.bincount(factor.group, minlength=len(factor.groups)).tolist()
    few = {group: size for group, size in zip(factor.groups or ("",), sizes, strict=True) if size < FEW_LEVELS}
    default = [
        (term.group, column)
        for term in factor.terms
        if term.covariance is None and term.group in few
        for column, prior in zip(term.columns, term.sd_priors, strict=True)
        if prior.source == "default"
    ]
    if not default:
        return _few_met(factor, blocks, met)
    of = ", ".join(dict.fromkeys(column for _, column in default))
    if factor.group is None:
        return [
            Warning(
                "few-levels",
                f"{factor.name} has {J} levels, and the sd of {of} over so few rests on its default prior; "
                f"state one, sd[{factor.name}], or make {factor.name} a fixed effect.",
            )
        ]
    groups = dict.fromkeys(group for group, _ in default)
    there = ", ".join(f"{few[group]} with {factor.by} {group.removeprefix(factor.by)}" for group in groups)
    return [
        Warning(
            "few-levels",
            f"{factor.name} has few levels in {'one group' if len(groups) == 1 else f'{len(groups)} groups'} ({there}), and the sd of {of} "
            f"over so few rests on its default prior; state one, such as sd[{factor.name},{default[0][1]}:{default[0][0]}], or let all "
            f"levels share a covariance, without by = {factor.by}.",
        )
    ]


def _few_met(factor: Factor, blocks: Sequence[_Block], met: np.ndarray) -> list[Warning]:
    """Columns that are not 0 in few of many levels: as few effects as a factor of so few levels would have."""
    found = []
    for block in blocks:
        if block.term.covariance is not None:
            continue
        for name, a, prior in zip(block.term.columns, block.columns, block.term.sd_priors, strict=True):
            number = int(met[block.levels, a].sum())
            if number < FEW_LEVELS and prior.source == "default" and not (block.intercept and name != "Intercept"):
                found.append(
                    Warning(
                        "few-levels",
                        f"'{name}' is not 0 in only {number} of the {int(block.levels.sum()):,} levels of {block.of}, and the sd of its "
                        f"effects over so few rests on its default prior; state one, sd[{factor.name},{name}].",
                    )
                )
    return found


# -------------------------------------------------------------------------------------------------------------- outcome


def constant_outcome(design: Design) -> list[Warning]:
    """Outcomes that are the same in all rows of every level of a grouping factor: an outcome of the group, repeated."""
    known = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    kind = families.of(design).outcome
    y = design.y if design.trials is None else design.y / np.maximum(design.trials, 1)
    if design.trials is not None and not (((y == 0) | (y == 1))[known]).all():
        return []
    if not y[known].size or np.ptp(y[known]) == 0:
        return []
    low = high = y
    if design.missing_outcome is not None:
        low, high = np.where(known, y, np.inf), np.where(known, y, -np.inf)
    found: list[Factor] = []
    messages = []
    for factor in sorted(design.factors, key=lambda f: len(f.levels)):
        if any(parents(factor.codes, coarser.codes, len(factor.levels)) is not None for coarser in found):
            continue
        times = None if design.counts is None else design.times[known]
        rows = np.bincount(factor.codes[known], weights=times, minlength=len(factor.levels)).round().astype(int)
        if 2 * int(rows[rows > 1].sum()) < int(rows.sum()):
            continue  # levels of one row say nothing of it
        if (_ranges(factor, high)[1] > _ranges(factor, low)[0]).any():
            continue
        found.append(factor)
        levels = f"{len(factor.levels):,} levels of {_between(rows)} rows"
        if kind == "real":
            rest = "it is an outcome of that level, which its rows repeat: sigma goes to 0, and they count for more than they are"
        elif kind == "count":
            rest = "it is an outcome of that level, which its rows repeat, and they count for more than they are"
        else:
            rest = f"nothing but its prior limits sd[{factor.name}], and rows of a level may be one answer repeated"
        messages.append(
            Warning(
                "constant-outcome",
                f"{design.outcome} has one value within every level of {factor.name} ({levels}): {rest}. If so, keep one row a level.",
            )
        )
    return messages


def _between(numbers: np.ndarray) -> str:
    """``20``, or ``15 to 20``."""
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def of_levels(design: Design) -> list[str]:
    """``one value within every level of province: illiteracy``: the predictors of levels, each at the coarsest factor it belongs to."""
    found: list[str] = []
    told: set[int] = set()
    for factor in sorted(design.factors, key=lambda f: len(f.levels)):
        left = [j for j in range(len(design.coefficients)) if j != design.intercept and j not in told]
        constant = [j for j in left if not varies(factor, design.X[:, j]).any()]  # a column at a time: X is never copied whole
        names = [design.coefficients[j] for j in constant]
        told |= set(constant)
        if names and len(factor.levels) < design.rows_used:
            found.append(f"one value within every level of {factor.name}: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}")
    return found


def _named(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(f"'{name}'" for name in names[:most]) + (" …" if len(names) > most else "")
