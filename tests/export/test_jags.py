"""The JAGS export: every model is taken, every prior has its law, and a posterior with a closed form comes out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gibbs.draws import diagnostics, names
from gibbs.errors import OutputError
from gibbs.export import jags, program
from gibbs.model.records import Prior
from tests.export import against_jags, models
from tests.export.conftest import Written
from tests.posterior import fabricated
from tests.table import table


def rscript(code: str, folder: Path, timeout: float = 300.0) -> str:
    (folder / "test.R").write_text(code, encoding="utf-8")
    done = subprocess.run(["Rscript", "test.R"], cwd=folder, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_jags_takes_every_model_and_knows_every_name(written: dict[str, Written], tmp_path: Path) -> None:
    against_jags.need_jags()
    folders = ", ".join(f'{name} = "{w.jags}"' for name, w in written.items())
    said = rscript(
        f"""
        suppressMessages(library(rjags)); load.module("glm", quiet = TRUE)
        dumped <- function(file) {{ e <- new.env(); sys.source(file, envir = e); as.list(e, all.names = TRUE) }}
        folders <- c({folders})
        for (name in names(folders)) {{
          setwd(folders[[name]])
          said <- tryCatch({{
            model <- jags.model("model.bug", dumped("data.R"), dumped("inits1.R"), n.chains = 1, n.adapt = 0, quiet = TRUE)
            names <- read.csv("names.csv", colClasses = "character")
            suppressWarnings(draws <- as.matrix(coda.samples(model, unique(sub("\\\\[.*", "", names$jags)), 3, progress.bar = "none")))
            if (all(names$jags %in% colnames(draws)) && all(is.finite(draws[, names$jags]))) "taken" else "names"
          }}, error = conditionMessage, warning = conditionMessage)
          cat("\\n", name, ": ", said, "\\n", sep = "")
        }}
        """,
        tmp_path,
    )
    found = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line and not line.startswith("NOTE"))
    assert found == dict.fromkeys(written, "taken")


def _order(k: int, n: int, law: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Distribution function of the k-th of n independent draws from ``law``."""
    return lambda x: stats.beta(k, n - k + 1).cdf(law.cdf(x))


