"""Fields whose levels know their neighbours to a degree ρ that is drawn: long autoregressions, large maps with a part of each area's own.

    u = l φ,     φ ~ N(0, R(ρ)⁻),     R(ρ) = D(ρ)'D(ρ)

D(ρ) has the differences of ``fields.py``, each weight times one of a few numbers that hang on ρ:

    ar1     φ_1,   (φ_j − a φ_{j−1})/√(1 − a²),   a = ρ^d, d the steps from level j − 1 to j           log|R| = −Σ_j log(1 − a_j²)
    bym2    (φ_j − √ρ ψ_j)/√(1 − ρ)  and the differences of icar of ψ_j, which are nodes of the field beside the J levels, met by no
            row and summing to zero: K = ρ K_icar + (1 − ρ) I, with R as sparse as the map              log|R| = −J log(1 − ρ)

    leroux  √(ρv) times the differences of neighbours, √((1 − ρ)v) φ_j, v(ρ) of every component such that the geometric mean of its
            variances is 1, and so log|R|, as Chebyshev series in s(ρ)      (``gibbs.model.leroux_scale``)

(Riebler et al. 2016, §3.2, have that of bym2 as a precision of 2J.) No difference has more than two ends. Other kernels see R̃ and D, a
chain's own; ``neighbours.py`` moves ρ.
"""

from __future__ import annotations

import math

from numba import types

from .compiling import kernel, lazy

AR1, BYM2, LEROUX = 0, 1, 2
"""Laws with a ρ, as the kernels know them; ``gibbs.model.structures`` has them by name."""


@kernel
def series(value, first, terms, s):
    """Σ_k value[first + k] T_k(s), by Clenshaw's recurrence."""
    last, before = 0.0, 0.0
    for k in range(terms - 1, 0, -1):
        last, before = 2.0 * s * last - before + value[first + k], last
    return s * last - before + value[first]


@kernel
def set_multipliers(fields, of, rho):
    """Multipliers of the weights at ρ, in place. Returns log|R(ρ)|."""
    value, first = fields.value, of.multiplier0
    value[first] = 1.0
    if of.law == BYM2:
        value[first + 1] = 1.0 / math.sqrt(1.0 - rho)
        value[first + 2] = math.sqrt(rho) / math.sqrt(1.0 - rho)
        return -(of.nodes // (2 * of.width)) * math.log1p(-rho)
    if of.law == LEROUX:
        near, rest = math.sqrt(value[of.scale0] * rho), math.sqrt(1.0 - rho)
        s, at = (near - rest) / (near + rest), of.scale0 + 1
        for m in range(of.parts):
            v = math.exp(series(value, at + (m + 1) * of.terms, of.terms, s))
            value[first + 1 + 2 * m] = math.sqrt(rho * v)
            value[first + 2 + 2 * m] = math.sqrt((1.0 - rho) * v)
        return series(value, at, of.terms, s)
    log_det, kinds = 0.0, (of.multipliers - 1) // 2
    for k in range(kinds):  # of steps of one length
        a = rho ** fields.index[of.steps0 + k]
        rest = (1.0 - a) * (1.0 + a)
        value[first + 1 + 2 * k] = 1.0 / math.sqrt(rest)
        value[first + 2 + 2 * k] = a / math.sqrt(rest)
        log_det -= fields.index[of.steps0 + kinds + k] * math.log(rest)
    return log_det


@lazy(of_rows=True)
def place_degree(layout, f, rho):
    """Weights of the differences, and R̃, of field f ← those at ρ."""
    fields = layout.fields
    of, index, value = fields.table[layout.factor[f].sparse], fields.index, fields.value
    set_multipliers(fields, of, rho)
    multiplier, prior, extra = of.multiplier0, of.prior0, of.extra0
    for e in range(index[of.priors0 + of.nodes]):
        value[prior + e] = value[extra + e]
    for i in range(of.nodes if of.law == LEROUX else 0):
        m = index[of.part0 + index[of.order0 + i]]
        times = value[multiplier + 1 + 2 * m] ** 2 if m >= 0 else 1.0  # what stands beside ρ(D − W)
        for e in range(index[of.priors0 + i], index[of.priors0 + i + 1]):
            value[prior + e] *= times
    for d in range(of.differences):
        k = 3 * d
        first = value[of.base0 + k] * value[multiplier + index[of.codes0 + k]]
        second = value[of.base0 + k + 1] * value[multiplier + index[of.codes0 + k + 1]]
        value[of.weight0 + k], value[of.weight0 + k + 1] = first, second
        for b in range(of.width):
            pair = of.pairs0 + 3 * (b * of.differences + d)
            if index[pair] >= 0:
                value[prior + index[pair]] += first * first
            if index[pair + 1] >= 0:
                value[prior + index[pair + 1]] += first * second
            if index[pair + 2] >= 0:
                value[prior + index[pair + 2]] += second * second


@lazy()
def sum_products(layout, f, x):
    """x'(R(ρ) ⊗ I)x as a sum over the multipliers, which alone hang on ρ; x (J q) L⁻¹u of the levels (and of nodes that are none).

    A difference m a + m' b, m and m' its multipliers, is m (a + b) − (m − m') b, of which near the end of ρ nothing cancels: Σ (a + b)²,
    Σ (a + b) b and Σ b² by its first multiplier, in ``value`` from ``products0`` on. Of leroux, and of multiplier 0, which is 1, m' = m;
    else m' is the next.
    """
    fields = layout.fields
    of, index, value = fields.table[layout.factor[f].sparse], fields.index, fields.value
    for k in range(of.products0, of.products0 + 3 * of.multipliers):
        value[k] = 0.0
    for d in range(of.differences):
        k = 3 * d
        at = of.products0 + 3 * index[of.codes0 + k]
        for b in range(of.width):
            first = value[of.base0 + k] * x[index[of.ends0 + k] * of.width + b]
            second = value[of.base0 + k + 1] * x[index[of.ends0 + k + 1] * of.width + b]
            both = first + second
            value[at] += both * both
            value[at + 1] += both * second
            value[at + 2] += second * second


@lazy(types.float64)
def log_density_at_degree(layout, f, rho, given):
    """½ q log|R(ρ)| and, of the effects whose products ``sum_products`` left, ``given`` them, − ½ x'(R(ρ) ⊗ I)x."""
    fields = layout.fields
    of, value = fields.table[layout.factor[f].sparse], fields.value
    total = 0.5 * of.width * set_multipliers(fields, of, rho)
    for k in range(of.multipliers if given else 0):
        at, one, less = of.products0 + 3 * k, value[of.multiplier0 + k], 0.0
        if of.law != LEROUX and 0 < k < of.multipliers - 1:
            less += one - value[of.multiplier0 + k + 1]
        total -= 0.5 * (one * one * value[at] - 2.0 * one * less * value[at + 1] + less * less * value[at + 2])
    return total
