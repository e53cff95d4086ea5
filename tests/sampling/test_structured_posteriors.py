"""Posteriors of models whose levels know their neighbours, against dense normal algebra and quadrature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import OutputError
from tests.oracles import structured as oracle

Z_LIMIT = 4.5
"""Of the difference from the exact answer in Monte Carlo standard errors."""
EDGES = np.array([(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)])


def closed_form(y, W, K, prior_sd, residual_sd):
    """(mean, covariance) of θ = (β, u): β ~ N(0, prior_sd²), u ~ N(0, K), y ~ N(Wθ, residual_sd²); K may be singular."""
    p = W.shape[1] - K.shape[0]
    V = np.zeros((W.shape[1], W.shape[1]))
    V[:p, :p], V[p:, p:] = np.diag(np.full(p, prior_sd**2)), K
    S = W @ V @ W.T + residual_sd**2 * np.eye(len(y))
    gain = V @ W.T @ np.linalg.inv(S)
    return gain @ y, V - gain @ W @ V


def areas(folder: Path) -> str:
    (folder / "g.csv").write_text("a,b\nA,B\nB,C\nC,D\nB,D\nE,F\nG,\n")
    return str(folder / "g.csv")


def assert_close(draws: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> None:
    """draws (C, S, k) have this mean and these sds."""
    for k in range(draws.shape[2]):
        x = draws[:, :, k]
        if sd[k] < 1e-9:
            np.testing.assert_allclose(x, mean[k], atol=1e-8)
            continue
        assert abs(x.mean() - mean[k]) < Z_LIMIT * float(diagnostics.mcse_mean(x)), (k, x.mean(), mean[k])
        assert x.std() == pytest.approx(sd[k], rel=0.1), k


@pytest.mark.parametrize("scheme", ["joint", "one-at-a-time"])
def test_given_the_variances_effects_are_those_of_dense_algebra(tmp_path: Path, scheme: str):
    """A walk with gaps, areas in components with an island, slopes, and an exchangeable factor; all sds given."""
    rng, n = np.random.default_rng(3), 60
    data = pd.DataFrame({"x": rng.standard_normal(n), "year": rng.choice([1, 2, 4, 5, 9], n), "area": rng.choice(list("ABDE"), n)})
    data["g"], data["y"] = rng.choice(list("uvw"), n), 1.0 + rng.standard_normal(n)
    formula = f'y ~ x + (1 + x || rw1(year)) + icar(area, graph = "{areas(tmp_path)}") + (1 | g)'
    priors = {"b": "normal(0, 2)", "b[Intercept]": "normal(0, 2)", "sigma": "0.7"}
    priors |= {"sd[year,Intercept]": "0.8", "sd[year,x]": "0.5", "sd[area]": "0.6", "sd[g]": "0.4"}
    fit = gibbs.fit(formula, data, priors=priors, scheme=scheme, draws=2500, chains=2, seed=5, progress=False)
    years, walk = np.arange(1, 10), oracle.walk_covariance(1, np.arange(1.0, 10.0))
    graph = oracle.graph_covariance(EDGES, 7)
    Y = (data["year"].to_numpy()[:, None] == years).astype(float)
    A = (data["area"].to_numpy()[:, None] == np.array(list("ABCDEFG"))).astype(float)
    G = (data["g"].to_numpy()[:, None] == np.array(list("uvw"))).astype(float)
    x = data["x"].to_numpy()
    W = np.column_stack([np.ones(n), x, Y, x[:, None] * Y, A, G])
    K = np.zeros((9 + 9 + 7 + 3,) * 2)
    for at, block in ((0, 0.64 * walk), (9, 0.25 * walk), (18, 0.36 * graph), (25, 0.16 * np.eye(3))):
        K[at : at + len(block), at : at + len(block)] = block
    mean, V = closed_form(data["y"].to_numpy(), W, K, 2.0, 0.7)
    sd = np.sqrt(np.diagonal(V))
    u = fit.arrays.u
    of = {f.name: fit.arrays.u_offsets[k] for k, f in enumerate(fit.outline.factors)}
    mine = np.concatenate([
        fit.arrays.beta, u[:, :, of["year"] : of["year"] + 18 : 2], u[:, :, of["year"] + 1 : of["year"] + 18 : 2],
        u[:, :, of["area"] : of["area"] + 7], u[:, :, of["g"] : of["g"] + 3],
    ], axis=2)  # fmt: skip
    assert_close(mine, mean, sd)
    np.testing.assert_allclose(u[:, :, of["area"] : of["area"] + 4].sum(axis=2), 0.0, atol=1e-9)
    np.testing.assert_allclose(u[:, :, of["year"] : of["year"] + 18 : 2].sum(axis=2), 0.0, atol=1e-9)


def exact_sds(y, X, K, at_sd, at_sigma, prior_sd=2.0):
    """Posterior means of (log sd, log sigma, sd) under half-normal(0, 1) priors, on a grid of both, θ integrated out densely."""
    logp = np.empty((len(at_sd), len(at_sigma)))
    P = prior_sd**2 * X @ X.T
    for i, s in enumerate(at_sd):
        for j, sigma in enumerate(at_sigma):
            S = P + s**2 * K + sigma**2 * np.eye(len(y))
            root = np.linalg.cholesky(S)
            z = np.linalg.solve(root, y)
            logp[i, j] = -np.log(np.diagonal(root)).sum() - 0.5 * z @ z - 0.5 * s**2 - 0.5 * sigma**2 + np.log(s) + np.log(sigma)
    weight = np.exp(logp - logp.max())
    weight /= weight.sum()
    return {"sd": weight.sum(axis=1) @ at_sd, "log sd": weight.sum(axis=1) @ np.log(at_sd), "sigma": weight.sum(axis=0) @ at_sigma}


@pytest.mark.parametrize("kind, order", [("rw1", 1), ("rw2", 2)])
def test_the_sds_are_those_of_quadrature(kind: str, order: int):
    rng, positions = np.random.default_rng(8), np.array([0.0, 1, 2, 3, 5, 6, 9, 10, 11, 12])
    t = np.repeat(positions, 2)
    y = 0.5 + np.sin(t / 3.0) + 0.4 * rng.standard_normal(t.size)
    priors = {"b": "normal(0, 2)", "b[Intercept]": "normal(0, 2)", "sd": "half_normal(0, 1)", "sigma": "half_normal(0, 1)"}
    fit = gibbs.fit(f"y ~ 1 + {kind}(t)", pd.DataFrame({"y": y, "t": t}), priors=priors, draws=4000, chains=2, seed=2, progress=False)
    grid = np.arange(0.0, 13.0)  # levels in between are drawn
    K = oracle.walk_covariance(order, grid)[np.ix_(t.astype(int), t.astype(int))]
    wanted = exact_sds(y, np.ones((t.size, 1)), K, np.exp(np.linspace(-5.0, 1.6, 120)), np.exp(np.linspace(-2.2, 0.8, 80)))
    sd, sigma = (fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(name)] for name in ("sd_t__Intercept", "sigma"))
    for x, exact in ((sd, wanted["sd"]), (np.log(sd), wanted["log sd"]), (sigma, wanted["sigma"])):
        assert abs(x.mean() - exact) < Z_LIMIT * float(diagnostics.mcse_mean(x)), (x.mean(), exact)
    assert fit.ranef()["t"].index.tolist() == [str(int(g)) for g in grid]


def test_a_poisson_walk_is_that_of_quadrature():
    """Three years, counts: u on two coordinates, sd and intercept given, by a grid."""
    counts = np.array([2, 0, 7])
    data = pd.DataFrame({"y": counts, "year": [1, 2, 3], "e": [1.0, 2.0, 3.0]})
    priors = {"b[Intercept]": "normal(0, 0.001)", "sd[year]": "1.2"}
    fit = gibbs.fit(
        "y ~ 1 + offset(log(e)) + rw1(year)", data, family="poisson", priors=priors, draws=4000, chains=2, seed=3, progress=False
    )
    root = oracle.root(1.44 * oracle.walk_covariance(1, np.arange(3.0)))[:, 1:]
    at = np.linspace(-6.0, 6.0, 241)
    z = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(-1, 2)
    u = z @ root.T
    eta = np.log(data["e"].to_numpy()) + u
    logp = np.sum(counts * eta - np.exp(eta), axis=1) - 0.5 * np.sum(z**2, axis=1)
    weight = np.exp(logp - logp.max())
    weight /= weight.sum()
    for j in range(3):
        x = fit.arrays.u[:, :, j]
        for mine, exact in ((x, weight @ u[:, j]), (x**2, weight @ u[:, j] ** 2)):
            assert abs(mine.mean() - exact) < Z_LIMIT * float(diagnostics.mcse_mean(mine)) + 2e-3 * abs(exact), j


def test_years_to_come_are_drawn_by_the_law():
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"year": np.repeat(np.arange(2000, 2012), 6)})
    data["y"] = np.cumsum(rng.standard_normal(12))[data["year"] - 2000] + 0.3 * rng.standard_normal(len(data))
    priors = {"b[Intercept]": "normal(0, 2)", "sd[year]": "1.0", "sigma": "0.3"}
    fit = gibbs.fit("y ~ 1 + rw1(year)", data, priors=priors, draws=3000, chains=2, seed=1, progress=False)
    new = pd.DataFrame({"year": [2012, 2015, 2011]})
    found = fit.predict(new, "new", kind="linear", draws=True)
    walk = fit.design.factors[0].structure
    last = found[:, 2]
    for k, steps in ((0, 1.0), (1, 4.0)):
        change = found[:, k] - last
        sd = np.sqrt(walk.unit * steps)
        assert abs(change.mean()) < Z_LIMIT * sd / np.sqrt(change.size)
        assert change.std() == pytest.approx(sd, rel=0.06)
    between = np.cov(found[:, 0] - last, found[:, 1] - last)[0, 1]
    assert between == pytest.approx(walk.unit, rel=0.15)  # one walk


def test_a_run_folder_keeps_what_its_levels_know(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("g.csv").write_text("a,b\nA,B\nB,C\n")
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.standard_normal(30), "area": rng.choice(list("ABC"), 30)})
    fit = gibbs.fit('y ~ icar(area, graph = "g.csv")', data, draws=50, warmup=50, chains=2, seed=1, progress=False)
    fit.save("run")
    again = gibbs.load("run")
    assert again.outline.factors[0].structure.digest == fit.outline.factors[0].structure.digest
    np.testing.assert_allclose(again.predict(kind="linear")["mean"], fit.predict(kind="linear")["mean"])
    Path("g.csv").write_text("a,b\nA,B\nB,C\nA,C\n")
    with pytest.raises(OutputError, match="the file has changed"):
        gibbs.load("run").predict(kind="linear")
