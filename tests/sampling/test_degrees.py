"""How much levels know of their neighbours: ρ of ar1, bym2 and leroux against quadrature, forecasts, words, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.calibration.stated import Stated
from gibbs.draws import diagnostics
from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import by_group, structures
from gibbs.posterior import log_prior, variances
from gibbs.sampling import pack, plan, second_order
from tests.oracles import structured as oracle

Z_LIMIT = 4.5
"""Of the difference from the exact answer in Monte Carlo standard errors."""
BORDERS = "a,b\nA,B\nB,C\nC,D\nD,A\nB,D\nD,E\nE,F\nG,\n"
PRIORS = {"b": "normal(0, 1)", "b[Intercept]": "normal(0, 2)", "sd": "half_normal(0, 1)", "sigma": "half_normal(0, 1)"}


def of(kind: str, folder: Path) -> tuple[str, list[str]]:
    """(the term, the labels of its levels): positions with a hole, or areas with an island."""
    if kind == "ar1":
        return "ar1(g)", ["2000", "2001", "2002", "2004", "2005", "2006", "2007", "2009"]
    (folder / "borders.csv").write_text(BORDERS)
    return f'{kind}(g, graph = "{folder / "borders.csv"}")', list("ABCDEFG")


def data_of(labels: list[str], rng: np.random.Generator, each: int = 3) -> pd.DataFrame:
    """Neighbours in the list are alike."""
    codes = np.repeat(np.arange(len(labels)), each)
    x = rng.standard_normal(codes.size)
    u = np.cumsum(0.5 * rng.standard_normal(len(labels)))
    y = 0.3 + 0.5 * x + (u - u.mean())[codes] + 0.6 * rng.standard_normal(codes.size)
    return pd.DataFrame({"y": y, "x": x, "g": np.array(labels)[codes]})


def exact(data: pd.DataFrame, structure: structures.Structure, codes: np.ndarray, low: float) -> tuple[dict[str, float], np.ndarray]:
    """Posterior means of ρ, its square, sd and sigma, and of the effects, on a grid, coefficients and effects integrated out densely.

    ρ ~ uniform(low, 1); the other priors are ``PRIORS``. ρ = 1 − (1 − low)t², t at midpoints: near ρ = 1 the density goes as a power of
    √(1 − ρ) (of ar1, 48 midpoints of ρ itself had a mean sd of 0.9056; 160, 480 and these 0.8919, 0.8912, 0.8912).
    """
    y, n = data["y"].to_numpy(), len(data)
    X = np.column_stack([np.ones(n), data["x"]])
    flat = X @ np.diag([4.0, 1.0]) @ X.T
    t = (np.arange(48) + 0.5) / 48
    rho = 1.0 - (1.0 - low) * t**2
    sd, sigma = np.exp(np.linspace(np.log(0.01), np.log(4.5), 48)), np.exp(np.linspace(np.log(0.25), np.log(1.7), 28))
    logp, mean = np.empty((48, 48, 28)), np.empty((48, 48, 28, len(structure.observed)))
    for k, r in enumerate(rho):
        K = oracle.degree_covariance(structure, r)
        V = sd[:, None, None, None] ** 2 * K[np.ix_(codes, codes)] + sigma[:, None, None] ** 2 * np.eye(n) + flat
        solved = np.linalg.solve(V, np.broadcast_to(y[:, None], (*V.shape[:2], n, 1)))[..., 0]
        logp[k] = -0.5 * np.linalg.slogdet(V)[1] - 0.5 * solved @ y
        mean[k] = sd[:, None, None] ** 2 * (solved @ K[codes])
    logp += np.log(t)[:, None, None] + (np.log(sd) - 0.5 * sd**2)[:, None] + np.log(sigma) - 0.5 * sigma**2
    weight = np.exp(logp - logp.max())
    weight /= weight.sum()
    of_rho = weight.sum(axis=(1, 2))
    found = {"rho": of_rho @ rho, "rho²": of_rho @ rho**2, "sd": weight.sum(axis=(0, 2)) @ sd, "sigma": weight.sum(axis=(0, 1)) @ sigma}
    return found | {"rho log sd": np.einsum("rsg,r,s->", weight, rho, np.log(sd))}, np.einsum("rsg,rsgj->j", weight, mean)


@pytest.mark.parametrize("kind", structures.DEGREES)
def test_rho_and_the_sds_are_those_of_quadrature(kind: str, tmp_path: Path):
    term, labels = of(kind, tmp_path)
    data = data_of(labels, np.random.default_rng(5))
    fit = gibbs.fit(f"y ~ x + {term}", data, priors=PRIORS, draws=4000, chains=2, seed=2, progress=False)
    factor = fit.design.factors[0]
    wanted, effects = exact(data, factor.structure, factor.codes, -1.0 if kind == "ar1" else 0.0)
    rho, sd, sigma = (fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(name)] for name in ("rho_g", "sd_g__Intercept", "sigma"))
    mine = {"rho": rho, "rho²": rho**2, "sd": sd, "sigma": sigma, "rho log sd": rho * np.log(sd)}
    for name, x in mine.items():
        assert abs(x.mean() - wanted[name]) < Z_LIMIT * float(diagnostics.mcse_mean(x)), (name, x.mean(), wanted[name])
    for j in range(len(factor.levels)):
        x = fit.arrays.u[:, :, j]
        if x.std() > 1e-9:
            assert abs(x.mean() - effects[j]) < Z_LIMIT * float(diagnostics.mcse_mean(x)), (factor.levels[j], x.mean(), effects[j])
    if kind == "leroux":  # by conditioning, in the component; the island is by itself
        np.testing.assert_allclose(fit.arrays.u[:, :, :6].sum(axis=2), 0.0, atol=1e-9)


@pytest.mark.parametrize("kind", structures.DEGREES)
def test_laws_have_the_covariances_that_are_stated(kind: str):
    edges, observed = np.array([(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)]), np.ones(7, dtype=bool)
    if kind == "ar1":
        made = structures.of_autoregression("ar1(t)", np.array([0.0, 2, 3, 4, 7, 8, 10]), 1.0, observed)
    else:
        made = structures.of_areas(kind, kind, edges, 7, observed)
    rho = np.array([0.0, 0.2, 0.6, 0.95])
    B = structures.of_coordinates(made, np.broadcast_to(np.eye(7), (4, 7, 7)), rho)
    for k, r in enumerate(rho):
        K = oracle.degree_covariance(made, r)
        np.testing.assert_allclose(B[k] @ B[k].T, K, atol=1e-10)
        np.testing.assert_allclose(structures.marginal_variances(made, rho)[k], np.diagonal(K), atol=1e-10)
    if kind == "leroux":
        again = structures.from_dict(structures.to_dict(made))
        np.testing.assert_allclose(structures.marginal_variances(again, rho), structures.marginal_variances(made, rho))
    if kind == "ar1":
        B = structures.of_coordinates(made, np.eye(7)[None], np.array([-0.7]))[0]
        np.testing.assert_allclose(B @ B.T, oracle.degree_covariance(made, -0.7), atol=1e-12)


def test_years_to_come_and_between_follow_the_autoregression():
    """Given the effects and rho of every draw: mean and variance of years beyond and in between, and how they hang together."""
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"year": np.repeat([2000, 2005, 2010, 2015, 2050], 6)})
    data["y"] = np.repeat(rng.standard_normal(5), 6) + 0.3 * rng.standard_normal(30)
    priors = {"b[Intercept]": "normal(0, 1)", "sd[year]": "1.2", "sigma": "0.3", "rho": "0.9"}
    fit = gibbs.fit("y ~ 1 + ar1(year, step = 1)", data, priors=priors, draws=3000, chains=2, seed=1, progress=False)
    assert len(fit.design.factors[0].levels) == 51  # all in between are drawn
    found = fit.predict(pd.DataFrame({"year": [2050, 2051, 2053]}), "new", kind="linear", draws=True)
    intercept = fit.arrays.beta[:, :, 0].ravel()
    last, one, three = (found[:, k] - intercept for k in range(3))
    for x, steps in ((one, 1), (three, 3)):
        rest = x - 0.9**steps * last
        sd = 1.2 * np.sqrt(1.0 - 0.9 ** (2 * steps))
        assert abs(rest.mean()) < Z_LIMIT * sd / np.sqrt(rest.size)
        assert rest.std() == pytest.approx(sd, rel=0.06)
    rest = three - 0.9**2 * one
    assert rest.std() == pytest.approx(1.2 * np.sqrt(1.0 - 0.9**4), rel=0.06)  # one path
    with pytest.raises(DataError, match=r"goes by steps of 1 from 2000; .2051\.5. is between two of them"):
        fit.predict(pd.DataFrame({"year": [2051.5]}), "new", kind="linear")


def test_a_bridge_over_positions_that_are_no_levels():
    """Every tenth year of fifty, where so many in between are no levels: the bridge has the law's mean and variance."""
    positions = np.array([0.0, 40.0, 80.0, 82.0])
    made = structures.of_autoregression("ar1(t)", positions, 2.0, np.ones(4, dtype=bool))
    from gibbs.predictions import kriging

    rng, S = np.random.default_rng(1), 40_000
    rho, u = np.full(S, 0.97), np.broadcast_to(np.array([1.0, -0.5, 0.8, 0.7])[:, None, None], (4, 1, S))
    found = kriging.along(made, ["10", "60", "50"], u, rho, rng.standard_normal((3, 1, S)))
    K = oracle.degree_covariance(structures.of_autoregression("", np.array([*positions, 10.0, 60.0, 50.0]), 2.0, np.ones(7)), 0.97)
    gain = K[4:, :4] @ np.linalg.inv(K[:4, :4])
    mean, V = gain @ np.array([1.0, -0.5, 0.8, 0.7]), K[4:, 4:] - gain @ K[:4, 4:]
    np.testing.assert_allclose(found[:, 0].mean(axis=1), mean, atol=Z_LIMIT * np.sqrt(np.diagonal(V).max() / S))
    np.testing.assert_allclose(np.cov(found[:, 0]), V, atol=0.02)


