"""New rows as numbers, coded as the rows of the fit were: its categories, means, scales and polynomials, and the levels of its groups.

What a row's random effects are is said factor by factor, with one of these words (``MODES``):

    known        the level is one of the fit's; any other is an error (``allow_new``: is drawn, as under ``new``)
    new          levels of the fit keep their effects; any other is a new level, whose effects are drawn from N(0, Σ) of each draw
    all new      every level is a new one, a label of the fit too: groups like those of the fit, not those themselves
    population   the effects are integrated out: the average over all levels that could be
    typical      the effects are zero: the level in the middle of them all

Rows with the same label have the same new level, in all rows and in every call with the same seed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import data, families, levels, outcome, readers, structured_terms, syntax
from gibbs.model.encoding import Encoding, Grouping, RandomColumns
from gibbs.model.fixed import numbers
from gibbs.model.formula import Formula
from gibbs.model.members import Members
from gibbs.model.records import DataSource, Design, Spec
from gibbs.predictions import alignment, kriging

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

MODES = ("known", "new", "all new", "population", "typical")
_SPELT = {mode: mode for mode in MODES} | {
    "known group": "known",
    "known groups": "known",
    "new group": "new",
    "new groups": "new",
    "all new groups": "all new",
    "population average": "population",
    "typical group": "typical",
}
Groups = str | Mapping[str, str]


@dataclass(frozen=True)
class FactorRows:
    """One grouping factor of N rows. Without codes its effects are integrated out, or zero where Z is None too."""

    name: str
    codes: np.ndarray | None  # (N,) a level of the fit, or −1 − k for the new level ``new[k]``
    Z: np.ndarray | None  # (N, q)
    new: tuple[str, ...] = ()  # labels of the new levels
    new_groups: np.ndarray | None = None  # (new levels,) their groups, where covariances differ by groups of levels
    group: np.ndarray | None = None  # (N,) the same of rows whose effects are integrated out
    determined: bool = False  # the new levels follow from those of the fit: other values of a curve, other mixtures of groups


@dataclass(frozen=True)
class Rows:
    """N rows as numbers, for a prediction."""

    X: np.ndarray  # (N, p)
    offset: np.ndarray  # (N,)
    factors: tuple[FactorRows, ...]  # one each of the model's, in their order
    trials: np.ndarray | None  # (N,) int64: binomial, where outcomes are asked for
    known_se: np.ndarray | None  # (N,) y | se(s), where outcomes are asked for
    precision: np.ndarray | None  # (N,) weights w of the residual variance sigma²/w, where outcomes are asked for
    index: Any  # (N,) the labels of the rows: of a DataFrame its index, else row numbers from 1
    table: pd.DataFrame | None = None  # the columns that were read, index 1 … N; None for the rows of the fit
    modes: Mapping[str, str] = field(default_factory=dict)  # of each factor

    def __len__(self) -> int:
        return len(self.offset)


def modes(groups: Groups, factors: Sequence[str], *, allow_new: bool = False) -> dict[str, str]:
    """The mode of every factor. ``groups``: one word for all, or ``{factor: word}`` (a factor that is not named is ``known``).

    Raises SpecError for a word or a factor that does not exist.
    """
    if isinstance(groups, Mapping):
        for name in groups:
            if name not in factors:
                have = ", ".join(factors) or "none"
                raise SpecError(f"there is no grouping factor '{name}'.{nearest(str(name), factors)} The factors are {have}.", where="for")
        words = {name: groups.get(name, "known") for name in factors}
    else:
        words = dict.fromkeys(factors, groups)
        _mode(groups)
    found = {name: _mode(word) for name, word in words.items()}
    return {name: "new" if mode == "known" and allow_new else mode for name, mode in found.items()}


def _mode(word: Any) -> str:
    text = " ".join(str(word).strip().lower().replace("_", " ").replace("-", " ").split())
    if text not in _SPELT:
        raise SpecError(
            f"'{word}' is not an average that is known here.{nearest(text, _SPELT)} It is one of known groups, new group, all new groups, "
            "population average, typical group.",
            where="for",
        )
    return _SPELT[text]


def groups_from_text(text: str) -> Groups:
    """What the command line says: one word, or ``province=new,year=population``. SpecError for a part without a word."""
    if "=" not in text:
        return text
    parts = [part.rpartition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and word.strip() for name, _, word in parts):
        raise SpecError(
            f"'{text}' is not understood; write one word, or FACTOR=WORD for some factors: province=new,year=population.", where="for"
        )
    return {name.strip(): word.strip() for name, _, word in parts}


def of_fit(fit: Fit, groups: Groups = "known", *, allow_new: bool = False, outcomes: bool = False) -> Rows:
    """The rows of the fit itself. Raises SpecError for ``new`` by one word, for there is no new level in them."""
    model = fit.design
    found = modes(groups, [f.name for f in model.factors], allow_new=allow_new)
    if not isinstance(groups, Mapping):
        _refuse_nothing_new(groups, found, any_new=False)
    factors = []
    for factor in model.factors:
        mode = found[factor.name] if factor.structure is None or factor.structure.knots is None else "known"
        if mode == "all new":
            kriging.check(factor.structure, factor.name, factor.levels, mode, "for", factor.levels)
            present, place = np.unique(factor.codes, return_inverse=True)
            labels = tuple(factor.levels[k] for k in present)
            groups_ = None if factor.group is None else factor.group[present]
            factors.append(FactorRows(factor.name, -1 - place.reshape(-1).astype(np.int64), factor.Z, labels, groups_))
        elif mode == "typical":
            factors.append(FactorRows(factor.name, None, None))
        elif mode == "population":
            of_row = None if factor.group is None else factor.group[factor.codes]
            Z = factor.Z
            if factor.structure is not None and factor.structure.groups is not None:
                Z = Z * np.sqrt(factor.structure.variances[factor.codes])[:, None]
            factors.append(FactorRows(factor.name, None, Z, group=of_row))
        else:
            factors.append(FactorRows(factor.name, factor.codes, factor.Z))
    trials, se, precision = (model.trials, model.known_se, model.precision) if outcomes else (None, None, None)
    return Rows(model.X, model.offset, tuple(factors), trials, se, precision, model.rows)


def read(
    fit: Fit,
    newdata: Any,
    groups: Groups = "known",
    *,
    allow_new: bool = False,
    outcomes: bool = False,
    trials: Any = None,
    further: Sequence[str] = (),
    strict: bool = True,
) -> Rows:
    """New rows, coded as the fit's.

    Parameters
    ----------
    newdata : a DataFrame, a mapping of columns, or the path of a file (CSV, Parquet, Stata, SPSS). The spec's ``na``, ``rename`` and
        ``derive`` are applied, and its joined tables asked, where the columns they make or give are not there already.
    groups, allow_new : what the random effects are, see ``modes``.
    outcomes : the number of trials (binomial) and known standard errors are needed, for new outcomes are to be drawn. Precision weights
        are 1, a single observation, where the table does not have their columns.
    trials : the number of trials, one for all rows or one a row, in place of what the formula names.
    further : columns that are to be read besides those of the model (``Rows.table`` has them).
    strict : one word ``new`` where no level is new is an error.

    Raises
    ------
    DataError : columns that are not there (all at once), values that are missing, a category or (under ``known``) a group that the fit
        has not seen, with their rows. SpecError : ``groups`` cannot be understood.
    """
    model = fit.design
    words = modes(groups, [f.name for f in model.factors], allow_new=allow_new)
    parsed = fit.spec.parsed
    wanted = _needed(parsed, model, words, outcomes=outcomes, trials=trials is not None)
    weight = parsed.extra_trees.get("precision") if outcomes else None
    of_weight = [] if weight is None else list(dict.fromkeys(syntax.names(weight)))
    known = alignment.known_labels(model.encoding)
    text = [name for name, labels in known.items() if alignment.are_text(labels)]
    averaged = (term for term in parsed.random if term.structure == "mm" and words[term.factor] == "population")
    mixed = [[*term.group, *structured_terms.further_columns(term)] for term in averaged]
    table, source, index = _table(fit.spec, newdata, [*wanted, *further], [of_weight, *mixed], text)
    shown, frame = alignment.align(table, known)
    wanted += [name for some in (of_weight, *mixed) for name in some if name in frame.columns and name not in wanted]
    _refuse_missing(frame, wanted, source)
    rows = encode(fit, frame, words, source=source)
    if strict and not isinstance(groups, Mapping):
        _refuse_nothing_new(groups, words, any_new=any(factor.new and not factor.determined for factor in rows.factors))
    n, se, precision = None, None, None
    if outcomes and weight is not None and set(of_weight) <= set(frame.columns):
        precision = outcome.precision(parsed, _family(fit), frame, source)
    if outcomes:
        n = _trials(fit, parsed, frame, source, trials)
        se = outcome.known_se(parsed, _family(fit), frame, source)
    return replace(rows, trials=n, known_se=se, precision=precision, index=index, table=shown, modes=words)


def encode(
    fit: Fit,
    frame: pd.DataFrame,
    words: Mapping[str, str],
    *,
    source: str = "new data",
    grouping: pd.DataFrame | None = None,
) -> Rows:
    """The rows of a table that holds every column needed, none missing. ``grouping``: the table the groups are read from, where that is
    another (a column that is changed as a predictor may also name the groups)."""
    model = fit.design
    coding: Encoding = model.encoding
    X = coding.fixed.encode(frame, source)
    offset = np.zeros(len(frame))
    for tree, states in coding.offsets:
        offset += numbers(tree, frame, source, {key: dict(state) for key, state in states.items()}, training=False)
    factors = []
    of_level = {factor.name: factor.structure for factor in model.factors}
    for name, random in coding.factors.items():
        curve = of_level[name] is not None and of_level[name].knots is not None
        mode = "known" if curve else words[name]  # a curve is part of the mean, whatever the groups
        if mode == "typical":
            factors.append(FactorRows(name, None, None))
            continue
        Z = np.ascontiguousarray(np.concatenate([part.encode(frame, source) for part in random.parts], axis=1))
        within = frame if grouping is None or curve else grouping
        if mode == "population" and isinstance(random.grouping, Members):
            Z = Z * np.sqrt(random.grouping.variances(within, source))[:, None]
        if mode == "population":
            factors.append(FactorRows(name, None, Z, group=random.groups(within, source) if random.by else None))
            continue
        codes = random.grouping.encode(within, source).astype(np.int64)
        unseen = np.flatnonzero(codes < 0) if mode != "all new" else np.arange(len(codes))
        determined = curve or isinstance(random.grouping, Members)
        if len(unseen) and mode == "known" and not determined:
            _refuse_unseen(name, random.grouping, within, unseen, source)
        place, labels = _labels(random.grouping, within, unseen)
        kriging.check(of_level[name], name, labels, mode, source, random.grouping.levels)
        codes[unseen] = -1 - place
        new_groups = _groups_of_new(name, random, within, unseen, place, labels, source) if random.by and labels else None
        factors.append(FactorRows(name, codes, Z, labels, new_groups, determined=determined))
    return Rows(X, offset, tuple(factors), None, None, None, np.arange(1, len(frame) + 1), frame)


def needed(fit: Fit, words: Mapping[str, str]) -> list[str]:
    """The columns that a prediction needs under these modes, trials and standard errors not counted."""
    return _needed(fit.spec.parsed, fit.design, words, outcomes=False, trials=False)


# ------------------------------------------------------------------------------------------------------------- reading


def _needed(parsed: Formula, model: Design, words: Mapping[str, str], *, outcomes: bool, trials: bool) -> list[str]:
    trees = [parsed.fixed_tree, *parsed.offset_trees]
    found: dict[str, None] = {}
    if outcomes and parsed.known_se_tree is not None:
        trees.append(parsed.known_se_tree)
    if outcomes and not trials:
        trees += [tree for word, tree in parsed.extra_trees.items() if word in ("failures", "trials", "weights")]
        if parsed.failures is not None:
            trees.append(parsed.outcome_tree)
    for tree in trees:
        found.update(dict.fromkeys(syntax.names(tree)))
    by_columns = {model.encoding.factors[name].grouping.identity: name for name in words}
    for term in parsed.random:
        mode = words[by_columns[term.identity]]
        if mode != "typical":
            found.update(dict.fromkeys(syntax.names(term.tree)))
        if mode in ("known", "new", "all new"):
            found.update(dict.fromkeys((*term.group, *structured_terms.further_columns(term))))
        if term.by and mode in ("new", "all new", "population"):
            found[term.by] = None
    return list(found)


def _table(
    spec: Spec, newdata: Any, wanted: Sequence[str], further: Sequence[Sequence[str]] = (), text: Sequence[str] = ()
) -> tuple[pd.DataFrame, str, Any]:
    """The columns wanted (index 1 … N), what to call them in messages, and the labels of the rows.

    further : lists of columns that are read where the table has them, all of a list. text : columns that are text.
    """
    path = os.fspath(newdata) if isinstance(newdata, str | os.PathLike) else None
    if path is not None:
        file, frame, source = Path(os.path.expanduser(path)), None, path
        reader = readers.open_file(file, source, DataSource(file=str(file), labels=spec.data.labels))
    else:
        file, source = None, "new data"
        reader = readers.open_frame(newdata, source)
        frame = reader.columns(range(len(reader.names)))
    have = set(reader.names)
    rename = {new: old for new, old in spec.data.rename.items() if old in have and new not in have}
    changed = replace(
        spec.data,
        file=None if file is None else str(file),
        rdatasets=None,
        sheet=None,
        rename=rename,
        derive={new: text for new, text in spec.data.derive.items() if new not in have},
        subset=None,
        complete=(),
        join=data.joins_of_new_data(spec, have | set(rename), wanted),
    )
    for some in further:
        if set(some) <= have | set(changed.rename) | set(changed.derive):
            wanted = list(dict.fromkeys([*wanted, *some]))
    try:
        table = data.read(replace(spec, path=None, lines={}, data=changed), frame, list(wanted) or list(reader.names[:1]), text=text)
    except DataError as error:
        where = error.where if path is not None else error.where.replace("DataFrame", source, 1)
        raise DataError(error.message, where=where) from None
    index = table.frame.index.to_numpy() if frame is None else frame.index
    return table.frame, source, index


def _refuse_missing(frame: pd.DataFrame, wanted: Sequence[str], source: str) -> None:
    gaps = {name: frame.index[frame[name].isna().to_numpy()] for name in wanted}
    each = [f"'{name}' in {levels.rows_text(rows)}" for name, rows in gaps.items() if len(rows)]
    if each:
        raise DataError(f"values are missing, and nothing can be predicted without them: {'; '.join(each)}.", where=source)


def _family(fit: Fit) -> Any:
    return families.of(fit.spec)


def _trials(fit: Fit, parsed: Formula, frame: pd.DataFrame, source: str, given: Any) -> np.ndarray | None:
    """The number of trials of every row (N,), None for families without."""
    if families.of(fit.outline).outcome != families.TRIALS:
        if given is not None:
            have = " or ".join(f.name for f in families.FAMILIES.values() if f.outcome == families.TRIALS)
            raise SpecError(f"trials are of family {have}; the family is {fit.family}.", where="trials")
        return None
    if given is None:
        return outcome.trials(parsed, _family(fit), frame, source)
    n = np.asarray(given)
    if n.ndim > 1 or (n.ndim == 1 and len(n) != len(frame)):
        raise SpecError(f"trials are one number, or one for each of the {len(frame)} rows; {n.shape} were given.", where="trials")
    if not np.issubdtype(n.dtype, np.number) or (n < 0).any() or (n != np.floor(n)).any():
        raise SpecError("a number of trials is a whole number from 0 on.", where="trials")
    return np.broadcast_to(n, (len(frame),)).astype(np.int64)


# -------------------------------------------------------------------------------------------------------------- levels


def _labels(grouping: Grouping, frame: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The place of each row's label among the labels of ``rows``, and those, in the order in which they appear."""
    import pandas as pd

    if isinstance(grouping, Members):
        texts, of_row = grouping.labels(frame.iloc[rows])
        codes, some = pd.factorize(np.array(texts, dtype=object)[of_row])
        return codes.astype(np.int64), tuple(some)
    parts = []
    for name in grouping.columns:
        codes, labels, _ = levels.raw_codes(frame[name].iloc[rows])
        parts.append(np.array([*labels, ""], dtype=object)[codes])
    words = parts[0] if len(parts) == 1 else np.array(["_".join(row) for row in zip(*parts, strict=True)], dtype=object)
    if len(parts) > 1 and len(set(words)) < len(set(zip(*parts, strict=True))):  # "a_b" with "c", and "a" with "b_c"
        words = np.array([":".join(row) for row in zip(*parts, strict=True)], dtype=object)
    codes, labels = pd.factorize(words)
    return codes.astype(np.int64), tuple(str(text) for text in labels)


