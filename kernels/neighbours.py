"""How much levels know of their neighbours: ρ of autoregressions, of bym2 and of Leroux's law, drawn.

    u = (B ⊗ I) w,   B = V A(ρ),   w_j ~ N(0, Σ) independent,   so that cov(u) = BB' ⊗ Σ

V (J, J) is known, and A(ρ) is cheap. Coordinates c = (A ⊗ I) w:

    ar1     V = I,  c_1 = w_1,  c_j = a_j c_{j−1} + √(1 − a_j²) w_j,  a_j = ρ^d,  d the steps from level j − 1 to j: every variance is 1
    bym2    V'KV = diag(k), K of icar:  c_k = a_k w_k,  a_k² = ρ k_k + 1 − ρ                              (Riebler et al. 2016)
    leroux  V'RV = diag(r), R = D − W:  a_k² ∝ 1/(ρ r_k + 1 − ρ), 0 where R has no direction              (Leroux et al. 2000)

The scale of leroux is such that the geometric mean of the variances is 1 at every ρ, in every connected component; its effects sum to zero
in each. Other kernels see B alone (``structured.py``), a chain's own array. Between two sweeps

    ρ | u        p(ρ) |A(ρ)|^{−q} exp{−½ Σ_k |(A(ρ)⁻¹ L⁻¹c)_k|²}, a slice; w = A⁻¹c follows, the linear predictor stays
    ρ            with the effects integrated out: given the noise ε of the location effects (``second_order.py``) their density is that of
                 the factorisation, p(ρ') p(ỹ | ρ', L) / [p(ρ) p(ỹ | ρ, L)] · exp{Σ_i gap_i(η') − gap_i(η)}
    (ρ, sds)     likewise, along the ridge of an autoregression: σ²(1 − ρ²), the variance of a step, is held; and, when warm-up has fitted
                 a t to (logit ρ, log sd), of gaussian outcomes with log σ, drawn from it anew (of bym2 in other coordinates: IN_PARTS)

The noise is the same for all proposals of a sweep.

Fields have no B; their differences change (``field_degrees.py``).
Cross-products are turned with B: those of coordinates c from one side and the other by A(ρ)', which costs as little as A.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import copy_to, scale_by
from .compiling import inlined, kernel
from .effects_out import accept, density_at, follow_noise, hold_noise, view_of_unit
from .field_degrees import AR1, BYM2, LEROUX, log_density_at_degree, place_degree, sum_products
from .fields import complete_noise
from .hyper import DIGITS
from .likelihood import dispersion_of
from .priors import invert_lower, log_cholesky_prior, log_scale_prior, log_share_prior

SHORT = 1e-10
"""A ρ nearer than this to the end of its range has no density: sums would have no digits there."""


# ---------------------------------------------------------------------------------------------------------------- A(ρ)


@kernel
def set_root(of, k, rho, V, J):
    """``of.root`` (3, J …) ← what A(ρ) of factor ``of.chosen[k]`` is made of: a, √(1 − a²) of ar1, and what division by A multiplies by.

    V : its (J, J).
    """
    law, first, a, rest, inverse = of.law[k], of.first[k], of.root[0], of.root[1], of.root[2]
    if law == AR1:
        a[0], rest[0], inverse[0] = 0.0, 1.0, 1.0
        last = 0.0
        for j in range(1, J):
            if of.numbers[first + j] == last:  # most steps are alike
                a[j], rest[j], inverse[j] = a[j - 1], rest[j - 1], inverse[j - 1]
                continue
            last = of.numbers[first + j]
            a[j] = rho ** int(last)
            rest[j] = math.sqrt(1.0 - a[j] * a[j])
            inverse[j] = 1.0 / rest[j]
        return
    for j in range(J):
        number = of.numbers[first + j]
        if law == BYM2:
            a[j] = math.sqrt(rho * number + 1.0 - rho)
        else:
            a[j] = 1.0 / math.sqrt(rho * number + 1.0 - rho) if number >= 0.0 else 0.0
    if law == LEROUX:
        parts = 0
        for j in range(J):
            parts = max(parts, of.component[first + j] + 1)
        for part in range(parts):
            log_variance, levels = 0.0, 0
            for j in range(J):
                if of.component[first + j] != part:
                    continue
                s = 0.0
                for c in range(J):
                    if of.component[first + c] == part:
                        s += (V[j * J + c] * a[c]) ** 2
                log_variance += math.log(s)
                levels += 1
            scale = math.exp(-0.5 * log_variance / levels)
            for j in range(J):
                if of.component[first + j] == part:
                    a[j] *= scale
    for j in range(J):
        inverse[j] = 1.0 / a[j] if a[j] > 0.0 else 1.0


@kernel
def set_basis(of, k, V, J, B):
    """B (J, J) ← V A(ρ), by ``of.root``."""
    a, rest = of.root[0], of.root[1]
    for j in range(J):
        for c in range(J):
            if of.law[k] != AR1:
                B[j * J + c] = V[j * J + c] * a[c]
            elif c < j:
                B[j * J + c] = B[(j - 1) * J + c] * a[j]
            else:
                B[j * J + c] = rest[j] if c == j else 0.0


@kernel
def times_root(law, root, J, x, at, step):
    """x ← A x, in place; its J numbers stand from ``at`` on, ``step`` apart. Where A has no direction x, noise that nothing sees, stays."""
    a, rest = root[0], root[1]
    if law == AR1:
        for j in range(1, J):
            x[at + j * step] = a[j] * x[at + (j - 1) * step] + rest[j] * x[at + j * step]
    else:
        for j in range(J):
            x[at + j * step] *= a[j] if a[j] > 0.0 else 1.0


@kernel
def solve_root(law, root, J, x, at, step):
    """x ← A⁻¹x, in place; where A has no direction x stays."""
    a, inverse = root[0], root[2]
    if law == AR1:
        for j in range(J - 1, 0, -1):
            x[at + j * step] = (x[at + j * step] - a[j] * x[at + (j - 1) * step]) * inverse[j]
    else:
        for j in range(J):
            x[at + j * step] *= inverse[j]


# ------------------------------------------------------------------------------------------------------- cross-products


@kernel
def turn_block(law, root, J, q, back, M, at):
    """Rows ``at`` to at + Jq of M ← A' times them, q to a level; or, ``back``, A'⁻¹."""
    a, rest, inverse = root[0], root[1], root[2]
    if law != AR1:
        by = inverse if back else a
        for i in range(J * q):
            row, times = M[at + i], by[i // q]
            for c in range(row.size):
                row[c] *= times
    elif back:
        for i in range(q, J * q):
            row, before, times, share = M[at + i], M[at + i - q], inverse[i // q], a[i // q]
            for c in range(row.size):
                row[c] *= times
                before[c] -= share * row[c]
    else:
        for i in range(J * q - 1, q - 1, -1):
            row, before, times, share = M[at + i], M[at + i - q], rest[i // q], a[i // q]
            for c in range(row.size):
                before[c] += share * row[c]
                row[c] *= times


@kernel
def turn_gram(layout, f, law, root, back, gram):
    """Cross-products ← those of the coordinates w of factor f, from those of c = A w; or, ``back``, the other way."""
    row, core, pc = layout.factor[f], gram.core, gram.core.shape[0]
    J, q, at = row.levels, row.width, row.core0
    for i in range(pc):
        for b in range(i):
            core[b, i] = core[i, b]
    turn_block(law, root, J, q, back, core, at)
    for i in range(pc):
        for b in range(i):
            core[b, i], core[i, b] = core[i, b], core[b, i]
    turn_block(law, root, J, q, back, core, at)
    turn_block(law, root, J, q, back, gram.m.reshape((pc, 1)), at)
    factor, index, units = layout.factor, layout.index, layout.units
    for t in range(units.shape[0]):
        for pos in range(units.shape[1]):
            g = units[t, pos]
            if g < 0:
                break
            own = factor[g].width
            for j in range(factor[g].levels):
                entry = index[factor[g].pointer0 + j]
                while index[factor[g].list0 + entry] != at:
                    entry += 1
                first = factor[g].c0 + entry * own
                met = gram.node[first : first + J * q * own]  # a column of f after the other, each with those of g
                turn_block(law, root, J, q, back, met.reshape((J * q, own)), np.int64(0))  # a literal would be a version of its own


# ---------------------------------------------------------------------------------------------------------------- ρ | u


@kernel
def log_prior_of_logit(of, k, rho):
    """Log density of x, ρ = low + (high − low)/(1 + e^{−x})."""
    low, high = of.bounds[k, 0], of.bounds[k, 1]
    if not (rho - low > SHORT and high - rho > SHORT):
        return -np.inf
    return log_share_prior(of.prior[k, 0], of.prior[k, 1], of.prior[k, 2], rho) + math.log(rho - low) + math.log(high - rho)


@kernel
def logit_of(of, k, rho):
    """x of ρ."""
    return math.log((rho - of.bounds[k, 0]) / (of.bounds[k, 1] - rho))


@kernel
def from_logit(of, k, x):
    """ρ of x."""
    return of.bounds[k, 0] + (of.bounds[k, 1] - of.bounds[k, 0]) / (1.0 + math.exp(-x))


@kernel
def white_coordinates(layout, f, L, inverse, c):
    """L⁻¹c_k of every level k of factor f, in place; c (J q,)."""
    term, q, J = layout.term, layout.factor[f].width, layout.factor[f].levels
    for t in range(term.shape[0]):
        if term[t].factor != f:
            continue
        width = term[t].width
        invert_lower(L[term[t].l0 :], width, inverse)
        for j in range(J):
            at = j * q + term[t].column
            for r in range(width - 1, -1, -1):
                s = 0.0
                for b in range(r + 1):
                    s += inverse[r * width + b] * c[at + b]
                c[at + r] = s


@kernel
def log_density_of_white(law, root, J, q, z):
    """Log density of c, L⁻¹c_k = ``z`` (J q,), but for what does not depend on ρ."""
    a, inverse, value = root[0], root[2], 0.0
    for j in range(J):
        if law != AR1 and not a[j] > 0.0:
            continue
        value += q * math.log(inverse[j])
        for b in range(q):
            e = z[j * q + b]
            if law == AR1 and j > 0:
                e -= a[j] * z[(j - 1) * q + b]
            value -= 0.5 * (e * inverse[j]) ** 2
    return value


@kernel
def _log_given_effects(layout, of, k, x, V, J, q, z):
    rho, f = from_logit(of, k, x), of.chosen[k]
    value = log_prior_of_logit(of, k, rho)
    if value > -np.inf and layout.factor[f].sparse >= 0:
        value += log_density_at_degree(layout, f, rho, True)
    elif value > -np.inf:
        set_root(of, k, rho, V, J)
        value += log_density_of_white(of.law[k], of.root, J, q, z)
    return value


@kernel
def draw_given_effects(rng, layout, of, k, rho, V, J, q, z):
    """A slice on x of ρ (Neal 2003) given the coordinates c, L⁻¹c_k = ``z``. Returns the new ρ."""
    x0 = logit_of(of, k, rho)
    log_y = _log_given_effects(layout, of, k, x0, V, J, q, z) - rng.standard_exponential()
    low = x0 - 2.0 * rng.random()
    high = low + 2.0
    for _ in range(30):
        if _log_given_effects(layout, of, k, low, V, J, q, z) <= log_y:
            break
        low -= 2.0
    for _ in range(30):
        if _log_given_effects(layout, of, k, high, V, J, q, z) <= log_y:
            break
        high += 2.0
    for _ in range(200):
        x = low + (high - low) * rng.random()
        if _log_given_effects(layout, of, k, x, V, J, q, z) > log_y:
            return from_logit(of, k, x)
        if x < x0:
            low = x
        else:
            high = x
    return rho


@inlined
def step_given_effects(rng, of, k, at, layout, gram, state, work):
    """ρ of factor ``of.chosen[k]``, number ``at`` of ``state.own``, given the effects, which stay. Mutates w, B and the cross-products."""
    f = of.chosen[k]
    row = layout.factor[f]
    J, q = row.levels, row.width
    z = work.effects[: J * q]
    if row.sparse >= 0:
        for i in range(J * q):
            z[i] = state.u[row.u0 + i]
        white_coordinates(layout, f, state.L, work.small[0], z)
        sum_products(layout, f, z)
        state.own[at] = draw_given_effects(rng, layout, of, k, state.own[at], of.V, J, q, z)
        place_degree(layout, f, state.own[at])
    else:
        step_in_the_core(rng, of, k, at, layout, gram, state, work)


@inlined
def step_in_the_core(rng, of, k, at, layout, gram, state, work):
    """``step_given_effects`` of a factor that stands in the core."""
    f = of.chosen[k]
    row, law = layout.factor[f], of.law[k]
    J, q = row.levels, row.width
    V, root, z = of.V[row.basis0 : row.basis0 + J * J], of.root, work.effects[: J * q]
    set_root(of, k, state.own[at], V, J)
    for b in range(q):
        times_root(law, root, J, state.core, row.core0 + b, q)
    for i in range(J * q):
        z[i] = state.core[row.core0 + i]
    turn_gram(layout, f, law, root, J > 0, gram)  # true, not a literal
    white_coordinates(layout, f, state.L, work.small[0], z)
    state.own[at] = draw_given_effects(rng, layout, of, k, state.own[at], V, J, q, z)
    set_root(of, k, state.own[at], V, J)
    for b in range(q):
        solve_root(law, root, J, state.core, row.core0 + b, q)
    turn_gram(layout, f, law, root, J < 0, gram)
    set_basis(of, k, V, J, layout.basis[row.basis0 : row.basis0 + J * J])


# ---------------------------------------------------------------------------------------------- ρ, effects integrated out


@kernel
def log_step_variance(law, rho):
    """log(1 − ρ²) of an autoregression, the variance of a step; 0 of other laws."""
    return math.log1p(-rho * rho) if law == AR1 else 0.0


@kernel
def scale_covariances(layout, f, times, L):
    """Every sd of factor f times ``times``. Returns the logarithm of the Jacobian of the entries of L; nan where a sd is given."""
    term, log_jacobian = layout.term, 0.0
    for t in range(term.shape[0]):
        if term[t].factor != f:
            continue
        width = term[t].width
        if term[t].given == 1:
            log_jacobian = np.nan
        log_jacobian += 0.5 * width * (width + 1) * math.log(times)
        for i in range(width * width):
            L[term[t].l0 + i] *= times
    return log_jacobian


@kernel
def log_prior_of_covariances(layout, f, priors, L, scratch):
    """Log density of the Cholesky factors of factor f."""
    term, value = layout.term, 0.0
    for t in range(term.shape[0]):
        if term[t].factor == f:
            value += log_cholesky_prior(term, t, priors.sd, priors.cov, L[term[t].l0 :], scratch)
    return value


@kernel
def turn_to(of, k, rho, to, layout, gram):
    """Cross-products and B of factor ``of.chosen[k]`` ← those at ρ = ``to``, from those at ``rho``."""
    f = of.chosen[k]
    row = layout.factor[f]
    J = row.levels
    if row.sparse >= 0:
        place_degree(layout, f, to)
        return
    V, root = of.V[row.basis0 : row.basis0 + J * J], of.root
    set_root(of, k, rho, V, J)
    turn_gram(layout, f, of.law[k], root, J > 0, gram)
    set_root(of, k, to, V, J)
    turn_gram(layout, f, of.law[k], root, J < 0, gram)
    set_basis(of, k, V, J, layout.basis[row.basis0 : row.basis0 + J * J])


@kernel
def place_degrees(of, first, own, layout, gram, summed):
    """B of every such factor ← that of its ρ, number ``first`` and the next of ``own``; cross-products, which are those of c, those of w
    (not where ``summed``: the next sweep sums them anew)."""
    for k in range(of.chosen.size):
        f = of.chosen[k]
        row = layout.factor[f]
        J = row.levels
        if row.sparse >= 0:
            place_degree(layout, f, own[first + k])
            continue
        V, root = of.V[row.basis0 : row.basis0 + J * J], of.root
        set_root(of, k, own[first + k], V, J)
        set_basis(of, k, V, J, layout.basis[row.basis0 : row.basis0 + J * J])
        if not summed:
            turn_gram(layout, f, of.law[k], root, J < 0, gram)


@kernel
def any_in_the_core(of, layout):
    """Whether a factor with a ρ stands in the core."""
    for k in range(of.chosen.size):
        if layout.factor[of.chosen[k]].sparse < 0:
            return True
    return False


WALK, ALONG, FITTED = range(3)
"""Proposals of ρ with the effects out: a step of its logit x; one that sds follow, along the ridge of an autoregression; (x, log sd, log σ)
anew, from a t that warm-up fitted to them."""
FIT = 10
"""Numbers of a fit: three means, the root of the scale by row, and what it is of: 0, where there is none, 2 or 3 of (x, log sd, log σ), or
IN_PARTS."""
READY = 9
IN_PARTS = 4
"""Of (log S, log T, log O − 2 log σ), S = ρ sd² and O = (1 − ρ) sd² the variances that the effects of bym2 share and that are their own,
T = O + σ². Where areas have few rows O and σ² are told apart by little but their sum, a ridge which in (x, log sd, log σ) is bent. The two
triples have the same volume."""
FIT_DF = 5.0


@kernel
def log_sd_of(layout, f, L):
    """log of the first sd of factor f, which the others keep their ratios to."""
    for t in range(layout.term.shape[0]):
        if layout.term[t].factor == f:
            return math.log(L[layout.term[t].l0])
    return np.nan


@kernel
def _log_one_and(x):
    """log(1 + e^x)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@kernel