@pytest.mark.parametrize("together", [10**7, 90])
def test_shares_of_variance_count_what_rho_says(tmp_path: Path, together: int, monkeypatch: pytest.MonkeyPatch):
    """mean K_jj over rows, at every draw's rho, from the fit and from its folder; all draws at once, and a few at a time."""
    monkeypatch.setattr(variances, "_NUMBERS", together)
    term, labels = of("leroux", tmp_path)
    data = data_of([label for label in labels if label != "C"], np.random.default_rng(3), each=4)
    fit = gibbs.fit(f"y ~ x + {term}", data, priors=PRIORS, draws=60, warmup=60, chains=2, seed=2, progress=False)
    factor = fit.design.factors[0]
    rho, sd = (fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(name)] for name in ("rho_g", "sd_g__Intercept"))
    at = [np.diagonal(oracle.degree_covariance(factor.structure, r))[factor.codes].mean() for r in rho.ravel()]
    fit.save(tmp_path / "run")
    for one in (fit, gibbs.load(tmp_path / "run")):
        found = variances.effect_variance(one.arrays, one.outline, one.outline.factors[0])
        np.testing.assert_allclose(found.ravel(), sd.ravel() ** 2 * np.array(at), rtol=1e-9)


def test_check_and_tables_say_what_rho_is(tmp_path: Path):
    term, labels = of("bym2", tmp_path)
    data = data_of(labels, np.random.default_rng(3))
    said = str(gibbs.check(f"y ~ x + {term}", data))
    for words in ("areas, of which neighbours share a part rho of the variance", "rho[g]", "uniform from 0 to 1", "K(rho)"):
        assert words in said, words
    fit = gibbs.fit(f"y ~ x + {term}", data, priors={"rho[g]": "beta(2, 2)"}, draws=60, warmup=60, chains=2, seed=2, progress=False)
    assert "rho_g" in fit.summary().index
    rho = fit.arrays.hyper[:, :, fit.arrays.hyper_names.index("rho_g")]
    blocks = log_prior.blocks(fit.arrays, fit.outline, fit.design)
    np.testing.assert_allclose(blocks["rho[g]"] - blocks["rho[g]"][0, 0], (np.log(rho * (1 - rho)) - np.log(rho * (1 - rho))[0, 0]))