def _groups_of_new(
    name: str, random: RandomColumns, frame: pd.DataFrame, rows: np.ndarray, place: np.ndarray, labels: tuple[str, ...], source: str
) -> np.ndarray:
    """The group (new levels,) of each new level; DataError where its rows have several."""
    of_row = random.groups(frame.iloc[rows], source)
    found = np.zeros(len(labels), dtype=np.int32)
    found[place] = of_row
    mixed = np.flatnonzero(found[place] != of_row)
    if len(mixed):
        k = place[mixed[0]]
        raise DataError(
            f"the new level '{labels[k]}' of {name} has more than one value ({levels.rows_text(frame.index[rows[place == k]])}); a level "
            "has one, which chooses the covariance of its effects.",
            where=f"{source}, column '{random.by}'",
        )
    return found


def _refuse_unseen(name: str, grouping: Grouping, frame: pd.DataFrame, rows: np.ndarray, source: str) -> None:
    place, labels = _labels(grouping, frame, rows)
    each = [
        f"'{text}' in {levels.rows_text(frame.index[rows[place == k]])}{nearest(text, grouping.levels).replace(' Did', ', did')}"
        for k, text in enumerate(labels[:3])
    ]
    more = f" and {len(labels) - 3:,} more" if len(labels) > 3 else ""
    raise DataError(
        f"the fit has not seen {'the level' if len(labels) == 1 else 'the levels'} {'; '.join(each)}{more} of the grouping factor {name}, "
        "and known groups were asked for. Ask for a new group (--for new or --new-levels draw, allow_new=True) to have such levels "
        "drawn, or for the population average.",
        where=f"{source}, column {', '.join(map(repr, grouping.columns))}",
    )


def _refuse_nothing_new(groups: Groups, words: Mapping[str, str], *, any_new: bool) -> None:
    if _mode(groups) == "new" and words and not any_new:
        raise SpecError(
            "a new group was asked for, but every row is of groups that the fit knows, and these keep their own effects. Give the rows of "
            "a new group a label the fit has not seen, or ask for all new groups, which draws every level anew.",
            where="for",
        )
