"""The words of structured effects in formulas: ``rw1(year)``, ``icar(county, graph = "borders.csv")``, ``gr(id, cov = "A.csv")``.

They stand after the bar of a random term, ``(1 + x | rw1(year))``, or alone, where ``rw1(year)`` means ``(1 | rw1(year))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gibbs.errors import nearest
from gibbs.model import splines
from gibbs.model.structures import GIVEN, GRAPHS, KINDS, LATTICE, OPTIONS
from gibbs.model.syntax import Call, Name, Node, Number, Sum, Text, show
from gibbs.model.syntax import quoted as column_quoted

CALLS = tuple(kind for kind in KINDS if kind not in GIVEN)
"""What is written as a call of its own; what a file gives is ``gr(g, cov = …)``."""

EXAMPLES = {
    "rw1": "rw1(year), (1 + x | rw1(year)); step = 1 says the grid",
    "rw2": "rw2(cohort), (1 + x | rw2(cohort)); step = 1 says the grid",
    "icar": 'icar(county, graph = "borders.csv"), two columns of neighbours or an adjacency matrix; icar(row:col, graph = "lattice")',
    "ar1": "ar1(year), (1 + x | ar1(year)); step = 1 says the grid",
    "bym2": 'bym2(county, graph = "borders.csv"), two columns of neighbours or an adjacency matrix; bym2(row:col, graph = "lattice")',
    "leroux": 'leroux(county, graph = "borders.csv"), two columns of neighbours or an adjacency matrix; leroux(row:col, graph = "lattice")',
    "s": "s(x), s(x, k = 10), a term of its own; its straight line, x, is added to the fixed effects",
    "mm": "mm(school1, school2), mm(school1, school2, weights = c(w1, w2)); scale = FALSE leaves the weights as they are",
    "cov": 'gr(id, cov = "A.csv"), a table of the covariance with a row and a column a level',
    "pedigree": 'gr(animal, pedigree = "pedigree.csv"), three columns: an individual and its two parents',
    "prec": 'gr(id, prec = "Q.csv"), a table of the precision, or three columns, level, level and number',
}
FILES = ("graph", *GIVEN)
"""Options that name a file."""


def is_structured(node: Node) -> bool:
    """Whether a call says what the levels know of each other."""
    return isinstance(node, Call) and node.function in CALLS


def needs_no_slope(structure: str, columns: str) -> bool:
    """Whether a term has columns that its law has no room for: a curve stands alone."""
    return structure == "s" and columns != "1"


NO_SLOPE = "s() is a curve of its own, (1 | s(x)) or s(x) alone; a curve that differs by a predictor is not available."


def with_straight_lines(fixed: Node, present: Iterable[str], terms: Iterable[Any]) -> Node:
    """The fixed part with the predictors whose curves are among ``terms``, where they are not ``present`` as terms already."""
    found = set(present)
    new = dict.fromkeys(term.group[0] for term in terms if term.structure == "s" and term.group[0] not in found)
    items = fixed.items if isinstance(fixed, Sum) else ((1, fixed),)
    return Sum((*items, *((1, Name(name, 0)) for name in new)), 0) if new else fixed


def of_call(call: Call, refuse: Callable[[int, str], Any]) -> tuple[Node, dict[str, Any]]:
    """(the grouping factor, what the call says of it: ``structure`` and ``options``)."""
    kind = call.function
    if kind == "mm":
        return _of_members(call, refuse)
    if not call.arguments or call.arguments[0][0] is not None:
        refuse(call.at, f"{kind}() begins with the grouping factor: {EXAMPLES[kind]}.")
    options: dict[str, str] = {}
    for keyword, value in call.arguments[1:]:
        if keyword is None or keyword not in OPTIONS[kind]:
            allowed = ", ".join(OPTIONS[kind])
            refuse(value.at, f"{kind}() takes {allowed} by name: {EXAMPLES[kind]}.{nearest(keyword or '', OPTIONS[kind])}")
        if keyword in options:
            refuse(value.at, f"{kind}() says {keyword} twice.")
        options[keyword] = option(keyword, value, refuse)
    if kind in GRAPHS and "graph" not in options:
        refuse(call.at, f"{kind}() needs to know the neighbours: {EXAMPLES[kind]}.")
    return call.arguments[0][1], {"structure": kind, "options": tuple(options.items())}


def _of_members(call: Call, refuse: Callable[[int, str], Any]) -> tuple[Node, dict[str, Any]]:
    """The same of mm(): the first of the columns, and the others as an option."""
    columns = [value for keyword, value in call.arguments if keyword is None]
    if len(columns) < 2 or not all(isinstance(value, Name) for value in columns):
        refuse(call.at, f"mm() names two columns or more, each with a group of every row: {EXAMPLES['mm']}.")
    options: dict[str, str] = {"members": _joined([value.text for value in columns[1:]])}
    for keyword, value in ((k, v) for k, v in call.arguments if k is not None):
        if keyword not in ("weights", "scale"):
            refuse(value.at, f"mm() takes weights and scale by name: {EXAMPLES['mm']}.{nearest(keyword, ('weights', 'scale'))}")
        if keyword in options:
            refuse(value.at, f"mm() says {keyword} twice.")
        if keyword == "scale":
            word = value.text if isinstance(value, Name) else show(value)
            if word not in ("TRUE", "FALSE", "T", "F"):
                refuse(value.at, "scale is TRUE, weights of a row are divided by their sum, or FALSE.")
            options |= {} if word[0] == "T" else {"scale": "FALSE"}
            continue
        inside = value.arguments if isinstance(value, Call) and value.function in ("c", "cbind") else ()
        if len(inside) != len(columns) or not all(k is None and isinstance(v, Name) for k, v in inside):
            refuse(value.at, f"weights are {len(columns)} columns, one for each that mm() names: weights = c(w1, w2).")
        options["weights"] = _joined([v.text for _, v in inside])
    if len({columns[0].text, *columns_named(options["members"])}) < len(columns):
        refuse(call.at, "mm() names a column twice.")
    return columns[0], {"structure": "mm", "options": tuple((k, options[k]) for k in OPTIONS["mm"] if k in options)}


def _joined(names: Iterable[str]) -> str:
    return "\n".join(names)


def columns_named(text: str) -> tuple[str, ...]:
    """The columns that an option holds, a line each."""
    return tuple(text.split("\n")) if text else ()


def members(term: Any) -> tuple[str, ...]:
    """The further grouping columns of a term of mm(); () of others."""
    return columns_named(dict(term.options).get("members", "")) if term.structure == "mm" else ()


def further_columns(term: Any) -> tuple[str, ...]:
    """The columns that a term needs beside its grouping column: of mm() those, and the weights."""
    return (*members(term), *columns_named(dict(term.options).get("weights", ""))) if term.structure == "mm" else ()


def option(keyword: str, value: Node, refuse: Callable[[int, str], Any]) -> str:
    """The text of one option: a file in quotes, a step, or a number of knots."""
    if keyword == "k":
        if not isinstance(value, Number) or value.value != int(value.value) or not value.value >= splines.LEAST_KNOTS:
            refuse(value.at, f"k is the number of knots, a whole number from {splines.LEAST_KNOTS} on.")
        return f"{int(value.value)}"
    if keyword == "step":
        if not isinstance(value, Number) or not value.value > 0:
            refuse(value.at, "step is the distance between neighbouring levels, a number above 0.")
        return show(value)
    if not isinstance(value, Text) and not (isinstance(value, Name) and value.text == LATTICE):
        refuse(value.at, f'{keyword} is the name of a file, in quotes: {keyword} = "{keyword}.csv".')
    return value.text


def written(group: str, structure: str, options: tuple[tuple[str, str], ...]) -> str:
    """The group as a formula says it."""
    if structure == "mm":
        said = dict(options)
        names = ", ".join([group, *map(column_quoted, columns_named(said["members"]))])
        names += f", weights = c({', '.join(map(column_quoted, columns_named(said['weights'])))})" if "weights" in said else ""
        return f"mm({names}{', scale = FALSE' if 'scale' in said else ''})"
    further = [f"{key} = {value if key in ('step', 'k') else quoted(value)}" for key, value in options]
    return f"{'gr' if structure in GIVEN else structure}({', '.join([group, *further])})"


def quoted(text: str) -> str:
    """Text in quotes, as the language of formulas reads it."""
    return show(Text(text, 0))


def from_words(words: Mapping[str, Any]) -> dict[str, Any]:
    """``structure`` and ``options`` of ``effects: {g: {structure: icar, graph: borders.csv}}``; {} where nothing is said.

    ValueError, with a sentence, for words that do not go together.
    """
    said = {
        key: words[key] for key in ("structure", *FILES, "step", "k", "members", "weights", "scale") if words.get(key) not in (None, "")
    }
    if not said:
        return {}
    kind = said.pop("structure", next((key for key in GIVEN if key in said), ""))
    if kind not in KINDS:
        found = f"found '{kind}'.{nearest(kind, KINDS)}" if kind else f"{', '.join(said)} alone does not say which."
        raise ValueError(f"structure is {', '.join(KINDS)}; {found}")
    wrong = next((key for key in said if key not in OPTIONS[kind]), None)
    if wrong:
        raise ValueError(f"{wrong} is nothing that {kind} knows; it takes {', '.join(OPTIONS[kind])}.")
    if kind == "mm":
        return _members_from_words(said)
    if kind in (*GRAPHS, *GIVEN) and not said:
        raise ValueError(f"{kind} needs a file, {OPTIONS[kind][0]}: {OPTIONS[kind][0]}.csv.")
    if "step" in said:
        try:
            step = float(said["step"])
        except (TypeError, ValueError):
            step = 0.0
        if not step > 0:
            raise ValueError(f"step is a number above 0; found {said['step']}.")
        said["step"] = f"{step:g}"
    if "k" in said:
        text = str(said["k"]).strip()
        if not text.isdecimal() or int(text) < splines.LEAST_KNOTS:
            raise ValueError(f"k is the number of knots, a whole number from {splines.LEAST_KNOTS} on; found {said['k']}.")
        said["k"] = str(int(text))
    return {"structure": kind, "options": tuple((key, str(value)) for key, value in said.items())}


def _members_from_words(said: Mapping[str, Any]) -> dict[str, Any]:
    """``{structure: mm, members: [school2], weights: [w1, w2], scale: false}``."""
    lists = {}
    for key in ("members", "weights"):
        value = said.get(key, [])
        lists[key] = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else []
        if not all(isinstance(name, str) for name in lists[key]) or (key in said and not lists[key]):
            raise ValueError(f"{key} are names of columns: {key}: [{'school2' if key == 'members' else 'w1, w2'}].")
    if not lists["members"]:
        raise ValueError("mm needs the further columns with a group of every row: members: [school2].")
    if lists["weights"] and len(lists["weights"]) != len(lists["members"]) + 1:
        raise ValueError(
            f"weights are a column for each of the {len(lists['members']) + 1} that hold groups; found {len(lists['weights'])}."
        )
    options = [(key, _joined(names)) for key, names in lists.items() if names]
    if str(said.get("scale", True)).lower() in ("false", "no", "off"):
        options.append(("scale", "FALSE"))
    return {"structure": "mm", "options": tuple(options)}


def files(terms: Iterable[Any]) -> list[str]:
    """The files that the structured ones among random terms name, each once."""
    named = (value for term in terms for key, value in term.options if key in FILES and value != LATTICE)
    return list(dict.fromkeys(named))


def name_files(values: dict[str, Any], terms: Iterable[Any], new_name: Callable[[str], str]) -> None:
    """Put new names of the files that ``terms`` name into the formula, ``effects`` and ``levels`` of a resolved spec."""
    moved = {name: new for name in files(terms) if (new := new_name(name)) != name}
    for name, new in moved.items() if "formula" in values else ():
        for written_ in (quoted(name), f"'{name}'"):
            values["formula"] = values["formula"].replace(written_, quoted(new))
    for key in ("effects", "levels"):
        for words in values.get(key, {}).values():
            if isinstance(words, dict):
                words.update({option_: moved[words[option_]] for option_ in FILES if words.get(option_) in moved})