@pytest.mark.parametrize(
    ("formula", "priors", "words"),
    [
        ("y ~ x + (1 | g)", {"rho": "uniform(0, 1)"}, "all effects have no rho that is drawn; it is of ar1"),
        ("y ~ x + ar1(g)", {"rho[g]": "uniform(-2, 1)"}, "lies between -1 and 1; uniform\\(-2, 1\\) does not"),
        ("y ~ x + ar1(g)", {"rho[g]": "1"}, "lies between -1 and 1; fixed\\(1\\) does not"),
        ("y ~ x + leroux(g:h, graph = lattice)", {"rho": "-0.5"}, "rho of leroux\\(g:h\\) lies between 0 and 1; fixed\\(-0.5\\) does not"),
        ("y ~ x + ar1(g)", {"rho[g]": "gamma(2, 1)"}, "uniform|beta"),
        ("y ~ x + ar1(g)", {"df[g]": "gamma(2, 1)"}, "no degrees of freedom"),
        ("y ~ x + ar1(g)", {"rho[h]": "beta(1, 1)"}, "h"),
        ("y ~ x + bym2(g)", {}, "needs to know the neighbours"),
        ("y ~ x + ar1(g, graph = lattice)", {}, "takes step by name"),
    ],
)
def test_what_is_refused(formula: str, priors: dict[str, str], words: str):
    data = data_of(["1", "2", "3", "4"], np.random.default_rng(3)).assign(h=1)
    with pytest.raises((SpecError, FormulaError), match=words):
        gibbs.check(formula, data, priors=priors)


