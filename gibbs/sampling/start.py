"""Starting values: the conditional mode of all location effects, by Newton steps on the log posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels.elimination import (
    coefficient_precision,
    copy_core_factors,
    draw_core,
    draw_unit,
    eliminate_unit,
    factor_core,
    factor_roots,
    load_core,
)
from gibbs.kernels.likelihood import COUNT_NEGATIVE_BINOMIAL, COUNT_POISSON, add_derivatives
from gibbs.kernels.statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units

if TYPE_CHECKING:
    from gibbs.sampling.chain import Chain

NO_CUTPOINTS = np.zeros(0)


def start_near_mode(
    chain: Chain,
    code: int,
    first: np.ndarray,
    omega: np.ndarray,
    node: np.ndarray,
    *,
    steps: int,
    spread: float,
    shape: float = 1.0,
    cut: np.ndarray = NO_CUTPOINTS,
) -> None:
    """``steps`` Newton steps at the covariances of ``chain``, the first about η = ``first`` (M,), the last with normal noise of
    ``spread`` sds.

    No η moves by more than 4 a step, and those of binary and ordinal outcomes stay within ±8, where separated data have no mode. An
    ordinal outcome's cutpoints ``cut``, the first numbers of the core, stay where they are. Sets core and u (to 0 where there is no
    finite mode), and leaves ω and ω(ỹ − offset) of the last step in ``omega`` (M,) and ``working``. Overwrites the cross-products, those
    of the levels in ``node``.
    """
    p, s, w, r, dense = chain.packed, chain.state, chain.work, chain.packed.rows, chain.dense
    m, rhs, eta, cuts = w["rhs_core"], w["rhs"], s.eta, cut.size
    limit = 30.0 if code in (COUNT_POISSON, COUNT_NEGATIVE_BINOMIAL) else 8.0
    trial, sums = np.empty_like(eta), np.empty((3, eta.size))
    eta[:] = first
    s.core[:] = 0.0
    s.u[:] = 0.0
    coefficient_precision(p.row_prior, s.row_scale, w["B"])
    for step in range(steps):
        noise = spread if step == steps - 1 else 0.0
        if step > 0:
            linear_predictor(r.X, r.Z, r.level, r.offset, p.factor, s.core, s.u, trial)
            eta[:] = np.clip(np.clip(trial, eta - 4.0, eta + 4.0), -limit, limit)
        sums[:] = 0.0
        add_derivatives(code, r.y, r.trials, eta, shape, cut, sums)
        omega[:] = np.maximum(sums[2], 1e-6)
        s.working[:] = omega * (eta - r.offset) + sums[1]
        accumulate(r.X, r.Z, r.level, r.core_entry, omega, p.factor, p.index, p.units, p.core_factors, node, dense)
        factor_roots(p.factor, p.term, s.L, w["roots"])
        for unit in range(max(p.units.shape[0], 1)):
            subtract_other_units(r.Z, r.level, p.factor, s.u, unit, omega, s.working, trial)
            accumulate_rhs(r.X, r.Z, r.level, trial, p.factor, p.units.shape[0] == 0, unit, m, rhs)
            load_core(dense, m)
            for k in range(cuts):  # no row meets them
                dense[1, k, k] = 1.0
            if p.units.shape[0] > 0:
                eliminate_unit(p.factor, p.index, p.units, unit, node, rhs, w["roots"], 1.0, w["work"], w["vh"], dense)
            factor_core(p.factor, p.core_factors, w["B"], w["roots"], 1.0, dense)
            draw_core(chain.rng, p.factor, p.core_factors, w["roots"], dense, noise, s.core)
            if p.units.shape[0] > 0:
                draw_unit(chain.rng, p.factor, p.index, p.units, unit, w["roots"], w["work"], w["vh"], noise, s.core, s.u)
            s.core[:cuts] = cut
            copy_core_factors(p.factor, p.core_factors, s.core, s.u)
    if not (np.all(np.isfinite(s.core)) and np.all(np.isfinite(s.u))):
        s.core[:] = 0.0
        s.core[:cuts] = cut
        s.u[:] = 0.0
