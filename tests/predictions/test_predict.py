"""Predictions beside algebra by hand, brute force over new levels, and quadrature: every family, every kind, every average."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from gibbs.errors import DataError, SpecError
from gibbs.posterior.fit import Fit
from gibbs.predictions import predict as predictions
from gibbs.predictions.predict import Predictor, cholesky
from tests.posterior import built
from tests.posterior.built import flat

NEW = pd.DataFrame(
    {"x": [0.5, -1.0, 3.0], "b": [1, 0, 1], "g": ["g2", "g5", "g2"], "year": [2001, 2000, 2002], "n": [4, 6, 5], "se": [0.1, 2.0, 0.3]}
)
FORMULAS = {
    "gaussian": "y ~ x + (1 + b | g) + (1 | year)",
    "student": "y ~ x + (1 + b | g) + (1 | year)",
    "logit": "bin ~ x + (1 + b | g) + (1 | year)",
    "probit": "bin ~ x + (1 + b | g) + (1 | year)",
    "binomial": "s | trials(n) ~ x + (1 + b | g) + (1 | year)",
    "poisson": "count ~ x + (1 + b | g) + (1 | year)",
    "negative_binomial": "count ~ x + (1 + b | g) + (1 | year)",
    "ordinal": "grade ~ x + (1 + b | g) + (1 | year)",
}
LINKS = {"binomial": ("logit", "probit", "cloglog"), "ordinal": ("logit", "probit")}
CASES = [(family, link) for family in FORMULAS for link in LINKS.get(family, ("",))]
INVERSE = {
    "logit": special.expit,
    "probit": special.ndtr,
    "cloglog": lambda x: 1.0 - np.exp(-np.exp(x)),
    "identity": lambda x: x,
    "log": np.exp,
}


def fit_of(family: str, link: str = "", **keys) -> Fit:  # type: ignore[no-untyped-def]
    return built.fit(FORMULAS[family], family=family, **({"link": link} if link else {}), **keys)


def fixed_part(fit: Fit, row: pd.Series) -> np.ndarray:
    """x'β (S,) from the coefficients by name."""
    intercept = flat(fit, "b_Intercept") if "Intercept" in fit.outline.coefficients else 0.0
    return intercept + flat(fit, "b_x") * row.x


def by_hand(fit: Fit, row: pd.Series) -> np.ndarray:
    """η (S,) of a row of known groups."""
    return (
        fixed_part(fit, row)
        + flat(fit, f"r_g[{row.g},Intercept]")
        + flat(fit, f"r_g[{row.g},b]") * row.b
        + flat(fit, f"r_year[{row.year},Intercept]")
    )


def mean_outcome(fit: Fit, eta: np.ndarray, link: str) -> np.ndarray:
    """E(y | η): (S,), of an ordinal outcome (S, C)."""
    if fit.family != "ordinal":
        return INVERSE[link](eta)
    cut = np.stack([flat(fit, f"b_Intercept[{k}]") for k in (1, 2, 3)], axis=1)
    below = np.column_stack((np.zeros(len(cut)), INVERSE[link](cut - eta[:, None]), np.ones(len(cut))))
    return np.diff(below, axis=1)


def link_of(family: str, link: str) -> str:
    defaults = {"gaussian": "identity", "student": "identity", "poisson": "log", "negative_binomial": "log", "ordinal": "logit"}
    return link or defaults.get(family, "probit" if family == "probit" else "logit")


def variance(fit: Fit, row: pd.Series) -> np.ndarray:
    """z'Σz of both factors, (S,)."""
    a, b, rho = flat(fit, "sd_g__Intercept"), flat(fit, "sd_g__b"), flat(fit, "cor_g__Intercept__b")
    return a**2 + 2 * rho * a * b * row.b + (b * row.b) ** 2 + flat(fit, "sd_year__Intercept") ** 2


# ------------------------------------------------------------------------------------------------------- known groups


@pytest.mark.parametrize(("family", "link"), CASES)
def test_linear_and_expected_of_known_groups(family: str, link: str) -> None:
    fit = fit_of(family, link)
    linear, expected = (fit.predict(NEW, kind=kind, draws=True) for kind in ("linear", "expected"))
    assert linear.shape == (400, 3)
    for i, row in NEW.iterrows():
        eta = by_hand(fit, row)
        np.testing.assert_allclose(linear[:, i], eta, atol=1e-12)
        np.testing.assert_allclose(expected[:, i], mean_outcome(fit, eta, link_of(family, link)), rtol=1e-10, atol=1e-14)


