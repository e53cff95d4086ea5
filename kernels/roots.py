"""Products with L, the lower triangular root of the covariance of a level's effects, q × q by row."""

from __future__ import annotations

from .compiling import kernel


@kernel
def multiply_root(roots, at, q, x, start):
    """x[start:start+q] ← L x, L the lower triangle of ``roots[at:at+q²]``."""
    for a in range(q - 1, -1, -1):
        s = 0.0
        for b in range(a + 1):
            s += roots[at + a * q + b] * x[start + b]
        x[start + a] = s


@kernel
def multiply_root_transposed(roots, at, q, x, start, step):
    """x[start + step·a], a < q, ← L'x."""
    for a in range(q):
        s = 0.0
        for b in range(a, q):
            s += roots[at + b * q + a] * x[start + step * b]
        x[start + step * a] = s


@kernel
def divide_root(roots, at, q, x, start):
    """x[start:start+q] ← L⁻¹x."""
    for a in range(q):
        s = x[start + a]
        for b in range(a):
            s -= roots[at + a * q + b] * x[start + b]
        x[start + a] = s / roots[at + a * q + a]


@kernel
def between_roots(roots, at, q, G, start, stride):
    """G ← L'GL, G the symmetric q×q block that begins at ``start``, its rows ``stride`` apart; both triangles are read."""
    for b in range(q):  # GL, column by column: the columns still needed stand untouched
        for a in range(q):
            s = 0.0
            for k in range(b, q):
                s += G[start + a * stride + k] * roots[at + k * q + b]
            G[start + a * stride + b] = s
    for b in range(q):
        multiply_root_transposed(roots, at, q, G, start + b, stride)
