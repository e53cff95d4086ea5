"""How a model is laid out in plain arrays: the same few array types for every model, so nothing is compiled per model.

Factors stand in the order of the design. Factor f has J levels and q columns a level; all random effects are one vector u, level j,
column a of factor f at ``factor[f, U0] + j*q + a``. The joint draw of all location effects eliminates a *unit* level by level and
factors the *core* densely:

core   the p fixed effects, then the levels of every small factor (``factor[f, CORE0] + j*q + a``), pc columns in all.
unit   a chain of nested factors, leaf first: row t of ``units``, padded with −1; one factor alone is a chain of one.

The arrays, by the names the kernels use:

factor (K, 15) int64   the table below, one row a factor
term   (T, 8) int64    one row a covariance term (columns of a factor that share a covariance matrix)
index  (…) int64       parents, list pointers and lists, at the offsets the factor table gives
units  (n_units, depth) int64, core_factors (…) int64
node   (…) float64     blocks of every level ("node") of every unit factor:
                           G  q×q  Z'ΩZ                          at G0 + j*q*q
                           B  q×qa Z'Ω(columns of the ancestors) at B0 + j*q*qa, parent first
                           C  q-vectors Z'Ω(core column)         at C0 + e*q, e = entry of the node's list (below)
h      (U,) float64    Z'Ωỹ;   work, vh   scratch laid out as node and h (C of ``work``: or by column, ``elimination.by_column``)
m      (pc,) float64   core'Ωỹ
dense  (3, pc, pc+1)   [0] core'Ω core; [1] the same after elimination, right-hand side in the last column; [2] with the prior,
                           factored. Lower triangles.
roots  (…) float64     L of every factor, block diagonal over its terms, q×q at ROOT0
B0     (p, p+1)        prior precision of β; last column: precision times prior mean
row_prior (R, 3+p)     coefficient statements: mean, 1/s², df, weights; row_scale (R,) their precision multipliers λ_r
sd_prior (…, 3), cov_prior (T, 74), scale_prior (2, 3)   code and numbers of the priors (``priors.py``); scale_prior: σ, ν
L      (…) float64     Cholesky factors of the terms' covariances, row-major, positive diagonal, at L0
spread (U,) float64    1/√λ_j of Student-t effects (``level_scales.py``), by which the columns of level j are multiplied; 1 elsewhere
scale  (5,)            σ (1 where the family has none), ν, Σ_r λ_r mean_r²/s_r² of the coefficient priors, sweeps done, log target of
                       the variances where it is known from the last sweep (else nan)
small  (8, 64)         small matrices, scratch

The list of a node names the core columns it meets, ascending: entries ``index[PTR0 + j] … index[PTR0 + j + 1]`` counted within the
factor, core column ``index[LIST0 + e]``. Above the leaf the list is full: entry = j*pc + column.

rows   X (M, p), Z (M, ΣQ), level (M, K) int32, offset, y, trials int64, weight, core_entry int32: rows of the data, or cells of
       equal rows. y: outcome less the reference fit (real outcomes) or number of ones in the cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GAUSSIAN, STUDENT, PROBIT, LOGIT = 0, 1, 2, 3
"""Families, as the compiled loop knows them."""

JOINT, COLLAPSED, ONE_AT_A_TIME = 0, 1, 2
"""Schemes, as the compiled loop knows them."""

LEVELS, WIDTH, ZCOL, U0, UNIT, CORE0, G0, ANCESTORS, B0, C0, LIST0, PTR0, ROOT0, ENTRY0, PARENT0 = range(15)
"""Columns of ``factor``: J; q; first column in Z; offset in u; unit or −1 (core); place in the core or −1; offset of G; qa; offsets of
B, C, list, list pointers, roots; first column of core_entry (leaf, else −1); offset of the parents (−1: a root)."""

FACTOR, COLUMN, SIZE, L0, S0, GIVEN, FIRST, COUNT = range(8)
"""Columns of ``term``: factor; first column within the factor; number of columns; offset in L; row of its first sd in ``sd_prior``;
1 where the sd is given, not drawn; first of the levels that have these columns, and how many (all, unless the covariance differs by
groups of levels: the effects of the others meet no row, and say nothing of it)."""


class Rows(NamedTuple):
    """The rows' arrays, side by side (passed apart to the kernels)."""

    X: np.ndarray
    Z: np.ndarray
    level: np.ndarray
    offset: np.ndarray
    y: np.ndarray
    trials: np.ndarray
    weight: np.ndarray
    core_entry: np.ndarray
