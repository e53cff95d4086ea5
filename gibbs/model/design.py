"""Words and a table → numbers: ``build`` gives the Design that everything after works on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gibbs import mapped
from gibbs.errors import DataError, FormulaError, SpecError, nearest
from gibbs.model import (
    averages,
    coding,
    data,
    default_rows,
    families,
    flat_sds,
    formula,
    functions,
    laws,
    levels,
    outcome,
    prior_rows,
    priors,
    spelling,
    structured,
    survey_weights,
    syntax,
)
from gibbs.model import basis as centred
from gibbs.model import columns as columns_of
from gibbs.model.basis import Basis, Values
from gibbs.model.encoding import Encoding, RandomColumns, group
from gibbs.model.families import Family
from gibbs.model.fixed import Columns, States, column, learn, numbers
from gibbs.model.formula import Formula, RandomTerm
from gibbs.model.parts import Part
from gibbs.model.records import CoefficientPrior, Design, Factor, Prior, Spec, Table

if TYPE_CHECKING:
    import pandas as pd

MAX_GROUP_COLUMNS = 8  # of one grouping factor, all its terms together


@np.errstate(over="ignore")  # products and squares of enormous numbers: what is not finite is refused by its rows
def build(spec: Spec, table: Table) -> Design:
    """The model as numbers.

    Drops rows with a value missing in any column used (``Design.dropped`` counts them; under ``missing: predict`` rows whose outcome
    alone is missing stay) and rows of weight 0, checks the outcome for its family, makes the fixed columns with R's names in R's order,
    the codes and columns of every grouping factor, and fills in every prior; default scales come from the rows with an outcome, each
    counted as often as its frequency weight says: sd(y) and sd(x) with denominator n − 1, of y minus the offset; sd(y) = 1 on a link
    scale, mean(y) = 0 there, and log(Σ y / Σ exp(offset)) for counts.

    Raises FormulaError for the formula, DataError where the data do not fit it, SpecError for a prior that fits nothing in the model.
    """
    read = spec.parsed
    family = families.of(spec)
    book = priors.PriorBook(spec)
    source = table.source
    needed = formula.variables(read)
    for name in needed:
        column(table.held, name, source)
    rows_used = _rows(read, spec, table, needed)
    frame, weights, unknown = rows_used.frame, rows_used.weights, rows_used.unknown
    found = outcome.read(read, family, frame if unknown is None else frame[~unknown], source, spec.categories, spec.one)
    y = found.y
    if unknown is not None:
        y = np.zeros(len(frame))
        y[~unknown] = found.y
    y, found = mapped.moved(np.asarray(frame.index), y), replace(found, y=np.zeros(0))  # the one of memory goes
    known_se = outcome.known_se(read, family, frame, source)
    precision = outcome.precision(read, family, frame, source)
    raw = outcome.sampling(read, family, frame, source)
    cache: dict = {}
    with functions.counted(rows_used.counts):
        fixed, X = learn(read.fixed_tree, read.text, frame, source, cache, cutpoints=family.outcome == "ordinal", base=spec.base)
        offset, offsets = _offset(read, frame, source)
    counted = rows_used.counted()
    sizes = _sizes(family, y, offset, counted)
    sigma_prior = book.sigma() or priors.default_sigma(_sd_of_sigma(y - offset, precision, counted, sizes.sd))
    values = Values(cache, _numbers_of(cache, frame, source), counted, len(frame))
    names, intercept = fixed.names, 0 if fixed.has_intercept else None
    basis = centred.build(fixed, X, values, cutpoints=family.outcome == "ordinal")
    coefficient_priors = prior_rows.coefficient_rows(book, basis, X, names, intercept, sizes, counted)
    with functions.counted(rows_used.counts):
        factors, encoded, of_factors = _factors(read, spec, frame, source, cache, book, values, sizes.sd, counted)
    lines = {name: spec.where(f"base.{name}") for name in spec.base}
    coding.check_base(spec.base, [(variable.node, variable.is_category) for variable, _ in cache.values()], lines)
    book.check_all_used(names, {f.name: _varying(f) for f in factors}, {f.name: laws.of(f) for f in factors})
    book.check_correlated(any(len(term.columns) > 1 for f in factors for term in f.terms))
    _check_keep(spec, encoded)
    if known_se is not None and book.sigma() is not None:
        raise SpecError("the standard errors are known, y | se(…): there is no sigma to give a prior to.", where=spec.where("priors.sigma"))
    if family.outcome == "ordinal":
        _check_ends(found.categories or (), y if unknown is None else y[~unknown], book.cutpoints(), spec.where("priors.cutpoints"))
    if not names and not factors and family.outcome != "ordinal":
        raise FormulaError(f"nothing is left to estimate in: {read}", where=spec.where("formula"))
    parts = [fixed, *(part for random in encoded.values() for part in random.parts)]
    made = Design(
        family=family.name,
        y=y,
        X=X,
        coefficients=names,
        intercept=intercept,
        factors=factors,
        coefficient_priors=coefficient_priors,
        sigma_prior=sigma_prior if family.has_sigma and known_se is None else None,
        nu_prior=book.of_family(family.parameter("nu_prior")),
        offset=offset,
        known_se=known_se,
        precision=precision,
        survey=survey_weights.of_rows(spec, read, raw, factors, spec.where("weights.within")),
        rows=np.asarray(frame.index, dtype=np.int64),
        outcome=read.outcome,
        rows_read=table.number() + table.outside,
        outside=table.outside,
        dropped=rows_used.dropped,
        notes=table.notes
        + found.notes
        + _codes_as_numbers(frame, parts)
        + _taken_otherwise(frame, parts)
        + rows_used.notes
        + basis.depends
        + of_factors
        + basis.thin
        + _aliased_notes(X, basis, unknown, names, intercept, coefficient_priors, source),
        encoding=Encoding(fixed, encoded, offsets),
        outcome_labels=found.labels,
        link=family.link,
        trials=found.trials if unknown is None else outcome.trials(read, family, frame, source),
        weights=weights,
        categories=found.categories,
        dispersion_prior=book.of_family(family.parameter("dispersion_prior")),
        cutpoint_prior=(book.cutpoints() or priors.default_cutpoints()) if family.outcome == "ordinal" else None,
        cutpoint_means=averages.means(X, counted) if family.outcome == "ordinal" and book.cutpoints() is None else None,
        basis=basis,
        missing_outcome=unknown,
        counts=rows_used.counts,
        way=table.way,
    )
    flat_sds.check(made, lambda key: _where_flat(spec, key))
    return made


def _where_flat(spec: Spec, key: str) -> str:
    """The place of the flat prior that ``key`` (``sigma``, ``sd[g]``) has: its own, that of one of its columns, or that of ``sd``."""
    begin = formula.bare(key).rstrip("]")
    found = [name for name, value in spec.priors.items() if "flat" in str(value).lower() and formula.bare(name).startswith(begin)]
    return spec.where(f"priors.{(found or [key.partition('[')[0]])[0]}")


@dataclass(frozen=True)
class _Rows:
    """The rows of a model: the data of those kept, how often each counts, and which have no outcome."""

    frame: pd.DataFrame
    dropped: dict[str, int]
    weights: np.ndarray | None  # (N,) ≥ 1, but of points
    counts: np.ndarray | None  # (N,) rows of the data behind each, where they were added up; ``weights`` has them
    unknown: np.ndarray | None  # (N,) bool; None where every outcome is known
    notes: tuple[str, ...] = ()

    def counted(self) -> np.ndarray | None:
        """How often a row counts in means and sds, (N,); None where every row counts once."""
        if self.unknown is None:
            return None if self.weights is None else self.weights.astype(float)
        return np.where(self.unknown, 0.0, 1.0 if self.weights is None else self.weights)


def _rows(read: Formula, spec: Spec, table: Table, needed: tuple[str, ...]) -> _Rows:
    """Rows with a value missing dropped and counted, but for missing outcomes that are to be drawn; rows of weight 0 left out."""
    keep: set[str] = set()
    if spec.data.missing == "predict":
        bare = replace(read, outcome_tree=syntax.Number("1", 1.0, 0), failures=None)
        bare = replace(bare, extra_trees={k: v for k, v in read.extra_trees.items() if k != "failures"})
        keep = set(outcome.columns(read)) - set(formula.variables(bare))
    checked = list(dict.fromkeys([*needed, *spec.data.complete]))
    keep -= set(spec.data.complete)
    frame, dropped, _ = data.drop_missing(
        table, checked, spec.data.missing, keep=keep, made_from=data.sources(spec.data.derive, checked) if spec.data.derive else None
    )
    frame, dropped, notes = _without_left_out(read, spec, table, frame, dropped)
    weights = outcome.frequency(read, frame, table.source)
    if weights is not None and not weights.all():
        dropped = {**dropped, f"{read.frequency} (weight 0)": table.behind(frame.index[weights == 0])}
        frame, weights = columns_of.some(frame, weights > 0), weights[weights > 0]
    if table.counts is not None:
        counts = table.counts_of(frame.index)
        return _Rows(frame, dict(dropped), counts if weights is None else counts * weights, counts, None, notes)
    sampling = outcome.sampling(read, families.of(spec), frame, table.source)
    if sampling is not None and not sampling.all():
        dropped = {**dropped, f"{read.sampling} (weight 0)": int((sampling == 0).sum())}
        frame = columns_of.some(frame, sampling > 0)
    unknown = ~outcome.known_rows(read, frame) if keep else None
    if unknown is None or not unknown.any():
        return _Rows(frame, dict(dropped), weights, None, None, notes)
    if read.failures is not None:
        raise DataError(
            f"the outcome is missing in {levels.rows_text(frame.index[unknown])}, and with cbind(successes, failures) so is its number of "
            "trials: nothing can be drawn there. Write successes | trials(n), or missing: drop.",
            where=table.source,
        )
    if unknown.all():
        raise DataError("the outcome is missing in every row that has all its predictors.", where=table.source)
    return _Rows(frame, dict(dropped), weights, None, unknown, notes)


def _without_left_out(
    read: Formula, spec: Spec, table: Table, frame: pd.DataFrame, dropped: dict[str, int]
) -> tuple[pd.DataFrame, dict[str, int], tuple[str, ...]]:
    """The rows whose categories are among the levels that the formula lists; the others are missing, as in R, and counted."""
    found = coding.left_out([read.outcome_tree, read.fixed_tree, *(random.tree for random in read.random)], frame, table.source)
    if not found:
        return frame, dropped, ()
    notes = []
    for name, outside in found.items():
        values = list(dict.fromkeys(levels.label(value) for value in frame[name][outside].unique()))
        which = ", ".join(map(repr, values[:6])) + (f" and {len(values) - 6:,} more" if len(values) > 6 else "")
        said = f"the formula lists the levels of {name} without {which}: missing there, in {levels.rows_text(frame.index[outside])}"
        if spec.data.missing == "error":
            raise DataError(f"{said}; and the spec says missing: error.", where=table.source)
        notes.append(f"{said}.")
        dropped = {**dropped, f"{name} (not among its levels)": table.behind(frame.index[outside])}
    keep = ~np.logical_or.reduce(list(found.values()))
    if not keep.any():
        raise DataError(f"no row is left: {'; '.join(notes)}", where=table.source)
    return columns_of.some(frame, keep), dropped, tuple(notes)


def _codes_as_numbers(frame: pd.DataFrame, parts: list[Columns]) -> tuple[str, ...]:
    """A sentence a predictor whose values are written with leading zeros, as codes are, and which is used as a number."""
    used = {v.node.text for part in parts for v in part.variables.values() if isinstance(v.node, syntax.Name) and not v.is_category}
    return tuple(
        f"'{name}' is written as codes are ({frame[name].iloc[0]}, …), and is used as a number; factor({name}) makes a category of it."
        for name in sorted(used)
        if spelling.is_code(frame[name])
    )


def _taken_otherwise(frame: pd.DataFrame, parts: list[Columns]) -> tuple[str, ...]:
    """A sentence a predictor that is taken for what it hardly is: days without separators as numbers, dressed numbers as categories,
    words of which most rows have one of their own."""
    found: dict[str, str] = {}
    for v in (v for part in parts for v in part.variables.values() if isinstance(v.node, syntax.Name)):
        name = v.node.text
        kind = frame[name].dtype.kind
        if kind == "b" or (not v.is_category and kind == "f" and _has_fractions(frame[name].to_numpy(dtype=float, na_value=np.nan))):
            continue
        values = frame[name].dropna().unique()
        if not (spelling.spells_days(some := [str(value) for value in values[:20]]) or spelling.dresses_numbers(some) or len(values) > 20):
            continue
        words = [str(value) for value in values]
        if not v.is_category and spelling.spells_days(words):
            found[name] = (
                f"'{name}' holds days without separators ({words[0].removesuffix('.0')}, …), and is used as a number, in which a month is "
                f"as long as 100 days. Make a column of years, or of days since some day; factor({name}) makes a category of it."
            )
        if v.is_category and not coding.is_category(v.node) and frame[name].dtype != "category" and spelling.spells_days(words):
            found[name] = (
                f"'{name}' is text that holds days without separators ({words[0]}, …), and is a category here. Make a column of years, or "
                f"of days since some day; factor({name}) says that a category is meant."
            )
        if v.is_category and not coding.is_category(v.node) and spelling.dresses_numbers(words):
            found[name] = (
                f"'{name}' is text, and a category here, but looks like numbers ({', '.join(map(repr, words[:3]))}): write them as 1234.5, "
                f"without separators and signs, or factor({name}) where a category is meant."
            )
        elif v.is_category and not coding.is_category(v.node) and 2 * len(words) > len(frame):
            numeric = all(spelling.number_of(word) is not None for word in words)
            instead = "They spell numbers: make numbers of them" if numeric else f"If they name groups, write (1 | {name})"
            found.setdefault(
                name,
                f"'{name}' is text of {len(words):,} values in {len(frame):,} rows ({words[0]!r}, …), each with a coefficient of its own. "
                f"{instead}; factor({name}) says that a category is meant.",
            )
    return tuple(found[name] for name in sorted(found))


def _has_fractions(values: np.ndarray) -> bool:
    return bool((values != np.trunc(values)).any(where=~np.isnan(values)))


def _sizes(family: Family, y: np.ndarray, offset: np.ndarray, counted: np.ndarray | None) -> default_rows.Sizes:
    """What the default priors take for mean(y), sd(y) and the root mean square of y, on the scale of the linear predictor."""
    if family.outcome == "real":
        rest = y - offset
        sd = prior_rows.deviation(rest, counted) or 1.0
        return default_rows.Sizes(averages.mean(rest, counted), sd, default_rows.spread(rest, counted, centre=False) or 1.0)
    if family.outcome == "count":
        largest = float(offset.max())  # the log of Σ y / Σ exp(offset), whatever the size of the offset
        exposure = np.exp(offset - largest)
        return default_rows.Sizes(float(np.log(averages.mean(y, counted) / averages.mean(exposure, counted)) - largest), 1.0, 1.0)
    return default_rows.Sizes(0.0, 1.0, 1.0)


def _sd_of_sigma(y: np.ndarray, precision: np.ndarray | None, counted: np.ndarray | None, sd_y: float) -> float:
    """What the default prior of sigma takes for sd(y): under precision weights w that of a row of weight 1, √(Σ w (y − ȳ)²/(n − 1)) with
    the weighted mean ȳ, so that predictions do not know the unit of the weights."""
    if precision is None:
        return sd_y
    times = np.ones(len(y)) if counted is None else counted
    mean = averages.mean(y, times * precision)
    unit = 2.0 ** (np.frexp(np.abs(y).max())[1] - 1)  # a power of 2, so that no digit changes: squares of enormous numbers overflow
    z = y / unit - mean / unit
    return float(np.sqrt(np.sum(times * precision * z**2) / max(times.sum() - 1.0, 1.0)) * unit) or 1.0


def _numbers_of(cache: dict, frame: pd.DataFrame, source: str) -> Callable[[Part], np.ndarray]:
    """The values of a part that is no column of its own, such as z in I(x*z)."""

    def values(part: Part) -> np.ndarray:
        states = {text: dict(state) for variable, _ in cache.values() for text, state in variable.states.items()}
        out = np.full(len(frame), part.times)
        for node, power in part.nodes:
            out = out * numbers(node, frame, source, states, training=False) ** power
        return out

    return values


def _aliased_notes(
    X: np.ndarray,
    basis: Basis,
    unknown: np.ndarray | None,
    names: Sequence[str],
    intercept: int | None,
    rows: Sequence[CoefficientPrior],
    source: str,
) -> tuple[str, ...]:
    """Of the rows with an outcome."""
    if unknown is not None:
        X, basis = X[~unknown], basis.some(~unknown)
    return prior_rows.aliased_notes(X, basis, names, intercept, rows, source)


def _check_keep(spec: Spec, factors: Collection[str]) -> None:
    """SpecError where ``keep`` names what is no grouping factor of the model."""
    unknown = next((name for name in spec.keep or () if name not in factors), None)
    if unknown is not None:
        there = f"the grouping factors are {', '.join(factors)}" if factors else "the model has none"
        raise SpecError(
            f"keep names '{unknown}', which is no grouping factor; {there}.{nearest(unknown, factors)}", where=spec.where("keep")
        )


def _check_ends(categories: tuple[str, ...], y: np.ndarray, prior: Prior | None, where: str) -> None:
    """SpecError for flat cutpoints where nobody chose the first or the last category: they have a bound on one side only."""
    if prior is None or prior.kind != "flat":
        return
    for text, k in ((categories[0], 0), (categories[-1], len(categories) - 1)):
        if not (y == k).any():
            raise SpecError(
                f"nobody chose '{text}', the {'last' if k else 'first'} category, so that only the prior holds the cutpoint beside it, and "
                "under a flat one there is no posterior; give cutpoints a proper prior, such as student_t(3, 0, 2.5).",
                where=where,
            )


def _offset(read: Formula, frame: pd.DataFrame, source: str) -> tuple[np.ndarray, tuple[tuple[syntax.Node, States], ...]]:
    """The sum of the offsets (N,), and what is needed to compute it again."""
    total = mapped.filled(np.asarray(frame.index), len(frame), 0.0)
    kept = []
    for tree in read.offset_trees:
        states: States = {}
        total += numbers(tree, frame, source, states, training=True)
        kept.append((tree, states))
    return total, tuple(kept)


def _factors(
    read: Formula,
    spec: Spec,
    frame: pd.DataFrame,
    source: str,
    cache: dict,
    book: priors.PriorBook,
    values: Values,
    sd_y: float,
    counted: np.ndarray | None,
) -> tuple[tuple[Factor, ...], dict[str, RandomColumns], tuple[str, ...]]:
    """One Factor a grouping factor, its terms merged, in the order in which the formula first names them; and what to say of them."""
    merged: dict[frozenset[str], list[RandomTerm]] = {}
    for random in read.random:
        merged.setdefault(random.identity, []).append(random)  # a:b and b:a are one factor
    factors: list[Factor] = []
    encoded: dict[str, RandomColumns] = {}
    notes: list[str] = []
    for randoms in merged.values():
        name = randoms[0].factor
        if name in encoded:
            raise DataError(
                f"two grouping factors are called '{name}'; rename the column '{name}', with rename: under data:.", where=source
            )
        where = f"{source}, grouping factor '{name}'"
        structure = None
        if randoms[0].structure == "mm":
            structure, grouping, codes = structured.of_members(randoms[0], frame, source)
        else:
            grouping, codes = group(frame, randoms[0].group, source)
        if len(grouping.levels) < 2:
            raise DataError(
                f"it has one level, '{grouping.levels[0]}', in all {len(frame)} rows used; a grouping factor needs two or more.",
                where=where,
            )
        dist, by, pw = _distribution(read, spec, randoms)
        if randoms[0].structure not in ("", "mm"):
            structure, grouping, codes = structured.build(spec, randoms[0], grouping, codes, frame, source)
        parts: list[tuple[RandomTerm, tuple[str, ...], np.ndarray]] = []
        learnt: list[Columns] = []
        seen: set[str] = set()
        for random in randoms:
            columns, Z = learn(random.tree, read.text, frame, source, cache, base=spec.base)
            twice = [c for c in columns.names if c in seen]
            if twice:
                _refuse_twice(read, spec, random, twice[0])
            seen.update(columns.names)
            learnt.append(columns)
            parts.append((random, columns.names, Z))
        if pw and dist == "student":
            raise DataError(
                f"weights of levels, pw = {pw}, are a power of the density of their effects, which is normal again where it is normal; of "
                "Student-t effects there is no such form. Keep one of pw and dist.",
                where=where,
            )
        groups, of_level, by_labels = _groups(frame, by, codes, grouping.levels, source) if by else ((), None, ())
        if len(seen) * max(len(groups), 1) > MAX_GROUP_COLUMNS:
            times = f" in each of {len(groups)} groups of levels (by = {by})" if by else ""
            raise DataError(
                f"{'1 column varies' if len(seen) == 1 else f'{len(seen)} columns vary'} over it "
                f"({', '.join(c for _, names, _ in parts for c in names)}){times}; "
                f"at most {MAX_GROUP_COLUMNS} can{', all groups together' if by else ''}.",
                where=where,
            )
        Z = _beside([Z for _, _, Z in parts])
        bases = [
            centred.build(columns, own, values, over=name, beside=seen.difference(columns.names)) if random.correlated else None
            for columns, (random, _, own) in zip(learnt, parts, strict=True)
        ]
        notes += [note for basis in bases if basis is not None for note in basis.depends]
        terms = tuple(t for g in groups or ("",) for t in prior_rows.terms(book, spec, name, parts, bases, sd_y, counted, g))
        factors.append(
            Factor(
                name=name,
                levels=grouping.levels,
                codes=mapped.moved(np.asarray(frame.index), codes, np.int32),
                Z=Z,
                columns=tuple(c for _, names, _ in parts for c in names),
                terms=terms,
                by=by,
                pw=pw,
                level_weights=survey_weights.of_levels(frame, name, pw, codes, grouping.levels, source) if pw else None,
                groups=groups,
                group=of_level,
                structure=structure,
                own_prior=book.of_law(laws.of_words(structure, dist), name),
                centred=_centred(parts, bases) if any(t.back is not None for t in terms) else None,
            )
        )
        encoded[name] = RandomColumns(grouping, tuple(learnt), by, by_labels)
    return tuple(factors), encoded, tuple(notes)


def _centred(parts: list[tuple[RandomTerm, tuple[str, ...], np.ndarray]], bases: Sequence[Basis | None]) -> np.ndarray:
    """(N, q): the columns of Z, those of correlated terms in their centred basis."""
    return _beside([Z if basis is None else basis.rows(Z) for (_, _, Z), basis in zip(parts, bases, strict=True)])


def _beside(parts: Sequence[np.ndarray]) -> np.ndarray:
    """(N, q) the columns of all parts side by side."""
    return parts[0] if len(parts) == 1 else mapped.beside(parts[0], parts)


def _varying(factor: Factor) -> tuple[str, ...]:
    """The columns that an sd may be of: ``x``, and ``x:zA`` where there are groups of levels."""
    return (*factor.columns, *(f"{column}:{group}" for group in factor.groups for column in factor.columns))


def _distribution(read: Formula, spec: Spec, randoms: list[RandomTerm]) -> tuple[str, str, str]:
    """dist, by and pw of a factor's effects, which all its terms must say."""
    first = randoms[0]
    for random in randoms[1:]:
        if (random.structure, random.options) != (first.structure, first.options):
            try:
                syntax.refuse(
                    read.text,
                    random.at,
                    f"The effects of one factor have one law, but an earlier term of {random.factor} is {first} and this one {random}; "
                    "write both with the same words, or make a copy of the column (derive:) for the second.",
                )
            except FormulaError as error:
                raise FormulaError(error.message, where=spec.where("formula")) from None
        for key in ("dist", "by", "pw"):
            if getattr(random, key) != getattr(first, key):
                try:
                    syntax.refuse(
                        read.text,
                        random.at,
                        f"The effects of one factor have one distribution, but {key} is '{getattr(first, key) or 'none'}' in an earlier "
                        f"term of {random.factor} and '{getattr(random, key) or 'none'}' here; write one gr({random.factor}, …) in all.",
                    )
                except FormulaError as error:
                    raise FormulaError(error.message, where=spec.where("formula")) from None
    return first.dist, first.by, first.pw


