"""The deck's models recover the truth of freshly simulated data, over several seeds, within posterior uncertainty.

The truth of every replicate is drawn from the prior that the fit then uses. So, whatever the shape of the posterior,
z = (truth − posterior mean) / posterior sd has mean 0 and variance 1 exactly (average over truth and data together), and an
interval of 95 % covers in 95 % of replicates. That is what is tested; the bands are those a correct sampler leaves with a
probability below 1 in 10⁴ for this whole file (the bound of each is derived where it stands).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

import gibbs
from tests.specs import reml
from tests.specs.test_simulated import DATA, MODELS, simulate

# gibbs.fit warns of what a replicate happens to hold (a province without a varying predictor); here only the posterior is judged
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]

REPLICATES = 16
ROWS = 1500
SIGMA = (0.35, 0.55)  # uniform prior of the residual sd

DECK_M5 = {"Intercept": (0.64, 0.2), "indigenous": (-0.19, 0.2), "illiteracy": (-4.15, 2.0), "indigenous:illiteracy": (1.4, 2.0)}
DECK_M6 = {"Intercept": (0.78, 0.5), "indigenous": (-0.5, 0.5), "illiteracy": (-20.0, 6.0), "indigenous:illiteracy": (-1.3, 6.0)}
PROBIT_M6 = {"Intercept": (0.5, 0.3), "indigenous": (-0.3, 0.3), "illiteracy": (-12.0, 4.0), "indigenous:illiteracy": (-0.8, 4.0)}


@dataclass(frozen=True)
class Model:
    """A model of the deck with proper priors: coefficient → (mean, sd), factor → half-normal scale of its sds, its columns."""

    formula: str  # right-hand side
    family: str
    coefficients: dict[str, tuple[float, float]]
    sds: dict[str, float]
    columns: dict[str, tuple[str, ...]]
    people: str = "peru"


def model(family: str, fixed: str, random: str, coefficients: dict, sds: dict, columns: dict, people: str = "peru") -> Model:
    return Model(f"{fixed} + {random}", family, coefficients, sds, columns, people)


INTERCEPTS = {"province": ("Intercept",)}
SLOPES = {"province": ("Intercept", "indigenous")}
M5_TERMS = "indigenous + illiteracy + illiteracy:indigenous"
RECOVERED = {
    "M.1": model("gaussian", "1", "(1 | province)", {"Intercept": (0.28, 0.1)}, {"province": 0.2}, INTERCEPTS),
    "M.2": model(
        "gaussian", "indigenous", "(1 | province)", {"Intercept": (0.31, 0.1), "indigenous": (-0.1, 0.2)}, {"province": 0.2}, INTERCEPTS
    ),
    "M.3": model(
        "gaussian",
        "illiteracy + indigenous",
        "(1 | province)",
        {"Intercept": (0.58, 0.2), "illiteracy": (-3.4, 2.0), "indigenous": (-0.08, 0.2)},
        {"province": 0.2},
        INTERCEPTS,
    ),
    "M.4": model(
        "gaussian",
        "indigenous",
        "(1 + indigenous | province)",
        {"Intercept": (0.32, 0.1), "indigenous": (-0.1, 0.2)},
        {"province": 0.25},
        SLOPES,
    ),
    "M.5": model("gaussian", M5_TERMS, "(1 + indigenous | province)", DECK_M5, {"province": 0.25}, SLOPES),
    "M.6": model("logit", M5_TERMS, "(1 + indigenous | province)", DECK_M6, {"province": 0.8}, SLOPES),
    "M.6 probit": model("probit", M5_TERMS, "(1 + indigenous | province)", PROBIT_M6, {"province": 0.5}, SLOPES),
    "M.7": model("logit", M5_TERMS, "(indigenous - 1 | province)", DECK_M6, {"province": 0.8}, {"province": ("indigenous",)}),
    "M.8": model(
        "gaussian",
        "age",
        "(1 | province) + (1 | ethnicity)",
        {"Intercept": (0.3, 0.2), "age": (0.0, 0.01)},
        {"province": 0.2, "ethnicity": 0.1},
        {"province": ("Intercept",), "ethnicity": ("Intercept",)},
    ),
    "APC": model(
        "probit",
        "age + female + education + union",
        "(1 | election) + (1 | cohort)",
        {"Intercept": (0.8, 0.3), "age": (0.1, 0.1), "female": (0.0, 0.2), "education": (0.2, 0.2), "union": (0.1, 0.2)},
        {"election": 0.3, "cohort": 0.3},
        {"election": ("Intercept",), "cohort": ("Intercept",)},
        people="turnout",
    ),
}


def columns_of(table: pd.DataFrame, names: tuple[str, ...] | list[str]) -> np.ndarray:
    """The design columns by name: 1 for Intercept, products for a:b."""
    return np.column_stack(
        [np.ones(len(table)) if name == "Intercept" else table[name.split(":")].prod(axis=1).to_numpy(float) for name in names]
    )


def replicate(name: str, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Data with column ``y``, and the truth behind them by brms' names, drawn from the priors of the model; every pair its own stream."""
    known = RECOVERED[name]
    rng = np.random.default_rng([seed, list(RECOVERED).index(name)])
    table = simulate.peru_people(rng, ROWS) if known.people == "peru" else simulate.turnout_people(rng, ROWS)
    truth = {f"b_{name}": rng.normal(mean, sd) for name, (mean, sd) in known.coefficients.items()}
    eta = columns_of(table, list(known.coefficients)) @ np.array(list(truth.values()))
    for factor, names in known.columns.items():
        levels, codes = np.unique(table[factor], return_inverse=True)
        sds = np.abs(rng.normal(0.0, known.sds[factor], len(names)))
        correlation = np.eye(len(names))
        if len(names) == 2:
            correlation[0, 1] = correlation[1, 0] = 2.0 * rng.beta(2.0, 2.0) - 1.0  # lkj(2)
            truth[f"cor_{factor}__{names[0]}__{names[1]}"] = correlation[0, 1]
        effects = rng.standard_normal((len(levels), len(names))) @ (sds[:, None] * np.linalg.cholesky(correlation)).T
        eta = eta + np.sum(columns_of(table, names) * effects[codes], axis=1)
        truth |= {f"sd_{factor}__{name}": sd for name, sd in zip(names, sds, strict=True)}
        truth |= {f"r_{factor}[{level},{name}]": effects[j, a] for j, level in enumerate(levels) for a, name in enumerate(names)}
    sigma = rng.uniform(*SIGMA)
    if known.family == "gaussian":
        truth["sigma"] = sigma
    return table.assign(y=simulate.draw_outcome(rng, known.family, eta, sigma)), {k: float(v) for k, v in truth.items()}


