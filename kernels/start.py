"""Starting values: the conditional mode of all location effects of a binary model, by Newton steps on the log posterior."""

from __future__ import annotations

import math

from numba import njit

from .elimination import (
    coefficient_precision,
    copy_core_factors,
    draw_core,
    draw_unit,
    eliminate_unit,
    factor_core,
    factor_precisions,
    load_core,
)
from .statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units


@njit(cache=True, nogil=True, error_model="numpy")
def _newton_weights(is_logit, y, trials, offset, eta, omega, working):
    """Fisher weights ω and working responses ω(η − offset) + dl/dη of the binary families, η clipped to ±8."""
    for i in range(eta.size):
        e = min(max(eta[i], -8.0), 8.0)
        n = trials[i]
        if is_logit:
            mean = 1.0 / (1.0 + math.exp(-e))
            slope = mean * (1.0 - mean)
        else:
            mean = 0.5 * math.erfc(-e / math.sqrt(2.0))
            slope = math.exp(-0.5 * e * e) / math.sqrt(2.0 * math.pi)
        variance = max(mean * (1.0 - mean), 1e-10)
        omega[i] = max(n * slope * slope / variance, 1e-6)
        working[i] = omega[i] * (e - offset[i]) + (y[i] - n * mean) * slope / variance


@njit(cache=True, nogil=True, error_model="numpy")
def start_near_mode(
    rng, is_logit, steps, spread, X, Z, level, offset, y, trials, core_entry, factor, term, index, units, core_factors, node, m, rhs,
    row_prior, row_scale, B, P, work, vh, dense, L, core, u, omega, working, eta, small
):  # fmt: skip
    """``steps`` Newton steps from η = 0 at the covariances L, the last with normal noise of ``spread`` posterior sds.

    Sets core and u. Overwrites the cross-products.
    """
    core[:] = 0.0
    u[:] = 0.0
    coefficient_precision(row_prior, row_scale, B)
    for step in range(steps):
        noise = spread if step == steps - 1 else 0.0
        linear_predictor(X, Z, level, offset, factor, core, u, eta)
        _newton_weights(is_logit, y, trials, offset, eta, omega, working)
        accumulate(X, Z, level, core_entry, omega, factor, index, units, core_factors, node, dense)
        factor_precisions(factor, term, L, 1.0, P, small[5])
        for unit in range(max(units.shape[0], 1)):
            subtract_other_units(Z, level, factor, u, unit, omega, working, eta)
            accumulate_rhs(X, Z, level, eta, factor, units.shape[0] == 0, unit, m, rhs)
            load_core(dense, m)
            if units.shape[0] > 0:
                eliminate_unit(factor, index, units, unit, node, rhs, P, work, vh, dense)
            factor_core(factor, core_factors, B, P, 1.0, dense)
            draw_core(rng, dense, noise, core)
            if units.shape[0] > 0:
                draw_unit(rng, factor, index, units, unit, work, vh, noise, core, u)
            copy_core_factors(factor, core_factors, core, u)
