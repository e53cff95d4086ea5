"""Every kind of prior × every contract of its record; a new kind cannot forget one.

The densities of the records are set beside scipy's by way of the lines for JAGS and Stan (two further parametrisations, read by small
interpreters here), beside their own draws, and beside the kernels' densities.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from gibbs.kernels import priors as kp
from gibbs.model import prior_kinds as pk
from gibbs.model.priors import describe
from gibbs.model.records import Prior
from tests import oracles

POINTS = np.array([1e-3, 0.05, 0.4, 1.1, 1.9, 4.0, 15.0])
SAMPLES = {
    **oracles.SD_PRIORS,
    "normal": Prior("normal", (0.3, 1.5)),
    "student_t": Prior("student_t", (4.0, 0.3, 1.5)),
    "cauchy": Prior("cauchy", (0.3, 1.5)),
    "flat": Prior("flat"),
    "beta": Prior("beta", (2.5, 1.5)),
    "lkj": Prior("lkj", (1.5,)),
    "inverse_wishart": Prior("inverse_wishart", (4.0, ((1.0, 0.2), (0.2, 2.0)))),
    "huang_wand": Prior("huang_wand", (2.0, (1.0, 2.0))),
}
POSITIVE = [name for name, kind in pk.KINDS.items() if kind.draw is not None and name != "fixed"]
AT = [(name, on) for name in POSITIVE for on in ("sd", "nu", "df", "shape") if {"df": "nu"}.get(on, on) in pk.KINDS[name].on]

JAGS = {
    "dnorm": lambda m, t: stats.norm(m, t**-0.5),
    "dt": lambda m, t, k: stats.t(k, m, t**-0.5),
    "dgamma": lambda a, r: stats.gamma(a, scale=1 / r),
    "dlnorm": lambda m, t: stats.lognorm(t**-0.5, scale=math.exp(m)),
    "dexp": lambda r: stats.expon(scale=1 / r),
    "dunif": lambda a, b: stats.uniform(a, b - a),
    "dbeta": stats.beta,
}
STAN = {
    "normal": stats.norm,
    "student_t": stats.t,
    "cauchy": stats.cauchy,
    "gamma": lambda a, r: stats.gamma(a, scale=1 / r),
    "inv_gamma": lambda a, b: stats.invgamma(a, scale=b),
    "lognormal": lambda m, s: stats.lognorm(s, scale=math.exp(m)),
    "exponential": lambda r: stats.expon(scale=1 / r),
    "uniform": lambda a, b: stats.uniform(a, b - a),
    "beta": stats.beta,
}


def law(line: str, languages: dict):
    """The scipy distribution that a line of JAGS or Stan names; powers of numbers are worked out."""
    line = re.sub(r"pow\(([-\d.e]+), -2\)", lambda m: repr(float(m[1]) ** -2), line.removesuffix(" T(0,)"))
    name, _, arguments = line.removesuffix(")").partition("(")
    return languages[name](*(float(x) for x in arguments.split(",")))


def finite_differences(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    finite = np.isfinite(values)
    return np.where(finite, values - values[finite][0], -np.inf)


def cdf(prior: Prior, lower: float):
    """Of the record's density, by quadrature on a fine grid of the log scale."""
    x = np.exp(np.linspace(math.log(1e-12), math.log(1e9), 400_001))
    with np.errstate(over="ignore"):
        mass = integrate.cumulative_trapezoid(np.exp(pk.log_density(prior, x, lower=lower)) * x, np.log(x), initial=0.0)
    assert mass[-1] == pytest.approx(1.0, abs=1e-4)
    return lambda at: np.interp(at, x, mass)


def test_every_kind_has_a_sample_and_the_oracles_have_every_kind_on_an_sd() -> None:
    assert set(SAMPLES) == set(pk.KINDS)
    assert set(oracles.SD_PRIORS) == set(pk.names_on(pk.SD)) and set(oracles.NU_PRIORS) == set(pk.names_on(pk.NU))
    assert all(set(kind.on) <= set(pk.PLACES) and kind.on for kind in pk.KINDS.values())


@pytest.mark.parametrize("name", pk.KINDS)
def test_words(name: str) -> None:
    kind, prior = pk.KINDS[name], SAMPLES[name]
    assert not set("{}") & set(describe(prior)) and describe(prior) == describe(prior, "sd[g]")
    for on in ("nu", "df[g]", "df_g"):
        assert describe(prior, on).endswith("cut off below 1") == pk.cut_off(prior, on)
    assert all(len(form) == len(set(form)) for form in kind.forms) and len(prior.args) == len(kind.forms[0])
    assert not set(kind.spellings) & set(pk.KINDS)


@pytest.mark.parametrize(("name", "on"), AT)
def test_draws_have_the_density(name: str, on: str) -> None:
    prior = SAMPLES[name]
    drawn = pk.draw(prior, np.random.default_rng(5), 20_000, on=on)
    lower = 1.0 if pk.cut_off(prior, on) else 0.0
    assert drawn.min() >= lower
    assert stats.kstest(drawn, cdf(prior, lower)).pvalue > 1e-5


