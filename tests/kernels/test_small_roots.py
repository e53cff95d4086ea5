"""Digits of the marginal density, against 50-digit arithmetic, down to sds and conditional sds of 10⁻¹²."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import linalg

from tests.thin import some

from .bench import Bench, make_design, random_covariances

KINDS = ("slopes", "three_columns", "five_columns", "nested_slopes", "crossed_slopes", "crossed_wide")
SIGMA = 0.8


def exact_log_marginal(b: Bench, roots: list[list[np.ndarray]]) -> mpmath.mpf:
    """log p(ỹ | L, σ) up to a constant: ỹ ~ N(XB₀b₀, XB₀X' + Σ_f Z_fΣ_fZ_f' + σ²Ω⁻¹)."""
    p, W = b.p, mpmath.matrix(b.W.tolist())
    Q0, b0, _ = b.prior(random_covariances(b.design, np.random.default_rng(1)))  # its β block knows no covariance
    B = mpmath.matrix(Q0[:p, :p].tolist()) ** -1
    V = W[:, :p] * B * W[:, :p].T
    for i in range(W.rows):
        V[i, i] += mpmath.mpf(SIGMA) ** 2 / mpmath.mpf(float(b.omega[i]))
    for columns, blocks in zip(b.columns, roots, strict=True):
        root = mpmath.matrix(linalg.block_diag(*blocks).tolist())
        for start in range(int(columns[0]), int(columns[-1]) + 1, root.rows):
            Z = W[:, start : start + root.rows] * root
            V += Z * Z.T
    rest = mpmath.matrix(b.y.tolist()) - W[:, :p] * (B * mpmath.matrix(b0[:p].tolist()))
    R = mpmath.cholesky(V)
    for i in range(W.rows):  # rest ← R⁻¹ rest
        rest[i] = (rest[i] - mpmath.fsum(R[i, k] * rest[k] for k in range(i))) / R[i, i]
    return -mpmath.fsum(mpmath.log(R[i, i]) for i in range(W.rows)) - mpmath.fsum(x * x for x in rest) / 2


def small_roots(b: Bench, kind: str, size: float) -> list[list[np.ndarray]]:
    """Factors of covariances whose columns beyond the first half have small "sds", or are nearly sums of the others ("dependent")."""
    out = [[np.linalg.cholesky(c) for c in blocks] for blocks in random_covariances(b.design, np.random.default_rng(31))]
    for root in (root for blocks in out for root in blocks):
        for k in range(len(root) // 2, len(root)):
            if kind == "sds":
                root[k] *= size
            elif k > 0:
                root[k, k] *= size
    return out


@pytest.mark.parametrize("small", ["sds", "dependent"])
@pytest.mark.parametrize("kind", some(KINDS, 2))
def test_the_marginal_density_keeps_its_digits_where_roots_are_small(kind, small):
    b = Bench(make_design(kind, rows=30), "joint")
    found, exact = [], []
    with mpmath.workdps(50):
        for size in (1.0, 1e-4, 1e-7, 1e-12):
            roots = small_roots(b, small, size)
            b.state.L[:] = np.concatenate([root.ravel() for blocks in roots for root in blocks])
            found.append(b.log_marginal(SIGMA)[0])
            exact.append(exact_log_marginal(b, roots))
        exact = [float(value - exact[0]) for value in exact]
    assert abs(exact[1]) > 1e-3  # the density moves
    np.testing.assert_allclose(np.array(found) - found[0], exact, rtol=0, atol=1e-9 * max(1.0, *np.abs(exact)))
