"""What a run stores for ArviZ: log priors against the joint density written from its definition, likelihoods and replications of the rows,
and arviz-stats' own functions on our file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs.draws.outline import outline
from gibbs.errors import SpecError
from gibbs.model import spec
from gibbs.model.records import STORED, Prior
from gibbs.posterior import further, log_prior, loglik
from tests import oracles
from tests.oracles import densities
from tests.posterior import built, fabricated
from tests.posterior.fabricated import draws, slopes

PRIORS = {"b[x]": "normal(1, 2)", "intercept": "student_t(4, 0, 3)", "sd[g,x]": "gamma(2, 1.5)", "cor": "lkj(3)", "sigma": "exponential(2)"}


def values_at(fit: Any, chain: int, draw: int) -> dict[str, Any]:
    """The parameters of one draw as the oracle takes them."""
    arrays = fit.arrays
    hyper = dict(zip(arrays.hyper_names, arrays.hyper[chain, draw], strict=True))
    covariances = []
    for factor in fit.design.factors:
        parts = []
        for term in factor.terms:
            at = f":{term.group}" if term.group else ""
            sds = np.array([hyper[f"sd_{factor.name}__{c}{at}"] for c in term.columns])
            R = np.eye(len(sds))
            for b in range(len(sds)):
                for a in range(b):
                    R[a, b] = R[b, a] = hyper[f"cor_{factor.name}__{term.columns[a]}{at}__{term.columns[b]}{at}"]
            parts.append(R * np.outer(sds, sds))
        covariances.append(parts)
    found = {"beta": arrays.beta[chain, draw], "covariances": covariances, "sigma": hyper.get("sigma"), "nu": hyper.get("nu")}
    found["cutpoints"] = np.array([v for name, v in hyper.items() if name.startswith("b_Intercept[")])
    found["df"] = [hyper.get(f"df_{factor.name}") for factor in fit.design.factors]
    return found | {"shape": hyper.get("shape")}


def defined(fit: Any, chain: int, draw: int) -> float:
    """The oracle's density of all priors, measured in sds and correlations: without the effects, and with the Jacobian of Σ taken off."""
    design, values = fit.design, values_at(fit, chain, draw)
    total = densities.log_prior_beta(design.coefficient_priors, values["beta"])
    for factor, parts in zip(design.factors, values["covariances"], strict=True):
        for term, covariance in zip(factor.terms, parts, strict=True):
            if term.there is not None and not term.written:
                covariance = np.array(term.there) @ covariance @ np.array(term.there).T
            total += densities.log_prior_covariance(term, covariance)
            q = len(term.columns)
            if q > 1 and term.covariance is None:
                total += q * np.log(2.0) + q * np.sum(np.log(np.sqrt(np.diag(covariance))))
    total += sum(
        densities.log_prior_df(f.own_prior, df) for f, df in zip(design.factors, values["df"], strict=True) if f.own_prior is not None
    )
    total += densities.log_prior_sd(design.sigma_prior, values["sigma"]) if design.sigma_prior is not None else 0.0
    total += densities.log_prior_nu(design.nu_prior, values["nu"]) if design.nu_prior is not None else 0.0
    if design.cutpoint_prior is not None:
        cut = values["cutpoints"] - (0.0 if design.cutpoint_means is None else design.cutpoint_means @ values["beta"])
        df, mean, scale = design.cutpoint_prior.args
        total += float(np.sum(oracles.densities.stats.t.logpdf(cut, df, mean, scale)))
    return float(total)


@pytest.mark.parametrize(
    ("formula", "family", "priors"),
    [
        ("y ~ x + (1 + x | g)", "gaussian", PRIORS),
        ("y ~ x + (1 + x | g)", "gaussian", {}),
        ("y ~ x + (1 + x || g) + (1 | year)", "student", {"nu": "gamma(3, 0.2)"}),
        ("y ~ x + (1 + x | g)", "gaussian", {"cov[g]": "huang_wand(2, 1.5)"}),
        ("y ~ x + (1 + x | g)", "gaussian", {"cov[g]": "inverse_wishart(4, [[2, 0.5], [0.5, 1]])"}),
        ("y ~ x + (1 | gr(g, dist = 'student'))", "gaussian", {"df[g]": "exponential(0.1)"}),
        ("grade ~ x + (1 | g)", "ordinal", {}),
        ("bin ~ x + (1 | g)", "logit", {"b": "cauchy(0, 2.5)"}),
    ],
)
def test_the_log_prior_is_its_definition(formula: str, family: str, priors: dict[str, str]) -> None:
    """But for constants of densities on matrices: differences between draws are compared."""
    fit = built.fit(formula, family=family, kept=3, priors=priors)
    for name in ("nu", "df_g"):
        if name in fit.arrays.hyper_names:
            fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(name)] += 3.0  # they have no value below 1
    found = log_prior.blocks(fit.arrays, fit.outline, fit.design)
    total = sum(found.values())
    assert total.shape == (4, 3)
    for chain, draw in ((1, 2), (3, 0)):
        expected = defined(fit, chain, draw) - defined(fit, 0, 1)
        assert total[chain, draw] - total[0, 1] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_priors_have_the_names_of_a_spec() -> None:
    fit = built.fit("y ~ x + (1 + x | g)", kept=3, priors=PRIORS)
    assert set(fit.datatree("log_prior")["log_prior"].data_vars) == {"b", "sd[g]", "cor[g]", "sigma"}
    flat = built.fit("y ~ x + (1 | g)", kept=3, priors={"b": "flat", "intercept": "flat", "sd": "0.5", "sigma": "1"})
    assert log_prior.blocks(flat.arrays, flat.outline, flat.design) == {} and "log_prior" not in further.possible(flat.design)
    with pytest.raises(SpecError, match="flat or fixed, and has no density"):
        flat.datatree("log_prior")


