"""Every family and link × every contract of its record; a new family cannot forget one.

The log-likelihoods of the records, of the kernels and of the lines for JAGS and Stan are written apart from each other: each is set beside
the others here (the lines are read by small interpreters, on scipy's distributions). Against mpmath the kernels stand in
``tests/kernels/test_likelihood.py``, the records in ``tests/posterior/test_family.py``.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from gibbs.errors import SpecError
from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.model import families, prior_kinds
from gibbs.model.families import FAMILIES, Given
from gibbs.model.records import Prior
from gibbs.posterior import family as facts
from gibbs.sampling import pack
from tests.oracles import random_design

CUT = np.array([-0.8, 0.3, 1.4])
VALUES = {"sigma": 0.7, "nu": 5.0, "shape": 1.8, "phi": 3.5}
ETA = np.array([-2.1, -0.6, 0.0, 0.4, 1.7])
LINKED = [(f.name, link) for f in FAMILIES.values() for link in f.links]
SECOND = [(name, link) for name, link in LINKED if FAMILIES[name].likelihood]


def values(name: str) -> dict:
    """What the family needs beside η; seven trials."""
    record = FAMILIES[name]
    found = {p.name: VALUES[p.name] for p in record.parameters}
    found |= {"trials": 7} if record.outcome == families.TRIALS else {}
    return found | ({"cutpoints": CUT} if record.outcome == families.ORDINAL else {})


def outcomes(name: str) -> np.ndarray:
    top = {families.BINARY: 1, families.TRIALS: 7, families.ORDINAL: len(CUT), families.COUNT: 60}
    record = FAMILIES[name]
    return np.array([-1.3, 0.2, 2.0]) if record.outcome == families.REAL else np.arange(top[record.outcome] + 1.0)


def whole(name: str, link: str, y, eta, **changed) -> np.ndarray:
    return facts.log_likelihood(name, y, eta, link=link, **values(name) | changed)


@pytest.mark.parametrize(("name", "link"), LINKED)
def test_words(name: str, link: str) -> None:
    record = families.with_link(name, link)
    assert record.link == link and record.description and record.outcome in ("real", "binary", "trials", "count", "ordinal")
    assert families.family(name, link, trials=record.outcome == families.TRIALS).name == name
    for alias in record.aliases:
        assert families.family(alias, link).name == name
    design = replace(random_design(np.random.default_rng(1)), family=name, link=link, categories=("a", "b", "c", "d"))
    row = record.equation(design, record)
    assert row.left and bool(row.error) == bool(row.law)
    if record.symbols is not None:
        named = {parameter for _, parameter in record.symbols(design)}
        assert named <= {p.name for p in record.parameters} | {"b_Intercept[k]"}
    for parameter in record.parameters:
        assert parameter.slot in ("sigma_prior", "nu_prior", "dispersion_prior") and parameter.on in prior_kinds.PLACES
        if parameter.default is not None:
            assert parameter.on in prior_kinds.kind_of(Prior(*parameter.default)).on
    assert sum(p.slot == "dispersion_prior" for p in record.parameters) <= 1


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if f.outcome in (families.BINARY, families.TRIALS, families.ORDINAL)])
def test_probabilities_add_up_to_one(name: str) -> None:
    for link in FAMILIES[name].links:
        total = np.exp(whole(name, link, outcomes(name)[:, None], ETA)).sum(axis=0)
        np.testing.assert_allclose(total, 1.0, rtol=1e-11)


@pytest.mark.parametrize(("name", "link"), SECOND)
def test_the_kernel_has_the_likelihood_in_eta_and_the_dispersion(name: str, link: str) -> None:
    """l(η; r) and the dispersion's own part differ from log p(y | η, r) by what depends on y alone."""
    record = families.with_link(name, link)
    code, family = pack.codes(record, True)
    assert family == pack.SECOND_ORDER and code == getattr(kd, record.likelihood[link])
    own, y = record.parameter("dispersion_prior"), outcomes(name)[:12]
    n, found, wanted = 7 if record.outcome == families.TRIALS else 1, [], []
    for dispersion in (0.3, 2.0, 40.0) if own else (1.0,):
        for eta in ETA:
            at = (y if record.constant_of == "y" else np.full(y.size, float(n))) if own else np.zeros(0)
            part = [kd.dispersion_term(code, dispersion, at[i : i + 1], np.ones(at[i : i + 1].size)) for i in range(y.size)]
            found.append([kd.log_likelihood(code, v, n, eta, dispersion, CUT) + p for v, p in zip(y, part, strict=True)])
            wanted.append(whole(name, link, y, eta, **({own.name: dispersion} if own else {})))
    difference = np.array(found) - np.array(wanted)
    np.testing.assert_allclose(difference - difference[0], 0.0, atol=1e-11)


