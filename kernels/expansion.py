"""A decision about all location effects that reads a handful of rows: the likelihood as a Taylor polynomial, and bounds on what it leaves.

About a centre θ̂ the log-likelihood of row i is a polynomial in w_i'(θ − θ̂) and a remainder,

    l_i(η_i) = t_i(θ) + r_i(θ),       t_i = Σ_{j ≤ k} l_i^(j)(c_i) (η_i − c_i)^j / j! ,      c_i = w_i'θ̂ + offset_i ,

k = 2 or 3. The sum of the polynomials is one polynomial in θ, whatever the number of rows: its quadratic part is the stand-in that all
moves are reversible for, its cubic part has p(p + 1)(p + 2)/6 coefficients. The proposal θ' after θ is accepted with probability

    min(1, e^rise) Π_i min(1, exp{r_i(θ') − r_i(θ)}) ,                  rise of all that is no remainder

(scalable Metropolis–Hastings: Cornish et al. 2019, algorithm 1). Every factor is in detailed balance, hence the product is: the move is
exact, at a cost in acceptance that vanishes as remainders do. With A = RR' near the posterior precision, h_i = |R⁻¹w_i| and
ρ = |R'(θ − θ̂)|, |η_i − c_i| ≤ h_i ρ, so that

    |r_i(θ)| ≤ b_i ρ^{k+1} ,         b_i = sup|l_i^(k+1)| h_i^{k+1} / (k + 1)! .

Factor i refuses with probability 1 − e^−d, d = max(0, r_i(θ) − r_i(θ')) ≤ b_i(ρ^{k+1} + ρ'^{k+1}). No factor refuses exactly if a Poisson
process of rate d_i in every row has no point: points are drawn at the rates of the bounds, their number Poisson with mean B(ρ^{k+1} +
ρ'^{k+1}), B = Σ b_i, their rows from an alias table (Walker 1977), and each counts with probability d_i over its bound.

Where so many points are expected that a pass over the rows is cheaper, or a point lies further out than the bounds reach, the decision is
made by the pass: which of the two depends on ρ and ρ' alike, so both ways and back are decided in the same way.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import copy_to
from .compiling import contracted, kernel, reassociated
from .designed import is_designed
from .likelihood import BINOMIAL_CLOGLOG, BINOMIAL_LOGIT, BINOMIAL_PROBIT, COUNT_POISSON, log_likelihood
from .special import log_normal_cdf

REFUSED, ACCEPTED, BROKEN = 0, 1, 2
"""What a decision ends with; the last: a row's likelihood changed by more than its bound, which no correct bound allows."""

STEEPEST = {
    BINOMIAL_LOGIT: (6.0**-1.5 * math.sqrt(2.0), 0.125),
    BINOMIAL_PROBIT: (0.29571882, 0.18895684),
    BINOMIAL_CLOGLOG: (0.42605477, 0.69819661),
}
"""Suprema over η of |l'''| and |l''''| of one trial, of the complementary log-log of one that is 1: of the logistic 1/(6√3) and 1/8 are
exact, the others are rounded up. Of a 0 the complementary log-log has −e^η, as a count has: that is bounded up to a distance."""
_LOGIT3, _LOGIT4 = STEEPEST[BINOMIAL_LOGIT]
_PROBIT3, _PROBIT4 = STEEPEST[BINOMIAL_PROBIT]
_CLOGLOG3, _CLOGLOG4 = STEEPEST[BINOMIAL_CLOGLOG]
_SLACK = 1.0 + 1e-7
"""Of bounds and distances, against rounding."""

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@kernel
def _probit_derivatives(x):
    """(f', f'', f''') of f = log Φ at x, by r = φ/Φ: f' = r, f'' = −r(x + r), f''' = r{(x + r)(x + 2r) − 1}."""
    r = math.exp(-0.5 * x * x - _HALF_LOG_TWO_PI - log_normal_cdf(x))
    s = max(x + r, 0.0)
    return r, -r * s, r * (s * (s + r) - 1.0)


@kernel
def _cloglog_derivatives(x):
    """(f', f'', f''') of f = log(1 − e^−m) at x, m = e^x, by r = m/(e^m − 1) and s = 1 − r − m: f' = r, f'' = rs, f''' = r(s² − rs − m)."""
    m = math.exp(min(x, 700.0))
    if m > 700.0:  # r < 1e-300
        return 0.0, 0.0, 0.0
    r = m / math.expm1(m) if m > 1e-300 else 1.0
    s = 1.0 - r - m if m > 1e-3 else m * (m * (m * m / 720.0 - 1.0 / 12.0) - 0.5)
    return r, r * s, r * (s * s - r * s - m)


