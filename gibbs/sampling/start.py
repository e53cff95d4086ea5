"""Starting values: the conditional mode of all location effects, by Newton steps on the log posterior."""

from __future__ import annotations

import numpy as np

from gibbs.kernels.elimination import (
    coefficient_precision,
    copy_core_factors,
    draw_core,
    draw_unit,
    eliminate_unit,
    factor_core,
    factor_precisions,
    load_core,
)
from gibbs.kernels.likelihood import COUNT_NEGATIVE_BINOMIAL, COUNT_POISSON, ORDINAL_LOGIT, add_derivatives
from gibbs.kernels.statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units


def start_near_mode(
    rng, code, shape, cut, steps, spread, first, X, Z, level, offset, y, trials, core_entry, factor, term, index, units, core_factors,
    node, m, rhs, row_prior, row_scale, B, P, work, vh, dense, L, core, u, omega, working, eta, small
):  # fmt: skip
    """``steps`` Newton steps at the covariances L, the first about η = ``first`` (M,), the last with normal noise of ``spread`` sds.

    No η moves by more than 4 a step, and those of binary and ordinal outcomes stay within ±8, where separated data have no mode.
    The first numbers of the core are the cutpoints ``cut`` of an ordinal outcome, which stay where they are.
    Sets core and u, and leaves ω and ω(ỹ − offset) of the last step behind. Overwrites the cross-products.
    """
    limit = 30.0 if code in (COUNT_POISSON, COUNT_NEGATIVE_BINOMIAL) else 8.0
    trial, sums, cuts = np.empty_like(eta), np.empty((3, eta.size)), cut.size if code >= ORDINAL_LOGIT else 0
    eta[:] = first
    core[:] = 0.0
    u[:] = 0.0
    coefficient_precision(row_prior, row_scale, B)
    for step in range(steps):
        noise = spread if step == steps - 1 else 0.0
        if step > 0:
            linear_predictor(X, Z, level, offset, factor, core, u, trial)
            eta[:] = np.clip(np.clip(trial, eta - 4.0, eta + 4.0), -limit, limit)
        sums[:] = 0.0
        add_derivatives(code, y, trials, eta, shape, cut, sums)
        omega[:] = np.maximum(sums[2], 1e-6)
        working[:] = omega * (eta - offset) + sums[1]
        accumulate(X, Z, level, core_entry, omega, factor, index, units, core_factors, node, dense)
        factor_precisions(factor, term, L, 1.0, P, small[5])
        for unit in range(max(units.shape[0], 1)):
            subtract_other_units(Z, level, factor, u, unit, omega, working, trial)
            accumulate_rhs(X, Z, level, trial, factor, units.shape[0] == 0, unit, m, rhs)
            load_core(dense, m)
            for k in range(cuts):  # no row meets them
                dense[1, k, k] = 1.0
            if units.shape[0] > 0:
                eliminate_unit(factor, index, units, unit, node, rhs, P, work, vh, dense)
            factor_core(factor, core_factors, B, P, 1.0, dense)
            draw_core(rng, dense, noise, core)
            if units.shape[0] > 0:
                draw_unit(rng, factor, index, units, unit, work, vh, noise, core, u)
            core[:cuts] = cut[:cuts]
            copy_core_factors(factor, core_factors, core, u)
