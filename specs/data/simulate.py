"""The simulated data of the examples, with their truth beside them.

``python specs/data/simulate.py`` writes, next to this file, ``peru.csv`` and ``turnout.csv.gz`` with ``peru_truth.json`` and
``turnout_truth.json``. The same seed gives the same bytes. Nothing here is a real survey: the columns are those of the course
deck, and the parameters are set so that the fits of M.1–M.5 come out about where the deck's do.

The approval of person i in province j, with x the person's ``indigenous`` and z the province's ``illiteracy``:

    Pr(y_i = 1) = α_j + β_j x_i + κ (age_i − 43) + ξ_k(i)    clipped to [0.01, 0.99]
    α_j = δ + γ z_j + ν_j
    β_j = λ + θ z_j + η_j                                    (ν_j, η_j) ~ N(0, Σ)

where ξ_k are small differences between ethnicities of the same kind. A linear model of this outcome (M.1–M.5, M.8) therefore
has α_j and β_j as its own, and a logit model (M.6, M.7) is near, not exact.

The turnout of person i, of birth cohort c, at election t (equation 3 of the deck):

    Pr(y_i = 1) = Φ(x_i'β + η_t + ν_c)                       η_t ~ N(0, σ_election²),  ν_c ~ N(0, σ_cohort²)
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent

PERU_SEED = 140
PERU_ROWS = 3000
PERU_PROVINCES = 60
DECK_PROVINCES = (21801, 21809, 40101, 40102, 40103, 40104, 40107, 40109, 40110, 40112, 40122, 40129, 70101, 70102)
DECK_FIRST_PROVINCE = {"pop.density": 148.127471, "illiteracy": 0.0928, "infant.mo": 0.128}
PERU = {
    "intercept": 0.6427,  # δ, γ, λ, θ: the deck's M.5
    "illiteracy": -4.1492,
    "indigenous": -0.1947,
    "indigenous:illiteracy": 1.3740,
    "sd_intercept": 0.080,  # of ν and η: what M.5 must leave for M.4 to show 0.12, 0.16 and −0.64
    "sd_indigenous": 0.155,
    "correlation": -0.75,
    "age": 0.001,  # a year, about 43
}
AGE_CENTRE = 43.0
ETHNICITY = {1: -0.010, 2: 0.010, 3: 0.020, 4: 0.000, 5: 0.020, 6: -0.020, 7: -0.005, 8: 0.005}  # ξ; 1–3 are indigenous peoples
ETHNICITY_SHARES = {1: (1, 2, 3), 0: (4, 5, 6, 7, 8)}
ETHNICITY_PROBABILITIES = {1: (0.60, 0.25, 0.15), 0: (0.55, 0.20, 0.08, 0.09, 0.08)}
PERU_MISSING = {"president.approval": 0.04, "education": 0.015, "indigenous": 0.03}

TURNOUT_SEED = 2011
TURNOUT_ROWS = 10_000
ELECTIONS = tuple(range(1975, 2009, 3))  # twelve, every three years
FIRST_COHORT, COHORTS, COHORT_YEARS = 1890, 20, 5
TURNOUT = {
    "Intercept": 0.80,
    "age": 0.10,  # decades from 45
    "female": 0.05,
    "education": 0.20,  # five steps from −2 to 2
    "union": 0.15,
    "sd_election": 0.20,
    "sd_cohort": 0.30,
}


# ------------------------------------------------------------------------------------------------------------------------- Peru


def peru_people(rng: np.random.Generator, rows: int = PERU_ROWS, provinces: int = PERU_PROVINCES) -> pd.DataFrame:
    """Every column but the outcome, nothing missing: ``rows`` people in ``provinces`` provinces of unequal size, sorted by province."""
    code = _province_codes(provinces)
    z = np.round(_illiteracy(rng, provinces), 4)
    density = np.round(np.exp(rng.normal(3.6, 1.2, provinces) - 18.0 * (z - 0.08)), 6)
    infant = np.round(np.clip(0.055 + 0.5 * z + rng.normal(0.0, 0.015, provinces), 0.01, 0.2), 3)
    z[0], density[0], infant[0] = (DECK_FIRST_PROVINCE[name] for name in ("illiteracy", "pop.density", "infant.mo"))
    size = _province_sizes(rng, rows, z)

    share = 1.0 / (1.0 + np.exp(-(-0.85 + 22.0 * (z - 0.08) + rng.normal(0.0, 1.2, provinces))))
    j = np.repeat(np.arange(provinces), size)
    indigenous = (rng.random(rows) < share[j]).astype(np.int64)
    age = np.clip(np.round(18.0 + rng.gamma(2.2, 11.5, rows)), 18, 90).astype(np.int64)
    education = np.clip(np.round(6.4 - 0.035 * (age - AGE_CENTRE) - 1.1 * indigenous + rng.normal(0.0, 1.9, rows)), 1, 10).astype(np.int64)
    ethnicity = np.empty(rows, dtype=np.int64)
    for kind, levels in ETHNICITY_SHARES.items():
        of_kind = indigenous == kind
        ethnicity[of_kind] = rng.choice(levels, size=int(of_kind.sum()), p=ETHNICITY_PROBABILITIES[kind])
    return pd.DataFrame(
        {
            "age": age,
            "education": education,
            "indigenous": indigenous,
            "pop.density": density[j],
            "illiteracy": z[j],
            "infant.mo": infant[j],
            "province": code[j],
            "ethnicity": ethnicity,
        }
    )


def peru(seed: int = PERU_SEED) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of ``peru.csv``, missing values included, and the truth behind it."""
    rng = np.random.default_rng(seed)
    people = peru_people(rng)
    codes, j = np.unique(people["province"], return_inverse=True)
    deviations = _matched_normal(rng, len(codes), _peru_covariance())
    z, x = people["illiteracy"].to_numpy(), people["indigenous"].to_numpy()
    alpha = PERU["intercept"] + PERU["illiteracy"] * z + deviations[j, 0]
    beta = PERU["indigenous"] + PERU["indigenous:illiteracy"] * z + deviations[j, 1]
    eta = alpha + beta * x + PERU["age"] * (people["age"].to_numpy() - AGE_CENTRE) + people["ethnicity"].map(ETHNICITY).to_numpy()
    probability = np.clip(eta, 0.01, 0.99)
    people.insert(0, "president.approval", (rng.random(len(people)) < probability).astype(np.int64))
    for column, fraction in PERU_MISSING.items():
        people[column] = people[column].astype("Int64").mask(rng.random(len(people)) < fraction)
    truth = {
        "simulated": "Not a survey: written by specs/data/simulate.py.",
        "seed": seed,
        "rows": len(people),
        "model": "Pr(y=1) = clip(alpha_j + beta_j*indigenous + age*(age - 43) + ethnicity_k, 0.01, 0.99); "
        "alpha_j = intercept + illiteracy*z_j + nu_j; beta_j = indigenous + indigenous:illiteracy*z_j + eta_j",
        "parameters": dict(PERU),
        "ethnicity": {str(k): v for k, v in ETHNICITY.items()},
        "missing_fraction": dict(PERU_MISSING),
        "clipped_rows": int(np.sum(eta != probability)),
        "province": {str(c): {"nu": float(d[0]), "eta": float(d[1])} for c, d in zip(codes, deviations, strict=True)},
    }
    return people, truth


