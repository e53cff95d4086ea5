"""Nearly collinear predictors: the marginal density of the variances and the law of the coefficients, against 50-digit arithmetic."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import DataError
from gibbs.kernels import elimination, hyper
from gibbs.kernels import layout as kl
from gibbs.model.records import Design
from gibbs.sampling import orthogonal, plan
from gibbs.sampling.chain import Chain
from gibbs.sampling.pack import columns_of, pack
from tests.model import tables
from tests.sampling.models import parameters

NEARNESS = (1e-2, 1e-4, 1e-6, 1e-7, 1e-9, 1e-12, 0.0)
FORMULAS = (
    "y ~ x0 + x1",
    "y ~ 0 + x0 + x1",
    "y ~ x0 + x1 + (1 | g)",
    "y ~ x0 * x1 + (1 | g)",
    "y ~ x0 + x1 + (1 + x0 + x1 | g)",
    "y ~ x0 + x1 + (x0 + x1 || g)",
    "y ~ 1 + (1 + x0 + x1 | g)",
    "y ~ x0 * g + x1",
)


def nearly_collinear(eps: float, seed: int = 1, rows: int = 10, levels: int = 5, slope: float = 0.5) -> pd.DataFrame:
    """x1 differs from x0 by ``eps`` of itself; ``levels`` groups in a row."""
    rng = np.random.default_rng(seed)
    x0 = rng.normal(size=rows)
    x1 = x0 + eps * rng.normal(size=rows)
    return pd.DataFrame(
        {"y": 1.0 + slope * x0 + rng.normal(size=rows), "x0": x0, "x1": x1, "g": np.repeat(np.arange(levels), rows // levels)}
    )


class Product:
    """The engine's own density of (L, σ), and its conditional law of the coefficients as written."""

    def __init__(self, made: Design) -> None:
        self.packed = pack(made, plan.make(made, "auto"))
        self.chain = Chain(0, np.random.SeedSequence(1), self.packed, made, 40)

    def log_marginal(self, L: np.ndarray, sigma: float) -> float:
        p, c = self.packed, self.chain
        quadratic = elimination.coefficient_precision(p.priors.row, c.state.row_scale, c.work.B)
        return hyper.log_marginal(p.layout, p.gram, kl.Target(False, float(p.n), p.yy, quadratic, np.nan), c.work, L, sigma)[0]

    def law(self, L: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of β given (L, σ)."""
        self.log_marginal(L, sigma)
        w, p = self.chain.work, self.packed.reference.size
        R = np.tril(w.R[:, :-1])
        mean = np.linalg.solve(R.T, w.R[:, -1])[:p]
        root = sigma * np.linalg.solve(R, np.eye(len(R)))[:, :p]  # of S⁻¹ = root'root
        root = root @ self.packed.transform.T
        return self.packed.coefficients(mean), root.T @ root


def exactly(made: Design, L: np.ndarray, sigma: float) -> tuple[mpmath.mpf, mpmath.matrix, mpmath.matrix]:
    """log p(y | L, σ) up to a constant, mean and covariance of β: from the columns and prior rows as written."""
    X, n = mpmath.matrix(made.X.tolist()), len(made.y)
    W = mpmath.matrix([[float(v) / mpmath.mpf(float(r.scale)) for v in r.weights] for r in made.coefficient_priors])
    m = mpmath.matrix([float(r.mean) / mpmath.mpf(float(r.scale)) for r in made.coefficient_priors])
    V, start = mpmath.eye(n) * mpmath.mpf(sigma) ** 2, 0
    for factor in made.factors:
        Z, column = columns_of(factor), 0
        for term in factor.terms:
            q = len(term.columns)
            root = mpmath.matrix(L[start : start + q * q].reshape(q, q).tolist())
            half = mpmath.matrix(Z[:, column : column + q].tolist()) * root
            both = half * half.T
            for i in range(n):
                for k in range(n):
                    V[i, k] += both[i, k] if factor.codes[i] == factor.codes[k] else 0
            start, column = start + q * q, column + q
    P = V**-1
    Q = X.T * P * X + W.T * W
    covariance = Q**-1
    y = mpmath.matrix(made.y.tolist())
    right = X.T * P * y + W.T * m
    mean = covariance * right
    quadratic = (y.T * P * y)[0] + (m.T * m)[0] - (mean.T * right)[0]
    return -(mpmath.log(mpmath.det(V)) + mpmath.log(mpmath.det(Q)) + quadratic) / 2, mean, covariance


def points(made: Design, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Values of (L, σ) from small to large."""
    found = []
    for sigma, size in ((1.0, 0.7), (0.3, 2.0), (0.02, 1.0), (3.0, 0.01), (1e-3, 3.0)):
        roots = []
        for term in (t for f in made.factors for t in f.terms):
            q = len(term.columns)
            root = np.tril(0.4 * rng.standard_normal((q, q)), -1) + np.diag(np.exp(0.3 * rng.standard_normal(q)))
            roots.append((size * root).ravel())
        found.append((np.concatenate([np.zeros(0), *roots]), sigma))
    return found


@pytest.mark.parametrize("eps", NEARNESS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_density_and_coefficients_keep_their_digits(formula, eps):
    made = tables.build(formula, nearly_collinear(eps))
    product, found, exact = Product(made), [], []
    with mpmath.workdps(50):
        for L, sigma in points(made, np.random.default_rng(5)):
            density, mean, covariance = exactly(made, L, sigma)
            found.append(product.log_marginal(L, sigma))
            exact.append(density)
            beta, spread = product.law(L, sigma)
            sds = np.array([float(mpmath.sqrt(covariance[j, j])) for j in range(len(beta))])
            np.testing.assert_allclose(beta / sds, np.array([float(v) for v in mean]) / sds, rtol=0, atol=1e-5)
            np.testing.assert_allclose(np.sqrt(np.diag(spread)) / sds, 1.0, atol=1e-5)
        exact = [float(value - exact[0]) for value in exact]
    np.testing.assert_allclose(np.array(found) - found[0], exact, rtol=0, atol=1e-6 * max(1.0, *np.abs(exact)))


@pytest.mark.parametrize(
    "priors", [{"b": "flat"}, {"b[x1]": "normal(5, 0.001)"}, {"b[x0]": "normal(5, 1e-9)"}, {"b[x1]": "normal(5, 1e-9)"}], ids=str
)
@pytest.mark.parametrize("eps", [1e-4, 1e-6, 1e-8, 1e-10])
def test_stated_priors_are_on_the_coefficients_as_written(priors, eps):
    frame = nearly_collinear(eps)
    if eps < 1e-9 and "flat" in priors.values():
        with pytest.raises(
            DataError, match=r"'x1' is x0, to seven digits or more .* no posterior that numbers of sixteen digits could tell"
        ):
            tables.build("y ~ x0 + x1 + (1 | g)", frame, priors=priors)
        return
    made = tables.build("y ~ x0 + x1 + (1 | g)", frame, priors=priors)
    product = Product(made)
    with mpmath.workdps(50):
        for L, sigma in points(made, np.random.default_rng(5))[:4]:
            _, mean, covariance = exactly(made, L, sigma)
            beta, spread = product.law(L, sigma)
            sds = np.array([float(mpmath.sqrt(covariance[j, j])) for j in range(len(beta))])
            np.testing.assert_allclose(beta / sds, np.array([float(v) for v in mean]) / sds, rtol=0, atol=1e-5)
            np.testing.assert_allclose(np.sqrt(np.diag(spread)) / sds, 1.0, atol=1e-5)


@pytest.mark.parametrize("columns", ["weights", "errors"])
def test_precisions_of_rows_that_differ_by_a_million_million(columns):
    frame = nearly_collinear(1e-7, rows=20)
    frame["w"] = 10.0 ** np.linspace(-6, 6, 20)
    design = tables.build("y | se(w) ~ x0 + x1" if columns == "errors" else "y | weights(w, type = 'precision') ~ x0 + x1", frame)
    product, L = Product(design), np.zeros(0)
    scale = design.known_se if columns == "errors" else design.precision**-0.5
    plain = replace(design, X=design.X / scale[:, None], y=design.y / scale, known_se=None, precision=None)  # rows over their scale
    with mpmath.workdps(50):
        _, mean, covariance = exactly(plain, L, 1.0)
    beta, spread = product.law(L, 1.0)
    sds = np.array([float(mpmath.sqrt(covariance[j, j])) for j in range(len(beta))])
    np.testing.assert_allclose(beta / sds, np.array([float(v) for v in mean]) / sds, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(spread)) / sds, 1.0, atol=1e-5)


def test_columns_far_from_collinear_stay_as_they_are():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 4)) * [1.0, 1e6, 1e-6, 1.0]
    assert orthogonal.basis(X, np.ones(50), 0, np.eye(4)) is None
    assert orthogonal.basis(np.column_stack([X, X[:, 0] + 0.01 * rng.standard_normal(50)]), np.ones(50), 0, np.eye(5)) is None