@pytest.mark.parametrize(("name", "link"), SECOND)
def test_derivatives_are_those_of_the_record(name: str, link: str) -> None:
    """Central differences of the record's own log-likelihood; one row, and one that stands for three where rows add up so."""
    record = families.with_link(name, link)
    code, own = pack.codes(record, True)[0], record.parameter("dispersion_prior")
    n, h = 7 if record.outcome == families.TRIALS else 1, 1e-3
    for y in outcomes(name)[:9]:
        for eta in ETA:
            points = whole(name, link, y, eta + h * np.arange(-2.0, 3.0))
            first = float(points @ [1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * h)
            second = -float(points @ [-1.0, 16.0, -30.0, 16.0, -1.0]) / (12.0 * h * h)
            got = kd.derivatives(code, y, n, eta, VALUES[own.name] if own else 1.0, CUT)
            np.testing.assert_allclose(got, [first, second], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "link"), LINKED)
def test_mean_and_variance(name: str, link: str) -> None:
    """E(y | η) of one trial, and within(μ, μ²) = Var(y | η), by sums over the law; of real outcomes by quadrature."""
    record = families.with_link(name, link)
    more = values(name) | ({"trials": 1} if record.outcome == families.TRIALS else {})
    mean = facts.inverse_link(name, ETA, link=link, cutpoints=more.get("cutpoints"))
    if record.outcome == families.ORDINAL:
        assert record.within is None and mean.shape == (5, 4)
        return
    if record.outcome == families.REAL:
        y = np.linspace(-300.0, 300.0, 600_001)[:, None]
        weight = np.exp(whole(name, link, y, ETA)) * (y[1, 0] - y[0, 0])
    else:
        y = np.arange(400.0 if record.outcome == families.COUNT else 2.0)[:, None]
        weight = np.exp(facts.log_likelihood(name, y, ETA, link=link, **more))
    np.testing.assert_allclose((weight * y).sum(axis=0), mean, rtol=1e-5, atol=1e-6)
    variance = (weight * (y - mean) ** 2).sum(axis=0)
    np.testing.assert_allclose(record.within(mean, mean**2, Given(name, {**more, "link": link})), variance, rtol=1e-3)
    given = Given(name, {**values(name), "link": link})
    if record.outcome == families.TRIALS:  # of all the trials of a row
        y = outcomes(name)[:, None]
        weight = np.exp(whole(name, link, y, ETA))
        np.testing.assert_allclose((weight * y).sum(axis=0), 7 * mean, rtol=1e-10)
        variance = (weight * (y - 7 * mean) ** 2).sum(axis=0)
    np.testing.assert_allclose(record.variance(mean, given), variance, rtol=1e-3)


def test_what_a_program_of_jags_says() -> None:
    """The lines of a row, evaluated, are the law of the record, in JAGS' parametrisations."""
    laws = {
        "dnorm": lambda y, m, t: stats.norm.logpdf(y, m, t**-0.5),
        "dt": lambda y, m, t, k: stats.t.logpdf(y, k, m, t**-0.5),
        "dbern": lambda y, p: stats.bernoulli.logpmf(y, p),
        "dbin": lambda y, p, n: stats.binom.logpmf(y, n, p),
        "dpois": lambda y, m: stats.poisson.logpmf(y, m),
        "dnegbin": lambda y, p, r: stats.nbinom.logpmf(y, r, p),
        "dbetabin": lambda y, a, b, n: stats.betabinom.logpmf(y, n, a, b),
    }
    inverse = {"logit": special.expit, "probit": special.ndtr, "cloglog": lambda x: -np.expm1(-np.exp(x)), "log": np.exp}
    for name, link in LINKED:
        if name == "ordinal":
            continue
        for data in ({"precision": 4.0}, {"se": 0.7}, {}) if name == "gaussian" else ({},):
            scope = {**VALUES, "tau": VALUES["sigma"] ** -2 * (0.25 if "precision" in data else 1.0), "trials": 7, "eta": 0.4, **data}
            scope["pow"] = lambda x, k: x**k
            for line in FAMILIES[name].jags(data, link):
                text = line.replace("[i]", "")
                if "<-" in text:
                    function, variable = re.match(r"(\w+)\((\w+)\) <- eta$", text).groups()
                    scope[variable] = inverse[function](scope["eta"])
                    continue
                law, arguments = re.match(r"y ~ (\w+)\((.*)\)$", text).groups()
                at = eval(f"({arguments},)", {}, scope)
                for y in outcomes(name)[:6]:
                    np.testing.assert_allclose(laws[law](y, *at), whole(name, link, y, 0.4), rtol=1e-10)


def _log_ordered(F):
    return lambda y, eta, cut: np.log(np.diff(F(np.concatenate([[-np.inf], cut, [np.inf]]) - eta))[int(y) - 1])


