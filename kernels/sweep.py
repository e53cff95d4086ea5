"""One sweep of the sampler, and the loop that runs a chunk of sweeps for one chain.

A sweep is a list of steps, which the plan makes and ``gibbs check`` prints (``gibbs/sampling/steps.py``); of them

    1  latent         working responses and precisions (kernels/latent.py)
    2  variances      with all location effects integrated out (kernels/hyper.py) where there is at most one unit; with several the core's
                      variances with the core and one unit integrated out; or, where they are many, after step 3 (kernels/by_rows.py)
    3  location       (β, u) in one joint draw (kernels/elimination.py); with several units, (core, one unit) given the others, in turn
    4  covariances    given the fresh effects: ancillary where step 2 did not collapse, then sufficient (kernels/covariance.py)
    5  scales         residual sd given everything; precision multipliers of t priors on coefficients

Step 3 follows step 2 without a gap: a variance drawn with u integrated out leaves u stale.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import copy_to, scale_by
from .between import before_a_sweep, keep_effects, own_law_of_levels
from .by_rows import move_by_rows
from .compiling import inlined, kernel, lazy, loop
from .covariance import (
    draw_covariance_ancillary,
    draw_covariance_sufficient,
    propose_wishart,
    residual_rhs,
)
from .elimination import coefficient_precision, eliminate_unit, factor_roots, load_core
from .gaussian import (
    between_two_units,
    between_units,
    draw_residual_sd,
    given_the_others,
    residual_sum_of_squares,
    rhs_between_units,
)
from .hyper import ELLIPTICAL, INDEPENDENT, SLICES, draw_hyper, plain_share
from .latent import (
    draw_logit_latents,
    draw_probit_latents,
    draw_student_latents,
    draw_student_scales,
    log_binary,
    log_student,
)
from .layout import (
    BETWEEN,
    COEFFICIENTS,
    COVARIANCES,
    EFFECTS,
    GAUSSIAN,
    JOINTLY,
    LATENTS,
    LOGIT,
    OWN_LAW,
    PRIOR_SCALES,
    PROBIT,
    SCALES,
    STUDENT,
    UNIT,
    Target,
)
from .location import copy_core_factors, draw_core, draw_unit
from .one_at_a_time import draw_coefficients, draw_effects
from .priors import FIXED
from .statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units
from .structured import effects_or_coordinates

OK, NO_DENSITY, NOT_FINITE_COEFFICIENTS, NOT_FINITE_EFFECTS, NOT_FINITE_SCALE, BROKEN_BOUND = 0, 1, 2, 3, 4, 5
"""Status codes; ``gibbs.sampling.status`` has their meaning in words."""

SPARING = 8
"""Independent proposals of the variances give way to an elliptical slice, and the conditional updates follow, every so many sweeps:
they hardly need them, these are there for the tails."""

WISHART_LEVELS = 6
"""Levels a column from which an inverse Wishart proposes covariances that move by rows. Of 3,000 proposals were accepted, once each and
with the default priors: 88 % with 60 levels of 2 columns, 55 % with 100 of 6, 34 % with 24 of 4."""

BLOCK_OF_STATUS = ("", "variances", "coefficients", "random effects", "residual sd", "location effects")


@kernel
def draw_prior_scales(rng, row_prior, core, row_scale):
    """λ_r | β ~ Gamma((df+1)/2, rate (df + d_r²)/2), d_r = (w_r'β − mean_r)/s_r: a t prior as a scale mixture. Returns the number moved."""
    moved = 0
    for r in range(row_prior.shape[0]):
        df = row_prior[r, 2]
        if df < 1e300:
            d = -row_prior[r, 0]
            for a in range(row_prior.shape[1] - 3):
                d += row_prior[r, 3 + a] * core[a]
            row_scale[r] = rng.standard_gamma(0.5 * (df + 1.0)) / (0.5 * (df + d * d * row_prior[r, 1]))
            moved += 1
    return moved


@kernel
def check_finite(state):
    """A status: every number of the state is finite, or the block that is not."""
    sigma, total = state.sigma[0], 0.0
    if not (sigma > 0.0 and sigma < np.inf and state.nu[0] < np.inf):
        return NOT_FINITE_SCALE
    for k in range(state.core.size):
        total += state.core[k]
    if not (total > -np.inf and total < np.inf):
        return NOT_FINITE_COEFFICIENTS
    for k in range(state.u.size):
        total += state.u[k]
    if not (total > -np.inf and total < np.inf):
        return NOT_FINITE_EFFECTS
    for k in range(state.L.size):
        total += state.L[k]
    return OK if total > -np.inf and total < np.inf else NOT_FINITE_SCALE


@lazy(types.float64)
def draw_latents(rng, family, rows, layout, gram, priors, state, width):
    """Step 1: working responses and precisions, and the cross-products they change. Returns ỹ'Ωỹ (probit) or 0; nan: no such family."""
    linear_predictor(rows, layout, state.core, state.u, state.eta)
    squares = 0.0
    if family != PROBIT and family != LOGIT and family != STUDENT:
        return np.nan
    if family == PROBIT:
        squares = draw_probit_latents(rng, rows.y, rows.trials, rows.offset, state.eta, state.working)
    else:
        if family == LOGIT:
            draw_logit_latents(rng, rows.y, rows.trials, rows.offset, state.eta, state.omega, state.working)
        else:
            draw_student_scales(rng, priors.scale, rows.y, state.eta, state.sigma, state.nu, width)
            draw_student_latents(rng, rows.y, rows.offset, state.eta, state.sigma[0], state.nu[0], state.omega, state.working)
        accumulate(rows, state.omega, layout, gram)
    every = layout.units.shape[0] >= 0  # true; as a literal it would be compiled as a version of its own
    accumulate_rhs(rows, state.working, layout, every, layout.units.shape[0], gram.m, gram.h)
    return squares


@kernel
def move_that_stays(orders, tuning, sweep):
    """Slices, or one elliptical slice, which never refuse to move; not around a t where it takes two to be like the posterior, nor now and
    then where that has corners."""
    sliced = orders.sliced_every > 0.0 and sweep % orders.sliced_every == 0.0
    return SLICES if sliced or plain_share(tuning.coordinates) > 0.0 else min(orders.move, ELLIPTICAL)


@lazy(types.int64)
def draw_jointly(rng, orders, squares, quadratic, layout, gram, priors, state, tuning, work, out):
    """Steps 2 and 3 with at most one unit: the variances with every location effect out, then (β, u) in one draw. Returns a status.

    squares: ỹ'Ωỹ; quadratic: Σ_r λ_r mean_r²/s_r² of the coefficient priors.
    """
    n_units, move, known = layout.units.shape[0], move_that_stays(orders, tuning, state.sweeps[0] + 1.0), np.nan
    if orders.family == GAUSSIAN:
        known = work.known[0]
        if orders.move == INDEPENDENT and (state.sweeps[0] + 1.0) % SPARING != 0.0:
            move = INDEPENDENT
    target = Target(n_units > 1, orders.n, squares, quadratic, known)
    ok, sigma, rest, work.known[0] = draw_hyper(
        rng, move, orders.learn, tuning.coordinates, out.counts.moves[:1], priors, layout, gram, target, work, state.L, state.sigma[0]
    )
    if not ok:
        return NO_DENSITY
    state.sigma[0] = sigma
    if orders.haar:  # z → g z with θ integrated out: g² ~ Gamma(n/2, rate rest/2); all that follows is linear in z
        g = math.sqrt(2.0 * rng.standard_gamma(0.5 * orders.n) / rest)
        scale_by(work.vh, g)
        for a in range(state.core.size):
            work.R[a, state.core.size] *= g
    draw_core(rng, layout, work, sigma, state.core)
    for unit in range(n_units):
        draw_unit(rng, layout, unit, work, sigma, state.core, state.u)
    copy_core_factors(layout, state.core, state.u)
    if orders.rounds > 0:
        move_by_rows(rng, n_units - 1, orders.rounds, False, layout, gram, priors, state, tuning.reference, work)
    return OK


@lazy(types.int64)
def draw_core_and_unit(rng, orders, unit, rows, layout, gram, priors, state, tuning, work, out):
    """Steps 2 to 4 for one unit of several, the other units given: their effects are taken off the right-hand sides.

    The core's variances with the core and this unit out; core and unit in one draw; the unit's covariances, ancillary. Returns a status.
    """
    sigma, term, units = state.sigma[0], layout.term, layout.units
    given = given_other_units(rows, orders.family, layout, gram, unit, state, work)
    factor_roots(layout, state.L, work)
    load_core(given, work)
    eliminate_unit(layout, given, unit, sigma * sigma, work)
    target = Target(units.shape[0] > 1, 0.0, 0.0, 0.0, np.nan)
    move, counts = move_that_stays(orders, tuning, state.sweeps[0] + 1.0), out.counts.moves[:1]
    ok, sigma, _, _ = draw_hyper(rng, move, orders.learn, tuning.coordinates, counts, priors, layout, given, target, work, state.L, sigma)
    if not ok:
        return NO_DENSITY
    draw_core(rng, layout, work, sigma, state.core)
    draw_unit(rng, layout, unit, work, sigma, state.core, state.u)
    copy_core_factors(layout, state.core, state.u)
    if orders.rounds > 0:
        move_by_rows(rng, unit, orders.rounds, False, layout, given, priors, state, tuning.reference, work)
        return OK
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        residual_rhs(layout, given, unit, pos, state.core, state.u, work.vh)
        for t in range(term.shape[0]):
            if term[t].factor == f and term[t].given == 0:
                draw_covariance_ancillary(rng, layout, given, t, priors, state.L, state.u, sigma, work.vh, work)
    return OK


@lazy()
def step_coefficients(rng, layout, gram, state, work):
    """Step 3 of the scheme of the deck: β given all effects."""
    factor_roots(layout, state.L, work)
    draw_coefficients(rng, layout, gram, work, state.sigma[0], state.u, state.core)


@lazy()
def step_effects(rng, family, unit, rows, layout, gram, state, work):
    """And the effects of one factor given β and those of the others; those of a field in one draw."""
    given = given_other_units(rows, family, layout, gram, unit, state, work)
    if layout.factor[layout.units[unit, 0]].sparse >= 0:
        load_core(given, work)
        eliminate_unit(layout, given, unit, state.sigma[0] ** 2, work)
        draw_unit(rng, layout, unit, work, state.sigma[0], state.core, state.u)
        return
    draw_effects(rng, layout, given, layout.units[unit, 0], work, state.sigma[0], state.core, state.u)


@kernel
def given_other_units(rows, family, layout, gram, unit, state, work):
    """``gram`` with the right-hand sides of (core, unit), the other units' effects taken off; of gaussian outcomes, whose rows no sweep
    sees, from cross-products alone."""
    if family == GAUSSIAN:
        rhs_between_units(layout, gram, state.u, unit, work)
    else:
        weight = rows.weight if family == PROBIT else state.omega
        subtract_other_units(rows, layout, state.u, unit, weight, state.working, state.eta)
        accumulate_rhs(rows, state.eta, layout, layout.units.shape[0] == 0, unit, work.rhs_core, work.rhs)
    return given_the_others(gram, work)


@inlined
def move_covariance(rng, orders, layout, t, priors, state, tuning, work, counts):
    """Step 4 for one term: slices of p(L_t | u); of many levels that move by rows, Wishart proposals, slices now and then."""
    term = layout.term[t]
    place = layout.factor[term.factor].u0 + term.column
    effects = effects_or_coordinates(layout, t, state.core, state.u, work.rhs)
    if orders.rounds > 0 and term.width > 1 and term.count >= WISHART_LEVELS * term.width and state.sweeps[0] % SPARING != 0.0:
        for _ in range(2):
            counts.tried[place] += 1
            counts.accepted[place] += propose_wishart(rng, layout, t, priors, effects, state.L, work)
    else:
        draw_covariance_sufficient(rng, layout, t, priors, effects, state.L, tuning.reference, work)


@kernel
def given_too(orders, state, tuning):
    """Whether covariances and residual sd are drawn given the effects as well in this sweep: where all move at once and few proposals are
    refused, only now and then."""
    return tuning.coordinates.fit.shape[0] == 0 or orders.move != INDEPENDENT or state.sweeps[0] % SPARING == 0.0


@inlined
def step_covariances(rng, orders, layout, priors, state, tuning, work, counts):
    """Step 4: every covariance that is not given."""
    work.known[0] = np.nan
    for t in range(layout.term.shape[0]):
        if layout.term[t].given == 0:
            move_covariance(rng, orders, layout, t, priors, state, tuning, work, counts)


@inlined
def draw_scales(rng, orders, layout, gram, priors, state, work, move_sigma):
    """Step 5 of gaussian outcomes: the residual sd where ``move_sigma``. Returns the log-likelihood at the draw."""
    residual = residual_sum_of_squares(layout, gram, orders.yy, state.core, state.u)
    if orders.crossed and layout.units.shape[0] == 2 and layout.fields.table.shape[0] == 0:  # whose covariances are drawn by ``work.rhs``
        residual += 2.0 * between_two_units(layout, gram, state.u, work.rhs)
    elif orders.crossed:
        residual += 2.0 * between_units(gram, state.u)
    if move_sigma and priors.scale[0, 0] != FIXED:
        state.sigma[0] = draw_residual_sd(rng, priors.scale, orders.n, max(residual, 0.0), state.sigma[0])
    return -orders.n * math.log(state.sigma[0]) - 0.5 * residual / state.sigma[0] ** 2


@kernel
def keep(state, log_likelihood, sweep, out):
    """The state into row ``sweep`` of ``out``."""
    copy_to(state.core[: out.beta.shape[1]], out.beta[sweep])
    copy_to(state.L, out.L[sweep])
    out.scale[sweep, 0], out.scale[sweep, 1] = state.sigma[0], state.nu[0]
    out.lp[sweep] = log_likelihood
    keep_effects(state, sweep, out)


@lazy(types.float64)
def likelihood_of_rows(family, rows, layout, state):
    """log p(y | η) at the state, the latents integrated out; η is left in ``state.eta``."""
    linear_predictor(rows, layout, state.core, state.u, state.eta)
    if family == STUDENT:
        return log_student(rows.y, state.eta, state.sigma[0], state.nu[0])
    return log_binary(family == LOGIT, rows.y, rows.trials, state.eta)


CALLED = {
    LATENTS: draw_latents,
    JOINTLY: draw_jointly,
    UNIT: draw_core_and_unit,
    COEFFICIENTS: step_coefficients,
    EFFECTS: step_effects,
    BETWEEN: before_a_sweep,
    OWN_LAW: own_law_of_levels,
}
"""What a step calls, of steps that not every model has."""


@loop
def run_chunk(rng, orders, rows, linear, state, tuning, work, out):
    """``orders.sweeps`` sweeps of one chain, each of them the list ``orders.steps``; each is written to the next row of ``out``.

    Returns (status, sweeps done). A sweep is counted when its location has been drawn (step COVARIANCES).
    """
    layout, gram, priors, gaussian = linear.layout, linear.gram, linear.priors, orders.family == GAUSSIAN
    squares, log_likelihood, status, conditional = orders.yy, 0.0, OK, True
    quadratic = coefficient_precision(priors.row, state.row_scale, work.B)
    work.known[0] = np.nan  # draws do not depend on how long chunks are, and nothing in Work on the chunk before
    for sweep in range(orders.sweeps):
        for k in range(orders.steps.shape[0]):
            step, unit = orders.steps[k, 0], orders.steps[k, 1]
            if step == BETWEEN:
                if state.sweeps[0] > 0.0:
                    before_a_sweep(rng, orders.learn, linear.between, layout, gram, priors, state, work)
                    work.known[0] = np.nan
            elif step == OWN_LAW:
                if state.sweeps[0] > 0.0:
                    own_law_of_levels(rng, linear.between, layout, state, work)
            elif step == LATENTS:
                squares = draw_latents(rng, orders.family, rows, layout, gram, priors, state, tuning.width)
                status = OK if squares == squares else NO_DENSITY
            elif step == JOINTLY:
                status = draw_jointly(rng, orders, squares, quadratic, layout, gram, priors, state, tuning, work, out)
            elif step == UNIT:
                status = draw_core_and_unit(rng, orders, unit, rows, layout, gram, priors, state, tuning, work, out)
            elif step == COEFFICIENTS:
                step_coefficients(rng, layout, gram, state, work)
            elif step == EFFECTS:
                step_effects(rng, orders.family, unit, rows, layout, gram, state, work)
            elif step == COVARIANCES:
                state.sweeps[0] += 1.0
                conditional = not gaussian or orders.crossed or given_too(orders, state, tuning)
                if conditional:  # given the fresh effects
                    step_covariances(rng, orders, layout, priors, state, tuning, work, out.counts)
            elif step == SCALES:
                log_likelihood = draw_scales(rng, orders, layout, gram, priors, state, work, conditional)
            elif step == PRIOR_SCALES and draw_prior_scales(rng, priors.row, state.core, state.row_scale) > 0:
                work.known[0] = np.nan
                quadratic = coefficient_precision(priors.row, state.row_scale, work.B)
            if status != OK:
                return status, sweep
        status = check_finite(state)
        if status != OK:
            return status, sweep
        if orders.likelihood and not gaussian:
            log_likelihood = likelihood_of_rows(orders.family, rows, layout, state)
        keep(state, log_likelihood, sweep, out)
    return OK, orders.sweeps
