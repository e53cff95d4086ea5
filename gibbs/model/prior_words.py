"""Priors as people write them, ``half_t(3, 0, 2.5)``, read into ``Prior`` records and back into plain words.

The grammar is small and read by hand; nothing is evaluated::

    prior := number | name | name "(" [argument {"," argument}] ")"
    argument := [name "="] value          value := number | "[" [value {"," value}] "]"

Scales are standard deviations everywhere, never precisions.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gibbs.errors import SpecError, nearest
from gibbs.model.prior_kinds import (
    COEFFICIENT,
    CORRELATION,
    COVARIANCE,
    KINDS,
    NU,
    PLACES,
    SD,
    SHAPE,
    cut_off,
    kind_of,
    names_on,
)
from gibbs.model.records import Prior

COEFFICIENT_KINDS = names_on(COEFFICIENT)
SD_KINDS = names_on(SD)
NU_KINDS = names_on(NU)
SHAPE_KINDS = names_on(SHAPE)
CORRELATION_KINDS = names_on(CORRELATION)
COVARIANCE_KINDS = names_on(COVARIANCE)

# Keywords of other programs for the same argument.
_KEYWORDS = {"mu": "mean", "location": "mean", "loc": "mean", "sigma": "sd", "nu": "df", "lower": "low", "upper": "high", "S": "scale"}

_SPELLINGS = {spelling: kind.name for kind in KINDS.values() for spelling in kind.spellings}

# Names of BUGS, JAGS and Stan whose numbers mean something else: what to write instead.
_HABITS = {
    "dnorm": "dnorm(mean, precision) of BUGS and JAGS takes a precision; scales here are sds: write normal(mean, sd) "
    "with sd = 1/sqrt(precision)",
    "dt": "dt(mean, precision, df) of BUGS and JAGS takes a precision; write student_t(df, mean, scale), on an sd half_t(df, 0, scale), "
    "with scale = 1/sqrt(precision)",
    "dgamma": "dgamma(a, b) on a precision is inverse_gamma(a, b) here: it is on the variance; gamma(shape, rate) is on the sd itself, for "
    "priors here are never on precisions",
    "dlnorm": "dlnorm(m, precision) of BUGS and JAGS takes a precision; write lognormal(m, s), of the sd, with s = 1/sqrt(precision)",
    "dunif": "write uniform(low, high); it is on the sd",
    "dexp": "write exponential(rate); it is on the sd",
    "dhalfcauchy": "write half_cauchy(0, scale); it is on the sd",
    "dflat": "write flat",
    "dwish": "dwish(S, df) on a precision matrix is inverse_wishart(df, S) here: it is on the covariance matrix",
    "wishart": "priors here are never on a precision matrix; wishart on that is inverse_wishart(df, S) on the covariance matrix",
    "inv_gamma": "write inverse_gamma(shape, scale); it is on the variance, not on the sd",
    "invgamma": "write inverse_gamma(shape, scale); it is on the variance, not on the sd",
    "igamma": "write inverse_gamma(shape, scale); it is on the variance, not on the sd",
}

# A prior that belongs elsewhere, and its relative for an sd.
_HALF = {"normal": "half_normal(0, sd)", "student_t": "half_t(df, 0, scale)", "cauchy": "half_cauchy(0, scale)"}

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True)
class _Call:
    """What was read: a name, and its arguments in order, each with its keyword or None."""

    name: str
    arguments: tuple[tuple[str | None, Any], ...]


def parse(text: str | float | Prior, *, allowed: Collection[str], key: str, where: str = "", source: str | None = None) -> Prior:
    """The Prior that ``text`` says; a bare number is ``fixed(number)``.

    Parameters
    ----------
    text : such as ``"normal(0, 10)"``, ``"half_t(df=3, scale=2.5)"``, ``"flat"``, ``0.5``.
    allowed : the kinds that may stand here, such as ``SD_KINDS``.
    key : the key of the prior, for messages: ``"sd[province]"``.
    where : the place, for messages: ``"model.yaml, line 9"``.
    source : what ``Prior.source`` is to say; by default where and key.

    Raises SpecError for words that are no prior, a kind that does not fit the key, a wrong number of arguments, and impossible values.
    """
    source = source if source is not None else (f"{where}: {key}" if where else key)
    if isinstance(text, Prior):
        call = _Call(text.kind, tuple((None, a) for a in text.args))
    elif isinstance(text, numbers.Real) and not isinstance(text, bool):
        call = _Call("fixed", ((None, float(text)),))
    elif isinstance(text, str):
        call = _Reader(text, key, where).prior()
    else:
        raise SpecError(
            f"the prior of {key} must be text such as {_example(allowed)}, or a number to fix it; found {_plain(text)}.", where=where
        )
    kind = _kind(call.name, allowed, key, where)
    args = _arguments(kind, call, key, where)
    _check(kind, args, key, where, nu=tuple(allowed) == NU_KINDS)
    return Prior(kind, args, source)


def write(prior: Prior) -> str:
    """``prior`` as the text that ``parse`` reads back to the same numbers, to the last bit."""
    return f"{prior.kind}({', '.join(_plain(a) for a in prior.args)})"


def describe(prior: Prior, on: str = "") -> str:
    """``prior`` in plain words: ``"half-Student-t, 3 df, scale 2.5"``. ``on``: its key, for what is cut off below 1 on nu and df."""
    words = kind_of(prior).words.format(*(_short(x) for x in prior.args))
    return f"{words}, cut off below 1" if cut_off(prior, on) else words


class _Reader:
    """Reads one prior from text, left to right; every failure shows the text with a caret under the place."""

    def __init__(self, text: str, key: str, where: str) -> None:
        self.text, self.key, self.where, self.at = text, key, where, 0

    def prior(self) -> _Call:
        if not self.text.strip():
            self.fail("it is empty")
        number = self.number()
        if number is not None:
            self.end()
            return _Call("fixed", ((None, number),))
        name = self.name()
        if name is None:
            self.fail("a prior begins with its name, such as normal")
        arguments: list[tuple[str | None, Any]] = []
        if self.take("("):
            while not self.take(")"):
                if arguments and not self.take(","):
                    self.fail(self.unclosed() if self.done() else "a comma or a closing bracket should be here")
                if arguments and self.peek(")"):
                    self.fail("a number is missing after the comma")
                if self.done():
                    self.fail(self.unclosed())
                arguments.append(self.argument())
        self.end()
        return _Call(name, tuple(arguments))

    def argument(self) -> tuple[str | None, Any]:
        start = self.at
        keyword = self.name()
        if keyword is not None and not self.take("="):
            self.at = start
            self.skip()
            self.fail("numbers go here; only a keyword followed by = may be a word")
        return keyword, self.value()

    def value(self, depth: int = 0) -> Any:
        if self.take("["):
            if depth == 2:
                self.fail("a list of rows is the deepest that is allowed")
            items: list[Any] = []
            while not self.take("]"):
                if items and not self.take(","):
                    self.fail("the list opened with [ is never closed" if self.done() else "a comma or ] should be here")
                items.append(self.value(depth + 1))
            return tuple(items)
        number = self.number()
        if number is None:
            self.fail("a number should be here" if not self.done() else self.unclosed())
        return number

    def number(self) -> float | None:
        self.skip()
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return float(found[0])

    def name(self) -> str | None:
        self.skip()
        found = _NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self, mark: str) -> bool:
        self.skip()
        return self.text.startswith(mark, self.at)

    def take(self, mark: str) -> bool:
        if self.peek(mark):
            self.at += 1
            return True
        return False

    def done(self) -> bool:
        self.skip()
        return self.at >= len(self.text)

    def end(self) -> None:
        if not self.done():
            self.fail("the prior should end here")

    @staticmethod
    def unclosed() -> str:
        return "a bracket is never closed (inside {…} YAML splits text at commas: put the prior in quotes, or one a line)"

    def fail(self, what: str) -> None:
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "…"
        caret = f"\n    {shown}\n    {' ' * min(self.at, 200)}^" if "\n" not in shown else ""
        raise SpecError(f"the prior of {self.key} cannot be read: {what}.{caret}", where=self.where)


def _kind(name: str, allowed: Collection[str], key: str, where: str) -> str:
    """The kind that ``name`` means, if it may stand at ``key``."""
    word = name.lower().replace("-", "_").replace(".", "_")
    word = _SPELLINGS.get(word, word)
    if word in allowed:
        return word
    choices = f"Allowed for {key}: {', '.join(allowed)}."
    if word in _HABITS:
        raise SpecError(f"{name} is not a prior here: {_HABITS[word]}. {choices}", where=where)
    if word == "fixed":
        raise SpecError(f"a number alone fixes an sd, sigma or nu; {key} cannot be fixed. {choices}", where=where)
    if word in KINDS:
        hint = f" For {key} write {_HALF[word]}: it is positive." if word in _HALF and "half_t" in allowed else ""
        role = " or ".join(words for place, words in PLACES.items() if place in KINDS[word].on and place != SHAPE)
        raise SpecError(f"{word} is a prior for {role}, not for {key}.{hint} {choices}", where=where)
    raise SpecError(f"there is no prior '{name}'. {choices}{nearest(word, [*allowed, *KINDS])}", where=where)


def _arguments(kind: str, call: _Call, key: str, where: str) -> tuple[Any, ...]:
    """The arguments in the order of the kind's first form."""
    forms = KINDS[kind].forms
    given: dict[str, Any] = {}
    positional = [v for k, v in call.arguments if k is None]
    if any(k is None for k, _ in call.arguments[len(positional) :]):
        raise SpecError(f"the prior of {key}: plain numbers go before keywords, in {_forms(kind)}.", where=where)
    names = {n for form in forms for n in form}
    for keyword, value in call.arguments[len(positional) :]:
        name = keyword if keyword in names else KINDS[kind].keywords.get(keyword, _KEYWORDS.get(keyword, keyword))
        # The sd of a normal is also called its scale, and the scale of a t or a Cauchy its sigma.
        name = next((other for one, other in (("scale", "sd"), ("sd", "scale")) if name == one and other in names), name)
        if name not in names:
            allowed = f"its arguments are {', '.join(sorted(names)) or 'none'}"
            raise SpecError(f"the prior of {key}: {kind} has no argument '{keyword}'; {allowed}.{nearest(keyword, names)}", where=where)
        if name in given:
            raise SpecError(f"the prior of {key}: the argument {name} of {kind} is given twice.", where=where)
        given[name] = value
    for form in forms:
        head, tail = form[: len(positional)], form[len(positional) :]
        if len(head) == len(positional) and set(tail) == set(given):
            values = {"mean": 0.0, **dict(zip(head, positional, strict=True)), **given}
            return tuple(values[n] for n in forms[0])
    found = f"{len(call.arguments)} argument{'s' if len(call.arguments) != 1 else ''}"
    raise SpecError(f"the prior of {key}: write {_forms(kind)}; found {found}.", where=where)