STAN = {
    "normal": lambda y, m, s: stats.norm.logpdf(y, m, s),
    "student_t": lambda y, k, m, s: stats.t.logpdf(y, k, m, s),
    "bernoulli_logit": lambda y, eta: stats.bernoulli.logpmf(y, special.expit(eta)),
    "binomial": lambda y, n, p: stats.binom.logpmf(y, n, p),
    "binomial_logit": lambda y, n, eta: stats.binom.logpmf(y, n, special.expit(eta)),
    "beta_binomial": lambda y, n, a, b: stats.betabinom.logpmf(y, n, a, b),
    "poisson_log": lambda y, eta: stats.poisson.logpmf(y, np.exp(eta)),
    "neg_binomial_2_log": lambda y, eta, r: stats.nbinom.logpmf(y, r, r / (r + np.exp(eta))),
    "ordered_logistic": _log_ordered(special.expit),
    "ordered_probit": _log_ordered(special.ndtr),
}


@pytest.mark.parametrize(("name", "link"), LINKED)
def test_what_a_program_of_stan_says(name: str, link: str) -> None:
    record = FAMILIES[name]
    scope = {**VALUES, "trials": 7, "eta": 0.4, "cut": CUT, "se": 0.7}
    scope |= {"inv_logit": special.expit, "Phi": special.ndtr, "inv_cloglog": lambda x: -math.expm1(-math.exp(x))}
    declared = record.stan_outcome
    assert "[N]" in declared and " y;" in declared and ("int" in declared) == record.is_discrete
    if name == "probit":  # by cases, for tails
        assert record.stan({}, link).endswith("y[i] == 1 ? normal_lcdf(eta[i] | 0, 1) : normal_lccdf(eta[i] | 0, 1);")
        return
    for data in ({}, {"se": 0.7}) if name == "gaussian" else ({},):
        law, arguments = re.match(r"y ~ (\w+)\((.*)\);$", record.stan(data, link)).groups()
        at = eval(f"({arguments},)", {}, scope)
        for y in outcomes(name)[:6]:
            shift = 1.0 if record.outcome == families.ORDINAL else 0.0
            np.testing.assert_allclose(STAN[law](y + shift, *at), whole(name, link, y, 0.4), rtol=1e-10)


def test_an_unknown_family_link_parameter_or_code_is_an_error() -> None:
    for one in (families.named, lambda n: families.with_link(n, ""), facts.link_of, facts.needs):
        with pytest.raises(ValueError, match="there is no family 'weibull'; the families are gaussian, student"):
            one("weibull")
    with pytest.raises(ValueError, match="family poisson has no link 'sqrt'; it has log"):
        families.with_link("poisson", "sqrt")
    with pytest.raises(TypeError, match="no family has a parameter theta"):
        facts.log_likelihood("poisson", 1.0, 0.0, theta=1.0)
    with pytest.raises(ValueError, match="a poisson model with link log is not drawn by augmentation"):
        pack.codes(FAMILIES["poisson"], False)
    with pytest.raises(ValueError, match="a gaussian model with link identity is not drawn by second-order moves"):
        pack.codes(FAMILIES["gaussian"], True)
    known = {code for f in FAMILIES.values() for code in (pack.codes(families.with_link(f.name, k), True)[0] for k in f.likelihood)}
    for code in (-1, max(known) + 1, 1000):
        assert math.isnan(kd.log_likelihood(code, 1.0, 1, 0.3, 1.0, CUT))
        assert all(map(math.isnan, kd.derivatives(code, 1.0, 1, 0.3, 1.0, CUT)))
        assert math.isnan(kd.dispersion_term(code, 1.0, np.ones(1), np.ones(1)))
    assert all(map(math.isnan, kd.ordinal_derivatives(kd.COUNT_POISSON, 1.0, 1, 0.3, CUT)))


def test_what_is_needed_is_asked_for_by_name() -> None:
    for name, record in FAMILIES.items():
        for missing in (*(p.name for p in record.parameters), *(["cutpoints"] if record.outcome == families.ORDINAL else [])):
            given = {k: v for k, v in values(name).items() if k != missing}
            with pytest.raises(ValueError, match=f"family {name} needs (its )?{missing}"):
                facts.log_likelihood(name, 1.0, 0.2, **given)
        assert set(facts.needs(name)) == set(values(name))


def test_a_prior_on_a_parameter_that_the_family_does_not_have_is_refused() -> None:
    from gibbs.model.priors import PriorBook
    from gibbs.model.records import Spec

    written = {"sigma": "half_normal(1)", "nu": "gamma(2, 0.1)"}
    for name, record in FAMILIES.items():
        for parameter in families.PARAMETERS:
            prior = {parameter: written.get(parameter, "half_normal(1)")}
            if parameter in {p.name for p in record.parameters}:
                assert PriorBook(Spec(formula="y ~ x", family=name, priors=prior)).of_family(families.PARAMETERS[parameter]) is not None
                continue
            with pytest.raises(SpecError, match=r"the family \w+ has no "):
                PriorBook(Spec(formula="y ~ x", family=name, priors=prior))


def test_augmentation_is_known_to_the_compiled_loop() -> None:
    for record in FAMILIES.values():
        for link in record.augmented:
            likelihood, code = pack.codes(families.with_link(record.name, link), False)
            assert likelihood == -1 and code in (kl.GAUSSIAN, kl.STUDENT, kl.PROBIT, kl.LOGIT)
        assert record.augmented or record.likelihood
