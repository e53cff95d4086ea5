"""A first model of a table, from its columns alone: which is the outcome, which name groups, which predict, and what is left out and why.

A guess that runs, to be read and changed; nothing is fitted here. The rules look at names (``school``, ``id``), types, the number of
different values and how often each comes. ``propose`` gives the guess, ``to_yaml`` writes it as a spec with a comment for every choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import averages, levels
from gibbs.model.families import FAMILIES
from gibbs.model.syntax import quoted
from gibbs.model.yaml_lines import dump
from gibbs.numerals import plain
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

MOST_PREDICTORS, MOST_GROUPS = 5, 2
MOST_MISSING = 0.3
"""A column that lacks more than this share of its values is left out."""
LEAST_LEVELS = 5
"""A sd between fewer groups is hardly known."""
SCHEMA_NAME = "gibbs-schema.json"
"""The file, beside a spec, in which editors find what a spec may say."""
_FEW, _SCALE = 8, (3, 7)  # categories of a predictor that has no group's name; points of an ordered scale
_CODES = 20  # whole numbers from 1 without a gap are codes from so many on, with gaps from ten times as many
_OUTCOMES = re.compile(
    r"^(y|dv|outcome|response|resp|result|target|score|reaction|vote[ds]?|turnout|approv\w*|support|math\w*|read\w*score|wage|lnwage|income|"
    r"rating|use|achievement|satisfaction|trust|yield|weight|count)$",
    re.I,
)
_GIVEN = re.compile(
    r"^(year|yr|wave|round|time|date|month|week|day|hour|visit|period|quarter|session|trial|age|agegr?p|sex|gender|female|male|race|ethnic\w*|"
    r"born|birth\w*|cohort|treat\w*|trt|group|arm|cond\w*|dose|lat|lon|latitude|longitude|zip\w*|n|size|trials|base|baseline)s?$",
    re.I,
)
"""Names of what is known of a row before anything is found out: an outcome only where nothing else is left."""
_GROUP_WORDS = (
    "id code no nr school sch class classroom teacher judge rater dept department student pupil province prov state county country cntry "
    "region district dist area city town village municipality precinct ward subject subjects subj person patient participant hospital "
    "clinic site center centre group cluster firm plant item batch plate litter cohort family household hh psu stratum interviewer"
).split()
_GROUPS = re.compile(rf"(^|[._ ])({'|'.join(_GROUP_WORDS)})([._ ]|$|id$|s$)|\w+id$|\w+_?code$", re.I)
_ROWS = re.compile(r"^(|rownames?|row|index|unnamed: ?\d+|x|v1|obs|case|caseid|rowid|\.\.\.1)$", re.I)


@dataclass(frozen=True)
class Column:
    """One column. kind : number, yes-no, count, scale, words, date, constant, empty, rows (a name of each row).

    found : in words, for the comment. values : how many different ones. first : labels, of yes-no the one that is 0 first. named : whether
    its name is one of a group. numbered : whole numbers from 1, each of them there, and many: codes.
    """

    name: str
    kind: str
    found: str
    values: int
    missing: int
    rows: int
    first: tuple[str, ...] = ()
    named: bool = False
    numbered: bool = False

    @property
    def is_group(self) -> bool:
        """Whether its values may name the groups of a multilevel model."""
        repeated = self.values >= LEAST_LEVELS and self.rows - self.missing >= 2 * self.values
        words = self.kind == "words" and (self.named or self.values > _FEW)
        return repeated and (words or self.numbered or (self.named and self.kind in ("number", "count", "scale")))


@dataclass(frozen=True)
class Proposal:
    """The guess. left : columns that are not in the model, and why. rows : of the table."""

    outcome: str
    family: str
    one: str
    predictors: tuple[str, ...]
    groups: tuple[str, ...]
    left: Mapping[str, str]
    columns: tuple[Column, ...]
    rows: int
    categories: tuple[str, ...] = ()  # of an outcome of words, whose order is not known

    @property
    def formula(self) -> str:
        """As lme4 writes it."""
        terms = [*map(quoted, self.predictors), *(f"(1 | {quoted(g)})" for g in self.groups)]
        return f"{quoted(self.outcome)} ~ {' + '.join(terms) or '1'}"

    def without(self, predictor: str, why: str) -> Proposal:
        """Without one of its predictors."""
        kept = tuple(name for name in self.predictors if name != predictor)
        return replace(self, predictors=kept, left={**self.left, predictor: why})

    def smaller(self, why: str) -> Proposal | None:
        """Without its last predictor, else its last group; None where nothing is left to leave out."""
        if self.predictors:
            return self.without(self.predictors[-1], why)
        return replace(self, groups=self.groups[:-1], left={**self.left, self.groups[-1]: why}) if self.groups else None

    def values(self) -> dict[str, object]:
        """The keys of the spec that say the model."""
        found: dict[str, object] = {"family": self.family, "formula": self.formula}
        found |= {"categories": list(self.categories)} if self.categories else {}
        return found | ({"outcome": {"one": self.one}} if self.one else {})


def look(name: str, series: pd.Series) -> Column:
    """What one column is."""
    codes, labels = levels.factorise(series)
    rows, count = len(series), len(labels)
    missing = int((codes < 0).sum())

    def made(kind: str, found: str, first: Sequence[str] = (), numbered: bool = False) -> Column:
        lost = f"; {missing:,} missing" if missing else ""
        return Column(name, kind, found + lost, count, missing, rows, tuple(first), bool(_GROUPS.search(name)), numbered)

    if count < 2:
        return made("constant" if count else "empty", f"always {labels[0]}" if count else "no value at all")
    if levels.is_date(series):
        return made("date", "dates")
    if not levels.is_number(series):
        if count == rows:
            return made("rows", "another value in every row")
        if count == 2:
            return made("yes-no", f"{labels[0]} or {labels[1]}", labels)
        each = (rows - missing) / count
        shown = ", ".join(label[:20] for label in labels[:4]) + (" …" if count > 4 else "")
        return made("words", f"{count:,} levels ({shown}), {plain(each, 3)} rows each", labels if _ordered(series) else ())
    x = series.to_numpy(dtype=float, na_value=np.nan)
    x = x[np.isfinite(x)]
    found = f"{plain(x.min(), 6)} to {plain(x.max(), 6)}, mean {plain(averages.mean(x))}"
    if _GIVEN.match(name) and np.array_equal(x, np.round(x)):  # 1982, not 1,982
        found = f"{x.min():.6g} to {x.max():.6g}, mean {averages.mean(x):.4g}"
    if count == 2:
        return made("yes-no", f"{labels[0]} or {labels[1]}", labels)
    if not np.array_equal(x, np.round(x)):
        return made("number", found)
    low, high = x.min(), x.max()
    if count == rows and (_ROWS.match(name) or np.array_equal(np.sort(x), np.arange(low, low + rows))):
        return made("rows", "numbers of the rows")
    if low == 1 and _SCALE[0] <= count <= _SCALE[1] and high == count:
        return made("scale", f"1 to {high:.0f}, whole numbers")
    if low == 0 and x.mean() < 50 and np.mean((x - x.mean()) ** 3) > 0.25 * x.std() ** 3:  # skewed, as counts are
        return made("count", found + ", whole numbers")
    return made("number", found, numbered=low == 1 and count >= (_CODES if high == count else 10 * _CODES))


def _ordered(series: pd.Series) -> bool:
    return bool(getattr(series.dtype, "ordered", False))


def propose(frame: pd.DataFrame, *, outcome: str | None = None) -> Proposal:
    """A first model of the table. outcome : its column, where that is known.

    Raises DataError where there is nothing that could be an outcome, and for an outcome that is no column, or has one value.
    """
    columns = tuple(look(str(name), frame[name]) for name in frame.columns)
    by_name = {c.name: c for c in columns}
    left = {c.name: why for c in columns if (why := _no_use(c))}
    usable = [c for c in columns if c.name not in left]
    if outcome is not None:
        if outcome not in by_name:
            raise DataError(f"there is no column '{outcome}'.{nearest(outcome, by_name)} The columns are {', '.join(by_name)}.")
        chosen = by_name[outcome]
        if chosen.kind in ("constant", "empty"):
            raise DataError(f"'{outcome}' cannot be an outcome: {chosen.found}.")
        if chosen.kind in ("rows", "date") or (chosen.kind == "words" and chosen.values > _FEW):
            raise DataError(
                f"'{outcome}' cannot be an outcome: {chosen.found}. An outcome is numbers, yes or no, or at most {_FEW} ordered categories."
            )
        left.pop(outcome, None)
    else:
        could = [c for c in usable if not c.is_group and (c.kind != "words" or c.first)]
        hinted = [c for c in could if _OUTCOMES.match(c.name.split(".")[-1]) or _OUTCOMES.match(c.name)]
        if not could:
            kinds = "; ".join(f"{c.name}: {c.found}" for c in columns[:_FEW]) + (" …" if len(columns) > _FEW else "")
            raise DataError(
                f"no column could be an outcome: there is none of numbers, of yes and no, or of ordered categories ({kinds}). Words among "
                "numbers that mean missing are named under na in a spec; --outcome names a column of a few words."
            )
        open_ = [c for c in could if not _GIVEN.match(c.name)] or could
        chosen = (hinted or [c for c in open_ if c.kind != "yes-no"] or open_)[0]
    family, one = _family(chosen)
    groups = sorted((c for c in usable if c.is_group and c.name != chosen.name), key=lambda c: (not c.named, c.values))
    predictors = [c for c in usable if c.name != chosen.name and not c.is_group]
    left |= {c.name: f"names groups too; the model begins with {MOST_GROUPS}" for c in groups[MOST_GROUPS:]}
    for c in list(predictors):
        if c.kind == "words" and c.values > _FEW:
            left[c.name] = f"{c.values:,} categories are many for a predictor, and too few rows each for groups"
            predictors.remove(c)
    left |= {c.name: f"a predictor; the model begins with {MOST_PREDICTORS}" for c in predictors[MOST_PREDICTORS:]}
    return Proposal(
        chosen.name,
        family,
        one,
        tuple(c.name for c in predictors[:MOST_PREDICTORS]),
        tuple(c.name for c in groups[:MOST_GROUPS]),
        left,
        columns,
        len(frame),
        tuple(levels.factorise(frame[chosen.name])[1]) if chosen.kind == "words" and not chosen.first else (),
    )


def _no_use(c: Column) -> str:
    """Why the column cannot be in the first model; empty where it can."""
    if c.kind in ("constant", "empty", "rows", "date"):
        return {"date": "dates: derive a year or an age from them"}.get(c.kind, c.found.split(";")[0])
    if "`" in c.name or not c.name.strip() or printable(c.name) != c.name:
        return "its name cannot stand in a formula: rename it (data: {rename: {new: old}})"
    return f"{100 * c.missing / c.rows:.0f} % of its values are missing" if c.missing > MOST_MISSING * c.rows else ""


def _family(c: Column) -> tuple[str, str]:
    """The family of an outcome, and its value that is 1 where that has to be said."""
    if c.kind == "yes-no":
        return "logit", "" if c.first == ("0", "1") else c.first[1]
    if c.kind in ("scale", "words"):
        return "ordinal", ""
    return ("negative_binomial" if c.kind == "count" else "gaussian"), ""


# ------------------------------------------------------------------------------------------------------------------ YAML


def to_yaml(proposal: Proposal, *, source: str, file: str, output: str) -> str:
    """The spec as YAML, with a comment for every choice. file : the name it will have, for the commands in its head."""
    p = proposal
    head = [
        f"yaml-language-server: $schema={SCHEMA_NAME}",
        f"A first model of {source}, from its columns alone. It runs as it stands; read it, and change what you know better.",
        f"  gibbs check {file}    the model in equations, rows, groups, priors, warnings; draws nothing",
        f"  gibbs run {file}      draws the posterior and writes {output}/",
        "",
        f"The columns ({p.rows:,} rows):",
        *_inventory(p),
    ]
    text = _comments(head)
    text += dump({"title": f"First model of {source}", "data": source})
    text += _comments([f"One of {', '.join(FAMILIES)}."])
    text += dump({"family": p.family})
    if p.categories:
        text += _comments(["From the lowest to the highest: a guess from the words alone. Put them in their order."])
        text += dump({"categories": list(p.categories)})
    if p.one:
        text += _comments(["Which value of the outcome is 1; every other is 0."]) + dump({"outcome": {"one": p.one}})
    first = quoted(p.groups[0]) if p.groups else "g"
    slope = quoted(p.predictors[0]) if p.predictors else "x"
    text += _comments(
        [
            "As lme4 writes it: (1 | g) lets the level differ between the levels of g;",
            f"(1 + {slope} | {first}) lets the effect of {slope} differ too.",
        ]
    )
    text += dump({"formula": p.formula})
    text += _comments(["Priors in the language of standard deviations; gibbs check prints the defaults, gibbs help priors says more."])
    kinds = {c.name: c.kind for c in p.columns}
    numbers = [name for name in p.predictors if kinds[name] in ("number", "count", "scale")]
    text += _comments(["priors:"])
    text += _comments([f"  b[{quoted(numbers[0])}]: normal(0, 1)" if numbers else "  b: normal(0, 1)"])
    text += _comments([f"  sd[{first}]: half_t(3, 0, 2.5)"] if p.groups else [])
    text += dump({"sampling": {"chains": 4, "seed": 1}, "output": output})
    return text


def _inventory(p: Proposal) -> list[str]:
    """A line a column: its name, what is in it, its part in the model."""
    part = {p.outcome: "the outcome", **dict.fromkeys(p.predictors, "a predictor"), **dict.fromkeys(p.groups, "groups")}
    rows = [(c.name or "(no name)", part.get(c.name, f"left out: {p.left.get(c.name, '')}"), c.found) for c in p.columns]
    width = min(24, max(len(name) for name, _, _ in rows))
    said = []
    for name, role, found in rows:
        if role == "groups":
            c = next(c for c in p.columns if (c.name or "(no name)") == name)
            found = f"{c.values:,} levels, {plain((c.rows - c.missing) / c.values, 3)} rows each"
        words = role if role.endswith(found) or found.split(";")[0] in role else f"{role}; {found}"
        said.append(f"  {' '.join(name.split()):<{width}}  {words}")
    return said


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"# {printable(line)}".rstrip() + "\n" for line in lines)