def test_a_rho_may_be_negative_and_given():
    data = data_of(["1", "2", "3", "4"], np.random.default_rng(3))
    priors = {"rho": "-0.5", "sd[g]": "1", "sigma": "0.5", "b": "normal(0, 1)", "b[Intercept]": "normal(0, 1)"}
    fit = gibbs.fit("y ~ x + ar1(g)", data, priors=priors, draws=4000, chains=2, seed=4, progress=False)
    assert "rho_g" not in fit.arrays.hyper_names or np.all(fit.arrays.hyper[:, :, fit.arrays.hyper_names.index("rho_g")] == -0.5)
    X, codes = np.column_stack([np.ones(len(data)), data["x"]]), fit.design.factors[0].codes
    K = oracle.degree_covariance(fit.design.factors[0].structure, -0.5)
    V = X @ X.T + K[np.ix_(codes, codes)] + 0.25 * np.eye(len(data))
    mean = K[:, codes] @ np.linalg.solve(V, data["y"].to_numpy())
    for j in range(4):
        x = fit.arrays.u[:, :, j]
        assert abs(x.mean() - mean[j]) < Z_LIMIT * float(diagnostics.mcse_mean(x))


def test_a_study_states_rho_within_its_range():
    data = data_of(["1", "2", "3", "4"], np.random.default_rng(3))
    design = gibbs.check("y ~ x + ar1(g)", data, priors=PRIORS).design
    truths = Stated.of({"rho_g": -0.7}, design)(design, np.random.default_rng(1))
    assert -0.7 in truths.hyper[0]
    with pytest.raises(SpecError, match=r"rho_g = 1.5: it lies between -1 and 1, both excluded"):
        Stated.of({"rho_g": 1.5}, design)


def test_positions_without_a_step_are_refused():
    data = data_of(["1", "2.123456789", "3", "4.5"], np.random.default_rng(3))
    with pytest.raises(DataError, match="whole numbers of one step"):
        gibbs.check("y ~ x + ar1(g)", data)


@pytest.mark.parametrize(("term", "fitted"), [("ar1(year)", False), ("(1 | year)", True)])
def test_sds_that_hang_on_a_rho_are_not_proposed_without_it(term: str, fitted: bool, monkeypatch: pytest.MonkeyPatch):
    """Where the core's proposals are refused, a t fitted to the variances alone proposes them, but for sds of a factor that has a rho: of
    3,100 areas of leroux, Poisson, 16 of 300 proposals of the core were accepted then, and 266 of 300 without."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"n": rng.poisson(3.0, 120), "x": rng.standard_normal(120), "year": np.arange(120) % 12})
    seen = by_group.arrange(gibbs.check(f"n ~ x + {term}", data, family="poisson").design)
    made = plan.make(seen, "auto")
    monkeypatch.setattr(second_order, "FITTED_BELOW", 1.1)
    chain = second_order.SecondOrderChain(0, np.random.SeedSequence(1), pack.pack(seen, made), seen, 1000)
    while chain.state.sweeps[0] < 1000:
        chain.advance(500)
    assert chain.refits > second_order.FIT_FROM and chain.fitted == fitted
