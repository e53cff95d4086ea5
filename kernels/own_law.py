"""Effects of single levels by their own law: an elliptical slice given everything else, for levels that their rows hardly hold.

    u_j ~ N(0, Σ),   rows i of level j:  η_i = rest_i + z_i'u_j,   p(u_j | …) ∝ N(u_j; 0, Σ) exp Σ_i l(η_i)

With ν ~ N(0, Σ) the ellipse u cos φ + ν sin φ leaves N(0, Σ) alone, and φ is drawn by shrinking a bracket until the likelihood of the
level's rows is above its slice (Murray, Adams & MacKay 2010). There is nothing to tune and nothing is refused. Under rows that are all
alike u_j ranges as far as N(0, Σ) does, to one side; no normal stand-in of the likelihood proposes that, and no latent follows it there
in a few sweeps. A level costs its own rows, two or three times; levels of the core move as those of the units do.
"""

from __future__ import annotations

import math

from numba import types

from .compiling import kernel, lazy
from .likelihood import is_ordinal, log_likelihood_of_few

FIRST_ROW, LAST_ROW = 2, 3
"""Columns of ``chosen`` beside factor and level: the rows of the level are ``own_rows[FIRST_ROW:LAST_ROW]``."""

MOST = 100
"""Points of the ellipse that are tried; the bracket has then shrunk to nothing, and the level stays."""


@kernel
def row_stand_in(code, i, y, omega, linear, eta, cut):
    """The quadratic of row i at ``eta``, one term of ``likelihood.stand_in``."""
    if not is_ordinal(code):
        return (linear[i] - 0.5 * omega[i] * eta) * eta
    return _ordinal_stand_in_of_row(i, y, omega, linear, eta, cut)


@lazy(types.float64)
def _ordinal_stand_in_of_row(i, y, omega, linear, eta, cut):
    m, k, s, t, value = y.size, int(y[i]), 0.0, 0.0, 0.0
    if k < cut.size:
        s = eta - cut[k]
        value += (linear[i] - 0.5 * omega[i] * s) * s
    if k > 0:
        t = eta - cut[k - 1]
        value += (linear[m + i] - 0.5 * omega[m + i] * t) * t
    return value - 0.5 * omega[2 * m + i] * (s - t) ** 2


@kernel
def _likelihood_along(code, Z, y, trials, eta, shape, cut, rows, z, change):
    """Σ_i l(η_i + z_i'change) over ``rows``."""
    total = 0.0
    for i in rows:
        e = eta[i]
        for a in range(change.size):
            e += Z[i, z + a] * change[a]
        total += log_likelihood_of_few(code, y[i], trials[i], e, shape, cut)
    return total


@lazy()
def move_by_own_law(rng, data, shape, cut, layout, chosen, own_rows, state, small):
    """u_j of every level of ``chosen`` (K, 4) in turn: factor, level, and where its rows stand in ``own_rows``.

    Mutates u, core (levels of the core are kept twice), eta, and gap, that of the stand-in of ``data``; a ``gap`` of no rows is not kept.
    """
    code, Z, y, trials, omega, linear = data.code, data.Z, data.y, data.trials, data.omega, data.linear
    factor, term, core, u, L, eta, gap = layout.factor, layout.term, state.core, state.u, state.L, state.eta, state.gap
    for c in range(chosen.shape[0]):
        f, j, rows = chosen[c, 0], chosen[c, 1], own_rows[chosen[c, FIRST_ROW] : chosen[c, LAST_ROW]]
        q, z = factor[f].width, factor[f].z0
        at = factor[f].u0 + j * q
        nu, change, noise = small[5, :q], small[6, :q], small[7]
        for t in range(term.shape[0]):
            if term[t].factor == f:
                n = term[t].width
                for a in range(n):
                    noise[a] = rng.standard_normal()
                    s = 0.0
                    for b in range(a + 1):
                        s += L[term[t].l0 + a * n + b] * noise[b]
                    nu[term[t].column + a] = s
        floor = -rng.standard_exponential()
        if gap.size > 0:
            for i in rows:
                floor += gap[i] + row_stand_in(code, i, y, omega, linear, eta[i], cut)
        else:
            change[:] = 0.0
            floor += _likelihood_along(code, Z, y, trials, eta, shape, cut, rows, z, change)
        angle = 2.0 * math.pi * rng.random()
        low, high = angle - 2.0 * math.pi, angle
        found = False
        for _ in range(MOST):
            turn, lean = math.cos(angle) - 1.0, math.sin(angle)
            for a in range(q):
                change[a] = turn * u[at + a] + lean * nu[a]
            found = _likelihood_along(code, Z, y, trials, eta, shape, cut, rows, z, change) >= floor
            if found:
                break
            if angle < 0.0:
                low = angle
            else:
                high = angle
            angle = low + (high - low) * rng.random()
        if not found:
            continue
        for a in range(q):
            u[at + a] += change[a]
            if factor[f].unit < 0:
                core[factor[f].core0 + j * q + a] += change[a]
        for i in rows:
            e = eta[i]
            for a in range(q):
                e += Z[i, z + a] * change[a]
            if gap.size > 0:
                gap[i] = log_likelihood_of_few(code, y[i], trials[i], e, shape, cut) - row_stand_in(code, i, y, omega, linear, e, cut)
            eta[i] = e