def _cor(b: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: stats.beta(b, b).cdf((x + 1.0) / 2.0)


def _gamma_above_one(x: np.ndarray) -> np.ndarray:
    gamma = stats.gamma(2, scale=10)
    return (gamma.cdf(x) - gamma.cdf(1)) / gamma.sf(1)


# Laws from scipy and from the literature, in the words of the spec; scales of default priors are taken from the Design.
LAWS: dict[str, dict[str, Any]] = {
    "gaussian": {"b_x": stats.t(4, 0, 1).cdf, "sd_g__Intercept": stats.halfnorm(scale=1).cdf},
    "gaussian_as_written": {
        "b_Intercept": stats.norm(0, 5).cdf,
        "b_x": stats.cauchy(0, 1).cdf,
        "sd_g__Intercept": stats.halfcauchy(scale=1).cdf,
        "sigma": lambda x: stats.invgamma(2, scale=1).cdf(x**2),
    },
    "gaussian_known_se": {"sd_g__Intercept": stats.expon(scale=1).cdf},
    "gaussian_correlated": {"cor_g__Intercept__x": _cor(2.0)},
    # LKJ(η) of q columns: each correlation is Beta(η + (q − 2)/2, same) on (−1, 1) (Lewandowski, Kurowicka and Joe 2009, section 3)
    "gaussian_three": {
        "cor_g__Intercept__x": _cor(2.0),
        "cor_g__Intercept__z": _cor(2.0),
        "cor_g__x__z": _cor(2.0),
        "sigma": stats.uniform(0.1, 4.9).cdf,
    },
    # Σ ~ IW(ν, S): Σ_kk ~ inverse-gamma((ν − q + 1)/2, S_kk/2)
    "gaussian_wishart": {
        "sd_g__Intercept": lambda x: stats.invgamma(1.5, scale=0.5).cdf(x**2),
        "sd_g__x": lambda x: stats.invgamma(1.5, scale=0.25).cdf(x**2),
    },
    # Huang and Wand (2013): every sd half-t(ν, A_k), and correlations uniform for ν = 2
    "gaussian_huang_wand": {
        "sd_g__Intercept": lambda x: 2 * stats.t(2, 0, 1.0).cdf(x) - 1,
        "sd_g__x": lambda x: 2 * stats.t(2, 0, 0.7).cdf(x) - 1,
        "cor_g__Intercept__x": stats.uniform(-1, 2).cdf,
    },
    "gaussian_flat": {"sigma": lambda x: 2 * stats.t(4, 0, 2).cdf(x) - 1},
    "student": {"nu": _gamma_above_one},
    "student_exponential": {"nu": stats.expon(scale=10).cdf},
    "effects_student": {"df_g": lambda x: 1.0 - stats.gamma(3, scale=5).sf(np.maximum(x, 1.0)) / stats.gamma(3, scale=5).sf(1)},
    "effects_student_slopes": {"df_g": stats.expon(1, 5).cdf},  # priors at the means: the correlation as written has no closed form
    "effects_student_terms": {"df_g": stats.uniform(2, 18).cdf},
    "effects_by": {"sd_g__Intercept:regionR1": stats.halfnorm(scale=0.5).cdf},
    "effects_by_slopes": {
        "sd_g__Intercept:regionR0": stats.halfnorm(scale=1).cdf,
        "sd_g__x:regionR2": stats.halfnorm(scale=1).cdf,
        "cor_g__Intercept:regionR1__x:regionR1": _cor(1.0),
    },
    "effects_by_wishart": {
        "sd_g__Intercept:regionR0": lambda x: stats.invgamma(1.5, scale=0.5).cdf(x**2),
        "sd_g__x:regionR2": lambda x: stats.invgamma(1.5, scale=0.25).cdf(x**2),
    },
    "neighbours_ar1": {"rho_year": stats.uniform(-1, 2).cdf},
    "neighbours_bym2": {"rho_row:col": stats.beta(2, 2).cdf, "sd_row:col__Intercept": stats.halfnorm(scale=1).cdf},
    "probit_crossed": {"sd_g__Intercept": stats.uniform(0, 3).cdf, "sd_h__Intercept": stats.halfcauchy(scale=1).cdf},
    "logit_nested": {
        "sd_region__Intercept": lambda x: stats.invgamma(2, scale=1).cdf(x**2),
        "sd_region:g__Intercept": lambda x: stats.invgamma(2, scale=1).cdf(x**2),
    },
    "poisson_offset": {"b_x": stats.cauchy(0, 1).cdf},
    "negative_binomial": {"shape": stats.halfcauchy(scale=5).cdf},
    "ordinal_probit": {f"b_Intercept[{k}]": _order(k, 3, stats.norm(0, 3)) for k in (1, 2, 3)},
}


def test_every_prior_has_its_law(written: dict[str, Written], tmp_path: Path) -> None:
    """Without its outcome JAGS draws a model's parameters from their priors, independently: Kolmogorov–Smirnov against closed forms."""
    against_jags.need_jags()
    folders = ", ".join(f'{name} = "{written[name].jags}"' for name in LAWS)
    rscript(
        f"""
        suppressMessages(library(rjags))
        dumped <- function(file) {{ e <- new.env(); sys.source(file, envir = e); as.list(e, all.names = TRUE) }}
        here <- getwd()
        folders <- c({folders})
        for (name in names(folders)) {{
          setwd(folders[[name]])
          data <- dumped("data.R"); data$y <- NULL
          model <- jags.model("model.bug", data, list(.RNG.name = "base::Mersenne-Twister", .RNG.seed = 5), quiet = TRUE, n.adapt = 0)
          names <- read.csv("names.csv", colClasses = "character")
          names <- names[!startsWith(names$parameter, "r_"), ]
          tops <- unique(sub("\\\\[.*", "", names$jags))
          suppressWarnings(draws <- as.matrix(coda.samples(model, tops, 1500, progress.bar = "none")))[0, ]
          draws <- draws[, names$jags, drop = FALSE]
          colnames(draws) <- names$parameter
          write.csv(draws, file.path(here, paste0(name, ".csv")), row.names = FALSE)
        }}
        """,
        tmp_path,
    )
    for name, laws in LAWS.items():
        draws, design = pd.read_csv(tmp_path / f"{name}.csv"), written[name].fit.design
        expected: dict[str, Any] = dict(laws)
        for parameter, law in expected.items():
            assert stats.kstest(draws[parameter].to_numpy(), law).pvalue > 1e-6, (name, parameter)
        for row in design.coefficient_priors:  # the combination that a row is on, from its weights
            at = draws[[f"b_{c}" for c in design.coefficients]].to_numpy() @ row.weights
            law = stats.norm(row.mean, row.scale) if np.isinf(row.df) else stats.t(row.df, row.mean, row.scale)
            assert stats.kstest(at, law.cdf).pvalue > 1e-6, (name, row.label)
        for factor in design.factors:
            for term in factor.terms:
                for column, prior in zip(term.columns, term.sd_priors, strict=False):
                    as_written = term.back is None or term.written  # else the prior is on the sds of centred columns
                    if prior.kind == "half_t" and term.covariance is None and as_written:
                        x = draws[names.sd_name(factor.name, column, term.group)].to_numpy() / prior.args[2]
                        assert stats.kstest(x, lambda x, df=prior.args[0]: 2 * stats.t(df).cdf(x) - 1).pvalue > 1e-6, (name, column)


def test_the_script_gives_a_posterior_that_is_known(tmp_path: Path) -> None:
    """Sds and sigma fixed, normal priors: the posterior is normal, its mean solves (V⁻¹ + A'A/σ²)m = V⁻¹μ + A'y/σ²."""
    against_jags.need_jags()
    found, frame = models.keys("gaussian_independent")
    formula = found.pop("formula")
    found["priors"] = {"sd[g,Intercept]": "0.7", "sd[g,x]": "0.4", "sigma": "1.2", "b[x]": "normal(0, 2)", "intercept": "normal(1, 0.5)"}
    fit = _stand_in(formula, frame, **found)
    design = fit.design
    draws, compare = against_jags.run(fit, tmp_path / "out", 2500, 200)
    J, q = len(design.factors[0].levels), 2
    U = np.zeros((len(design.y), J * q))
    for a in range(q):
        U[np.arange(len(design.y)), design.factors[0].codes * q + a] = design.factors[0].Z[:, a]
    A = np.hstack((design.X, U))
    P = np.diag(np.concatenate((np.zeros(2), np.tile([0.7**-2, 0.4**-2], J))))
    right = np.zeros(len(P))
    for weights, mean, sd in ((np.array([0.0, 1.0]), 0.0, 2.0), (np.array([1.0, design.X[:, 1].mean()]), 1.0, 0.5)):
        P[:2, :2] += np.outer(weights, weights) / sd**2
        right[:2] += weights * mean / sd**2
    P += A.T @ A / 1.2**2
    right += A.T @ design.y / 1.2**2
    mean, sd = np.linalg.solve(P, right), np.sqrt(np.diag(np.linalg.inv(P)))
    labels = ["b_Intercept", "b_x", *(f"r_g[{level},{column}]" for level in design.factors[0].levels for column in ("Intercept", "x"))]
    for label, m, s in zip(labels, mean, sd, strict=True):
        x = draws[label]
        assert abs(x.mean() - m) < 5.0 * float(diagnostics.mcse_mean(x)), label
        assert x.std() == pytest.approx(s, rel=0.12), label
    assert set(np.unique(draws["sigma"])) == {1.2} and set(np.unique(draws["sd_g__x"])) == {0.4}
    ours = fit.summary()
    assert compare.loc["b_x", "gibbs_mean"] == pytest.approx(ours.loc["b_x", "mean"], rel=1e-6)
    assert compare.loc["b_x", "jags_mean"] == pytest.approx(draws["b_x"].mean(), rel=1e-6)
    z = (compare["gibbs_mean"] - compare["jags_mean"]) / np.hypot(compare["gibbs_mcse"], compare["jags_mcse"])
    np.testing.assert_allclose(compare.loc[labels, "z"], z[labels], rtol=1e-6)
    assert compare.loc["sigma", "z"] == 0.0


def _stand_in(formula: str, frame: pd.DataFrame, **found: Any) -> Any:
    from gibbs import pipeline
    from gibbs.model import spec as specs
    from gibbs.posterior.fit import Fit

    spec = specs.build(formula, overrides={**found, "seed": 3})
    prepared = pipeline.prepare(spec, frame)
    fixed = {"sigma": 1.2, "sd_g__Intercept": 0.7, "sd_g__x": 0.4}
    return Fit(spec, prepared.design, fabricated.draws(prepared.design, 2, 50, **fixed), table=prepared.table, frame=frame)


def test_the_data_are_those_of_the_design_to_the_last_bit(written: dict[str, Written]) -> None:
    w = written["gaussian_three"]
    design, text = w.fit.design, (w.jags / "data.R").read_text()
    values = {name: body for name, body in re.findall(r'"(\w+)" <-\n(.*)\n', text)}
    assert set(values) == {"N", "y", "X", "V", "J_g", "g_g", "Z_g"}
    assert _read(values["N"]) == len(design.y)
    np.testing.assert_array_equal(_read(values["y"]), design.y)
    np.testing.assert_array_equal(_read(values["X"]), design.X)
    np.testing.assert_array_equal(_read(values["g_g"]), design.factors[0].codes + 1)
    np.testing.assert_array_equal(_read(values["Z_g"]), design.factors[0].Z)
    W = np.array([row.weights for row in design.coefficient_priors])
    np.testing.assert_allclose(_read(values["V"]) @ W, np.eye(len(W)), atol=1e-12)


def _read(text: str) -> Any:
    """A value of R's dump format."""
    matrix = re.fullmatch(r"structure\(c\((.*)\), \.Dim = c\((\d+), (\d+)\)\)", text)
    if matrix:
        return np.array([float(x) for x in matrix[1].split(", ")]).reshape(int(matrix[2]), int(matrix[3]), order="F")
    vector = re.fullmatch(r"c\((.*)\)", text)
    return np.array([float(x) for x in vector[1].split(", ")]) if vector else float(text)


@table("family", models.MODELS)
def test_the_glm_module_is_loaded_only_where_it_is_exact(written: dict[str, Written], family: str) -> None:
    script = (written[family].jags / "run.R").read_text()
    exact = written[family].fit.family in ("gaussian", "probit", "logit")
    assert ("load.module" in script) == exact


def test_a_flat_prior_is_said_to_be_replaced(written: dict[str, Written]) -> None:
    model = (written["gaussian_flat"].jags / "model.bug").read_text()
    assert "in place of the flat one on x" in model and "in place of the flat one on Intercept" in model
    mean, sd = (float(f(written["gaussian_flat"].fit.arrays.beta[:, :, 1])) for f in (np.mean, np.std))
    law = re.search(r"b\[2\] ~ dnorm\((\S+), pow\((\S+), -2\)\)", model)
    assert float(law[1]) == pytest.approx(mean) and float(law[2]) == pytest.approx(1e4 * sd)
    assert "flat" not in (written["gaussian"].jags / "model.bug").read_text()


def test_what_jags_cannot_take_is_refused(tmp_path: Path) -> None:
    for prior, words in (
        (Prior("inverse_wishart", (1.5, ((1.0, 0.0), (0.0, 1.0)))), "fewer degrees of freedom than columns"),
        (Prior("huang_wand", (0.5, (1.0, 1.0))), "nu >= 1"),
    ):
        design = fabricated.slopes()
        term = design.factors[0].terms[0]
        changed = fabricated.replace_term(design, type(term)(term.columns, term.sd_priors, None, prior))
        with pytest.raises(OutputError, match=words):
            jags.export(fabricated.fit(changed), tmp_path / "out")
        assert not (tmp_path / "out").exists() and not list(tmp_path.iterdir())


def test_program_names_every_parameter_once(written: dict[str, Written]) -> None:
    from gibbs.posterior import parameters

    for name, w in written.items():
        pairs = program.name_pairs(program.describe(w.fit.design))
        ours = [a for a, _ in pairs]
        assert sorted(ours) == sorted(parameters.all_names(w.fit.arrays, w.fit.outline)), name
        assert len({b for _, b in pairs}) == len(pairs), name


def test_factors_whose_plain_names_are_one_stay_apart() -> None:
    """``x``, ``x_2`` and ``x.2`` with two terms and two columns: every variable is declared once, in both languages."""
    from gibbs.export import stan

    Z = np.column_stack((np.ones(12), np.linspace(-1.0, 2.0, 12), np.linspace(0.0, 1.0, 12) ** 2))
    two = [fabricated.term("Intercept", "a"), fabricated.term("b")]
    factors = [fabricated.factor(name, ("1", "2", "3"), Z, *two) for name in ("x", "x_2", "x.2", "x_1")]
    described = program.describe(fabricated.design(*factors))
    assert len({e.tag for e in described.effects}) == 8
    text = stan.model_file(described)
    declared = re.findall(
        r"^  (?:array\[.*?\] )?(?:int|real|vector|matrix|cholesky_factor_corr)\S*(?: upper=\S+)? (\w+);", text, re.MULTILINE
    )
    assert len(declared) == len(set(declared)) > 30
    assigned = re.findall(
        r"^ +(\w+(?:\[[^]]*\])?) (?:~|<-)", jags.model_file(described, {"b_Intercept": (0.0, 1.0), "b_x": (0.0, 1.0)}), re.MULTILINE
    )
    assert len(assigned) == len(set(assigned)) > 30


def test_effects_have_their_law_given_the_rest(tmp_path: Path) -> None:
    """Without its outcome JAGS draws effects from their prior: u/sd is t_df, and the columns of a level share its multiplier."""
    against_jags.need_jags()
    keys = {"priors": {"df": "3", "sd": "half_normal(0, 1)"}}
    fit = _stand_in('y ~ x + (1 + x | gr(g, by = region, dist = "student"))', models.data(), **keys)
    jags.export(fit, tmp_path / "out")
    rscript(
        """
        suppressMessages(library(rjags))
        dumped <- function(file) { e <- new.env(); sys.source(file, envir = e); as.list(e, all.names = TRUE) }
        data <- dumped("data.R"); data$y <- NULL
        model <- jags.model("model.bug", data, list(.RNG.name = "base::Mersenne-Twister", .RNG.seed = 5), quiet = TRUE, n.adapt = 0)
        names <- read.csv("names.csv", colClasses = "character")
        tops <- unique(sub("\\\\[.*", "", names$jags))
        suppressWarnings(draws <- as.matrix(coda.samples(model, tops, 4000, progress.bar = "none")))
        draws <- draws[, names$jags]
        colnames(draws) <- names$parameter
        write.csv(draws, "draws.csv", row.names = FALSE)
        """,
        tmp_path / "out",
    )
    draws = pd.read_csv(tmp_path / "out" / "draws.csv")
    g = fit.design.factors[0]
    for level in (0, 5):
        group = g.groups[g.group[level]]
        u = draws[[f"r_g[{g.levels[level]},{column}]" for column in g.columns]].to_numpy()
        z = u / draws[[f"sd_g__{column}:{group}" for column in g.columns]].to_numpy()
        rho = draws[f"cor_g__Intercept:{group}__x:{group}"].to_numpy()
        second = (z[:, 1] - rho * z[:, 0]) / np.sqrt(1 - rho**2)
        assert stats.kstest(z[:, 0], stats.t(3).cdf).pvalue > 1e-6
        assert stats.kstest((z[:, 0] ** 2 + second**2) / 2, stats.f(2, 3).cdf).pvalue > 1e-6
