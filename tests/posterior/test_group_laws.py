"""Student-t effects and covariances by groups of levels, as posterior/ tells of them: variances, new levels, averages, names.

Draws are fabricated; expected values are loops by hand, laws of scipy, and adaptive quadrature.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from gibbs.criticism import explained, marginal
from gibbs.draws import names, outline
from gibbs.errors import DataError, SpecError
from gibbs.model.records import Prior
from gibbs.plots import priors
from gibbs.posterior import variances
from gibbs.posterior.fit import Fit
from gibbs.predictions import newdata
from gibbs.predictions.population import expected
from gibbs.predictions.predict import Predictor
from gibbs.summaries import display, sheets
from tests.posterior import built
from tests.posterior.built import flat

EXACT = 1e-5
"""p-values below this fail; seeds are fixed."""
BOTH = 'gr(g, by = t, dist = "student")'


def table() -> pd.DataFrame:
    """``built.table`` with t, A or B, constant within the levels of g."""
    frame = built.table()
    return frame.assign(t=np.where(frame["g"].isin(["g1", "g4"]), "A", "B"))


def fit_of(formula: str = f"y ~ x + (1 + b | {BOTH}) + (1 | year)", family: str = "gaussian", **keys: object) -> Fit:
    return built.fit(formula, table(), family, **keys)


def scale_matrix(fit: Fit, group: str, columns: tuple[str, ...] = ("Intercept", "b")) -> np.ndarray:
    """Σ of one group of g, (S, q, q), from the parameters by their names."""
    sd = np.stack([flat(fit, f"sd_g__{c}:{group}") for c in columns], axis=1)
    sigma = sd[:, :, None] * sd[:, None, :]
    rho = flat(fit, f"cor_g__Intercept:{group}__b:{group}")
    sigma[:, 0, 1] *= rho
    sigma[:, 1, 0] *= rho
    return sigma


# ----------------------------------------------------------------------------------------------------------- variances


def test_a_covariance_for_each_group() -> None:
    fit = fit_of()
    g, year = fit.outline.factors
    found = variances.covariances(fit.arrays, fit.outline, g)
    assert found.shape == (4, 100, 2, 2, 2)
    for k, group in enumerate(("tA", "tB")):
        np.testing.assert_allclose(found[:, :, k].reshape(-1, 2, 2), scale_matrix(fit, group), rtol=1e-12)
    np.testing.assert_array_equal(
        variances.covariances(fit.arrays, fit.outline, year)[:, :, 0], variances.covariance(fit.arrays, fit.outline, year)
    )


def by_rows(fit: Fit, df: np.ndarray) -> np.ndarray:
    """The mean over the rows of z'Σz df/(df − 2), (S,), infinite where df ≤ 2: a loop."""
    model = fit.design.factors[0]
    total = np.zeros(len(df))
    for i in range(len(fit.design.y)):
        sigma = scale_matrix(fit, model.groups[model.group[model.codes[i]]])
        for s in range(len(df)):
            z = model.Z[i]
            total[s] += z @ sigma[s] @ z / len(fit.design.y)
    return np.array([v * d / (d - 2) if d > 2 else np.inf for v, d in zip(total, df, strict=True)])


def test_the_variance_of_effects_is_averaged_over_the_rows_of_their_group() -> None:
    df = np.linspace(1.5, 9.0, 40).reshape(4, 10)
    fit = fit_of(kept=10, values={"df_g": df})
    found = variances.effect_variance(fit.arrays, fit.outline, fit.outline.factors[0]).reshape(-1)
    np.testing.assert_allclose(found, by_rows(fit, df.reshape(-1)), rtol=1e-10)
    assert np.isinf(found).sum() == (df <= 2).sum() > 0