def in_parts(x, log_sd, log_sigma):
    """(log S, log T, log O − 2 log σ) of (x, log sd, log σ), x the logit of ρ."""
    own = 2.0 * log_sd - _log_one_and(x)
    rest = own - 2.0 * log_sigma
    return own + x, own + _log_one_and(-rest), rest


@kernel
def from_parts(shared, total, rest):
    """(x, log sd, log σ), the inverse of ``in_parts``."""
    own = total - _log_one_and(-rest)
    x = shared - own
    return x, 0.5 * (own + _log_one_and(x)), 0.5 * (own - rest)


@kernel
def log_fitted_degree(fit, x, log_sd, log_sigma):
    """Log density of the fitted t at (x, log sd, log σ), or at the first two, up to a constant."""
    if fit[READY] == IN_PARTS:
        x, log_sd, log_sigma = in_parts(x, log_sd, log_sigma)
    a = (x - fit[0]) / fit[3]
    b = (log_sd - fit[1] - fit[4] * a) / fit[5]
    c = (log_sigma - fit[2] - fit[6] * a - fit[7] * b) / fit[8] if fit[READY] > 2.0 else 0.0
    return -0.5 * (FIT_DF + min(fit[READY], 3.0)) * math.log1p((a * a + b * b + c * c) / FIT_DF)


