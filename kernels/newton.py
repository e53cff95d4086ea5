"""One Newton step on the log posterior of all location effects, its quadratic at hand: where chains start."""

from __future__ import annotations

from .arrays import copy_to
from .compiling import kernel
from .elimination import eliminate_unit, factor_core, factor_roots, load_core
from .location import copy_core_factors, draw_core, draw_unit
from .statistics import accumulate, accumulate_rhs, subtract_other_units


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