def _groups(
    frame: pd.DataFrame, by: str, codes: np.ndarray, labels: tuple[str, ...], source: str
) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """The groups of levels by column ``by`` as terms name them, the group of each level (J,), and the values of the column."""
    of_row, values = levels.factorise(column(frame, by, source))
    where = f"{source}, column '{by}'"
    if len(values) < 2:
        raise DataError(f"it is '{values[0]}' in all {len(frame)} rows used; by = {by} needs two values or more.", where=where)
    of_level = np.full(len(labels), -1, dtype=np.int32)
    of_level[codes] = of_row
    mixed = np.unique(codes[of_level[codes] != of_row])
    if len(mixed):
        k = int(mixed[0])
        rows = frame.index[codes == k]
        found = ", ".join(f"'{values[v]}'" for v in np.unique(of_row[codes == k])[:4])
        more = f", and {len(mixed) - 1:,} more levels" if len(mixed) > 1 else ""
        raise DataError(
            f"gr(…, by = {by}) needs one value in all rows of a level, but the level '{labels[k]}' has {found} "
            f"({levels.rows_text(rows)}){more}. A variable that differs within levels can vary over them: ({by} | …).",
            where=where,
        )
    return tuple(f"{by}{value}" for value in values), of_level, tuple(values)


def _refuse_twice(read: Formula, spec: Spec, random: RandomTerm, name: str) -> None:
    what = "an intercept" if name == prior_rows.INTERCEPT else f"'{name}'"
    hint = " (a term has an intercept unless it begins with 0 +)" if name == prior_rows.INTERCEPT else ""
    try:
        syntax.refuse(read.text, random.at, f"The factor {random.factor} has {what} from an earlier term already{hint}.")
    except FormulaError as error:
        raise FormulaError(error.message, where=spec.where("formula")) from None
