"""Every law of effects × every contract of its record; a new law cannot forget one."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from gibbs.kernels.level_laws import log_gamma_law
from scipy import stats

from gibbs.errors import SpecError
from gibbs.model import formula, laws, prior_kinds
from gibbs.model.laws import LAWS
from gibbs.model.records import Prior
from gibbs.model.structures import DEGREES
from gibbs.sampling import degrees
from tests.model.tables import build

N = 40_000
DATA = pd.DataFrame({"y": np.arange(24.0) ** 1.5, "g": np.arange(24) % 6, "z": np.arange(24) % 6 // 3})


@pytest.mark.parametrize("name", LAWS)
def test_words(name: str) -> None:
    law = laws.named(name)
    assert law.name == name and law.label and (name in formula.DISTRIBUTIONS) == (name not in DEGREES)
    assert "σ" in law.equation("σ", "own") and "Σ" in law.equations("Σ", "own")
    assert ("own" in law.equation("σ", "own")) == bool(law.parameter)
    assert bool(law.parameter) == bool(law.default) == bool(law.plan) == bool(law.meaning)
    assert bool(law.multipliers) == bool(law.scales)
    if law.default is not None:
        kind = prior_kinds.kind_of(Prior(*law.default))
        assert law.on in kind.on and law.on in (prior_kinds.NU, prior_kinds.RHO)
        assert law.on != prior_kinds.RHO or kind.support(law.default[1]) == law.range
    if law.multipliers is not None:
        for words in (law.not_integrated, law.not_averaged):
            assert words and not set("{}") & set(words)
    else:
        assert not law.not_integrated and not law.not_averaged


@pytest.mark.parametrize("name", formula.DISTRIBUTIONS)
def test_a_factor_has_its_law_from_the_formula_to_the_priors(name: str) -> None:
    design = build(f'y ~ 1 + (1 | gr(g, dist = "{name}"))', DATA)
    factor = design.factors[0]
    assert laws.of(factor) is LAWS[name] and laws.own_prior(factor) == (Prior(*LAWS[name].default) if LAWS[name].default else None)
    assert laws.not_integrated(factor) == LAWS[name].not_integrated
    by = build(f'y ~ 1 + (1 | gr(g, dist = "{name}", by = z))', DATA).factors[0]
    assert laws.not_integrated(by) == (LAWS[name].not_integrated or "have covariances that differ by z")


@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if law.multipliers is not None])
def test_multipliers_make_the_law(name: str) -> None:
    """v/√λ with v ~ N(0, 1) is a t; its variance is the inflation; the kernels' density of log λ is that of what was drawn."""
    law, df = LAWS[name], 4.5
    rng = np.random.default_rng(3)
    multipliers = law.multipliers(rng, np.full(N, df), 1)[:, 0]
    assert law.multipliers(rng, np.array([2.0, 5.0]), 7).shape == (2, 7)
    assert stats.kstest(rng.standard_normal(N) / np.sqrt(multipliers), stats.t(df).cdf).pvalue > 1e-5
    np.testing.assert_allclose(law.inflation(np.array([3.0, 9.0])), [stats.t.var(3.0), stats.t.var(9.0)])
    assert math.isinf(law.inflation(np.array([2.0]))[0]) and math.isinf(law.inflation(np.array([1.1]))[0])
    w = np.linspace(-14.0, 4.0, 20_001)
    density = np.exp([log_gamma_law(x, df) for x in w])
    below = np.cumsum(density) * (w[1] - w[0])
    assert below[-1] == pytest.approx(1.0, abs=1e-3)
    assert stats.kstest(np.log(multipliers), lambda x: np.interp(x, w, below)).pvalue > 1e-5


@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if law.multipliers is not None])
def test_lines_elsewhere_are_the_law_of_the_multipliers(name: str) -> None:
    drawn = LAWS[name].multipliers(np.random.default_rng(4), np.full(N, 6.0), 1)[:, 0]
    for line in (LAWS[name].jags, LAWS[name].stan):
        function, arguments = re.match(r"(d?gamma)\((.*)\)$", line.format("df")).groups()
        shape, rate = eval(f"({arguments},)", {}, {"df": 6.0})
        assert function in ("dgamma", "gamma") and stats.kstest(drawn, stats.gamma(shape, scale=1 / rate).cdf).pvalue > 1e-5


def test_normal_effects_have_the_variance_of_their_scale() -> None:
    np.testing.assert_array_equal(laws.NORMAL.inflation(np.array([1.0, 2.0])), 1.0)


@pytest.mark.parametrize("name", DEGREES)
def test_neighbours_have_their_law_from_the_formula_to_the_priors(name: str) -> None:
    term = "ar1(g)" if name == "ar1" else f"{name}(g:z, graph = lattice)"
    for stated, wanted in ({}, Prior(*LAWS[name].default)), ({"rho": "beta(2, 3)"}, Prior("beta", (2.0, 3.0))):
        factor = build(f"y ~ 1 + {term}", DATA, priors=stated).factors[0]
        assert laws.of(factor) is LAWS[name] and (laws.own_prior(factor).kind, laws.own_prior(factor).args) == (wanted.kind, wanted.args)
    assert degrees.bounds(factor) == (0.0, 1.0) and degrees.CODES[name] in (0, 1, 2)
    assert laws.not_integrated(factor) == "know their neighbours, so that no level can be left out by itself"


def test_an_unknown_law_and_a_parameter_that_a_law_does_not_have_are_errors() -> None:
    with pytest.raises(ValueError, match="there is no law of effects 'cauchy'; there are normal, student"):
        laws.named("cauchy")
    with pytest.raises(SpecError, match="cauchy"):
        build('y ~ 1 + (1 | gr(g, dist = "cauchy"))', DATA)
    with pytest.raises(SpecError, match="have no degrees of freedom"):
        build("y ~ 1 + (1 | g)", DATA, priors={"df[g]": "gamma(2, 0.1)"})
    stated = build('y ~ 1 + (1 | gr(g, dist = "student"))', DATA, priors={"df[g]": "4"}).factors[0]
    assert laws.own_prior(stated).args == (4.0,) and isinstance(laws.own_prior(stated), Prior)