def test_the_groups_are_of_the_rows_with_an_outcome() -> None:
    fit = built.fit("y ~ x + (1 + x | g)", kept=40)
    tree = fit.datatree()
    np.testing.assert_array_equal(tree["log_likelihood"]["y"].to_numpy(), fit.log_likelihood())
    assert tree["log_likelihood"]["y"].dims == tree["posterior_predictive"]["y"].dims == ("chain", "draw", "obs_id")
    np.testing.assert_array_equal(tree["log_likelihood"]["obs_id"], tree["observed_data"]["obs_id"])
    assert not set(STORED) & set(fit.draws.children)


@pytest.mark.parametrize("family", ["gaussian", "student", "logit", "poisson", "ordinal"])
def test_replications_are_the_same_in_blocks_of_any_size_and_have_their_law(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = {"logit": "bin", "poisson": "count", "ordinal": "grade"}.get(family, "y")
    fit = built.fit(f"{outcome} ~ x + (1 | g)", family=family, kept=60)
    if family == "student":
        fit.arrays.hyper[:, :, fit.arrays.hyper_names.index("nu")] += 5.0
    whole = fit.datatree("posterior_predictive")["posterior_predictive"][outcome].to_numpy()
    monkeypatch.setattr(loglik, "BLOCK", 200)
    np.testing.assert_array_equal(fit.datatree("posterior_predictive")["posterior_predictive"][outcome].to_numpy(), whole)
    expected = fit.predict(kind="expected", draws=True)
    expected = (expected * np.arange(expected.shape[2])).sum(axis=2) if expected.ndim == 3 else expected
    difference = whole.reshape(expected.shape) - expected
    assert np.abs(difference.mean()) < 4.5 * difference.std() / np.sqrt(difference.size)


def test_what_a_model_does_not_have_is_refused_before_a_draw(tmp_path: Path) -> None:
    import gibbs

    frame = built.table().assign(w=2)
    with pytest.raises(
        SpecError, match=r"log_likelihood cannot be stored: a row of frequency weight.*Store log_prior, posterior_predictive"
    ):
        gibbs.fit("y | weights(w, type = 'frequency') ~ x + (1 | g)", frame, store="all", draws=10)
    with pytest.raises(SpecError, match="pseudo-likelihood"):
        gibbs.fit("y ~ x + (1 | g)", frame, weights={"column": "n", "type": "sampling"}, store="log_likelihood", draws=10)
    with pytest.raises(SpecError, match="Did you mean 'log_prior'"):
        spec.build({"formula": "y ~ x", "store": ["log_prir"]})
    with pytest.raises(SpecError, match="leave out keep"):
        spec.build({"formula": "y ~ x + (1 | g)", "store": "all", "keep": "none"})
    with pytest.raises(SpecError, match="no group 'lp'"):
        built.fit("y ~ x", kept=3).datatree("lp")


def test_a_spec_that_stores_is_read_again() -> None:
    made = spec.build({"formula": "y ~ x + (1 | g)", "store": "all", "sampling": {"seed": 1}})
    assert made.store == STORED and made.keep_all
    import yaml

    again = spec.build(yaml.safe_load(spec.to_yaml(made)))
    assert spec.same(made, again)
    only = spec.build({"formula": "y ~ x + (1 | g)", "store": ["log_prior"], "keep": "none", "sampling": {"seed": 1}})
    assert only.store == ("log_prior",) and only.keep == ()


def posterior_of_a_mean() -> Any:
    """y_i ~ N(b, 1), b ~ N(0, 0.5²): a Fit whose draws are independent ones of the posterior."""
    rng = np.random.default_rng(7)
    y = rng.normal(1.0, 1.0, 30)
    model = fabricated.design(rows=30, coefficients=("Intercept",), y=y, sigma_prior=Prior("fixed", (1.0,)))
    from gibbs.model.records import CoefficientPrior

    stated = CoefficientPrior("b[Intercept]", np.ones(1), 0.0, 0.5, np.inf, Prior("normal", (0.0, 0.5)))
    model = replace(model, coefficient_priors=(stated,))
    made = draws(model, kept=2000, sigma=1.0)
    precision = 30.0 + 1.0 / 0.25
    z = (made.beta - 1.0) / 0.1
    z = (z - z.mean()) / z.std()
    made.beta[:] = y.sum() / precision + z / np.sqrt(precision)
    return fabricated.fit(model, made, "y ~ 1")


def test_arviz_stats_takes_the_file(tmp_path: Path) -> None:
    """loo is ours; the PIT are those of the leave-one-out predictive, a normal; the sensitivity to the prior grows as it narrows."""
    import arviz_stats
    import xarray as xr
    from scipy import stats

    fit = posterior_of_a_mean()
    file = fit.export("netcdf", tmp_path / "mean.nc")
    with warnings.catch_warnings(), xr.open_datatree(file) as opened:
        warnings.simplefilter("ignore")
        tree = opened.load()
        loo, pit = arviz_stats.loo(tree, pointwise=True), arviz_stats.loo_pit(tree)["y"].to_numpy()
        table = arviz_stats.psense_summary(tree, var_names=["b_Intercept"])
    assert loo.elpd == pytest.approx(fit.loo().elpd, abs=0.01)
    y = fit.design.y
    precision = 29.0 + 4.0
    mean, sd = (y.sum() - y) / precision, np.sqrt(1.0 + 1.0 / precision)
    exact = stats.norm.cdf(y, mean, sd)
    elpd = stats.norm.logpdf(y, mean, sd).sum()
    assert loo.elpd == pytest.approx(elpd, abs=0.05)
    noise = 4.5 * np.sqrt(exact * (1 - exact) / 4000) + 0.01
    assert (np.abs(pit - exact) < noise).all()
    assert (np.abs(fit.loo_pit().pit - exact) < noise).all()
    # p(b | y)^α scaled: a normal prior N(0, 1/4) at precision 4α moves the mean by Σy/(30 + 4α): d mean / d log2 α is what psense measures
    assert table.loc["b_Intercept", "prior"] > 0.02 and table.loc["b_Intercept", "likelihood"] > 0.02
    for group in STORED:
        assert tree[group].to_dataset().equals(fit.datatree()[group].to_dataset())


def test_the_run_folder_holds_what_the_spec_asks_for(tmp_path: Path) -> None:
    import xarray as xr

    from gibbs.posterior.fit import load

    fit = built.fit("y ~ x + (1 | g)", kept=20, store=["log_likelihood", "log_prior"])
    folder = fit.save(tmp_path / "run")
    with xr.open_datatree(folder / "posterior.nc") as tree:
        assert {"log_likelihood", "log_prior"} <= set(tree.children) and "posterior_predictive" not in tree.children
        np.testing.assert_array_equal(tree["log_likelihood"]["y"], fit.log_likelihood())
    np.testing.assert_array_equal(load(folder).arrays.beta, fit.arrays.beta)
    for store in ("posterior_predictive", "all"):
        again = load(built.fit("y ~ x + (1 | g)", kept=20, store=[store]).save(tmp_path / store))
        assert again.missing_draws is None
        np.testing.assert_array_equal(again.arrays.u, fit.arrays.u)


def test_missing_outcomes_stand_beside_replications() -> None:
    frame = built.table()
    frame.loc[3, "y"] = np.nan
    fit = built.fit("y ~ x + (1 | g)", frame, kept=20, data={"missing": "predict"})
    tree = fit.datatree("posterior_predictive")["posterior_predictive"]
    assert tree["ymis"].shape == (4, 20, 1) and tree["y"].shape == (4, 20, 59)
    assert 4 not in tree["obs_id"].to_numpy() and tree["ymis_row"].to_numpy().tolist() == [4]


def test_the_block_of_a_factor_has_all_its_groups_of_levels() -> None:
    model = slopes()
    first = model.factors[0]
    own = tuple(replace(term, group=group) for group in ("zA", "zB") for term in first.terms)
    by = replace(first, by="z", groups=("zA", "zB"), group=np.array([0, 1, 0], dtype=np.int32), terms=own)
    model = replace(model, factors=(by,))
    made = draws(model, kept=3)
    whole = log_prior.blocks(made, outline(model), model)["sd[province]"]
    columns = [made.hyper_names.index(f"sd_province__{column}:{group}") for group in ("zA", "zB") for column in ("Intercept", "x")]
    expected = sum(densities.log_prior_sd(fabricated.HALF_T, made.hyper[2, 1, k]) for k in columns)
    assert whole[2, 1] == pytest.approx(expected, rel=1e-12) and further.possible(model) == STORED