def _peru_covariance() -> np.ndarray:
    a, b = PERU["sd_intercept"], PERU["sd_indigenous"]
    c = PERU["correlation"] * a * b
    return np.array([[a * a, c], [c, b * b]])


def _province_codes(provinces: int) -> np.ndarray:
    """The deck's fourteen codes, then made-up ones of the same form (department, province, district), ascending."""
    further = (10_000 * department + 100 * province + 1 for department in range(8, 90) for province in range(1, 4))
    codes = list(DECK_PROVINCES)
    while len(codes) < provinces:
        codes.append(next(further))
    return np.array(codes[:provinces], dtype=np.int64)


def _province_sizes(rng: np.random.Generator, rows: int, illiteracy: np.ndarray) -> np.ndarray:
    """Sizes as in a national survey: a few large provinces, many small ones, none below 5; they add up to ``rows``.

    The large ones tend to be those where more people read.
    """
    provinces = len(illiteracy)
    rank = np.argsort(np.argsort(-(illiteracy - 0.081) / 0.0245 + 4.5 * rng.standard_normal(provinces)))
    weight = np.exp(np.linspace(-2.0, 2.0, provinces))[rank]
    size = 5 + np.floor((rows - 5 * provinces) * weight / weight.sum()).astype(np.int64)
    size[np.argmax(size)] += rows - size.sum()
    return size


def _illiteracy(rng: np.random.Generator, provinces: int) -> np.ndarray:
    """Shares of people who cannot read, between 0.02 and 0.15, mean 0.08: evenly spread quantiles of a normal, in random order."""
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(provinces) + 0.5) / provinces)
    return np.clip(0.081 + 0.0245 * rng.permutation(quantiles), 0.02, 0.15)


def _matched_normal(rng: np.random.Generator, count: int, covariance: np.ndarray) -> np.ndarray:
    """``count`` normal vectors whose sample mean is zero and whose sample covariance is ``covariance`` exactly.

    So the provinces of the file have the sds and the correlation that the truth states, not one draw's worth of luck.
    """
    raw = rng.standard_normal((count, len(covariance)))
    raw -= raw.mean(axis=0)
    whiten = np.linalg.cholesky(np.linalg.inv(raw.T @ raw / (count - 1)))
    return raw @ whiten @ np.linalg.cholesky(covariance).T