def test_the_table_is_of_the_draws() -> None:
    fit = fit_of("poisson")
    draws = fit.predict(NEW, draws=True)
    table = fit.predict(NEW.set_index(pd.Index(["a", "b", "c"])), probabilities=(0.1, 0.5))
    assert list(table.columns) == ["mean", "sd", "q10", "q50"] and list(table.index) == ["a", "b", "c"]
    np.testing.assert_allclose(table["mean"], draws.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(table["sd"], draws.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(table["q10"], np.quantile(draws, 0.1, axis=0), rtol=1e-12)


def test_an_ordinal_table_has_a_row_for_each_category() -> None:
    fit = fit_of("ordinal")
    table, draws = fit.predict(NEW), fit.predict(NEW, draws=True)
    assert list(table["category"]) == ["1", "2", "3", "4"] * 3 and list(table.index) == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_allclose(table["mean"], draws.mean(axis=0).ravel(), rtol=1e-12)
    np.testing.assert_allclose(table["mean"].groupby(level=0).sum(), 1.0, rtol=1e-12)


def test_rows_of_the_fit_where_no_new_data_are_given() -> None:
    frame = built.table()
    fit = built.fit("y ~ x + offset(n) + (1 + b | g) + (1 | year)", frame)
    np.testing.assert_allclose(fit.predict(draws=True), fit.predict(frame, draws=True), rtol=1e-12)
    assert fit.predict().index.name == "row" and list(fit.predict().index) == list(range(1, 61))
    np.testing.assert_allclose(fit.predict(draws=True)[:, 4], by_hand(fit, frame.loc[4]) + frame.n[4], rtol=1e-12)


def test_a_loaded_run_predicts_the_same(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import gibbs

    frame = built.table()
    fit = built.fit(FORMULAS["logit"], frame, "logit")
    folder = fit.save(tmp_path / "run")
    after = gibbs.load(folder, frame)
    unseen = NEW.assign(g="new")
    for which in ("known", "population"):
        pd.testing.assert_frame_equal(after.predict(NEW, which), fit.predict(NEW, which))
    pd.testing.assert_frame_equal(after.predict(unseen, "new", kind="outcome"), fit.predict(unseen, "new", kind="outcome"))


def test_rows_in_blocks_are_the_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_of("ordinal")
    frame = pd.concat([NEW, NEW.assign(g="g9"), NEW.assign(g="g8")], ignore_index=True)
    whole = {which: fit.predict(frame, which, draws=True) for which in ("new", "population")}
    monkeypatch.setattr(predictions, "BLOCK", 400 * 4 * 2)
    for which, expected in whole.items():
        np.testing.assert_allclose(fit.predict(frame, which, draws=True), expected, rtol=1e-9)


def test_fewer_draws_are_some_of_all() -> None:
    fit = fit_of("probit")
    unseen = NEW.assign(g="nobody")
    whole, some = fit.predict(unseen, "new", draws=True), fit.predict(unseen, "new", draws=True, max_draws=40)
    assert some.shape == (40, 3)
    place = [int(np.flatnonzero((whole == row).all(axis=1))[0]) for row in some]
    assert place == sorted(place) and place[0] == 0 and place[-1] == 399


# ---------------------------------------------------------------------------------------------------------- new groups


def test_a_new_level_is_drawn_from_its_prior_once_a_draw() -> None:
    """u = L z: its sds and correlation are those of each draw, so u scaled by them is standard normal; 4,000 draws.

    Thresholds 4.4 standard errors (1 in 10⁵ each): mean 1/√S, variance √(2/S), correlation 1/√S.
    """
    fit = built.fit("y ~ x + (1 + b | g)", kept=1000)
    frame = pd.DataFrame({"x": [0.0, 0.0, 1.0], "b": [0, 1, 1], "g": ["new"] * 3})
    linear = fit.predict(frame, "new group", kind="linear", draws=True)
    fixed = np.stack([flat(fit, "b_Intercept") + flat(fit, "b_x") * x for x in frame.x], axis=1)
    effects = linear - fixed
    np.testing.assert_allclose(effects[:, 1], effects[:, 2], atol=1e-12)  # the same level in every row
    first, second = effects[:, 0] / flat(fit, "sd_g__Intercept"), (effects[:, 1] - effects[:, 0]) / flat(fit, "sd_g__b")
    rho = flat(fit, "cor_g__Intercept__b")
    rest = (second - rho * first) / np.sqrt(1 - rho**2)
    for z in (first, rest):
        assert abs(z.mean()) < 4.4 / np.sqrt(4000) and abs(z.var() - 1) < 4.4 * np.sqrt(2 / 4000)
        assert stats.kstest(z, "norm").pvalue > 1e-5
    assert abs(np.corrcoef(first, rest)[0, 1]) < 4.4 / np.sqrt(4000)
    lagged = np.corrcoef(first[1:], first[:-1])[0, 1]
    assert abs(lagged) < 4.4 / np.sqrt(4000)


def test_new_levels_by_label() -> None:
    """The same label is the same level wherever it stands; other labels, factors and seeds have effects of their own."""
    fit = built.fit("y ~ 1 + (1 | g) + (1 | year)")
    frame = pd.DataFrame({"g": ["u", "v", "u", "g1"], "year": [2000, 2000, 2000, 2000]})
    linear = fit.predict(frame, "new", kind="linear", draws=True)
    np.testing.assert_array_equal(linear[:, 0], linear[:, 2])
    assert abs(np.corrcoef(linear[:, 0], linear[:, 1])[0, 1]) < 0.9
    known = flat(fit, "b_Intercept") + flat(fit, "r_g[g1,Intercept]") + flat(fit, "r_year[2000,Intercept]")
    np.testing.assert_allclose(linear[:, 3], known, rtol=1e-13)
    alone = fit.predict(frame.iloc[[2]], "new", kind="linear", draws=True)
    np.testing.assert_allclose(alone[:, 0], linear[:, 0], rtol=1e-12)
    allowed = fit.predict(frame, allow_new=True, kind="linear", draws=True)
    np.testing.assert_array_equal(allowed, linear)
    other_seed = fit.predict(frame, "new", kind="linear", draws=True, seed=1)
    assert not np.allclose(other_seed[:, 0], linear[:, 0]) and np.allclose(other_seed[:, 3], linear[:, 3])
    same_word = fit.predict(pd.DataFrame({"g": ["3000"], "year": [3000]}), "new", kind="linear", draws=True)[:, 0]
    parts = [
        fit.predict(pd.DataFrame({"g": ["3000"], "year": [3000]}), {"g": a, "year": b}, kind="linear", draws=True)[:, 0]
        for a, b in (("new", "typical"), ("typical", "new"))
    ]
    np.testing.assert_allclose(same_word, sum(parts) - flat(fit, "b_Intercept"), rtol=1e-9, atol=1e-12)
    assert not np.allclose(parts[0], parts[1])


def test_all_new_groups_leave_the_known_effects_alone() -> None:
    fit = built.fit("y ~ 1 + (1 | g)")
    frame = pd.DataFrame({"g": ["g1", "g2", "g1"]})
    drawn = fit.predict(frame, "all new groups", kind="linear", draws=True)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    known = fit.predict(frame, kind="linear", draws=True)
    assert not np.allclose(drawn, known)
    data = fit.predict(groups="all new groups", kind="linear", draws=True)
    np.testing.assert_array_equal(data[:, 0], data[:, 5])  # rows 1 and 6 are of g1
    np.testing.assert_allclose(data[:, 0], drawn[:, 0], rtol=1e-12)


@pytest.mark.parametrize("rho", [0.0, 1.0, -1.0])
def test_the_root_of_a_covariance(rho: float) -> None:
    """LL' = Σ, singular ones too (an sd of 0, a correlation of ±1)."""
    sds = np.array([[1.0, 2.0, 0.5], [0.0, 2.0, 1.0], [1e-8, 1e3, 1.0]])
    R = np.array([[1, rho, 0.3], [rho, 1, 0.3 * rho], [0.3, 0.3 * rho, 1]])
    sigma = sds[:, :, None] * R * sds[:, None, :]
    L = cholesky(sigma)
    np.testing.assert_allclose(L @ np.swapaxes(L, 1, 2), sigma, rtol=1e-9, atol=1e-12)
    assert (np.triu(L, 1) == 0).all()


# ---------------------------------------------------------------------------------------------------- population average


@pytest.mark.parametrize(("family", "link"), CASES)
def test_the_population_average_is_the_mean_over_new_levels(family: str, link: str) -> None:
    """Gauss–Hermite with 180 nodes (numpy's) over z'u ~ N(0, v), row by row and draw by draw."""
    fit = fit_of(family, link, kept=5)
    found = fit.predict(NEW, "population average", draws=True)
    nodes, weights = np.polynomial.hermite_e.hermegauss(180)
    for i, row in NEW.iterrows():
        eta, sd = fixed_part(fit, row), np.sqrt(variance(fit, row))
        means = [w * mean_outcome(fit, eta + sd * z, link_of(family, link)) for z, w in zip(nodes, weights, strict=True)]
        np.testing.assert_allclose(found[:, i], np.sum(means, axis=0) / np.sqrt(2 * np.pi), rtol=2e-6, atol=1e-8)


def test_the_population_average_by_brute_force() -> None:
    """400 new groups, each with 400 draws that share one Σ: the mean over all of Φ(η + u) is the average that integrates them out."""
    fit = built.fit("bin ~ 1 + (1 + x | g)", family="probit", values={"sd_g__Intercept": 0.8, "sd_g__x": 0.4, "cor_g__Intercept__x": -0.5})
    frame = pd.DataFrame({"x": 1.5, "g": [f"new {k}" for k in range(400)]})
    each = fit.predict(frame, "new group", draws=True)
    average = fit.predict(frame.iloc[:1], "population average", draws=True)[:, 0]
    difference = each.mean(axis=1) - average
    error = np.sqrt(each.var(axis=1, ddof=1) / 400)
    z = difference / error
    assert abs(z.mean()) < 4.4 / np.sqrt(400) and 0.6 < z.var() < 1.5


def test_one_factor_averaged_and_another_known() -> None:
    fit = fit_of("logit", kept=5)
    found = fit.predict(NEW, {"year": "population"}, draws=True)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    row = NEW.loc[0]
    eta = by_hand(fit, row) - flat(fit, "r_year[2001,Intercept]")
    sd = flat(fit, "sd_year__Intercept")
    exact = (special.expit(eta[:, None] + sd[:, None] * nodes) @ weights) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(found[:, 0], exact, rtol=1e-8)


def test_linear_predictors_of_averages() -> None:
    fit = fit_of("probit")
    for which in ("population average", "typical group"):
        linear = fit.predict(NEW, which, kind="linear", draws=True)
        np.testing.assert_allclose(linear[:, 1], fixed_part(fit, NEW.loc[1]), rtol=1e-12)
    typical = fit.predict(NEW, "typical group", draws=True)
    np.testing.assert_allclose(typical[:, 1], special.ndtr(fixed_part(fit, NEW.loc[1])), rtol=1e-12)


def test_models_without_groups_or_without_predictors() -> None:
    plain = built.fit("bin ~ x", family="logit")
    for which in ("known", "new group", "all new", "population", "typical"):
        found = plain.predict(NEW[["x"]], which, draws=True)
        np.testing.assert_allclose(found[:, 2], special.expit(fixed_part(plain, NEW.loc[2])), rtol=1e-12)
    cutpoints = built.fit("grade ~ 1", family="ordinal")
    found = cutpoints.predict(pd.DataFrame({"anything": [1, 2]}), draws=True)
    np.testing.assert_allclose(found[:, 1], mean_outcome(cutpoints, np.zeros(400), "logit"), rtol=1e-10)


def test_factors_of_known_and_new_levels_cross() -> None:
    """A known year keeps its effect beside a group that is new."""
    fit = built.fit("y ~ 1 + (1 | g) + (1 | year)")
    frame = pd.DataFrame({"g": ["new", "new"], "year": [2000, 2001]})
    linear = fit.predict(frame, "new", kind="linear", draws=True)
    np.testing.assert_allclose(
        linear[:, 1] - linear[:, 0], flat(fit, "r_year[2001,Intercept]") - flat(fit, "r_year[2000,Intercept]"), rtol=1e-9, atol=1e-12
    )


# -------------------------------------------------------------------------------------------------------- new outcomes


@pytest.mark.parametrize(("family", "link"), CASES)
def test_outcomes_have_their_law(family: str, link: str) -> None:
    """Mean and variance of y about E(y | draw), over 4,000 draws of one row: 4.9 standard errors of each (1 in 10⁶)."""
    fit = fit_of(family, link, kept=1000, values={"nu": 12.0} if family == "student" else None)
    frame = pd.concat([NEW.iloc[[1]]] * 3)
    y = fit.predict(frame, kind="outcome", draws=True)[:, 2]
    expected = mean_outcome(fit, by_hand(fit, NEW.loc[1]), link_of(family, link))
    if family == "ordinal":
        assert set(np.unique(y)) <= {0.0, 1.0, 2.0, 3.0}
        for k in range(4):
            p = expected[:, k]
            assert abs(((y == k) - p).sum()) < 4.9 * np.sqrt((p * (1 - p)).sum())
        return
    mu = 6 * expected if family == "binomial" else expected
    spread = {
        "gaussian": lambda: flat(fit, "sigma") ** 2,
        "student": lambda: flat(fit, "sigma") ** 2 * 12 / 10,
        "poisson": lambda: mu,
        "negative_binomial": lambda: mu + mu**2 / flat(fit, "shape"),
    }.get(family, lambda: mu * (1 - expected))()
    away = y - mu
    assert abs(away.sum()) < 4.9 * np.sqrt(spread.sum())
    beyond = away**2 - spread
    assert abs(beyond.sum()) < 4.9 * np.sqrt((beyond**2).sum())


def test_outcomes_about_known_standard_errors_and_of_given_trials() -> None:
    fit = built.fit("y | se(se) ~ x + (1 + b | g) + (1 | year)", kept=1000)
    y = fit.predict(NEW, kind="outcome", draws=True)
    for i, row in NEW.iterrows():
        z = (y[:, i] - by_hand(fit, row)) / row.se
        assert stats.kstest(z, "norm").pvalue > 1e-5
    counts = fit_of("binomial").predict(NEW.drop(columns="n"), kind="outcome", trials=[1, 50, 0], draws=True)
    assert counts[:, 0].max() == 1 and 1 < counts[:, 1].max() <= 50 and (counts[:, 2] == 0).all()


def test_outcomes_of_the_population_have_the_variance_of_the_groups() -> None:
    """gaussian: y ~ N(x'β, v + σ²), a level of its own for every row."""
    fit = fit_of("gaussian", kept=1000)
    y = fit.predict(NEW, "population average", kind="outcome", draws=True)
    z = []
    for i, row in NEW.iterrows():
        z.append((y[:, i] - fixed_part(fit, row)) / np.sqrt(variance(fit, row) + flat(fit, "sigma") ** 2))
        assert stats.kstest(z[-1], "norm").pvalue > 1e-5
    assert abs(np.corrcoef(z[0], z[2])[0, 1]) < 4.4 / np.sqrt(4000)


def test_outcomes_are_the_same_again() -> None:
    fit = fit_of("poisson")
    first = fit.predict(NEW, kind="outcome", draws=True)
    np.testing.assert_array_equal(first, fit.predict(NEW, kind="outcome", draws=True))
    assert (first != fit.predict(NEW, kind="outcome", draws=True, seed=5)).any()
    np.testing.assert_array_equal(fit.predict(NEW, kind="outcome", draws=True, seed=2012), first)


# ------------------------------------------------------------------------------------------------------------- refused


def test_the_word_for_is_taken() -> None:
    fit = fit_of("logit")
    expected = fit.predict(NEW, "population average")
    for given in ({"for": "population average"}, {"for_": "population"}, {"groups": "population"}):
        pd.testing.assert_frame_equal(fit.predict(NEW, **given), expected)
    with pytest.raises(SpecError, match="same thing"):
        fit.predict(NEW, "known", **{"for": "new"})
    with pytest.raises(TypeError, match="no argument 'fro'"):
        fit.predict(NEW, fro="known")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "outcomes"}, "Did you mean 'outcome'"),
        ({"groups": "averages"}, "population average"),
        ({"probabilities": (0.5, 95)}, "between 0 and 1"),
        ({"seed": -1}, "whole number"),
        ({"max_draws": 0}, "at least 1"),
        ({"newdata": None, "trials": 3}, "trials are of new data"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fit_of("logit").predict(**{"newdata": NEW, **arguments})


def test_unknown_groups_are_named() -> None:
    with pytest.raises(DataError, match=r"'g55', did you mean 'g5'|'g55' in row 2"):
        fit_of("logit").predict(NEW.assign(g=["g1", "g55", "g2"]))


def test_predictor_refuses_kinds() -> None:
    fit = fit_of("logit")
    with pytest.raises(SpecError):
        Predictor(fit, predictions.newdata.of_fit(fit), "mean")
