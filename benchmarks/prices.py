"""What a sweep costs and how far it goes: the prices behind the plan's choice of moves, and behind the seconds that ``gibbs check`` tells.

    python benchmarks/prices.py [WORD …] [--raw figures.jsonl]

For each model and each scheme that it may have, one chain in this thread: nanoseconds of a sweep in the processor's time of this thread
alone, effective draws a sweep, and beside them what ``gibbs.sampling.plan.choice`` says. Then prices that fit all of them best (least
squares of ratios, none below 0),

    sweep = once + a_row · rows + an_effect · effects + an_operation · operations of eliminations + an_entry · entries of the core

which stand in ``gibbs.sampling.duration``, and the medians that ``plan.NANOSECONDS`` and ``plan.SECOND_ORDER_IAT`` rest on. What came out
is in prices.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import optimize

import gibbs
from gibbs.draws import diagnostics
from gibbs.model import by_group, cells, families
from gibbs.sampling import plan
from gibbs.sampling.chain import Chain
from gibbs.sampling.chains import kind_of
from gibbs.sampling.duration import Price, Work, loop_of, row_of, work_of
from gibbs.sampling.pack import pack

ROOT = Path(__file__).resolve().parent.parent
BOTH = ("augmented", "second-order")
_ITEMS = "r2 ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)"
_USE = "use ~ urban + age + I(age^2) + livch + (1 + urban | district)"
_SIMULATED, _COUNTS, _ORDERED, _TRIALS = (f"{y} ~ x + z + (1 | g)" for y in ("one", "count", "category", "ones | trials(n)"))
_ROWS = "3,000 rows of 60 groups"
MODELS: dict[str, tuple[str, str | None, str | None, tuple[str, ...]]] = {
    "VerbAgg": (_ITEMS, "lme4::VerbAgg", "logit", BOTH),
    "VerbAgg, probit": (_ITEMS, "lme4::VerbAgg", "probit", BOTH),
    "contraception": (_USE, "mlmRev::Contraception", "logit", BOTH),
    "contraception, probit": (_USE, "mlmRev::Contraception", "probit", BOTH),
    "peru_m6": ("specs/peru_m6.yaml", None, None, BOTH),
    "peru_m6_probit": ("specs/peru_m6_probit.yaml", None, None, BOTH),
    "gss_abortion": ("specs/gss_abortion.yaml", None, None, BOTH),
    "gss_abortion, logit": ("specs/gss_abortion.yaml", None, "logit", BOTH),
    "ohio": ("resp ~ age * smoke + (1 | id)", "geepack::ohio", "logit", BOTH),
    "bacteria": ("y ~ trt + week + (1 | ID)", "MASS::bacteria", "logit", BOTH),
    "turnout_apc": ("specs/turnout_apc.yaml", None, None, BOTH),
    "cbpp": ("specs/cbpp.yaml", None, None, ("auto",)),
    "grouseticks": ("TICKS ~ YEAR + HEIGHT + (1 | BROOD) + (1 | LOCATION)", "lme4::grouseticks", "poisson", ("auto",)),
    "epilepsy": ("y ~ lbase * trt + lage + V4 + (1 | subject)", "MASS::epil", "poisson", ("auto",)),
    "wine": ("rating ~ temp + contact + (1 | judge)", "ordinal::wine", "ordinal", ("auto",)),
    "soup": ("SURENESS ~ PROD + (1 | RESP)", "ordinal::soup", "ordinal", ("auto",)),
    "peru_m1": ("specs/peru_m1.yaml", None, None, ("auto",)),
    "peru_m5": ("specs/peru_m5.yaml", None, None, ("auto",)),
    "hsb82": ("mAch ~ meanses + cses + sector + (1 + cses | school)", "mlmRev::Hsb82", "gaussian", ("auto",)),
    "vocabulary": ("vocabulary ~ education + sex + (1 | year)", "carData::Vocab", "gaussian", ("auto",)),
    "penicillin": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "lme4::Penicillin", "gaussian", ("auto",)),
    "pastes": ("strength ~ 1 + (1 | batch/cask)", "lme4::Pastes", "gaussian", ("auto",)),
    "wages": ("lnw ~ exper + black + (1 + exper | id)", "HLMdiag::wages", "gaussian", ("auto",)),
    "machines": ("score ~ Machine + (0 + Machine | Worker)", "nlme::Machines", "gaussian", ("auto",)),
    "wages, quadratic": ("lnw ~ exper + I(exper^2) + black + (1 + exper + I(exper^2) | id)", "HLMdiag::wages", "gaussian", ("auto",)),
    "scottish schools": ("attain ~ sex + (1 | primary) + (1 | second)", "mlmRev::ScotsSec", "gaussian", ("auto", "collapsed")),
    "insteval": ("specs/insteval.yaml", None, None, ("auto",)),
    "sleepstudy, t": ("Reaction ~ Days + (1 + Days | Subject)", "lme4::sleepstudy", "student", ("auto",)),
    "vocabulary, t": ("vocabulary ~ education + sex + (1 | year)", "carData::Vocab", "student", ("auto",)),
    "simulated, logit": (_SIMULATED, _ROWS, "logit", BOTH),
    "simulated, probit": (_SIMULATED, _ROWS, "probit", BOTH),
    "simulated, cloglog": (_SIMULATED, _ROWS, "cloglog", ("auto",)),
    "simulated, poisson": (_COUNTS, _ROWS, "poisson", ("auto",)),
    "simulated, negative binomial": (_COUNTS, _ROWS, "negative_binomial", ("auto",)),
    "simulated, ordinal logit": (_ORDERED, _ROWS, "ordinal", ("auto",)),
    "simulated, ordinal probit": (_ORDERED, _ROWS, "ordinal(probit)", ("auto",)),
    "simulated, beta-binomial logit": (_TRIALS, _ROWS, "beta_binomial", ("auto",)),
    "simulated, beta-binomial probit": (_TRIALS, _ROWS, "beta_binomial(probit)", ("auto",)),
    "simulated, beta-binomial cloglog": (_TRIALS, _ROWS, "beta_binomial(cloglog)", ("auto",)),
    "simulated, t": ("x ~ z + (1 | g)", _ROWS, "student", ("auto",)),
    "simulated, walk": ("x ~ z + rw1(g)", _ROWS, "gaussian", ("auto",)),
    "simulated, two walks": ("x ~ z + rw1(g) + rw1(h)", _ROWS, "gaussian", ("auto",)),
    "simulated, walk, poisson": ("count ~ x + z + rw1(g)", _ROWS, "poisson", ("auto",)),
    "simulated, walk, probit": ("one ~ x + z + rw1(h)", _ROWS, "probit", BOTH),
    "simulated, autoregression": ("x ~ z + ar1(g)", _ROWS, "gaussian", ("auto",)),
    "simulated, short autoregression": ("x ~ z + ar1(h) + (1 | g)", _ROWS, "gaussian", ("auto",)),
    "simulated, autoregression, poisson": ("count ~ x + z + ar1(h)", _ROWS, "poisson", ("auto",)),
    "simulated, t effects": ('x ~ z + (1 | gr(g, dist = "student"))', _ROWS, "gaussian", ("auto",)),
    "simulated, t effects, poisson": ('count ~ x + z + (1 | gr(g, dist = "student"))', _ROWS, "poisson", ("auto",)),
    "contraception, slopes of livch": (_USE.replace("urban | d", "livch | d"), "mlmRev::Contraception", "logit", ("auto",)),
    "soup, slopes": ("SURENESS ~ PROD + AGEGROUP + (1 + DAY + PROD + SOUPTYPE | RESP)", "ordinal::soup", "ordinal", ("auto",)),
    "simulated, slopes, logit": ("one ~ x + z + (1 + x + z | g) + (1 + x | h)", _ROWS, "logit", ("auto",)),
    "simulated, slopes, poisson": ("count ~ x * z + (1 + x * z | g)", _ROWS, "poisson", ("auto",)),
    "simulated, slopes, probit": ("one ~ x * z + (1 + x * z | g) + (1 + x | h)", _ROWS, "probit", ("auto",)),
    "simulated, units in turn": ("x ~ z + (1 | g) + (1 | h)", _ROWS, "gaussian", ("one-at-a-time", "collapsed")),
}
"""Name: (spec or formula, data, family, schemes)."""


def simulated() -> pd.DataFrame:
    """Outcomes of every kind on the same 3,000 rows of two predictors and 60 groups, none equal to another."""
    rng = np.random.default_rng(1)
    g, h = np.repeat(np.arange(60), 50), rng.integers(40, size=3000)
    x, z = rng.standard_normal((2, g.size))
    eta = -0.3 + 0.4 * x - 0.2 * z + 0.6 * rng.standard_normal(60)[g]
    share, n = 1.0 / (1.0 + np.exp(-eta)), rng.integers(1, 9, g.size)
    ones = rng.binomial(n, np.clip(share + 0.1 * rng.standard_normal(g.size), 0.01, 0.99))
    category = np.digitize(eta + rng.logistic(size=g.size), [-1.0, 0.5, 1.5])
    return pd.DataFrame(
        {"x": x, "z": z, "g": g, "h": h, "n": n, "ones": ones, "category": category, "count": rng.poisson(np.exp(eta))}
        | {"one": (rng.random(g.size) < share).astype(int)}
    ).astype({"g": str, "h": str})


WARMUP, SECONDS, FEW, MANY = 300, 0.5, 200, 4000
"""Sweeps of warm-up; seconds of this thread that are measured, and draws at least and at most."""


class Row(NamedTuple):
    """A model under one scheme."""

    name: str
    scheme: str
    loop: str
    row: str
    rows: int
    cells: int
    work: Work
    nanoseconds: float  # a sweep
    warm: float  # a sweep of warm-up
    per_draw: float  # sweeps an effective draw, bulk: of the worst coefficient, entry of a covariance's factor, or effect
    told: float  # what plan.choice says of augmentation
    auto: bool  # whether auto takes it


def _chain(model: gibbs.Preview | Any, scheme: str) -> tuple[Chain, plan.Plan, Any]:
    design = by_group.arrange(model.design)
    made = plan.make(design, scheme)
    packed = pack(design, made)
    return kind_of(packed)(0, np.random.SeedSequence(1), packed, design, WARMUP), made, design


def measure(name: str) -> Iterator[Row]:
    """Every scheme of one model."""
    what, data, family, schemes = MODELS[name]
    given = {"family": family} if family else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = (
            gibbs.check(str(ROOT / what), **given) if data is None else gibbs.check(what, simulated() if data is _ROWS else data, **given)
        )
    for scheme in schemes:
        _chain(model, scheme)[0].advance(5)  # compiles the loop, and what it calls by address
        chain, made, design = _chain(model, scheme)
        began = time.thread_time()
        while chain.done < WARMUP:
            chain.advance(WARMUP)
        warm = (time.thread_time() - began) / WARMUP
        began, spent = time.thread_time(), 0.0
        while chain.done < WARMUP + FEW or (spent < SECONDS and chain.done < WARMUP + MANY):
            chain.advance(max(10, min(int(0.2 / warm), 500)))
            spent = time.thread_time() - began
        draws = chain.draws()
        values = np.concatenate([draws[k].reshape(len(draws[k]), -1) for k in ("beta", "L", "u")], axis=1)[None]
        values = values[:, :, values[0].std(axis=0) > 0]
        done = values.shape[1]
        least = float(np.nanmin(diagnostics.ess_bulk(values)))
        binary = families.of(design).outcome == families.BINARY
        better, why = plan.choice(design, cells.number(design)) if binary else ("", "about 0 sweeps")
        yield Row(
            name,
            made.scheme,
            loop_of(design, made),
            row_of(design, made),
            design.y.size,
            cells.number(design),
            work_of(design, made),
            1e9 * spent / done,
            1e9 * warm,
            done / least,
            float(why.split("about ")[1].split()[0]),
            not binary or better == scheme,
        )


def fitted(rows: list[Row]) -> tuple[dict[str, Price], dict[str, float]]:
    """(prices by loop, of a row by latent or likelihood): least squares of told/measured; what no model tells apart is shared.

    A sweep of second-order warm-up is a call of the loop by itself, and has a price for that beside its multiple of a sweep.
    """
    loops, kinds = sorted({r.loop for r in rows}), sorted({r.row for r in rows if r.work.rows})
    A = np.zeros((len(rows), 4 * len(loops) + len(kinds)))
    for i, r in enumerate(rows):
        first = 4 * loops.index(r.loop)
        A[i, first : first + 4] = 1.0, r.work.effects, r.work.operations, r.work.entries
        if r.work.rows:
            A[i, 4 * len(loops) + kinds.index(r.row)] = r.work.rows
        A[i] *= r.work.times / r.nanoseconds
    size = A.max(axis=0) + 1e-300
    solution, _ = optimize.nnls(np.vstack([A / size, 0.03 * np.eye(size.size)]), np.repeat([1.0, 0.0], [len(rows), size.size]))
    price = [float(f"{v:.3g}") for v in solution / size]
    sweeps = {}
    for k, name in enumerate(loops):
        own = [r for r in rows if r.loop == name]
        warm, sweep = np.array([r.warm for r in own]), np.array([r.nanoseconds for r in own])
        call = name in ("second-order", "by factors")
        of_warmup, _ = optimize.nnls(np.column_stack([call / warm, sweep / warm]), np.ones(len(own)))
        draw = statistics.median(r.per_draw for r in own)
        sweeps[name] = Price(*price[4 * k : 4 * k + 4], *(float(f"{v:.2g}") for v in (*of_warmup, draw)))
    return sweeps, dict(zip(kinds, price[4 * len(loops) :], strict=True))


def told(row: Row, sweeps: dict[str, Price], rows: dict[str, float]) -> float:
    """Nanoseconds of a sweep."""
    return sweeps[row.loop].sweep(row.work, rows.get(row.row, 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="models whose names have one of these words (default: all)")
    parser.add_argument("--raw", type=Path, help="also write, and begin with, the figures as JSON, a line a model and scheme")
    asked = parser.parse_args()
    rows: list[Row] = []
    if asked.raw is not None and asked.raw.exists():
        rows = [Row(**{**(r := json.loads(line)), "work": Work(*r["work"])}) for line in asked.raw.read_text().splitlines()]
    for name in MODELS:
        if any(r.name == name for r in rows) or (asked.words and not any(w in name for w in asked.words)):
            continue
        found = list(measure(name))
        rows += found
        if asked.raw is not None:
            with asked.raw.open("a") as out:
                out.writelines(json.dumps(row._asdict()) + "\n" for row in found)
    if not rows:
        parser.error(f"no model has one of these words in its name; the models are {', '.join(MODELS)}")
    print(report(rows))


def report(rows: list[Row]) -> str:
    """The table, in Markdown, then the prices that fit it, and the medians that the plan chooses by."""
    sweeps, each = fitted(rows)
    lines = [
        "| model | loop | a row | rows | cells | µs a sweep | told | ratio | sweeps an effective draw | told | ESS a second | auto |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        said = told(r, sweeps, each)
        of_draw = f"{r.told:.1f}" if r.loop == "augmented" and r.told else f"{plan.SECOND_ORDER_IAT:.1f}" if r.told else ""
        lines.append(
            f"| {r.name} | {r.loop} | {r.row} | {r.rows:,} | {r.cells:,} | {r.nanoseconds / 1e3:,.1f} | {said / 1e3:,.1f} "
            f"| {said / r.nanoseconds:.2f} | {r.per_draw:.1f} | {of_draw} | {1e9 / r.nanoseconds / r.per_draw:,.0f} "
            f"| {'yes' if r.auto else ''} |"
        )
    lines += [
        "",
        "| loop | once, ns | an effect | an operation | an entry | a sweep of warm-up: ns | and sweeps | sweeps an effective draw |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {name} | {' | '.join(f'{v:g}' for v in price)} |" for name, price in sweeps.items()]
    lines += ["", "| a row | ns |", "|---|---|", *(f"| {name} | {v:g} |" for name, v in each.items())]
    augmented = [r for r in rows if r.told and r.loop == "augmented"]
    second = [r for r in rows if r.told and r.loop == "second-order"]
    lines += [
        "",
        *(_median(f"{name}, ns a row", [r.nanoseconds / r.rows for r in augmented if r.row == name]) for name in ("PROBIT", "LOGIT")),
    ]
    names = ("BINOMIAL_PROBIT", "BINOMIAL_LOGIT")
    lines += [_median(f"{name}, ns a cell", [r.nanoseconds / r.cells for r in second if r.row == name]) for name in names]
    lines.append(_median("second order, sweeps an effective draw", [r.per_draw for r in second]))
    return "\n".join(lines)


def _median(what: str, values: list[float]) -> str:
    return f"- {what}: " + (f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})" if values else "not measured")


if __name__ == "__main__":
    main()