@kernel
def propose_degree(rng, how, step, fit, x, log_sd, log_sigma):
    """(x', log sd', log σ'): a step, or anew."""
    if how != FITTED:
        return x + step * rng.standard_normal(), log_sd, log_sigma
    spread = math.sqrt(0.5 * FIT_DF / rng.standard_gamma(0.5 * FIT_DF))
    a, b = spread * rng.standard_normal(), spread * rng.standard_normal()
    if fit[READY] > 2.0:
        log_sigma = fit[2] + fit[6] * a + fit[7] * b + fit[8] * spread * rng.standard_normal()
    x, log_sd = fit[0] + fit[3] * a, fit[1] + fit[4] * a + fit[5] * b
    return from_parts(x, log_sd, log_sigma) if fit[READY] == IN_PARTS else (x, log_sd, log_sigma)


@kernel
def log_prior_of_log_sigma(priors, sigma):
    """Log density of log σ, σ a residual sd that is drawn."""
    return log_scale_prior(priors.scale[0, 0], priors.scale[0, 1], priors.scale[0, 2], sigma) + math.log(sigma)


@kernel
def hold_degree(rng, between, k, model, target, state, work):
    """The log density of the state with the effects out, whose noise stands in ``between.trial`` from now on: what proposals of ρ of factor
    ``between.neighbours.chosen[k]`` begin with."""
    unit = max(model.layout.factor[between.neighbours.chosen[k]].unit, 0)
    view = view_of_unit(model.layout, unit)
    known = density_at(model.layout, view, unit, model.gram, target, state, state.L, state.sigma[0], work)
    hold_noise(view, state, between.trial, work)
    if model.layout.fields.table.shape[0] > 0 and view.units.shape[0] > 0:
        complete_noise(rng, view, view.units.shape[0] - 1, work, state.sigma[0], between.trial.noise)
    return known