# ---------------------------------------------------------------------------------------------------------------------- turnout


def turnout_people(rng: np.random.Generator, rows: int = TURNOUT_ROWS) -> pd.DataFrame:
    """Every column but the outcome: repeated cross-sections, one an election.

    A cohort is a five-year bin of the birth year, and the birth year is the election's year less the age: the crossing of
    elections and cohorts is incomplete, as in every age-period-cohort design. ``age`` is in decades from 45.
    """
    election = rng.choice(np.array(ELECTIONS), size=rows)
    last = FIRST_COHORT + COHORTS * COHORT_YEARS - 1
    youngest = np.maximum(18, election - last)
    oldest = np.minimum(90, election - FIRST_COHORT)
    years = np.floor(youngest + (oldest + 1 - youngest) * rng.beta(1.1, 1.9, rows)).astype(np.int64)
    birth = election - years
    cohort = FIRST_COHORT + COHORT_YEARS * ((birth - FIRST_COHORT) // COHORT_YEARS)
    female = (rng.random(rows) < 0.52).astype(np.int64)
    education = np.clip(np.round(rng.normal((birth - 1945) / 40.0, 1.0)), -2, 2).astype(np.int64)
    union = (rng.random(rows) < np.where(election < 1991, 0.35, 0.20)).astype(np.int64)
    return pd.DataFrame(
        {
            "age": np.round((years - 45) / 10.0, 1),
            "female": female,
            "education": education,
            "union": union,
            "election": election,
            "cohort": cohort,
        }
    ).sort_values(["election", "cohort"], kind="stable", ignore_index=True)


def turnout(seed: int = TURNOUT_SEED) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of ``turnout.csv.gz`` and the truth behind it, every random effect included."""
    rng = np.random.default_rng(seed)
    people = turnout_people(rng)
    cohorts = tuple(FIRST_COHORT + COHORT_YEARS * np.arange(COHORTS))
    election = dict(zip(ELECTIONS, rng.normal(0.0, TURNOUT["sd_election"], len(ELECTIONS)), strict=True))
    cohort = dict(zip(cohorts, rng.normal(0.0, TURNOUT["sd_cohort"], COHORTS), strict=True))
    eta = TURNOUT["Intercept"] + sum(TURNOUT[name] * people[name] for name in ("age", "female", "education", "union"))
    eta = eta + people["election"].map(election) + people["cohort"].map(cohort)
    people.insert(0, "turnout", (rng.standard_normal(len(people)) < eta).astype(np.int64))
    truth = {
        "simulated": "Not a survey: written by specs/data/simulate.py.",
        "seed": seed,
        "rows": len(people),
        "model": "Pr(turnout=1) = Phi(x'b + r_election + r_cohort), r ~ normal(0, sd)",
        "parameters": dict(TURNOUT),
        "election": {str(k): float(v) for k, v in election.items()},
        "cohort": {str(k): float(v) for k, v in cohort.items()},
    }
    return people, truth


# ---------------------------------------------------------------------------------------------------------------------- outcomes


def draw_outcome(rng: np.random.Generator, family: str, eta: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """One outcome a row given its linear predictor: gaussian with residual sd ``sigma``, or 0.0/1.0 by probit or logit."""
    if family == "gaussian":
        return eta + sigma * rng.standard_normal(len(eta))
    if family == "probit":
        return (rng.standard_normal(len(eta)) < eta).astype(np.float64)
    if family == "logit":
        return (rng.logistic(size=len(eta)) < eta).astype(np.float64)
    raise ValueError(f"family '{family}': gaussian, probit or logit")


# ------------------------------------------------------------------------------------------------------------------------- files


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The table as CSV with a heading line, missing values as NA, lines ended by a newline alone."""
    text = io.StringIO()
    frame.to_csv(text, index=False, na_rep="NA", lineterminator="\n")
    return text.getvalue().encode("utf-8")


def write(folder: Path = HERE) -> list[Path]:
    """Write the two tables and their truths into ``folder``; the paths written."""
    written = []
    for name, make in (("peru", peru), ("turnout", turnout)):
        frame, truth = make()
        table = csv_bytes(frame)
        path = folder / f"{name}.csv"
        if name == "turnout":
            path = folder / f"{name}.csv.gz"
            # mtime and no file name: the same table is the same file, whenever and wherever it is written
            table = gzip.compress(table, compresslevel=9, mtime=0)
        path.write_bytes(table)
        note = folder / f"{name}_truth.json"
        note.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
        written += [path, note]
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write (default: beside this file)")
    for path in write(parser.parse_args().folder):
        print(path)