def _check(kind: str, args: tuple[Any, ...], key: str, where: str, *, nu: bool) -> None:
    """Impossible values: signs, orders, shapes, and a scale matrix that is no covariance."""
    record, degree = KINDS[kind], key.partition("[")[0] == "rho"
    values = dict(zip(record.forms[0], args, strict=True))

    def refuse(what: str) -> None:
        raise SpecError(f"the prior of {key}, {kind}({', '.join(_plain(a) for a in args)}): {what}.", where=where)

    for name, value in values.items():
        if name != record.matrix and isinstance(value, tuple):
            refuse(f"{name} must be one number, not a list")
        if not all(math.isfinite(v) for v in _flat(value)):
            refuse(f"{name} must be finite")
        if name not in (record.matrix, *record.signed) and value <= 0 and not (degree and name == "value"):
            refuse(f"{name} must be greater than 0")
    if record.check is not None:
        record.check(values, refuse)
    if kind == "uniform" and not degree and values["low"] < (1 if nu else 0):
        refuse("degrees of freedom begin at 1, so low must be at least 1" if nu else f"{key} is never negative, so low must be at least 0")
    if kind == "fixed" and nu and values["value"] < 1:
        refuse("degrees of freedom must be at least 1")


def _flat(value: Any) -> list[float]:
    return [x for v in value for x in _flat(v)] if isinstance(value, tuple) else [value]


def _forms(kind: str) -> str:
    return " or ".join(f"{kind}({', '.join('0' if n == 'mean' and kind.startswith('half') else n for n in f)})" for f in KINDS[kind].forms)


def _example(allowed: Collection[str]) -> str:
    return next((KINDS[k].example for k in allowed if KINDS[k].example), "normal(0, 10)")


def _plain(value: Any) -> str:
    """A number or nested list as it may be typed, to the last bit."""
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_plain(v) for v in value) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return f"{value:.4g}"