@kernel
def three_derivatives(code, y, n, eta):
    """(l', l'', l''') at η of y of n trials (logit, probit, complementary log-log), or of a count y over n rows (Poisson); nan of any other
    likelihood."""
    if code == BINOMIAL_LOGIT:
        e = math.exp(-abs(eta))
        small, large = e / (1.0 + e), 1.0 / (1.0 + e)
        mean, rest = (large, small) if eta > 0.0 else (small, large)
        return y - n * mean, -n * mean * rest, -n * mean * rest * (rest - mean)
    if code == BINOMIAL_PROBIT:
        first = second = third = 0.0
        if y > 0.0:
            a, b, c = _probit_derivatives(eta)
            first, second, third = y * a, y * b, y * c
        if n > y:
            a, b, c = _probit_derivatives(-eta)
            first -= (n - y) * a
            second += (n - y) * b
            third -= (n - y) * c
        return first, second, third
    if code == BINOMIAL_CLOGLOG:
        rest = (n - y) * math.exp(eta) if n > y else 0.0
        first, second, third = _cloglog_derivatives(eta) if y > 0.0 else (0.0, 0.0, 0.0)
        return y * first - rest, y * second - rest, y * third - rest
    if code != COUNT_POISSON:
        return np.nan, np.nan, np.nan
    mean = n * math.exp(eta)
    return y - mean, -mean, -mean


@kernel
def bounded_everywhere(code):
    """Whether ``steepness`` holds however far η goes; else up to the distance that it is given."""
    return code == BINOMIAL_LOGIT or code == BINOMIAL_PROBIT


@kernel
def steepness(code, order, y, n, eta, far):
    """A bound on |l^(order + 1)| of y of n trials, or y over n rows, wherever η is no further than ``far`` from ``eta``; nan where none is
    known."""
    if order != 2 and order != 3:
        return np.nan
    if code == BINOMIAL_LOGIT:
        return n * (_LOGIT3 if order == 2 else _LOGIT4)
    if code == BINOMIAL_PROBIT:
        return n * (_PROBIT3 if order == 2 else _PROBIT4)
    if code == BINOMIAL_CLOGLOG:
        bound = y * (_CLOGLOG3 if order == 2 else _CLOGLOG4)
        return bound + (n - y) * math.exp(eta + far) if n > y else bound
    return n * math.exp(eta + far) if code == COUNT_POISSON else np.nan


@contracted
def predictor_of_row(data, X, layout, i, core):
    """η_i = offset_i + w_i'core, all effects in the core."""
    s, factor, core_factors = data.offset[i], layout.factor, layout.core_factors
    for a in range(X.shape[1]):
        s += X[i, a] * core[a]
    for c in range(core_factors.size):
        f = core_factors[c]
        q, z, at, j = factor[f].width, factor[f].z0, factor[f].core0, data.level[i, f]
        if factor[f].basis0 >= 0:  # u = (B ⊗ I) w of ``structured.py``, and w stands in the core
            C, b0 = factor[f].coordinates, factor[f].basis0 + j * factor[f].coordinates
            for a in range(q):
                u = 0.0
                for k in range(C):
                    u += layout.basis[b0 + k] * core[at + k * q + a]
                s += data.Z[i, z + a] * u
            continue
        for a in range(q):
            s += data.Z[i, z + a] * core[at + j * q + a]
    return s


@kernel
def weights_of_row(data, X, layout, i, place, weight):
    """The numbers of w_i that are not 0 into ``weight``, their columns, ascending, into ``place``; returns how many they are.

    Levels that know their neighbours have a column each, where their coordinates stand in the core: η_i = w_i'(M core), M their B ⊗ I."""
    factor, core_factors, p = layout.factor, layout.core_factors, X.shape[1]
    for a in range(p):
        place[a], weight[a] = a, X[i, a]
    n = p
    for c in range(core_factors.size):
        f = core_factors[c]
        q, z, at, j, C = factor[f].width, factor[f].z0, factor[f].core0, data.level[i, f], factor[f].coordinates
        if is_designed(factor[f]):
            for k in range(C):
                value = layout.basis[factor[f].basis0 + j * C + k]
                for a in range(q if value != 0.0 else 0):
                    place[n], weight[n] = at + k * q + a, value * data.Z[i, z + a]
                    n += 1
            continue
        for a in range(q):
            place[n], weight[n] = at + j * q + a, data.Z[i, z + a]
            n += 1
    return n


