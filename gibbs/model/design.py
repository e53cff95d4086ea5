"""Words and a table → numbers: ``build`` gives the Design that everything after works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import data, families, formula, outcome, prior_rows, priors, syntax
from gibbs.model.encoding import Encoding, RandomColumns, group
from gibbs.model.fixed import Columns, States, column, learn, numbers
from gibbs.model.formula import Formula, RandomTerm
from gibbs.model.records import Design, Factor, Spec, Table

if TYPE_CHECKING:
    import pandas as pd

MAX_GROUP_COLUMNS = 8  # of one grouping factor, all its terms together


def build(spec: Spec, table: Table) -> Design:
    """The model as numbers.

    Drops rows with a value missing in any column used (``Design.dropped`` counts them), checks the outcome for its family, makes the
    fixed columns with R's names in R's order, the codes and columns of every grouping factor, and fills in every prior; default
    scales come from the rows used: sd(y) and sd(x) with denominator n − 1, of y minus the offset, and sd(y) = 1, mean(y) = 0 for
    families on a link scale.

    Raises FormulaError for the formula, DataError where the data do not fit it, SpecError for a prior that fits nothing in the model.
    """
    read = parse(spec)
    family = families.family(spec.family, spec.link or None, trials=spec.family == "binomial")
    book = priors.PriorBook(spec)
    source = table.source
    needed = formula.variables(read)
    for name in needed:
        column(table.frame, name, source)
    frame, dropped, rows = data.drop_missing(table, needed, spec.data.missing)
    if len(frame) == 0:
        raise DataError("no row is left: every row has a value missing in some column used.", where=source)

    y, words = outcome.read(read, family, frame, source)
    trials, weights = outcome.trials(read, frame, source), outcome.frequency(read, frame, source)
    if family.outcome == "trials" and trials is None:
        trials = np.ones(len(y), dtype=np.int64)
    known_se = outcome.known_se(read, family, frame, source)
    cache: dict = {}
    fixed, X = learn(read.fixed_tree, read.text, frame, source, cache)
    offset, offsets = _offset(read, frame, source)
    is_real = family.outcome == "real"
    mean_y = float((y - offset).mean()) if is_real else 0.0
    sd_y = (prior_rows.deviation(y - offset) or 1.0) if is_real else 1.0

    if family.outcome == "count":
        with np.errstate(over="ignore"):
            mean_y = float(np.log((y.sum() + 0.5) / max(np.exp(offset).sum(), 1e-300)))
    intercept, names = 0 if fixed.has_intercept else None, fixed.names
    if family.outcome == "ordinal":
        X, names = _without_intercept(read, spec, X, fixed)
        intercept = None
    coefficient_priors = prior_rows.coefficient_rows(book, X, names, intercept, mean_y, sd_y)
    factors, encoded = _factors(read, spec, frame, source, cache, book, sd_y)
    book.check_all_used(names, {f.name: f.columns for f in factors})
    if known_se is not None and book.sigma() is not None:
        raise SpecError(
            "the standard errors are known, y | se(…): there is no sigma to give a prior to.", where=_where(spec, "priors.sigma")
        )
    if not names and not factors and family.outcome != "ordinal":
        raise FormulaError(f"nothing is left to estimate in: {read}", where=_where(spec, "formula"))
    return Design(
        family=family.name,
        y=y,
        X=X,
        coefficients=names,
        intercept=intercept,
        factors=factors,
        coefficient_priors=coefficient_priors,
        sigma_prior=(book.sigma() or priors.default_sigma(sd_y)) if family.has_sigma and known_se is None else None,
        nu_prior=(book.nu() or priors.default_nu()) if family.has_nu else None,
        offset=offset,
        known_se=known_se,
        rows=np.asarray(rows, dtype=np.int64),
        outcome=read.outcome,
        rows_read=len(table.frame),
        dropped=dict(dropped),
        notes=prior_rows.aliased_notes(X, names, intercept, coefficient_priors, source),
        encoding=Encoding(fixed, encoded, offsets),
        outcome_labels=words if family.outcome in ("binary", "trials") else None,
        link=family.link if family.name in families.LINKS or family.outcome == "count" else "",
        trials=trials,
        weights=weights,
        categories=words if family.outcome == "ordinal" else None,
        shape_prior=(book.shape() or priors.default_shape()) if family.name == "negative_binomial" else None,
        cutpoint_prior=(book.cutpoints() or priors.default_cutpoints()) if family.outcome == "ordinal" else None,
    )


def _without_intercept(read: Formula, spec: Spec, X: np.ndarray, fixed: Columns) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of an ordinal model: contrasts as with an intercept, whose place the cutpoints take."""
    if not fixed.has_intercept:
        raise FormulaError(
            "an ordinal model has cutpoints in place of the intercept, always: leave 0 + (or - 1) out of the fixed part.",
            where=_where(spec, "formula"),
        )
    return np.ascontiguousarray(X[:, 1:]), fixed.names[1:]