def test_shares_of_the_variance_by_hand() -> None:
    """Where the effects have no variance, df ≤ 2, theirs is the whole of it; else z'Σz df/(df − 2) beside the others."""
    df = np.linspace(1.5, 9.0, 40).reshape(4, 10)
    fit = fit_of(kept=10, values={"df_g": df})
    heavy, year, residual = by_rows(fit, df.reshape(-1)), flat(fit, "sd_year__Intercept") ** 2, flat(fit, "sigma") ** 2
    shares = np.where(np.isinf(heavy), 1.0, 0.0)
    finite = ~np.isinf(heavy)
    shares[finite] = heavy[finite] / (heavy + year + residual)[finite]
    others = np.where(finite, year / (heavy + year + residual), 0.0)
    found = fit.variance_shares()
    assert found.loc["g", "share"] == pytest.approx(shares.mean()) and found.loc["year", "share"] == pytest.approx(others.mean())
    assert np.isinf(found.loc["g", "variance"]) and found["share"].sum() == pytest.approx(1.0)


def test_two_parts_without_a_variance_have_half_each() -> None:
    fit = fit_of('y ~ x + (1 | gr(g, dist = "student"))', "student", kept=5, values={"df_g": 1.5, "nu": 1.2})
    assert fit.variance_shares()["share"].tolist() == [0.5, 0.5]


def test_varcorr_has_the_scales_of_every_group() -> None:
    fit = fit_of()
    found = variances.varcorr(fit.arrays, fit.outline)
    assert found["grp"].tolist() == ["g:tA"] * 3 + ["g:tB"] * 3 + ["year", "Residual"]
    sd, rho = flat(fit, "sd_g__b:tB"), flat(fit, "cor_g__Intercept:tB__b:tB")
    row = found.iloc[4]
    assert row["var1"] == "b" and row["vcov"] == pytest.approx((sd**2).mean()) and row["sdcor"] == pytest.approx(sd.mean())
    assert found.iloc[5]["vcov"] == pytest.approx((rho * sd * flat(fit, "sd_g__Intercept:tB")).mean())
    independent = variances.varcorr(*((f := fit_of("y ~ x + (1 + b || gr(g, by = t))")).arrays, f.outline))
    assert independent["grp"].tolist() == ["g:tA", "g:tA.1", "g:tB", "g:tB.1", "Residual"]


def test_variances_at_rows() -> None:
    fit = fit_of(kept=10, values={"df_g": 5.0})
    place, pick = np.array([0, 3, 17, 40]), np.array([2, 31])
    found = explained.effect_variances(fit.arrays, fit.outline, fit.design, place, pick)
    model = fit.design.factors[0]
    for a, s in enumerate(pick):
        for b, i in enumerate(place):
            sigma = scale_matrix(fit, "tA" if model.levels[model.codes[i]] in ("g1", "g4") else "tB")[s]
            assert found[0][a, b] == pytest.approx(model.Z[i] @ sigma @ model.Z[i] * 5.0 / 3.0)
            assert found[1][a, b] == pytest.approx(flat(fit, "sd_year__Intercept")[s] ** 2)


def test_r2_of_student_effects() -> None:
    """Of a linear model the marginal R² needs the variance alone: by hand. On other scales there is the conditional one."""
    fit = fit_of('y ~ x + (1 | gr(g, dist = "student"))', kept=10, values={"df_g": 4.0})
    fixed = np.outer(flat(fit, "b_Intercept"), np.ones(60)) + np.outer(flat(fit, "b_x"), table()["x"])
    left = flat(fit, "sigma") ** 2 + 2.0 * flat(fit, "sd_g__Intercept") ** 2
    by_hand = fixed.var(axis=1, ddof=1) / (fixed.var(axis=1, ddof=1) + left)
    assert fit.r2().loc["marginal", "mean"] == pytest.approx(by_hand.mean())
    logit = fit_of('bin ~ x + (1 | gr(g, dist = "student"))', "logit", kept=10, values={"df_g": 4.0})
    plain = fit_of("bin ~ x + (1 | g)", "logit", kept=10)
    plain = replace_arrays(plain, logit)
    assert logit.r2().index.tolist() == ["conditional"]
    assert logit.r2().loc["conditional", "mean"] == pytest.approx(plain.r2().loc["conditional", "mean"])