@kernel
def linearise(data, X, layout, centre, omega, linear):
    """ω_i ← −l''(c_i) and b_i ← l'(c_i) + ω_i c_i: the stand-in b_iη_i − ω_iη_i²/2 is the quadratic part of the expansion."""
    for i in range(omega.size):
        c = predictor_of_row(data, X, layout, i, centre)
        first, second, _ = three_derivatives(data.code, data.y[i], data.trials[i], c)
        omega[i] = -second
        linear[i] = first - second * c


@kernel
def bound_rows(data, layout, expansion, inverse, place, weight):
    """``expansion.bound`` ← b_i, and ``expansion.cubic`` ← Σ l'''w_aw_bw_k, a ≥ b ≥ k, of order 3, in the columns of ``weights_of_row``;
    returns B = Σ b_i.

    inverse : (pc, pc) A⁻¹ in these columns, MA⁻¹M'; place, weight : (at most pc,) int64 and float64 scratch.
    """
    X, cubic, bound, order = expansion.X, expansion.cubic, expansion.bound, expansion.order
    cubic[:] = 0.0
    total = 0.0
    for i in range(bound.size):
        n = weights_of_row(data, X, layout, i, place, weight)
        square = 0.0
        for a in range(n):
            s = 0.5 * inverse[place[a], place[a]] * weight[a]
            for b in range(a):
                s += inverse[place[a], place[b]] * weight[b]
            square += 2.0 * s * weight[a]
        h = math.sqrt(square) * _SLACK
        c = predictor_of_row(data, X, layout, i, expansion.centre)
        steep = steepness(data.code, order, data.y[i], data.trials[i], c, h * expansion.reach)
        bound[i] = steep * h * h * h * (1.0 / 6.0 if order == 2 else h / 24.0) * _SLACK
        total += bound[i]
        if order == 3:
            _, _, third = three_derivatives(data.code, data.y[i], data.trials[i], c)
            for a in range(n):
                va, at = third * weight[a], place[a] * (place[a] + 1) * (place[a] + 2) // 6
                for b in range(a + 1):
                    vb, beside = va * weight[b], at + place[b] * (place[b] + 1) // 2
                    for k in range(b + 1):
                        cubic[beside + place[k]] += vb * weight[k]
    return total


@kernel
def finish_cubic(size, cubic):
    """Sums of l'''w_aw_bw_k (a ≥ b ≥ k) ← coefficients of the cubic part: times the orders that a, b, k can have, over 3!."""
    at = 0
    for a in range(size):
        for b in range(a + 1):
            for k in range(b + 1):
                cubic[at] *= 1.0 / 6.0 if a == k else (0.5 if a == b or b == k else 1.0)
                at += 1


@kernel
def alias_table(weight, threshold, alias, queue):
    """Walker's table: i uniform, then i with probability ``threshold`` and else ``alias``, has probability ∝ ``weight`` (M,).

    queue : (M,) int32 scratch: rows with less than the mean weight from the front, the others from the back (Vose 1991).
    """
    n, total = weight.size, 0.0
    for i in range(n):
        total += weight[i]
    less, more = 0, n
    for i in range(n):
        threshold[i] = weight[i] * (n / total) if total > 0.0 else 1.0
        alias[i] = i
        if threshold[i] < 1.0:
            queue[less] = i
            less += 1
        else:
            more -= 1
            queue[more] = i
    while less > 0 and more < n:
        less -= 1
        a, b = queue[less], queue[more]
        alias[a] = b
        threshold[b] -= 1.0 - threshold[a]
        if threshold[b] < 1.0:
            more += 1
            queue[less] = b
            less += 1
    while less > 0:  # what rounding left
        less -= 1
        threshold[queue[less]] = 1.0
    while more < n:
        threshold[queue[more]] = 1.0
        more += 1


@reassociated
def distance(expansion, core, difference):
    """ρ = |R'(core − θ̂)|; ``difference`` (pc,) ← core − θ̂."""
    root, total = expansion.root, 0.0
    for a in range(core.size):
        difference[a] = core[a] - expansion.centre[a]
    for a in range(core.size):  # root holds R', row by row
        s = 0.0
        for b in range(a, core.size):
            s += root[a, b] * difference[b]
        total += s * s
    return math.sqrt(total) * _SLACK


@reassociated
def cubic_part(cubic, d):
    """Σ_{a ≥ b ≥ k} cubic_abk d_a d_b d_k; 0 of an expansion of order 2."""
    total, at = 0.0, 0
    if cubic.size == 0:
        return total
    for a in range(d.size):
        of_a = 0.0
        for b in range(a + 1):
            s = 0.0
            for k in range(b + 1):
                s += cubic[at + k] * d[k]
            at += b + 1
            of_a += s * d[b]
        total += of_a * d[a]
    return total