def priors(known: Model) -> dict[str, str]:
    """The same priors in the words of a spec."""
    words = {f"b[{name}]": f"normal({mean}, {sd})" for name, (mean, sd) in known.coefficients.items()}
    words |= {f"sd[{factor}]": f"half_normal(0, {scale})" for factor, scale in known.sds.items()}
    words |= {f"cor[{factor}]": "lkj(2)" for factor, names in known.columns.items() if len(names) == 2}
    if known.family == "gaussian":
        words["sigma"] = f"uniform({SIGMA[0]}, {SIGMA[1]})"
    return words


def estimates(fit: gibbs.Fit) -> pd.DataFrame:
    """Mean, sd and 95 % interval of every parameter, random effects included, indexed by brms' names."""
    wanted = ["mean", "sd", "q2.5", "q97.5"]
    effects = fit.ranef(summary=True)
    effects = effects.set_axis([f"r_{g}[{v},{t}]" for g, v, t in zip(effects["group"], effects["level"], effects["term"], strict=True)])
    return pd.concat([fit.summary()[wanted], effects[wanted]])


@cache
def scores(name: str) -> pd.DataFrame:
    """One row a parameter and replicate: replicate, parameter, z, covered."""
    known = RECOVERED[name]
    tables = []
    for seed in range(REPLICATES):
        data, truth = replicate(name, seed)
        fit = gibbs.fit(
            f"y ~ {known.formula}",
            data,
            family=known.family,
            priors=priors(known),
            chains=2,
            warmup=500,
            draws=1000,
            seed=seed,
            progress=False,
        )
        found = estimates(fit)
        true = pd.Series(truth)
        assert set(true.index) <= set(found.index), f"not in the fit: {sorted(set(true.index) - set(found.index))[:5]}"
        found = found.loc[true.index]
        tables.append(
            pd.DataFrame(
                {
                    "replicate": seed,
                    "parameter": true.index,
                    "z": ((true - found["mean"]) / found["sd"]).to_numpy(),
                    "covered": ((found["q2.5"] <= true) & (true <= found["q97.5"])).to_numpy(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def split(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = scores(name)
    random = table["parameter"].str.startswith("r_")
    return table[~random], table[random]


@pytest.mark.parametrize("name", RECOVERED)
def test_no_parameter_is_biased(name: str) -> None:
    """Σz/√R is about N(0, 1) for each of the 60 parameters. P(|N| > 5.5)·60 = 2·10⁻⁶; the rest is room for skewed sds."""
    main, _ = split(name)
    drift = main.groupby("parameter")["z"].sum() / np.sqrt(REPLICATES)
    assert drift.abs().max() < 5.5, drift.to_string()


@pytest.mark.parametrize("name", RECOVERED)
def test_no_parameter_is_overconfident_or_vague(name: str) -> None:
    """Mean z² over replicates: χ²_16/16 is outside [0.10, 4.2] with probability 3·10⁻⁷; the upper bound has room for heavy tails."""
    main, _ = split(name)
    spread = (main["z"] ** 2).groupby(main["parameter"]).mean()
    assert spread.min() > 0.1, spread.to_string()
    assert spread.max() < 4.6, spread.to_string()


@pytest.mark.parametrize("name", RECOVERED)
def test_random_effects_are_recovered(name: str) -> None:
    """Mean z² and coverage over all levels and replicates.

    Levels share the error of the intercept, so there are fewer independent values than levels: if all pairs were correlated by
    0.5 (more than in any model here) the mean z² over 16 replicates would have sd 0.18 about 1, skewed to the right, and the
    coverage sd 0.02 about 0.95.
    """
    _, effects = split(name)
    assert 0.5 < np.mean(effects["z"] ** 2) < 1.9
    assert 0.86 < effects["covered"].mean() < 0.998
    by_replicate = effects.groupby("replicate")["z"].mean()
    assert abs(by_replicate.sum()) / np.sqrt(REPLICATES) < 5.0  # each has mean 0 and variance at most 1


def test_all_models_pooled() -> None:
    """Mean z² of one fit has mean 1, and sd 0.74 over the 160 independent fits: their mean is 1 ± 0.06; seven sds either way."""
    cells = np.concatenate([(main["z"] ** 2).groupby(main["replicate"]).mean() for main, _ in map(split, RECOVERED)])
    assert 0.58 < cells.mean() < 1.42
    covered = np.concatenate([main["covered"].groupby(main["replicate"]).mean() for main, _ in map(split, RECOVERED)])
    assert 0.88 < covered.mean() < 0.995


# ------------------------------------------------------------------------------------------------------------- the committed files


def test_the_turnout_file_gives_its_truth_back() -> None:
    """Default priors, the committed data: every coefficient, sd and random effect within 5 posterior sds of the truth."""
    table = pd.read_csv(DATA / "turnout.csv.gz")
    known = json.loads((DATA / "turnout_truth.json").read_text(encoding="utf-8"))
    formula = "turnout ~ age + female + education + union + (1 | election) + (1 | cohort)"
    found = estimates(gibbs.fit(formula, table, family="probit", chains=2, warmup=500, draws=1500, seed=1, progress=False))
    named = {"sd_election": "sd_election__Intercept", "sd_cohort": "sd_cohort__Intercept"}
    truth = {named.get(k, f"b_{k}"): v for k, v in known["parameters"].items()}
    truth |= {f"r_{factor}[{level},Intercept]": v for factor in ("election", "cohort") for level, v in known[factor].items()}
    z = pd.Series({k: (v - found.loc[k, "mean"]) / found.loc[k, "sd"] for k, v in truth.items()})
    assert z.abs().max() < 5.0, z[z.abs() > 3].to_string()
    assert 0.1 < np.mean(z**2) < 3.0


DECK_FORMULAS = {
    "M.1": "president.approval ~ 1 + (1 | province)",
    "M.2": "president.approval ~ indigenous + (1 | province)",
    "M.3": "president.approval ~ indigenous + illiteracy + (1 | province)",
    "M.4": "president.approval ~ indigenous + (1 + indigenous | province)",
    "M.5": "president.approval ~ indigenous + illiteracy + illiteracy:indigenous + (1 + indigenous | province)",
}


@pytest.mark.parametrize("name", DECK_FORMULAS)
def test_the_peru_file_gives_the_decks_estimates(name: str) -> None:
    """Default (vague) priors: posterior means of the coefficients are REML's to within 0.25 standard errors, and so near the deck's."""
    predictors, varying, deck, _, _ = MODELS[name]
    table = pd.read_csv(DATA / "peru.csv")
    used = table.dropna(subset=["president.approval", *(["indigenous"] if predictors else [])])
    used = used.assign(one=1.0, product=used["indigenous"] * used["illiteracy"])
    estimate = reml.fit(
        used["president.approval"].to_numpy(float),
        used[["one", *predictors]].to_numpy(float),
        used[varying].to_numpy(float),
        np.unique(used["province"], return_inverse=True)[1],
    )
    found = gibbs.fit(DECK_FORMULAS[name], table, family="gaussian", chains=2, warmup=500, draws=2000, seed=1, progress=False).summary()
    labels = ["b_Intercept", *(f"b_{p}".replace("b_product", "b_indigenous:illiteracy") for p in predictors)]
    posterior = found.loc[labels, "mean"].to_numpy(float)
    assert np.all(np.abs(posterior - estimate.coefficients) < 0.25 * estimate.standard_errors)
    assert np.all(np.abs(posterior - np.array(deck)) < 1.25 * estimate.standard_errors)
    assert found.loc["sigma", "mean"] == pytest.approx(estimate.residual_sd, abs=0.01)