def replace_arrays(fit: Fit, other: Fit) -> Fit:
    """``fit`` with the coefficients and effects of another."""
    arrays = replace(fit.arrays, beta=other.arrays.beta, u=other.arrays.u)
    return Fit(fit.spec, fit.design, arrays, plan=fit.plan, table=None)


@pytest.mark.parametrize(("family", "outcome"), [("poisson", "count"), ("logit", "bin")])
def test_shares_of_the_outcome_itself_are_refused(family: str, outcome: str) -> None:
    fit = fit_of(f'{outcome} ~ x + (1 | gr(g, dist = "student"))', family, kept=5)
    with pytest.raises(SpecError, match="averages over the effects of g, which are Student-t"):
        fit.variance_shares(scale="observed")
    if family == "poisson":
        with pytest.raises(SpecError, match="mean count averages over the effects of g, which are Student-t"):
            fit.variance_shares()
    by = fit_of(f"{outcome} ~ x + (1 | gr(g, by = t))", family, kept=5)
    assert by.variance_shares(scale="observed")["share"].sum() == pytest.approx(1.0)


def test_integrating_levels_out_is_refused() -> None:
    fit = fit_of('y ~ x + (1 | gr(g, dist = "student")) + (1 | gr(g:year, by = t))')
    with pytest.raises(SpecError, match="the effects of g are Student-t; integrating them out is available for normal effects"):
        marginal.levels_of(fit.outline, fit.design, "g")
    with pytest.raises(SpecError, match="the effects of g:year have covariances that differ by t"):
        marginal.levels_of(fit.outline, fit.design, "g:year")


# ----------------------------------------------------------------------------------------------------------- new levels


NEW = pd.DataFrame({"x": 0.0, "b": [0, 1, 1, 0], "g": ["g7", "g1", "g8", "g7"], "year": 2001, "t": ["A", "A", "B", "A"]})


def test_groups_of_new_levels() -> None:
    g = newdata.read(fit_of(), NEW, "new groups").factors[0]
    assert g.new == ("g7", "g8") and g.new_groups.tolist() == [0, 1] and g.codes.tolist() == [-1, 0, -2, -1]
    everything = newdata.read(fit_of(), NEW, "all new").factors[0]
    assert everything.new == ("g7", "g1", "g8") and everything.new_groups.tolist() == [0, 0, 1]
    averaged = newdata.read(fit_of(), NEW, "population").factors[0]
    assert averaged.codes is None and averaged.group.tolist() == [0, 0, 1, 0]
    typical = newdata.read(fit_of(), NEW.drop(columns="t"), "typical").factors[0]
    assert typical.Z is None and typical.group is None
    known = newdata.read(fit_of(), NEW.drop(columns="t").assign(g="g2")).factors[0]
    assert known.new_groups is None and known.codes.tolist() == [1] * 4


def test_rows_of_the_fit_as_new_groups_and_averages() -> None:
    fit = fit_of()
    model = fit.design.factors[0]
    again = newdata.of_fit(fit, "all new").factors[0]
    assert again.new == model.levels and again.new_groups.tolist() == model.group.tolist()
    np.testing.assert_array_equal(newdata.of_fit(fit, "population").factors[0].group, model.group[model.codes])


@pytest.mark.parametrize(
    ("changes", "mode", "says"),
    [
        ({"t": None}, "new", "t"),
        ({"t": ["A", "A", "C", "A"]}, "new", "the fit has not seen the value 'C' (row 3); it has A, B"),
        ({"t": ["A", "A", "a", "A"]}, "population", "the fit has not seen the value 'a'"),
        ({"t": ["A", "A", "B", "B"]}, "new", "the new level 'g7' of g has more than one value (rows 1 and 4)"),
    ],
)
def test_groups_of_new_levels_that_cannot_be(changes: dict, mode: str, says: str) -> None:
    frame = NEW.drop(columns="t") if changes["t"] is None else NEW.assign(**changes)
    with pytest.raises(DataError) as caught:
        newdata.read(fit_of(), frame, mode)
    assert says in str(caught.value) and "'t'" in str(caught.value)