@kernel
def look_at(expansion, core, found):
    """found (2,) ← ρ of ``core``, and the cubic part there."""
    found[0] = distance(expansion, core, expansion.spare)
    found[1] = cubic_part(expansion.cubic, expansion.spare)


@reassociated
def stand_in_rise(gram, now, new):
    """Q(new) − Q(now) of the stand-in Q(θ) = m'θ − ½θ'Gθ, without the difference of two large numbers."""
    G, m, total = gram.core, gram.m, 0.0
    for a in range(now.size):
        s = 0.5 * G[a, a] * (now[a] + new[a]) * (new[a] - now[a])
        for b in range(a):
            s += 0.5 * G[a, b] * ((now[a] + new[a]) * (new[b] - now[b]) + (now[b] + new[b]) * (new[a] - now[a]))
        total += m[a] * (new[a] - now[a]) - s
    return total


@kernel
def _remainder(data, layout, expansion, i, core, at):
    """r_i(core) and a constant, ``at`` = c_i."""
    eta, y, n = predictor_of_row(data, expansion.X, layout, i, core), data.y[i], data.trials[i]
    first, second, third = three_derivatives(data.code, y, n, at)
    d = eta - at
    cubic = third * d * (1.0 / 6.0) if expansion.order == 3 else 0.0
    return log_likelihood(data.code, y, n, eta, 1.0, expansion.centre[:0]) - (first + (0.5 * second + cubic) * d) * d


@kernel
def no_row_refuses(rng, data, layout, expansion, now, new, scales, count):
    """Points of the rates ρ^{k+1} and ρ'^{k+1}, their sum ``scales``: ACCEPTED where none counts, else REFUSED, or BROKEN."""
    rows, left = expansion.bound.size, expansion.total * scales - rng.standard_exponential()
    while left > 0.0:
        left -= rng.standard_exponential()
        count[0].rows_read += 1
        toss = rows * rng.random()
        i = min(int(toss), rows - 1)
        if toss - i > expansion.threshold[i]:
            i = expansion.alias[i]
        at = predictor_of_row(data, expansion.X, layout, i, expansion.centre)
        before = _remainder(data, layout, expansion, i, now, at)
        fall, bound = before - _remainder(data, layout, expansion, i, new, at), expansion.bound[i] * scales
        if not fall <= bound + 1e-9 * (bound + abs(before)) + 1e-12 * data.trials[i]:
            return BROKEN
        if fall > bound * rng.random():
            return REFUSED
    return ACCEPTED


@contracted
def rise_of_rows(data, layout, X, now, new):
    """Σ_i l_i(new) − l_i(now): a pass over the rows."""
    total, none = 0.0, now[:0]
    for i in range(data.y.size):
        y, n = data.y[i], data.trials[i]
        total += log_likelihood(data.code, y, n, predictor_of_row(data, X, layout, i, new), 1.0, none)
        total -= log_likelihood(data.code, y, n, predictor_of_row(data, X, layout, i, now), 1.0, none)
    return total


@kernel
def decide(rng, rise, model, expansion, now, new, count):
    """Whether the core ``new`` takes the place of ``now``: ACCEPTED, REFUSED or BROKEN.

    rise : the log ratio with the stand-in in place of the likelihood; 0 where the proposal is reversible for it. ``expansion.here`` is what
    ``look_at`` says of ``now``, or nan, and afterwards of the one that is current.
    """
    data, layout, here, there = model.data, model.layout, expansion.here, expansion.there
    if expansion.order == 0:
        return ACCEPTED if rise > -rng.standard_exponential() else REFUSED
    if here[0] != here[0]:
        look_at(expansion, now, here)
    look_at(expansion, new, there)
    scales = here[0] ** 3 + there[0] ** 3 if expansion.order == 2 else here[0] ** 4 + there[0] ** 4
    if max(here[0], there[0]) <= expansion.reach and expansion.total * scales <= expansion.most:
        rise += there[1] - here[1]
        decided = REFUSED
        if rise > -rng.standard_exponential():
            decided = no_row_refuses(rng, data, layout, expansion, now, new, scales, count)
    else:
        count[0].passes += 1
        rise += rise_of_rows(data, layout, expansion.X, now, new) - stand_in_rise(model.gram, now, new)
        decided = ACCEPTED if rise > -rng.standard_exponential() else REFUSED
    if decided == ACCEPTED:
        copy_to(there, here)
    return decided
