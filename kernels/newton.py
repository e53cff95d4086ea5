"""Newton steps on the log posterior of all location effects, given their covariances: where chains start."""

from __future__ import annotations

from .arrays import copy_to
from .compiling import kernel
from .elimination import coefficient_precision, eliminate_unit, factor_core, factor_roots, load_core
from .likelihood import derivatives, is_count
from .location import copy_core_factors, draw_core, draw_unit
from .statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units


@kernel
def newton_step(rng, omega, noise, cut, trial_eta, rows, layout, gram, state, work):
    """(core, u) of ``state`` ← the mode under row weights ``omega`` (M,) and ω(ỹ − offset) = ``state.working`` (M,), plus normal noise of
    ``noise`` sds; each unit with the core given the others, in turn.

    The first numbers of the core become ``cut``: cutpoints, which no row meets. trial_eta (M,): scratch. Overwrites ``gram`` but for its
    pattern.
    """
    n_units = layout.units.shape[0]
    accumulate(rows, omega, layout, gram)
    factor_roots(layout, state.L, work)
    for unit in range(max(n_units, 1)):
        subtract_other_units(rows, layout, state.u, unit, omega, state.working, trial_eta)
        accumulate_rhs(rows, trial_eta, layout, n_units == 0, unit, gram.m, gram.h)
        load_core(gram, work)
        for k in range(cut.size):
            work.core[k, k] = 1.0
        if n_units > 0:
            eliminate_unit(layout, gram, unit, 1.0, work)
        factor_core(layout, 1.0, work)
        draw_core(rng, layout, work, noise, state.core)
        if n_units > 0:
            draw_unit(rng, layout, unit, work, noise, state.core, state.u)
        copy_to(cut, state.core[: cut.size])
        copy_core_factors(layout, state.core, state.u)


@kernel
def newton_steps(rng, steps, spread, shape, cut, rows, model, state, work):
    """(core, u) of ``state`` ← where ``steps`` Newton steps lead from η = ``state.eta``, the last with normal noise of ``spread`` sds.

    No η moves by more than 4 a step, and those of binary and ordinal outcomes stay within ±8, where separated data have no mode. Leaves ω
    and ω(ỹ − offset) of the last step in ``model.data.omega`` and ``state.working``. Scratch: ``model.gram`` but for its pattern, and
    ``model.data.linear``.
    """
    code, omega, trial = model.data.code, model.data.omega, model.data.linear
    eta, furthest = state.eta, 30.0 if is_count(code) else 8.0
    coefficient_precision(model.priors.row, state.row_scale, work.B)
    for step in range(steps):
        if step > 0:
            linear_predictor(rows, model.layout, state.core, state.u, trial)
        for i in range(eta.size):
            if step > 0:
                e = eta[i]
                eta[i] = _within(_within(trial[i], e - 4.0, e + 4.0), -furthest, furthest)
            first, second = derivatives(code, rows.y[i], rows.weight[i], eta[i], shape, cut)
            omega[i] = 1e-6 if second < 1e-6 else second
            state.working[i] = omega[i] * (eta[i] - rows.offset[i]) + first
        newton_step(rng, omega, spread if step == steps - 1 else 0.0, cut, trial, rows, model.layout, model.gram, state, work)


@kernel
def _within(x, low, high):
    """x, or the end of (low, high) that it is beyond; what is not a number stays so."""
    return low if x < low else (high if x > high else x)
