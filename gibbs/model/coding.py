"""Which values of a category count, in which order, and which of them is the base that the others are compared with.

Without a word the levels are those that occur, sorted (of a categorical: in its own order), and the first is the base. A formula says
otherwise by ``relevel(x, "b")``, ``factor(x, levels = c("b", "a"))`` and ``C(x, Treatment("b"))``, a spec by ``base: {x: b}``.
A value that ``levels`` leaves out is missing, as in R; such rows are dropped, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import levels as categories
from gibbs.model.arguments import constants
from gibbs.model.functions import FUNCTIONS
from gibbs.model.syntax import Binary, Call, Name, Node, Paren, Sum

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Coding:
    """What a formula says of one category: its column, the levels that count (None: all that occur) and the base (None: the first)."""

    column: str
    levels: tuple[str, ...] | None = None
    base: str | None = None


def is_category(node: Node) -> bool:
    """Whether the node is a call that makes a category: factor(), relevel(), C()."""
    return isinstance(node, Call) and node.function in FUNCTIONS and FUNCTIONS[node.function].gives == "category"


def coding(node: Node) -> Coding:
    """What a column, or the calls around it that make a category, say; the outermost call has the last word on the base."""
    if isinstance(node, Name):
        return Coding(node.text)
    assert isinstance(node, Call)
    found, said = coding(node.arguments[0][1]), constants(node)
    chosen = said.get("levels", found.levels)
    base = said.get("ref", said.get("contr", None if "levels" in said else found.base))
    return Coding(found.column, chosen, base)  # type: ignore[arg-type]


def learn(said: Coding, series: pd.Series, source: str, base: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The code of every row, (N,) int32, and the levels in order, the base first.

    base : what the spec's key ``base:`` says of the column; the formula goes before it.
    Raises DataError for a level, or a base, that occurs in no row, with the nearest match.
    """
    codes, labels = categories.factorise(series)
    where = f"{source}, column '{series.name}'"
    final = labels
    if said.levels is not None:
        _check_levels(said, labels, source)
        final = said.levels
    first = said.base if said.base is not None else base
    if first is not None:
        if first not in final:
            raise DataError(_absent("base level", first, final), where=where)
        final = (first, *(text for text in final if text != first))
    return (codes if final == labels else categories.recode(codes, labels, final)), final


def _check_levels(said: Coding, labels: Iterable[str], source: str) -> None:
    for text in said.levels or ():
        if text not in labels:
            raise DataError(_absent("level", text, labels), where=f"{source}, column '{said.column}'")


def _absent(what: str, text: str, labels: Iterable[str]) -> str:
    labels = list(labels)
    shown = ", ".join(labels[:12]) + (f" and {len(labels) - 12:,} more" if len(labels) > 12 else "")
    return f"the {what} '{text}' occurs in no row used; there are {shown}.{nearest(text, labels)}"


def left_out(trees: Iterable[Node], frame: pd.DataFrame, source: str) -> dict[str, np.ndarray]:
    """For each column whose ``levels`` leave out values that occur: which rows hold one, (N,) bool. Missing values do not count.

    Raises DataError for a level that is listed and occurs nowhere, with the nearest match.
    """
    found: dict[str, np.ndarray] = {}
    for node in (n for tree in trees for n in _categories(tree)):
        said = coding(node)
        if said.levels is None or said.column not in frame.columns:
            continue
        codes, labels = categories.factorise(frame[said.column])
        _check_levels(said, labels, source)
        outside = (codes >= 0) & (categories.recode(codes, labels, said.levels) < 0)
        if outside.any():
            found[said.column] = found.get(said.column, np.zeros(len(frame), dtype=bool)) | outside
    return found


def check_base(base: Mapping[str, str], nodes: Iterable[tuple[Node, bool]], where: Mapping[str, str]) -> None:
    """Refuse a key of ``base:`` that says nothing of this model.

    nodes : the variables of the model's terms, and whether each is a category. where : the place of each key, for messages.
    """
    plain, spoken, numbers = set(), set(), set()
    for node, category in nodes:
        if not category:
            numbers |= {node.text} if isinstance(node, Name) else set()
        else:
            said = coding(node)
            (plain if said.base is None else spoken).add(said.column)
    for name in base:
        if name in plain:
            continue
        if name in spoken:
            raise SpecError(f"base: the formula names the base of '{name}' already; keep one.", where=where[name])
        if name in numbers:
            raise SpecError(
                f"base: '{name}' is a number in this model, and has no base; write factor({name}) for a category.", where=where[name]
            )
        known = sorted(plain | spoken)
        there = f"its categories are {', '.join(known)}" if known else "it has none"
        raise SpecError(
            f"base: '{name}' is no category among the predictors of the model; {there}.{nearest(name, known)}", where=where[name]
        )


def _categories(node: Node) -> Iterable[Node]:
    match node:
        case Call(_, arguments):
            if is_category(node):
                yield node
            elif arguments:
                yield from _categories(arguments[0][1])
        case Paren(inside):
            yield from _categories(inside)
        case Sum(items):
            for _, item in items:
                yield from _categories(item)
        case Binary(_, left, right):
            yield from _categories(left)
            yield from _categories(right)