@inlined
def move_degree(rng, how, known, between, k, model, target, state, work):
    """One proposal of ρ of factor ``between.neighbours.chosen[k]`` and, but for a ``WALK``, of its sds, and of σ: (log density of the state
    with the effects out, 1.0 where it was accepted).

    known, and ``between.trial`` : as ``hold_degree``, or a proposal before, left them; the noise stays. ``model.data`` is the likelihood
    beside the normal model, η and gap of ``state`` those at its parameters; it has no rows where the model is normal, or normal given
    latents. Mutates ρ, L, σ, core, u, η and gap, B and the cross-products.
    """
    of, at, trial = between.neighbours, between.chosen.size + k, between.trial
    layout, gram, data, shape = model.layout, model.gram, model.data, dispersion_of(state.psi)
    f, rho, fit = of.chosen[k], state.own[at], between.fits[at]
    unit = max(layout.factor[f].unit, 0)
    view = view_of_unit(layout, unit)
    x, log_sd, log_sigma = logit_of(of, k, rho), log_sd_of(layout, f, state.L), math.log(state.sigma[0])
    new_x, new_log_sd, new_log_sigma = propose_degree(rng, how, between.steps[at], fit, x, log_sd, log_sigma)
    times = 1.0
    sigma = state.sigma[0]
    to = from_logit(of, k, new_x)
    rise = log_prior_of_logit(of, k, to) - log_prior_of_logit(of, k, rho)
    if layout.factor[f].sparse >= 0:  # of the density of the effects, which the factorisation leaves out
        rise += log_density_at_degree(layout, f, to, False)
        rise -= log_density_at_degree(layout, f, rho, False)
    if how == ALONG:
        new_log_sd += 0.5 * (log_step_variance(of.law[k], rho) - log_step_variance(of.law[k], to))
    if how == FITTED:
        rise += log_fitted_degree(fit, x, log_sd, log_sigma) - log_fitted_degree(fit, new_x, new_log_sd, new_log_sigma)
    if how == FITTED and fit[READY] > 2.0 and rise > -np.inf:
        times *= math.exp(new_log_sigma - log_sigma)
        sigma *= times
        if sigma * sigma < DIGITS * target.yy:
            return known, 0.0
        rise += log_prior_of_log_sigma(model.priors, sigma) - log_prior_of_log_sigma(model.priors, state.sigma[0])
    copy_to(state.L, trial.L)
    if how != WALK and rise > -np.inf:
        rise -= log_prior_of_covariances(layout, f, model.priors, trial.L, work.small[0])
        rise += scale_covariances(layout, f, math.exp(new_log_sd - log_sd), trial.L)
        rise += log_prior_of_covariances(layout, f, model.priors, trial.L, work.small[0])
    if not (rise > -np.inf and rise < np.inf):
        return known, 0.0
    turn_to(of, k, rho, to, layout, gram)
    proposed = density_at(layout, view, unit, gram, target, state, trial.L, sigma, work)
    rise += proposed - known + follow_noise(view, data, layout, shape, between.cuts, times, state, trial, work)
    if rise > -rng.standard_exponential():
        state.own[at], state.sigma[0] = to, sigma
        scale_by(trial.core_noise, times)
        scale_by(trial.noise, times)
        copy_to(trial.L, state.L)
        accept(data, state, trial)
        return proposed, 1.0
    turn_to(of, k, to, rho, layout, gram)
    return known, 0.0
