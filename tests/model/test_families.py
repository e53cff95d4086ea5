"""Families: names people type, links, and the numbers that depend on nothing but the family."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from gibbs.errors import SpecError
from gibbs.model.families import FAMILIES, LINKS, family


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gaussian", "gaussian"),
        ("Gaussian", "gaussian"),
        ("normal", "gaussian"),
        ("gaussian(identity)", "gaussian"),
        ("student", "student"),
        ("t", "student"),
        ("student-t", "student"),
        ("probit", "probit"),
        ("logit", "logit"),
        ("logistic", "logit"),
        ("bernoulli", "logit"),
        ("binomial", "logit"),
        ("binomial()", "logit"),
        ("binomial(probit)", "probit"),
        ('binomial(link = "probit")', "probit"),
        ("binomial(link='logit')", "logit"),
        ("bernoulli(probit)", "probit"),
        ("binomial(cloglog)", "binomial"),
        ('bernoulli(link="cloglog")', "binomial"),
        ("poisson", "poisson"),
        ("poisson(log)", "poisson"),
        ("negative_binomial", "negative_binomial"),
        ("negbinomial", "negative_binomial"),
        ("ordinal(probit)", "ordinal"),
        ("cumulative", "ordinal"),
        ("cumulative('probit')", "ordinal"),
    ],
)
def test_names_people_type(typed: str, meant: str) -> None:
    assert family(typed).name == meant


def test_link_as_its_own_key() -> None:
    assert family("binomial", "probit").name == "probit"
    assert family("bernoulli", "Logit").name == "logit"
    assert family("probit", "probit").name == "probit"
    assert family("binomial(probit)", "probit").name == "probit"


@pytest.mark.parametrize(
    ("name", "link", "says"),
    [
        ("gausian", None, "Did you mean 'gaussian'?"),
        ("probbit", None, "Did you mean 'probit'?"),
        ("binomail", None, "Did you mean 'binomial'?"),
        ("gamma", None, "The families are gaussian, student, probit, logit, binomial, poisson, negative_binomial, ordinal"),
        ("binomial(cauchit)", None, "no link 'cauchit'; its link is logit or probit or cloglog"),
        ("ordinal(cloglog)", None, "no link 'cloglog'; its link is logit or probit"),
        ("poisson(sqrt)", None, "no link 'sqrt'; its link is log"),
        ("poison", None, "Did you mean 'poisson'?"),
        ("negativ_binomial", None, "Did you mean 'negative_binomial'?"),
        ("gaussian", "log", "no link 'log'; its link is identity"),
        ("probit", "logit", "no link 'logit'"),
        ("binomial(probit)", "logit", "says link probit, the key link says logit"),
        ("__import__('os').system('ls')", None, "is not a family"),
        ("", None, "is not a family"),
    ],
)
def test_refused(name: str, link: str | None, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        family(name, link, where="m.yaml, line 3")
    assert says in str(caught.value)
    assert str(caught.value).startswith("spec: m.yaml, line 3: ")


@pytest.mark.parametrize("name", ["binomial", "bernoulli", "logit"])
def test_counts_of_trials_are_of_family_binomial(name: str) -> None:
    assert family(name, trials=True).name == "binomial"
    assert family(name, trials=True).link == "logit"
    assert family("binomial", "probit", trials=True).link == "probit"
    assert family("poisson", trials=True).name == "poisson"  # refused when the outcome is read


@pytest.mark.parametrize(("link", "law"), [("logit", stats.logistic), ("probit", stats.norm), ("cloglog", stats.gumbel_l)])
def test_the_latent_sd_follows_the_link(link: str, law: object) -> None:
    for name in ("binomial", "ordinal"):
        if link in LINKS[name]:
            found = family(name, link, trials=True)
            assert (found.link, np.isclose(found.latent_sd, law.std(), rtol=1e-14)) == (link, True)


def test_latent_sd_is_the_sd_of_the_latent_distribution() -> None:
    assert FAMILIES["probit"].latent_sd == stats.norm.std()
    assert np.isclose(FAMILIES["logit"].latent_sd, stats.logistic.std(), rtol=1e-14)


@pytest.mark.parametrize("name", FAMILIES)
def test_contract_of_every_family(name: str) -> None:
    f = FAMILIES[name]
    assert family(name, trials=f.outcome == "trials") == f
    assert f.outcome in {"real", "binary", "trials", "count", "ordinal"}
    assert f.has_sigma == (f.outcome == "real")
    assert (f.latent_sd is None) == (f.outcome in {"real", "count"})
    assert not f.has_nu or f.has_sigma
    assert f.description


def test_import_is_light() -> None:
    code = "import sys, gibbs.model.families; sys.exit(any(m in sys.modules for m in ('numba', 'pandas', 'scipy', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
