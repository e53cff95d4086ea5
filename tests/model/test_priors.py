"""Priors: every way of writing one, every way of getting one wrong, which key wins, and densities against scipy.stats."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from gibbs.errors import SpecError
from gibbs.model import priors as P
from gibbs.model.families import PARAMETERS
from gibbs.model.records import Prior, Spec

ALL = {
    "coefficient": P.COEFFICIENT_KINDS,
    "sd": P.SD_KINDS,
    "nu": P.NU_KINDS,
    "cor": P.CORRELATION_KINDS,
    "cov": P.COVARIANCE_KINDS,
}


def read(text: object, role: str) -> Prior:
    return P.parse(text, allowed=ALL[role], key="the key", where="m.yaml, line 9")


def book(priors: dict, family: str = "gaussian", lines: dict | None = None) -> P.PriorBook:
    return P.PriorBook(Spec(formula="y ~ x + (1 + x | g)", family=family, priors=priors, lines=lines or {}))


# ------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("text", "role", "kind", "args"),
    [
        ("normal(0, 10)", "coefficient", "normal", (0.0, 10.0)),
        ("  Normal( -1.5 ,2e-3 ) ", "coefficient", "normal", (-1.5, 0.002)),
        ("normal(mean=0, sd=10)", "coefficient", "normal", (0.0, 10.0)),
        ("normal(sd = 10, mean = 0)", "coefficient", "normal", (0.0, 10.0)),
        ("normal(0, sd=10)", "coefficient", "normal", (0.0, 10.0)),
        ("normal(mu=1, sigma=2)", "coefficient", "normal", (1.0, 2.0)),
        ("normal(location=1, scale=2)", "coefficient", "normal", (1.0, 2.0)),
        ("student_t(3, 0, 2.5)", "coefficient", "student_t", (3.0, 0.0, 2.5)),
        ("student_t(nu=3, mu=0, sigma=2.5)", "coefficient", "student_t", (3.0, 0.0, 2.5)),
        ("t(7, .5, 1E1)", "coefficient", "student_t", (7.0, 0.5, 10.0)),
        ("cauchy(0, 2.5)", "coefficient", "cauchy", (0.0, 2.5)),
        ("flat", "coefficient", "flat", ()),
        ("flat()", "coefficient", "flat", ()),
        ("half_t(3, 0, 2.5)", "sd", "half_t", (3.0, 0.0, 2.5)),
        ("half_t(3, 2.5)", "sd", "half_t", (3.0, 0.0, 2.5)),
        ("half-t(df=3, scale=2.5)", "sd", "half_t", (3.0, 0.0, 2.5)),
        ("half_normal(1.5)", "sd", "half_normal", (0.0, 1.5)),
        ("half_normal(0, 1.5)", "sd", "half_normal", (0.0, 1.5)),
        ("half_normal(sd=1.5)", "sd", "half_normal", (0.0, 1.5)),
        ("half_cauchy(5)", "sd", "half_cauchy", (0.0, 5.0)),
        ("half_cauchy(0, 5)", "sd", "half_cauchy", (0.0, 5.0)),
        ("half_cauchy(scale=5)", "sd", "half_cauchy", (0.0, 5.0)),
        ("exponential(1)", "sd", "exponential", (1.0,)),
        ("uniform(0, 100)", "sd", "uniform", (0.0, 100.0)),
        ("inverse_gamma(0.001, 0.001)", "sd", "inverse_gamma", (0.001, 0.001)),
        ("gamma(2, 0.5)", "sd", "gamma", (2.0, 0.5)),
        ("gamma(shape=2, rate=0.5)", "sd", "gamma", (2.0, 0.5)),
        ("lognormal(-1, 0.5)", "sd", "lognormal", (-1.0, 0.5)),
        ("lognormal(meanlog=-1, sdlog=0.5)", "sd", "lognormal", (-1.0, 0.5)),
        ("lognormal(mu=-1, sigma=0.5)", "sd", "lognormal", (-1.0, 0.5)),
        ("fixed(1)", "sd", "fixed", (1.0,)),
        ("0.5", "sd", "fixed", (0.5,)),
        (0.5, "sd", "fixed", (0.5,)),
        (2, "sd", "fixed", (2.0,)),
        ("gamma(2, 0.1)", "nu", "gamma", (2.0, 0.1)),
        ("uniform(2, 60)", "nu", "uniform", (2.0, 60.0)),
        (4, "nu", "fixed", (4.0,)),
        ("lkj(2)", "cor", "lkj", (2.0,)),
        ("lkj(eta=2)", "cor", "lkj", (2.0,)),
        ("inverse_wishart(4, [[0.5, 0], [0, 0.1]])", "cov", "inverse_wishart", (4.0, ((0.5, 0.0), (0.0, 0.1)))),
        ("inverse_wishart(df=4, scale=[[2]])", "cov", "inverse_wishart", (4.0, ((2.0,),))),
        ("huang_wand(2, [1, 0.5])", "cov", "huang_wand", (2.0, (1.0, 0.5))),
        ("huang_wand(nu=2, A=5)", "cov", "huang_wand", (2.0, 5.0)),
    ],
)
def test_ways_of_writing(text: object, role: str, kind: str, args: tuple) -> None:
    prior = read(text, role)
    assert (prior.kind, prior.args) == (kind, args)
    assert prior.source == "m.yaml, line 9: the key"


@pytest.mark.parametrize(
    ("text", "role", "says"),
    [
        ("normall(0, 1)", "coefficient", "Did you mean 'normal'?"),
        ("half_cauch(1)", "sd", "Did you mean 'half_cauchy'?"),
        ("lkjj(2)", "cor", "Did you mean 'lkj'?"),
        ("normal(0)", "coefficient", "write normal(mean, sd); found 1 argument."),
        ("normal", "coefficient", "write normal(mean, sd); found 0 arguments."),
        ("normal(0, 1, 2)", "coefficient", "found 3 arguments"),
        ("half_t(3)", "sd", "write half_t(df, 0, scale) or half_t(df, scale); found 1 argument."),
        ("normal(0, sdd=1)", "coefficient", "no argument 'sdd'"),
        ("normal(0, sdd=1)", "coefficient", "Did you mean 'sd'?"),
        ("normal(sd=1, sigma=2)", "coefficient", "sd of normal is given twice"),
        ("normal(0, mean=1)", "coefficient", "write normal(mean, sd)"),
        ("normal(mean=0, 10)", "coefficient", "plain numbers go before keywords"),
        ("normal(0, 0)", "coefficient", "sd must be greater than 0"),
        ("normal(0, -2)", "coefficient", "sd must be greater than 0"),
        ("normal(0, 1e999)", "coefficient", "sd must be finite"),
        ("normal([0], 1)", "coefficient", "mean must be one number"),
        ("student_t(0, 0, 1)", "coefficient", "df must be greater than 0"),
        ("half_t(3, 1, 2.5)", "sd", "location must be 0"),
        ("half_normal(1, 2)", "sd", "location must be 0"),
        ("uniform(3, 1)", "sd", "low must be less than high"),
        ("uniform(-1, 1)", "sd", "never negative"),
        ("uniform(0, 10)", "nu", "low must be at least 1"),
        ("fixed(0)", "sd", "value must be greater than 0"),
        (-1, "sd", "value must be greater than 0"),
        (0.5, "nu", "at least 1"),
        ("inverse_gamma(0, 1)", "sd", "shape must be greater than 0"),
        ("lkj(0)", "cor", "eta must be greater than 0"),
        ("lkj([1, 1])", "cor", "eta must be one number"),
        ("inverse_wishart(4, 1)", "cov", "list of rows"),
        ("inverse_wishart(4, [1, 2])", "cov", "list of rows"),
        ("inverse_wishart(4, [])", "cov", "list of rows"),
        ("inverse_wishart(4, [[1, 0]])", "cov", "must be square"),
        ("inverse_wishart(4, [[1, 0.5], [0.4, 1]])", "cov", "must be symmetric; row 1, column 2 has 0.5, row 2, column 1 has 0.4"),
        ("inverse_wishart(4, [[1, 2], [2, 1]])", "cov", "positive definite"),
        ("inverse_wishart(4, [[1, 1], [1, 1]])", "cov", "positive definite"),
        ("inverse_wishart(4, [[-1, 0], [0, 1]])", "cov", "diagonal"),
        ("inverse_wishart(0, [[1]])", "cov", "df must be greater than 0"),
        ("huang_wand(2, [])", "cov", "one number a column"),
        ("huang_wand(2, [1, 0])", "cov", "greater than 0"),
        ("huang_wand(2, [[1], [1]])", "cov", "one number a column"),
        ("dnorm(0, 0.001)", "coefficient", "write normal(mean, sd) with sd = 1/sqrt(precision)"),
        ("dgamma(0.001, 0.001)", "sd", "inverse_gamma(a, b) here: it is on the variance"),
        ("dlnorm(0, 1)", "sd", "write lognormal(m, s), of the sd, with s = 1/sqrt(precision)"),
        ("gamma(0, 1)", "sd", "shape must be greater than 0"),
        ("gamma(2)", "sd", "write gamma(shape, rate); found 1 argument."),
        ("lognormal(0, 0)", "sd", "s must be greater than 0"),
        ("lognormal(0, scale=1)", "sd", "its arguments are m, s"),
        ("lognormal(0, 1)", "nu", "is a prior for an sd, not for the key"),
        ("dunif(0, 100)", "sd", "write uniform(low, high)"),
        ("dwish(R, 2)", "cov", "numbers go here"),
        ("wishart(2, [[1]])", "cov", "inverse_wishart(df, S)"),
        ("inv_gamma(1, 1)", "sd", "not on the sd"),
        ("normal(0, 1)", "sd", "write half_normal(0, sd)"),
        ("student_t(3, 0, 2.5)", "sd", "write half_t(df, 0, scale)"),
        ("cauchy(0, 5)", "sd", "write half_cauchy(0, scale)"),
        ("half_t(3, 0, 1)", "coefficient", "is a prior for an sd, not for the key"),
        ("lkj(1)", "cov", "is a prior for correlations"),
        (3, "coefficient", "cannot be fixed"),
        ("fixed(0)", "coefficient", "cannot be fixed"),
        ("", "sd", "it is empty"),
        ("normal(0, 10", "coefficient", "never closed"),
        ("normal(0", "coefficient", "inside {…} YAML splits text at commas"),
        ("normal(0 10)", "coefficient", "a comma or a closing bracket"),
        ("normal(0, 10))", "coefficient", "should end here"),
        ("normal(0, 10,)", "coefficient", "missing after the comma"),
        ("normal(0, ten)", "coefficient", "numbers go here"),
        ("normal(0, 1_0)", "coefficient", "a number should be here"),
        ("huang_wand(2, [1, 2", "cov", "never closed"),
        ("huang_wand(2, [[[1]]])", "cov", "deepest"),
        ("normal(0, __import__('os'))", "coefficient", "numbers go here"),
        ("normal(0, 10) + 1", "coefficient", "should end here"),
        ("(0, 1)", "coefficient", "begins with its name"),
        (True, "sd", "must be text"),
        (None, "sd", "must be text"),
        ([0, 10], "coefficient", "must be text such as normal(0, 10)"),
        ({"normal": 1}, "coefficient", "must be text"),
    ],
)
def test_refused(text: object, role: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text, role)
    assert says in str(caught.value)
    assert str(caught.value).startswith("spec: m.yaml, line 9: ")


def test_caret_is_under_the_place() -> None:
    with pytest.raises(SpecError) as caught:
        read("normal(0 10)", "coefficient")
    shown, caret = str(caught.value).splitlines()[-2:]
    assert shown[caret.index("^")] == "1"


@given(st.text(alphabet="normalhf_t()[],=.0123 e-+xX\n'\"{}", max_size=40))
def test_any_text_gives_a_prior_or_one_error(text: str) -> None:
    for role in ALL:
        try:
            assert read(text, role).kind in ALL[role]
        except SpecError:
            pass


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=1e-300, max_value=1e300))
def test_write_is_read_back_to_the_last_bit(mean: float, sd: float) -> None:
    prior = Prior("normal", (mean, sd))
    assert read(P.write(prior), "coefficient").args == prior.args
    wishart = Prior("inverse_wishart", (sd, ((sd,),)))
    assert read(P.write(wishart), "cov").args == wishart.args


@pytest.mark.parametrize(
    ("text", "role", "words"),
    [
        ("half_t(3, 0, 2.5)", "sd", "half-Student-t, 3 df, scale 2.5"),
        ("normal(0, 10)", "coefficient", "normal, mean 0, sd 10"),
        ("flat", "coefficient", "flat (improper)"),
        ("inverse_gamma(1, 0.5)", "sd", "inverse-gamma on the variance, shape 1, scale 0.5"),
        ("fixed(1)", "sd", "fixed at 1"),
        ("inverse_wishart(4, [[0.5, 0], [0, 0.1]])", "cov", "inverse-Wishart, 4 df, scale matrix [[0.5, 0], [0, 0.1]]"),
        ("huang_wand(2, [1, 0.5])", "cov", "Huang-Wand, nu 2, scale [1, 0.5]"),
        ("gamma(2, 0.1)", "nu", "gamma, shape 2, rate 0.1, cut off below 1"),
        ("gamma(2, 0.1)", "sd", "gamma, shape 2, rate 0.1"),
        ("lognormal(-1, 0.5)", "sd", "lognormal, its log of mean -1 and sd 0.5"),
    ],
)
def test_describe(text: str, role: str, words: str) -> None:
    assert P.describe(read(text, role), role) == words


SAMPLES = {
    "normal": (0.0, 1.0),
    "student_t": (3.0, 0.0, 1.0),
    "cauchy": (0.0, 1.0),
    "flat": (),
    "half_t": (3.0, 0.0, 1.0),
    "half_normal": (0.0, 1.0),
    "half_cauchy": (0.0, 1.0),
    "exponential": (1.0,),
    "uniform": (1.0, 2.0),
    "inverse_gamma": (1.0, 1.0),
    "fixed": (2.0,),
    "gamma": (2.0, 0.1),
    "lognormal": (-0.5, 1.0),
    "lkj": (2.0,),
    "inverse_wishart": (3.0, ((1.0,),)),
    "huang_wand": (2.0, (1.0, 2.0)),
}


@pytest.mark.parametrize(("role", "kind"), [(role, kind) for role, kinds in ALL.items() for kind in kinds])
def test_contract_of_every_kind(role: str, kind: str) -> None:
    prior = Prior(kind, SAMPLES[kind])
    back = read(P.write(prior), role)
    assert (back.kind, back.args) == (prior.kind, prior.args)
    assert not set("{}") & set(P.describe(prior))


# --------------------------------------------------------------------------------------------------------- book


def test_the_most_specific_key_wins() -> None:
    b = book(
        {
            "b": "normal(0, 1)",
            "b[x]": "normal(0, 2)",
            "sd": "half_normal(1)",
            "sd[g]": "half_normal(2)",
            "sd[g, x]": "half_normal(3)",
            "cor": "lkj(1)",
            "cor[g]": "lkj(2)",
            "sigma": "exponential(1)",
        }
    )
    assert b.coefficient("x").args == (0.0, 2.0)
    assert b.coefficient("z").args == (0.0, 1.0)
    assert b.scale("g", "x").args == (0.0, 3.0)
    assert b.scale("g", "Intercept").args == (0.0, 2.0)
    assert b.scale("h", "Intercept").args == (0.0, 1.0)
    assert b.correlation("g").args == (2.0,)
    assert b.correlation("h").args == (1.0,)
    assert b.sigma().kind == "exponential"
    assert (
        b.of_family(None) is None
        and b.of_family(PARAMETERS["nu"]) == P.default_nu()
        and b.intercept() is None
        and b.covariance("g") is None
    )


def test_intercept_is_told_apart_and_b_is_not_for_it() -> None:
    assert book({"b": "normal(0, 1)"}).coefficient("Intercept") is None
    assert book({"b[Intercept]": "normal(3, 1)"}).coefficient("Intercept").args == (3.0, 1.0)
    assert book({"b[(Intercept)]": "normal(3, 1)"}).coefficient("Intercept").args == (3.0, 1.0)
    assert book({"b[Intercept]": "normal(3, 1)"}).intercept() is None
    assert book({"intercept": "normal(3, 1)"}).intercept().args == (3.0, 1.0)
    assert book({"intercept": "normal(3, 1)"}).coefficient("Intercept") is None


def test_covariance_keys() -> None:
    general = book({"cov": "huang_wand(2, 5)", "sd[h]": "half_normal(1)"})
    assert general.covariance("g").kind == "huang_wand"
    assert general.covariance("g", columns=1) is None
    assert general.covariance("h") is None
    own = book({"cov[g]": "inverse_wishart(4, [[1, 0], [0, 1]])", "cov": "huang_wand(2, 5)", "sd": "half_normal(1)"})
    assert own.covariance("g").kind == "inverse_wishart"
    assert own.covariance("k").kind == "huang_wand"


def test_names_are_compared_without_spaces() -> None:
    b = book({"b[poly(x,2)1]": "normal(0, 3)", "sd[ a : b , poly(x,2)1]": "half_normal(3)"})
    assert b.coefficient("poly(x, 2)1").args == (0.0, 3.0)
    assert b.scale("a:b", "poly(x, 2)1").args == (0.0, 3.0)
    b.check_all_used(["Intercept", "poly(x, 2)1"], {"a:b": ["Intercept", "poly(x, 2)1"]})


def test_source_names_the_line() -> None:
    assert book({"sd[g]": "half_normal(1)"}, lines={"priors.sd[g]": 9}).scale("g", "Intercept").source == "spec, line 9: sd[g]"
    assert book({"sd[g]": "half_normal(1)"}).scale("g", "Intercept").source == "spec: sd[g]"


def test_prior_records_may_be_given_from_python() -> None:
    prior = book({"b": Prior("normal", (0.1 + 0.2, 1.0))}).coefficient("x")
    assert prior.args == (0.1 + 0.2, 1.0)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("bb", "Did you mean 'b'?"),
        ("Intercept", "Did you mean 'intercept'?"),
        ("sgima", "Did you mean 'sigma'?"),
        ("b_x", "Did you mean 'b[x]'?"),
        ("sd_g__x", "Did you mean 'sd[g,x]'?"),
        ("cor_g__x__z", "Did you mean 'cor[g]'?"),
        ("tau", "never on precisions"),
        ("b[", "unknown prior"),
        ("b[]", "a name is missing"),
        ("sd[g,]", "a name is missing"),
        ("sigma[g]", "takes no bracket"),
        ("nonsense", "The keys are b, b[coefficient]"),
    ],
)
def test_unknown_keys(key: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        book({key: "half_normal(1)"}, lines={f"priors.{key}": 4})
    assert says in str(caught.value) and "line 4" in str(caught.value)


@pytest.mark.parametrize(
    ("priors", "family", "says"),
    [
        ({"intercept": "normal(0, 1)", "b[Intercept]": "normal(0, 1)"}, "gaussian", "two statements on one coefficient"),
        ({"cov[g]": "huang_wand(2, 1)", "sd[g]": "half_normal(1)"}, "gaussian", "keep one"),
        ({"cov[g]": "huang_wand(2, 1)", "sd[g,x]": "half_normal(1)"}, "gaussian", "keep one"),
        ({"cov[g]": "huang_wand(2, 1)", "cor[g]": "lkj(1)"}, "gaussian", "keep one"),
        ({"sd[g,x]": "half_normal(1)", "sd[g, x]": "half_normal(2)"}, "gaussian", "the same thing"),
        ({"sigma": "half_normal(1)"}, "probit", "the family probit has no residual sd"),
        ({"nu": "gamma(2, 0.1)"}, "gaussian", "only family student has nu"),
    ],
)
def test_contradictions(priors: dict, family: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        book(priors, family)


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("b[indigenus]", "normal(0, 1)", "there is no coefficient 'indigenus' in the model; there is Intercept, indigenous. Did you mean"),
        (
            "sd[provnce]",
            "half_normal(1)",
            "there is no grouping factor 'provnce' in the model; there is province, dept. Did you mean 'province'?",
        ),
        ("sd[province,indigenos]", "half_normal(1)", "no column varying over province 'indigenos'"),
        ("cor[dept]", "lkj(1)", "dept has only one column"),
        ("cov[x]", "huang_wand(2, 1)", "no grouping factor 'x'"),
    ],
)
def test_keys_that_name_nothing(key: str, text: str, says: str) -> None:
    b = book({key: text}, lines={f"priors.{key}": 7})
    with pytest.raises(SpecError) as caught:
        b.check_all_used(["Intercept", "indigenous"], {"province": ["Intercept", "indigenous"], "dept": ["Intercept"]})
    assert says in str(caught.value) and "line 7" in str(caught.value)


def test_keys_that_are_used_pass() -> None:
    b = book({"b": "flat", "b[indigenous]": "flat", "b[Intercept]": "flat", "sd[province,indigenous]": 1, "cor": "lkj(1)", "sd[dept]": 2})
    b.check_all_used(["Intercept", "indigenous"], {"province": ["Intercept", "indigenous"], "dept": ["Intercept"]})
    with pytest.raises(SpecError, match="no grouping factor 'dept'"):  # all of them were looked at
        b.check_all_used(["Intercept", "indigenous"], {"province": ["Intercept", "indigenous"]})


def test_priors_with_no_place_in_the_model() -> None:
    with pytest.raises(SpecError, match="no intercept"):
        book({"intercept": "flat"}).check_all_used(["x"], {})
    with pytest.raises(SpecError, match="no grouping factor"):
        book({"sd": "half_normal(1)"}).check_all_used(["Intercept"], {})
    with pytest.raises(SpecError, match="no correlation"):
        book({"cor": "lkj(2)"}).check_all_used(["Intercept"], {"g": ["Intercept"]})


# ----------------------------------------------------------------------------------------------------- defaults


def test_defaults_are_those_of_the_plan() -> None:
    assert P.default_coefficient(2.0, 0.5) == Prior("normal", (0.0, 10.0), "default")
    assert P.default_intercept(7.0, 2.0) == Prior("normal", (7.0, 5.0), "default")
    assert P.default_scale(2.0, 4.0) == Prior("half_t", (3.0, 0.0, 1.25), "default")
    assert P.default_scale(2.0, 1.0) == P.default_sigma(2.0) == Prior("half_t", (3.0, 0.0, 5.0), "default")
    assert P.default_correlation() == Prior("lkj", (1.0,), "default")
    assert P.default_nu() == Prior("gamma", (2.0, 0.1), "default")
    assert P.default_coefficient(2.0, 0.0).args == (0.0, 5.0)  # a constant column has no unit


# ---------------------------------------------------------------------------------------------------- densities

GRID = np.array([0.03, 0.4, 1.0, 1.7, 3.0, 12.0])


@pytest.mark.parametrize(
    ("text", "role", "reference"),
    [
        ("normal(1, 2)", "coefficient", lambda x: stats.norm.logpdf(x, 1, 2)),
        ("student_t(3, 1, 2)", "coefficient", lambda x: stats.t.logpdf(x, 3, 1, 2)),
        ("cauchy(1, 2)", "coefficient", lambda x: stats.cauchy.logpdf(x, 1, 2)),
        ("half_t(3, 0, 2.5)", "sd", lambda x: stats.t.logpdf(x, 3, 0, 2.5) + math.log(2)),
        ("half_normal(1.5)", "sd", lambda x: stats.halfnorm.logpdf(x, scale=1.5)),
        ("half_cauchy(1.5)", "sd", lambda x: stats.halfcauchy.logpdf(x, scale=1.5)),
        ("exponential(2)", "sd", lambda x: stats.expon.logpdf(x, scale=0.5)),
        ("uniform(1, 4)", "sd", lambda x: stats.uniform.logpdf(x, 1, 3)),
        ("inverse_gamma(2, 3)", "sd", lambda x: stats.invgamma.logpdf(x**2, 2, scale=3) + np.log(2 * x)),
        ("gamma(0.6, 2)", "sd", lambda x: stats.gamma.logpdf(x, 0.6, scale=0.5)),
        ("gamma(3, 2)", "sd", lambda x: stats.gamma.logpdf(x, 3, scale=0.5)),
        ("lognormal(-1, 0.7)", "sd", lambda x: stats.lognorm.logpdf(x, 0.7, scale=math.exp(-1))),
        ("lkj(2)", "cor", lambda x: stats.beta.logpdf((x + 1) / 2, 2, 2) - math.log(2)),
    ],
)
def test_density_is_scipys(text: str, role: str, reference: object) -> None:
    x = GRID if role != "cor" else np.array([-0.9, -0.2, 0.0, 0.5, 0.99])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(P.log_density(read(text, role), x), reference(x), rtol=1e-12)


def test_density_of_nu_is_truncated_at_one() -> None:
    gamma = stats.gamma(2, scale=10)
    x = np.array([1.5, 4.0, 60.0])
    np.testing.assert_allclose(P.log_density(P.default_nu(), x, lower=1.0), gamma.logpdf(x) - math.log(gamma.sf(1)), rtol=1e-12)
    assert P.log_density(P.default_nu(), 0.99, lower=1.0) == -np.inf
    np.testing.assert_allclose(P.log_density(read("exponential(0.5)", "nu"), x, lower=1.0), stats.expon.logpdf(x, 1, 2), rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "half_t(3, 0, 2.5)",
        "half_normal(2)",
        "half_cauchy(1)",
        "exponential(1)",
        "uniform(0.5, 2)",
        "inverse_gamma(2, 1)",
        "gamma(1.7, 2)",
        "lognormal(0, 0.8)",
    ],
)
def test_density_of_an_sd_integrates_to_one(text: str) -> None:
    prior = read(text, "sd")
    pieces = [0, 0.5, 2, 10, np.inf]
    total = sum(integrate.quad(lambda x: math.exp(P.log_density(prior, x)), a, b)[0] for a, b in itertools.pairwise(pieces))
    assert total == pytest.approx(1.0, abs=1e-6)
    assert P.log_density(prior, -0.1) == -np.inf


def test_lkj_marginal_of_a_larger_matrix() -> None:
    # Lewandowski, Kurowicka and Joe (2009): each correlation of a d x d matrix is Beta(eta − 1 + d/2) on (−1, 1).
    x = np.array([-0.5, 0.1, 0.8])
    b = 1.5 - 1 + 4 / 2
    np.testing.assert_allclose(
        P.log_density(Prior("lkj", (1.5,)), x, columns=4), stats.beta.logpdf((x + 1) / 2, b, b) - math.log(2), rtol=1e-12
    )


def test_density_where_there_is_none() -> None:
    assert P.log_density(Prior("flat"), [3.0, -1.0]).tolist() == [0.0, 0.0]
    assert P.log_density(Prior("fixed", (2.0,)), [2.0, 1.0]).tolist() == [0.0, -np.inf]
    assert P.log_density(Prior("inverse_gamma", (1.0, 1.0)), 0.0) == -np.inf
    with pytest.raises(ValueError, match="matrix"):
        P.log_density(Prior("huang_wand", (2.0, 1.0)), 1.0)