@pytest.mark.parametrize(("name", "on"), AT)
def test_the_kernel_has_the_density(name: str, on: str) -> None:
    prior = SAMPLES[name]
    code, a, b = pk.code(prior, on=on)
    ours = [kp.log_scale_prior(float(getattr(kp, code)), float(a), float(b), s) for s in POINTS]
    lower = 1.0 if pk.cut_off(prior, on) else 0.0
    np.testing.assert_allclose(
        finite_differences(ours), finite_differences(pk.log_density(prior, POINTS, lower=lower)), rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("prior", [Prior("beta", (2.5, 1.5)), Prior("beta", (0.5, 0.5)), Prior("uniform", (-0.5, 0.8))], ids=str)
def test_what_levels_know_of_their_neighbours_has_the_density(prior: Prior) -> None:
    """Of the record, its draws and the kernels, beside scipy's."""
    a, b = prior.args
    theirs = stats.beta(a, b) if prior.kind == "beta" else stats.uniform(a, b - a)
    at = np.array([-0.9, -0.3, 1e-4, 0.2, 0.5, 0.79, 0.999])
    np.testing.assert_allclose(pk.log_density(prior, at, lower=-1.0), theirs.logpdf(at), rtol=1e-12)
    assert stats.kstest(pk.draw(prior, np.random.default_rng(5), 20_000, on="rho"), theirs.cdf).pvalue > 1e-5
    code, *numbers = pk.code(prior, on="rho")
    ours = [kp.log_share_prior(float(getattr(kp, code)), *map(float, numbers), x) for x in at]
    np.testing.assert_allclose(finite_differences(ours), finite_differences(theirs.logpdf(at)), rtol=1e-12, atol=1e-12)
    assert kp.log_share_prior(float(kp.FIXED), 0.0, 0.0, 0.3) == 0.0 and math.isnan(kp.log_share_prior(float(kp.GAMMA), 1.0, 1.0, 0.3))


@pytest.mark.parametrize("name", [name for name, kind in pk.KINDS.items() if kind.stan])
def test_lines_elsewhere_have_the_density(name: str) -> None:
    """A law on the variance is turned: of the sd s, p(s²) 2s in Stan, and p(s⁻²) 2s⁻³ of the precision in JAGS."""
    kind, prior = pk.KINDS[name], SAMPLES[name]
    x = POINTS if pk.COEFFICIENT not in kind.on else np.concatenate([-POINTS, POINTS])
    jags, stan = (law(line.format(*map(repr, prior.args)), table) for line, table in ((kind.jags, JAGS), (kind.stan, STAN)))
    if kind.of_variance:
        theirs = [stan.logpdf(x**2) + np.log(x), jags.logpdf(x**-2.0) - 3.0 * np.log(x)]
    else:
        theirs = [stan.logpdf(x), jags.logpdf(x)]
    for values in theirs:
        np.testing.assert_allclose(finite_differences(values), finite_differences(pk.log_density(prior, x)), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in POSITIVE if pk.SD in pk.KINDS[name].on])
def test_the_power_at_zero(name: str) -> None:
    """Pr(sd < 2s)/Pr(sd < s) → 2^a."""
    for prior in (SAMPLES[name], *([Prior("gamma", (0.4, 3.0)), Prior("gamma", (3.0, 1.0))] if name == "gamma" else [])):
        wanted = pk.kind_of(prior).at_zero(prior.args)
        below = [integrate.quad(lambda x, p=prior: math.exp(pk.log_density(p, x)), 0.0, s)[0] for s in (1e-4, 2e-4)]
        if math.isinf(wanted):
            assert below[1] < 1e-12 or math.log2(below[1] / below[0]) > 8.0
        else:
            assert math.log2(below[1] / below[0]) == pytest.approx(wanted, abs=2e-3)


def test_uniform_away_from_zero_keeps_an_sd_away() -> None:
    assert math.isinf(pk.KINDS["uniform"].at_zero((0.1, 2.0))) and pk.KINDS["uniform"].at_zero((0.0, 2.0)) == 1.0


@pytest.mark.parametrize("name", ["lkj", "inverse_wishart", "huang_wand", "normal"])
def test_what_is_no_prior_of_an_sd_has_no_code_and_no_draws(name: str) -> None:
    for one in (lambda p: pk.code(p), lambda p: pk.draw(p, np.random.default_rng(1), 2)):
        with pytest.raises(ValueError, match="is no prior of an sd"):
            one(SAMPLES[name])


def test_an_unknown_kind_or_code_is_an_error() -> None:
    for one in (pk.kind_of, pk.location, lambda p: pk.log_density(p, 1.0), lambda p: pk.code(p), describe):
        with pytest.raises(ValueError, match="there is no prior 'half_x'; the kinds are normal"):
            one(Prior("half_x", (1.0,)))
    assert math.isnan(kp.log_scale_prior(99.0, 1.0, 1.0, 1.0)) and math.isnan(kp.log_scale_prior(-1.0, 1.0, 1.0, 1.0))
    assert pk.code(None) == ("FIXED", 0.0, 0.0)


def test_the_page_of_specs_lists_every_kind() -> None:
    text = (Path(__file__).parents[2] / "specs" / "README.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.split("## Priors")[1].splitlines() if line.startswith("| ")}
    for start, place in (("a coeff", pk.COEFFICIENT), ("an sd", pk.SD), ("nu", pk.NU), ("corr", pk.CORRELATION), ("a cov", pk.COVARIANCE)):
        row = next(line for on, line in rows.items() if on.startswith(start))
        named = set(re.findall(r"`([a-z_]+)", row)) - {"value"}
        assert named - {"flat"} == set(pk.names_on(place)) - {"flat"}


def test_a_centre_and_a_scale() -> None:
    assert pk.location(Prior("normal", (1.0, 2.0))) == (math.inf, 1.0, 2.0)
    assert pk.location(Prior("student_t", (3.0, 1.0, 2.0))) == (3.0, 1.0, 2.0)
    assert pk.location(Prior("cauchy", (1.0, 2.0))) == (1.0, 1.0, 2.0)
    with pytest.raises(ValueError, match="flat is no prior with a centre"):
        pk.location(Prior("flat"))