def parse(spec: Spec) -> Formula:
    """The spec's formula, taken apart; an error says where in the spec it stands."""
    try:
        return formula.parse(spec.formula)
    except FormulaError as error:
        raise FormulaError(error.message, where=error.where or _where(spec, "formula")) from None


def _where(spec: Spec, key: str) -> str:
    line = spec.lines.get(key)
    return ", ".join(x for x in (str(spec.path) if spec.path else "", f"line {line}" if line else "") if x)


def _offset(read: Formula, frame: pd.DataFrame, source: str) -> tuple[np.ndarray, tuple[tuple[syntax.Node, States], ...]]:
    """The sum of the offsets (N,), and what is needed to compute it again."""
    total = np.zeros(len(frame))
    kept = []
    for tree in read.offset_trees:
        states: States = {}
        total += numbers(tree, frame, source, states, training=True)
        kept.append((tree, states))
    return total, tuple(kept)


def _factors(
    read: Formula, spec: Spec, frame: pd.DataFrame, source: str, cache: dict, book: priors.PriorBook, sd_y: float
) -> tuple[tuple[Factor, ...], dict[str, RandomColumns]]:
    """One Factor a grouping factor, its terms merged, in the order in which the formula first names them."""
    merged: dict[frozenset[str], list[RandomTerm]] = {}
    for random in read.random:
        merged.setdefault(frozenset(random.group), []).append(random)  # a:b and b:a are one factor
    factors: list[Factor] = []
    encoded: dict[str, RandomColumns] = {}
    for randoms in merged.values():
        name = randoms[0].factor
        grouping, codes = group(frame, randoms[0].group, source)
        where = f"{source}, grouping factor '{name}'"
        if len(grouping.levels) < 2:
            raise DataError(
                f"it has one level, '{grouping.levels[0]}', in all {len(frame)} rows used; a grouping factor needs two or more.",
                where=where,
            )
        parts: list[tuple[RandomTerm, tuple[str, ...], np.ndarray]] = []
        learnt: list[Columns] = []
        seen: set[str] = set()
        for random in randoms:
            columns, Z = learn(random.tree, read.text, frame, source, cache)
            twice = [c for c in columns.names if c in seen]
            if twice:
                _refuse_twice(read, spec, random, twice[0])
            seen.update(columns.names)
            learnt.append(columns)
            parts.append((random, columns.names, Z))
        if len(seen) > MAX_GROUP_COLUMNS:
            raise DataError(
                f"{len(seen)} columns vary over it ({', '.join(c for _, names, _ in parts for c in names)}); "
                f"at most {MAX_GROUP_COLUMNS} can.",
                where=where,
            )
        Z = np.ascontiguousarray(np.concatenate([Z for _, _, Z in parts], axis=1)) if len(parts) > 1 else parts[0][2]
        factors.append(
            Factor(
                name=name,
                levels=grouping.levels,
                codes=np.ascontiguousarray(codes, dtype=np.int32),
                Z=Z,
                columns=tuple(c for _, names, _ in parts for c in names),
                terms=prior_rows.terms(book, spec, name, parts, sd_y),
            )
        )
        encoded[name] = RandomColumns(grouping, tuple(learnt))
    return tuple(factors), encoded


def _refuse_twice(read: Formula, spec: Spec, random: RandomTerm, name: str) -> None:
    what = "an intercept" if name == prior_rows.INTERCEPT else f"'{name}'"
    hint = " (a term has an intercept unless it begins with 0 +)" if name == prior_rows.INTERCEPT else ""
    try:
        syntax.refuse(read.text, random.at, f"The factor {random.factor} has {what} from an earlier term already{hint}.")
    except FormulaError as error:
        raise FormulaError(error.message, where=_where(spec, "formula")) from None