def test_new_levels_are_student_with_the_scales_of_their_group() -> None:
    """u ~ t_3(0, Σ) in the group's Σ: every column a t, and u'Σ⁻¹u/q an F(q, 3), which sees that columns share a multiplier."""
    sds = {"sd_g__Intercept:tA": 0.5, "sd_g__b:tA": 2.0, "sd_g__Intercept:tB": 3.0, "sd_g__b:tB": 0.1}
    rho = {"cor_g__Intercept:tA__b:tA": -0.6, "cor_g__Intercept:tB__b:tB": 0.3}
    fit = fit_of(kept=1500, values={"df_g": 3.0, **sds, **rho})
    predictor = Predictor(fit, newdata.read(fit, NEW, "new"), "linear")
    for k, group in enumerate(("tA", "tB")):
        u = predictor.effects(0, -1 - k).T
        for a, column in enumerate(("Intercept", "b")):
            assert stats.kstest(u[:, a] / sds[f"sd_g__{column}:{group}"], stats.t(3.0).cdf).pvalue > EXACT
        sigma = scale_matrix(fit, group)[0]
        distance = np.einsum("sa,ab,sb->s", u, np.linalg.inv(sigma), u)
        assert stats.kstest(distance / 2.0, stats.f(2, 3.0).cdf).pvalue > EXACT
    linear = fit.predict(NEW, "new", kind="linear", draws=True)
    beta, year = fit.arrays.beta.reshape(-1, 2), flat(fit, "r_year[2001,Intercept]")
    at = beta[:, 0] + year
    np.testing.assert_allclose(linear[:, 2], at + predictor.effects(0, -2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(linear[:, 0], linear[:, 3], rtol=1e-12)


def test_normal_new_levels_by_groups() -> None:
    fit = fit_of("y ~ x + (1 | gr(g, by = t))", kept=1500, values={"sd_g__Intercept:tA": 0.5, "sd_g__Intercept:tB": 3.0})
    predictor = Predictor(fit, newdata.read(fit, NEW, "new"), "linear")
    for k, sd in enumerate((0.5, 3.0)):
        assert stats.kstest(predictor.effects(0, -1 - k)[0], stats.norm(0, sd).cdf).pvalue > EXACT


def test_outcomes_of_the_population_have_student_tails() -> None:
    """y − x'β with sigma near nothing: t_df, scaled by √z'Σz of the row's group."""
    values = {"df_g": 2.5, "sd_g__Intercept:tA": 0.5, "sd_g__Intercept:tB": 3.0, "sigma": 1e-9}
    fit = fit_of(f"y ~ x + (1 | {BOTH})", kept=1500, values=values)
    y = fit.predict(NEW, "population average", kind="outcome", draws=True) - fit.arrays.beta.reshape(-1, 2)[:, :1]
    for i, sd in ((0, 0.5), (2, 3.0)):
        assert stats.kstest(y[:, i] / sd, stats.t(2.5).cdf).pvalue > EXACT


# -------------------------------------------------------------------------------------------------- population averages


INVERSE: dict[str, Callable[[float], float]] = {
    "logit": special.expit,
    "probit": special.ndtr,
    "cloglog": lambda x: -np.expm1(-np.exp(np.minimum(x, 700.0))),
}
FAMILIES = {"logit": "logit", "probit": "probit", "cloglog": "binomial"}


def over_t(inverse: Callable[[float], float], eta: float, scale: float, df: float) -> float:
    """∫ F(η + s·t) f_df(t) dt, adaptive, in t = tan θ so that the tails are all there."""
    constant = math.exp(math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df)) / math.sqrt(df * math.pi)

    def integrand(theta: float) -> float:
        t = math.tan(theta)
        return float(inverse(eta + scale * t)) * constant * (1.0 + t * t / df) ** (-0.5 * (df + 1.0)) * (1.0 + t * t)

    turn = math.atan(-eta / scale)
    ends = sorted({-math.pi / 2, -1.2, turn, 0.0, 1.2, math.pi / 2})
    return sum(integrate.quad(integrand, a, b, epsabs=1e-10, epsrel=1e-10, limit=400)[0] for a, b in itertools.pairwise(ends))


@pytest.mark.parametrize("link", INVERSE)
@pytest.mark.parametrize("df", [1.2, 3.0, 30.0])
def test_averages_over_student_effects_beside_quadrature(link: str, df: float) -> None:
    etas, scales = np.array([[-4.0, -0.5, 1.5]]), np.array([[0.5, 1.0, 3.0]])
    found = expected(FAMILIES[link], etas, link=link, heavy=[(scales**2, np.array([df]))])
    exact = [over_t(INVERSE[link], e, s, df) for e, s in zip(etas[0], scales[0], strict=True)]
    np.testing.assert_allclose(found[0], exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("df", [1.2, 3.0, 30.0])
def test_student_and_normal_effects_together(df: float) -> None:
    """E Φ(η + s t + √v z) = E Φ((η + s t)/√(1 + v)); two draws with their own df beside each other."""
    v = 1.7
    found = expected("probit", [[0.4], [0.4]], [[v], [v]], link="probit", heavy=[(np.array([[1.44], [1.44]]), np.array([df, 8.0]))])
    for row, one in enumerate((df, 8.0)):
        exact = over_t(lambda x: special.ndtr(x / np.sqrt(1.0 + v)), 0.4, 1.2, one)
        assert found[row, 0] == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("df", [1.2, 3.0, 30.0])
def test_ordinal_averages_over_student_effects(link: str, df: float) -> None:
    cut, eta, scale = np.array([[-1.0, 0.3, 1.5]]), 0.4, 1.3
    found = expected("ordinal", [[eta]], link=link, cutpoints=cut, heavy=[(np.array([[scale**2]]), np.array([df]))])[0, 0]
    below = [over_t(lambda x, c=c: INVERSE[link](c - x), eta, scale, df) for c in cut[0]]
    np.testing.assert_allclose(found, np.diff([0.0, *below, 1.0]), rtol=0, atol=1e-5)


def test_a_linear_model_has_its_mean() -> None:
    assert expected("gaussian", [[0.3]], heavy=[(np.ones((1, 1)), np.array([3.0]))]).tolist() == [[0.3]]


def test_averages_by_groups_are_those_of_each_group_alone() -> None:
    fit = fit_of(f"bin ~ x + (1 | {BOTH})", "logit", kept=10, values={"df_g": 4.0})
    frame = NEW.assign(x=[0.5, -1.0, 2.0, 0.0])
    found = fit.predict(frame, "population", draws=True)
    beta = fit.arrays.beta.reshape(-1, 2)
    for i in (0, 2):
        variance = flat(fit, f"sd_g__Intercept:t{frame['t'][i]}") ** 2
        eta = (beta[:, 0] + beta[:, 1] * frame["x"][i])[:, None]
        one = expected("logit", eta, link="logit", heavy=[(variance[:, None], np.full(40, 4.0))])
        np.testing.assert_allclose(found[:, i], one[:, 0], rtol=1e-12)


def test_averages_that_do_not_exist_or_are_not_available() -> None:
    poisson = fit_of('count ~ x + (1 | gr(g, dist = "student"))', "poisson", kept=5)
    with pytest.raises(SpecError, match=r"the average of exp\(η\) over Student-t effects does not exist"):
        poisson.predict(NEW, "population")
    assert np.isfinite(poisson.predict(NEW, "new")["mean"]).all()
    two = fit_of('bin ~ x + (1 | gr(g, dist = "student")) + (1 | gr(year, dist = "student"))', "logit", kept=5)
    with pytest.raises(SpecError, match="the effects of more than one factor are Student-t"):
        two.predict(NEW, "population")
    assert two.predict(NEW, {"g": "population"})["mean"].between(0, 1).all()
    linear = fit_of('y ~ x + (1 | gr(g, dist = "student")) + (1 | gr(year, dist = "student"))', kept=5)
    assert np.isfinite(linear.predict(NEW, "population")["mean"]).all()


# --------------------------------------------------------------------------------------------------- names and the rest


def test_the_outline_survives_the_manifest() -> None:
    before = outline.outline(fit_of(priors={"df[g]": "exponential(0.2)"}).design)
    words = json.loads(json.dumps(outline.to_dict(before)))
    after = outline.from_dict(words, {f.name: f.levels for f in before.factors}, {f.name: f.sizes for f in before.factors})
    for one, other in zip(before.factors, after.factors, strict=True):
        assert (one.by, one.groups, one.own_prior, one.terms) == (other.by, other.groups, other.own_prior, other.terms)
        np.testing.assert_array_equal(one.cross_product, other.cross_product)
        np.testing.assert_array_equal(one.group, other.group)
    assert (after.factors[0].by, after.factors[0].own_prior.kind, after.factors[1].group) == ("t", "exponential", None)


def test_mean_products_of_the_groups_add_up_to_that_of_all() -> None:
    grouped, plain = fit_of(), fit_of("y ~ x + (1 + b | g) + (1 | year)")
    np.testing.assert_allclose(grouped.outline.factors[0].cross_product.sum(axis=0), plain.outline.factors[0].cross_product, rtol=1e-14)


def test_tables_have_a_line_for_every_parameter() -> None:
    fit = fit_of()
    shown = "\n".join("  ".join(row) for block in display.blocks(fit) for row in block.rows)
    for label in ("sd(Intercept:tA)", "sd(b:tB)", "cor(Intercept:tA,b:tA)", "cor(Intercept:tB,b:tB)", "df"):
        assert any(line.split("  ")[0] == label for line in shown.splitlines()), label
    part = sheets._one_record(fit, "broom", sheets.Options())
    assert set(part["group"]) >= {"g:tA", "g:tB", "g"} and "df" in part["term"].tolist()


def test_prior_panels_of_every_parameter() -> None:
    found = {one.name: one for one in priors.known(fit_of().outline)}
    assert set(found) == set(names.hyper_names(fit_of().outline))
    x = np.array([0.5, 1.5, 30.0])
    law = stats.gamma(2, scale=10.0)
    np.testing.assert_allclose(found["df_g"].density(x), np.where(x > 1, law.pdf(x) / law.sf(1.0), 0.0), rtol=1e-10)


def test_an_sd_fixed_at_zero_fixes_the_effects_of_its_group_alone() -> None:
    from gibbs.summaries import verdict

    model = fit_of("y ~ x + (1 | gr(g, by = t))").outline
    first, second = model.factors[0].terms
    model = replace(model, factors=(replace(model.factors[0], terms=(replace(first, sd_priors=(Prior("fixed", (0.0,)),)), second)),))
    labels = np.array(names.ranef_names(model), dtype=object)
    assert labels[verdict._may_be_constant(labels, model)].tolist() == ["r_g[g1,Intercept]", "r_g[g4,Intercept]"]


def test_priors_in_the_report_without_the_data() -> None:
    from gibbs.report import contents

    grids = [part for part in contents._priors(fit_of(priors={"df": "exponential(0.2)"}), None) if isinstance(part, contents.Grid)]
    rows = {row[0]: row[1] for row in grids[0].rows}
    assert rows["df[g]"] == "exponential, rate 0.2, cut off below 1" and "sd[g,Intercept:tB]" in rows


@pytest.mark.parametrize("style", ["lme4", "display"])
def test_tables_of_lme4_say_that_scales_stand_for_sds(style: str) -> None:
    from gibbs.summaries import tables

    text = tables.tables(fit_of(values={"df_g": 4.2}), style=style)
    assert "Effects of g: Student-t, df 4.2; their scales stand for standard deviations" in " ".join(text.split())
    assert "g:tA" in text and "g:tB" in text
    assert "Student-t" not in tables.tables(fit_of("y ~ x + (1 | gr(g, by = t))"), style=style)