def test_the_basis_is_orthogonal_and_spans_the_same():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((50, 4)) * [1.0, 1e6, 1e-6, 1.0]
    X = np.column_stack([np.zeros((50, 2)), X, X[:, 0] + 1e-8 * rng.standard_normal(50), X[:, 1], np.zeros(50)])
    weight = rng.uniform(0.1, 2.0, 50)
    Q, turn = orthogonal.basis(X, weight, 2, np.eye(9))
    np.testing.assert_array_equal(turn[:2], np.eye(9)[:2])
    np.testing.assert_array_equal(turn[:, :2], np.eye(9)[:, :2])
    inner = Q[:, 2:].T @ (weight[:, None] * Q[:, 2:])
    np.testing.assert_allclose(inner, np.diag(inner.diagonal()), atol=1e-10)
    assert sorted(inner.diagonal() > 0) == [False, False, True, True, True, True, True]  # a column again, and one of zeros
    size = np.abs(X).max(axis=0)
    size[size == 0] = 1.0
    np.testing.assert_allclose(Q @ np.linalg.inv(turn) / size, X / size, atol=1e-12)


FAMILIES = {
    "student": ("y", "auto"), "gaussian": ("y", "one-at-a-time"), "logit": ("b", "second-order"), "probit": ("b", "augmented"),
    "poisson": ("k", "auto"), "ordinal": ("c", "auto"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_the_nearer_the_columns_the_same_the_posterior(family):
    """As ε → 0 the law of the intercept, of the sum of the slopes and of sd(g) has a limit; at 0.003 the columns are not turned."""
    outcome, scheme = FAMILIES[family]
    found = []
    for eps in (3e-3, 1e-5, 1e-8):
        frame = nearly_collinear(eps, rows=200, levels=10)
        frame["b"] = (frame["y"] > 1.0).astype(int)
        frame["k"], frame["c"] = np.rint(np.exp(0.5 * frame["y"])).astype(int), pd.cut(frame["y"], [-9, 0, 1, 9], labels=False)
        fit = gibbs.fit(f"{outcome} ~ x0 + x1 + (1 | g)", frame, family=family, seed=3, progress=False, scheme=scheme, draws=4000, chains=2)
        draws = parameters(fit.arrays)
        first = next(v for k, v in draws.items() if k.startswith("sd_g"))
        slopes = [draws[f"b{k}"] for k in range(fit.arrays.beta.shape[2])]
        found.append([*slopes[:-2], slopes[-2] + slopes[-1], first])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            error = np.hypot(float(diagnostics.mcse_mean(a)), float(diagnostics.mcse_mean(b)))
            assert abs(a.mean() - b.mean()) < 4.5 * error + 0.01 * a.std()
