"""The words of structured effects in formulas: ``rw1(year)``, ``icar(county, graph = "borders.csv")``, ``gr(id, cov = "A.csv")``.

They stand after the bar of a random term, ``(1 + x | rw1(year))``, or alone, where ``rw1(year)`` means ``(1 | rw1(year))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gibbs.errors import nearest
from gibbs.model.structures import KINDS, LATTICE, OPTIONS
from gibbs.model.syntax import Call, Name, Node, Number, Text, show

CALLS = tuple(kind for kind in KINDS if kind != "cov")
"""What is written as a call of its own; a known covariance is ``gr(g, cov = …)``."""

EXAMPLES = {
    "rw1": "rw1(year), (1 + x | rw1(year)); step = 1 says the grid",
    "rw2": "rw2(cohort), (1 + x | rw2(cohort)); step = 1 says the grid",
    "icar": 'icar(county, graph = "borders.csv"), two columns of neighbours or an adjacency matrix; icar(row:col, graph = "lattice")',
    "cov": 'gr(id, cov = "A.csv"), a table of the covariance with a row and a column a level',
}
FILES = ("graph", "cov")
"""Options that name a file."""


def is_structured(node: Node) -> bool:
    """Whether a call says what the levels know of each other."""
    return isinstance(node, Call) and node.function in CALLS


def of_call(call: Call, refuse: Callable[[int, str], Any]) -> tuple[Node, dict[str, Any]]:
    """(the grouping factor, what the call says of it: ``structure`` and ``options``)."""
    kind = call.function
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
    if kind == "icar" and "graph" not in options:
        refuse(call.at, f"icar() needs to know the neighbours: {EXAMPLES[kind]}.")
    return call.arguments[0][1], {"structure": kind, "options": tuple(options.items())}


def option(keyword: str, value: Node, refuse: Callable[[int, str], Any]) -> str:
    """The text of one option: a file in quotes, or a step."""
    if keyword == "step":
        if not isinstance(value, Number) or not value.value > 0:
            refuse(value.at, "step is the distance between neighbouring levels, a number above 0.")
        return show(value)
    if not isinstance(value, Text) and not (isinstance(value, Name) and value.text == LATTICE):
        refuse(value.at, f'{keyword} is the name of a file, in quotes: {keyword} = "{keyword}.csv".')
    return value.text


def written(group: str, structure: str, options: tuple[tuple[str, str], ...]) -> str:
    """The group as a formula says it."""
    further = [f"{key} = {value if key == 'step' else quoted(value)}" for key, value in options]
    return f"{'gr' if structure == 'cov' else structure}({', '.join([group, *further])})"


def quoted(text: str) -> str:
    """Text in quotes, as the language of formulas reads it."""
    return show(Text(text, 0))


def from_words(words: Mapping[str, Any]) -> dict[str, Any]:
    """``structure`` and ``options`` of ``effects: {g: {structure: icar, graph: borders.csv}}``; {} where nothing is said.

    ValueError, with a sentence, for words that do not go together.
    """
    said = {key: words[key] for key in ("structure", "graph", "cov", "step") if words.get(key) not in (None, "")}
    if not said:
        return {}
    kind = said.pop("structure", "cov" if "cov" in said else "")
    if kind not in KINDS:
        found = f"found '{kind}'.{nearest(kind, KINDS)}" if kind else f"{', '.join(said)} alone does not say which."
        raise ValueError(f"structure is {', '.join(KINDS)}; {found}")
    wrong = next((key for key in said if key not in OPTIONS[kind]), None)
    if wrong:
        raise ValueError(f"{wrong} is nothing that {kind} knows; it takes {', '.join(OPTIONS[kind])}.")
    if kind in ("icar", "cov") and not said:
        raise ValueError(f"{kind} needs a file, {OPTIONS[kind][0]}: {OPTIONS[kind][0]}.csv.")
    if "step" in said:
        try:
            step = float(said["step"])
        except (TypeError, ValueError):
            step = 0.0
        if not step > 0:
            raise ValueError(f"step is a number above 0; found {said['step']}.")
        said["step"] = f"{step:g}"
    return {"structure": kind, "options": tuple((key, str(value)) for key, value in said.items())}


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
