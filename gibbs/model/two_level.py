"""The two-level form, the equations as written on paper, rewritten to the lme4 formula that says the same.

    level1: [x]              y_i = α_j + β_j x_i + ε_i
    levels:
      g:
        intercept: [z]       α_j = δ + γ z_j + ν_j        →  y ~ x + z + x:z + (1 + x | g)
        x: [z]               β_j = λ + θ z_j + η_j

A predictor of the intercept is a fixed effect; a predictor of a slope is its product with the slope's predictor, and no more: θ alone
does not put z into the equation of the intercept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gibbs.errors import SpecError, nearest
from gibbs.model import structured_terms
from gibbs.model.formula import DISTRIBUTIONS, bare, no_distribution

_STRUCTURED = ("structure", *structured_terms.FILES, "step")
_OF_STRUCTURE = ("k", "members", "weights", "scale")
"""Keys of a factor that says its structure; beside others they are slopes of predictors that are called so."""
_NO_COLUMN = ("correlated", "dist", "by", "pw", *_STRUCTURED)
"""Keys of a factor that are no intercept and no slope."""
_TRUE, _FALSE = {"true", "yes", "on"}, {"false", "no", "off"}


def formula(outcome: str, level1: Sequence[str], levels: Mapping[str, Mapping[str, Any]], where: Callable[[tuple[Any, ...]], str]) -> str:
    """The lme4 formula of a two-level form.

    level1 : predictors of level 1, each one term: ``x``, ``factor(x)``, ``I(x^2)``, ``x:w``.
    levels : for each grouping factor, ``intercept`` and names of level-1 predictors → their predictors (a list, one word, or None);
        ``correlated: false`` writes ``||``, ``dist: student``, ``by: z`` and ``pw: w`` write ``gr(g, …)``; ``structure: rw1`` or
        ``structure: icar`` with ``graph: borders.csv`` write those. A factor without ``intercept`` has varying slopes only.
    where : the place of a key, as a tuple such as ``("levels", "g", "x")``.

    Raises SpecError for a slope that is not in ``level1``, and for predictors that are not single terms.
    """
    if not outcome.strip() or "~" in outcome:
        raise SpecError(f"outcome must be one name; found '{outcome}'.", where=where(("outcome",)))
    fixed = [_term(t, ("level1",), where) for t in level1]
    slopes = {bare(t): t for t in fixed}
    random = []
    for group, parts in levels.items():
        name = " ".join(str(group).split())
        if not name or set(name) & set("|~()"):
            raise SpecError(f"'{group}' is not the name of a grouping factor.", where=where(("levels", group)))
        columns, products = [], []
        for key, value in parts.items():
            place = ("levels", group, key)
            if key in _NO_COLUMN or (key in _OF_STRUCTURE and parts.get("structure")):
                continue
            predictors = [_term(t, place, where) for t in _words(value, place, where)]
            if key == "intercept":
                fixed += predictors
                columns.insert(0, "1")
                continue
            if bare(key) not in slopes:
                raise SpecError(
                    f"'{key}' under {group} is to have a slope that varies, but it is not in level1 "
                    f"({', '.join(slopes.values()) or 'which is empty'}). Allowed under {group}: intercept, the predictors of level1, "
                    f"{', '.join(_NO_COLUMN)}.{nearest(key, ['intercept', *_NO_COLUMN, *slopes.values()])}",
                    where=where(place),
                )
            slope = slopes[bare(key)]
            columns.append(slope)
            products += [f"{slope}:{z}" for z in predictors]
        if not columns:
            columns = ["1"]  # `province: {correlated: false}`
        fixed += products
        terms = columns if columns[0] == "1" else ["0", *columns]
        bar = "|" if _correlated(parts, group, where) or len(columns) == 1 else "||"
        further = [f"{key} = {_column(parts[key], group, key, where)}" for key in ("by", "pw") if parts.get(key)]
        further += [f'dist = "{_distribution(parts["dist"], group, where)}"'] if "dist" in parts else []
        grouping = f"gr({', '.join([name, *further])})" if further else name
        if said := _structure(parts, group, where):
            if further:
                raise SpecError(
                    f"levels.{group}: {', '.join(key for key in ('by', 'pw', 'dist') if key in parts)} is of levels that are exchangeable; "
                    f"keep one of it and {said['structure']}.",
                    where=where(("levels", group)),
                )
            grouping = structured_terms.written(name, said["structure"], said["options"])
        random.append(f"({' + '.join(terms)} {bar} {grouping})")
    unique = list({bare(t): t for t in reversed(fixed)}.values())[::-1]
    return f"{' '.join(outcome.split())} ~ {' + '.join([*(unique or ['1']), *random])}"


def _words(value: Any, place: tuple[Any, ...], where: Callable[[tuple[Any, ...]], str]) -> list[str]:
    """A list of names, one name, or nothing."""
    items = [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, str):
            found = str(item).lower() if isinstance(item, bool) else item
            raise SpecError(
                f"{'.'.join(map(str, place))} must be a list of predictors, such as [illiteracy], or [] for none; found {found}.",
                where=where(place),
            )
    return items


def _correlated(parts: Mapping[str, Any], group: str, where: Callable[[tuple[Any, ...]], str]) -> bool:
    value = parts.get("correlated", True)
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise SpecError(f"levels.{group}.correlated must be true or false; found {value!r}.", where=where(("levels", group, "correlated")))
    return word in _TRUE


def _structure(parts: Mapping[str, Any], group: str, where: Callable[[tuple[Any, ...]], str]) -> dict[str, Any]:
    """What the levels know of each other, ``structure`` and ``options``; {} where nothing is said."""
    try:
        return structured_terms.from_words({k: v for k, v in parts.items() if k not in _OF_STRUCTURE or parts.get("structure")})
    except ValueError as error:
        key = next(key for key in _STRUCTURED if key in parts)
        raise SpecError(f"levels.{group}: {error}", where=where(("levels", group, key))) from None


def _column(value: Any, group: str, key: str, where: Callable[[tuple[Any, ...]], str]) -> str:
    if not isinstance(value, str):
        raise SpecError(f"levels.{group}.{key} must be the name of a column; found {value!r}.", where=where(("levels", group, key)))
    return _term(value, ("levels", group, key), where)


def _distribution(value: Any, group: str, where: Callable[[tuple[Any, ...]], str]) -> str:
    if value not in DISTRIBUTIONS:
        raise SpecError(f"levels.{group}: {no_distribution(str(value))}", where=where(("levels", group, "dist")))
    return str(value)


def _term(text: str, place: tuple[Any, ...], where: Callable[[tuple[Any, ...]], str]) -> str:
    """``text`` if it is one term of a formula: no sum, product or bar outside brackets and backticks."""
    term = " ".join(text.split())
    depth, quoted = 0, False
    for mark in term:
        quoted ^= mark == "`"
        depth += 0 if quoted else (mark in "([") - (mark in ")]")
        if depth == 0 and not quoted and mark in "+-*/|~^%":
            raise SpecError(
                f"'{text}' is not one predictor: '{mark}' belongs in a formula. Write a list of predictors ([x, z]; a product is x:z).",
                where=where(place),
            )
    if not term or term in {"0", "1"}:
        raise SpecError(f"'{text}' is not a predictor; the intercept is there without being written.", where=where(place))
    return term
