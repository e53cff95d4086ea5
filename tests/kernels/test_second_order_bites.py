"""Bugs put into the source of the second-order kernels, one at a time: the comparison with the joint density catches each at one state.

A line of the kernel is replaced, the result is run as Python in the kernel's module, and the ratio it computes (or the state it
leaves) must differ from the joint's by far more than the 1e-9 that the right kernel keeps to (``test_second_order_ratios.py``).
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import FunctionType

import numpy as np
import pytest

from gibbs.kernels import runs, scaling
from gibbs.kernels import second_order as k2
from gibbs.sampling import pack
from tests.sampling.cases import Case

from .test_second_order_ratios import (
    Told,
    core_move,
    engine_at,
    fitted_move,
    level_moves,
    log_jacobian,
    log_jacobian_of_all,
    log_joint,
    log_ratio_of_t_priors,
    predictor,
    run_scale_effects,
    run_scale_everything,
)

CAUGHT = 1e-4
"""Difference of log-ratios (or of η) from which a bug counts as caught; the right kernel differs by less than 1e-9 of their size."""

ORDINAL = Case("ordinal", "slopes", "second-order", link="logit", sd_prior="half_normal")
COUNTS = Case("poisson", "slopes", "second-order", sd_prior="half_normal")

OF_AN_SD = {
    "no Jacobian of L's row": ("(column + 1.0) * delta - log", "-log"),
    "Jacobian of one column for every column": ("(column + 1.0) * delta", "delta"),
    "prior of the old L forgotten": (" - log_cholesky_prior(term, t, priors.sd, priors.cov, L[l0:], scratch)\n", "\n"),
    "prior of the new L forgotten": ("rise + log_cholesky_prior(term, t, priors.sd, priors.cov, L[l0:], scratch)", "rise"),
}
"""In ``scale_sd``, which sweeps by passes and by factors share."""
OF_SCALE_EFFECTS = OF_AN_SD | {
    "sign of the gap": (" - sum_of(state.gap)\n", " + sum_of(state.gap)\n"),
    "stand-in of the new point twice": (" - stand_in(data, eta, cut)", " - stand_in(data, trial.eta, cut)"),
    "effects of another column": ("u[first + level[i, f] * width]", "u[factor[f].u0 + level[i, f] * width]"),
    "η left stale": ("    copy_to(trial.eta, eta)\n", ""),
    "effects left where they were": ("        u[first + j * width] *= c\n", "        pass\n"),
}


OF_ALL_PRIORS = {
    "no Jacobian of the coefficients": ("rise = (priors.row.shape[1] - 3.0) * delta", "rise = 0.0"),
    "no Jacobian of L": ("rise += 0.5 * term[t].width * (term[t].width + 1.0) * delta", "rise += 0.0"),
    "a sd for a whole L": ("0.5 * term[t].width * (term[t].width + 1.0) * delta", "term[t].width * delta"),
    "prior of the coefficients forgotten": ("core, c) - log_coefficient_prior(priors.row, state.row_scale, core, 1.0)", "core, c)"),
    "prior of the old L forgotten": ("rise -= log_covariance_priors(term, priors.sd, priors.cov, L, scratch)", "rise -= 0.0"),
}
"""In ``scale_priors``, which they share, too."""
OF_SCALE_EVERYTHING = OF_ALL_PRIORS | {
    "likelihood at the old cutpoints": (
        "dispersion_of(state.psi), trial_cut[:cuts], trial.gap)",
        "dispersion_of(state.psi), cut, trial.gap)",
    ),
    "the offset scaled, too": ("offset[i] + c * (eta[i] - offset[i])", "c * eta[i]"),
    "η left stale": ("    copy_to(trial.eta, eta)\n", ""),
    "effects left where they were": ("    scale_by(state.u, c)\n", ""),
}


def broken(kernel, old: str, new: str, through=None):
    """The kernel's Python function with one piece of its source replaced; that piece is there exactly once.

    ``through``: a module whose names it looks up when it runs, patched ones too.
    """
    source = inspect.getsource(kernel.py_func)
    source = source[source.index("def ") :]
    assert source.count(old) == 1, f"{source.count(old)} times in the source: {old!r}"
    changed = source.replace(old, new)
    if through is None:
        names = dict(kernel.py_func.__globals__)
        exec(compile(changed, "broken", "exec"), names)
        return names[kernel.py_func.__name__]
    kept: dict = {}
    exec(compile(changed, "broken", "exec"), vars(through), kept)
    return kept[kernel.py_func.__name__]


def broken_within(kernel, part, old: str, new: str):
    """As ``broken``, the piece in ``kernel`` or in ``part``, a kernel that it calls."""
    if old not in inspect.getsource(part.py_func):
        return broken(kernel, old, new)
    return calling(kernel, part, broken(part, old, new))


def calling(kernel, part, instead):
    """The kernel's Python function, which calls ``instead`` in the place of ``part``."""
    function = kernel.py_func
    return FunctionType(function.__code__, dict(function.__globals__) | {part.py_func.__name__: instead}, function.__name__)


def with_bug(name: str, old: str, new: str) -> dict:
    """The kernel ``name`` of the loop with the bug, by its name; it calls what else is patched."""
    return {name: broken(getattr(k2, name), old, new, through=k2)}


def discrepancy(kernel, case: Case) -> float:
    """How far the kernel's log-ratio, and the η it leaves, are from what they should be, at one state, for the last column of a term."""
    engine, y = engine_at(case, 11)
    column = int(engine.packed.layout.term[0].width) - 1
    before, told = log_joint(engine, y), Told([0.6], accept=True)
    run_scale_effects(kernel, told, engine, 0, column, 0.5)
    # where effects did not move, the state is not the one that was asked for, and the joint says so
    wanted = log_joint(engine, y) - before + log_jacobian(engine, 0, column, 0.3)
    return max(abs(told.ratios[0] - wanted), float(np.max(np.abs(engine.chain.state.eta - predictor(engine)))))


@pytest.mark.parametrize("case", [ORDINAL, COUNTS], ids=str)
def test_the_kernel_itself_passes(case):
    assert discrepancy(k2.scale_effects.py_func, case) < 1e-9


@pytest.mark.parametrize("bug", OF_SCALE_EFFECTS)
def test_a_bug_of_scaling_effects_is_caught(bug):
    assert discrepancy(broken_within(k2.scale_effects, scaling.scale_sd, *OF_SCALE_EFFECTS[bug]), ORDINAL) > CAUGHT


def discrepancy_of_all(kernel, case: Case) -> float:
    """As ``discrepancy``, for a move of everything."""
    engine, y = engine_at(case, 11)
    before, told = log_joint(engine, y) + log_ratio_of_t_priors(engine), Told([0.6], accept=True)
    run_scale_everything(kernel, told, engine, 0.5)
    wanted = log_joint(engine, y) + log_ratio_of_t_priors(engine) - before + log_jacobian_of_all(engine, 0.3)
    return max(abs(told.ratios[0] - wanted), float(np.max(np.abs(engine.chain.state.eta - predictor(engine)))))


SHIFTED = replace(ORDINAL, offset=True)


def test_the_kernel_of_everything_itself_passes():
    assert discrepancy_of_all(k2.scale_everything.py_func, SHIFTED) < 1e-9


@pytest.mark.parametrize("bug", OF_SCALE_EVERYTHING)
def test_a_bug_of_scaling_everything_is_caught(bug):
    assert discrepancy_of_all(broken_within(k2.scale_everything, scaling.scale_priors, *OF_SCALE_EVERYTHING[bug]), SHIFTED) > CAUGHT


OF_THE_CORE = {
    "sign of the gap": ("move_unit", "trial.gap) - sum_of(state.gap)", "trial.gap) + sum_of(state.gap)"),
    "likelihood at the old cutpoints": ("move_unit", "shape, cut, trial.gap)", "shape, state.core[: orders.cuts], trial.gap)"),
    "η left stale": (
        "move_unit",
        "            keep_rows(data.shards, state, trial)\n",
        "            copy_to(trial.gap, state.gap)\n",
    ),
}
OF_THE_SHIFT = {
    "coefficients do not give way": ("_shift_back", "trial.core[a] -= shift[a]", "trial.core[a] -= 0.0"),
    "the shift of the old L": ("_shift_back", "trial.core[a] -= shift[a]", "trial.core[a] -= moves.shifts[0, a]"),
    "stand-in of the new point unshifted": (
        "move_unit",
        "gap_of_shift(data.columns, data.omega, data.linear, trial.eta, moves.shifts[1])",
        "0.0",
    ),
    "stand-in of the old point unshifted": (
        "_shift_core",
        "extra = gap_of_shift(data.columns, data.omega, data.linear, state.eta, shift)",
        "extra = 0.0",
    ),
    "prior of the shifted coefficients": ("_shift_back", "-log_coefficient_prior(", "log_coefficient_prior("),
}
OF_THE_FITTED_MOVE = {
    "the stand-in's law of L forgotten": ("_move_by_fit", "rise = value - log_fitted(", "rise = known - log_fitted("),
    "the t of the new point forgotten": ("_move_by_fit", "value - log_fitted(coordinates, points[1], points[3])", "value"),
    "the t of the old point twice": (
        "_move_by_fit",
        "value - log_fitted(coordinates, points[1], points[3])",
        "value - log_fitted(coordinates, points[0], points[3])",
    ),
}
"""Bug → the kernel that has it, the piece of its source, and what stands there instead."""
OF_THE_LEVELS = {
    "sign of the gap": (runs.sum_by_level, "+= trial_gap[i] - gap[i]", "-= trial_gap[i] - gap[i]"),
    "gap of the proposal alone": (runs.sum_by_level, "+= trial_gap[i] - gap[i]", "+= trial_gap[i]"),
    "rows of another level": (runs.sum_by_level, "here, rise = now, 0.0", "rise = 0.0"),
    "sign of the gap of a run": (runs._sum_by_runs, "+= _sum_of_run", "-= _sum_of_run"),
    "a run a row too long": (runs._sum_by_runs, "layout.index[run + 1] - first", "layout.index[run + 1] - first + 1"),
    "η of this place alone": (
        k2.refresh_levels,
        "range(pos + 1):\n            add_effects(",
        "range(pos, pos + 1):\n            add_effects(",
    ),
}


@pytest.mark.parametrize("bug", OF_THE_CORE)
def test_a_bug_of_the_core_is_caught(bug, monkeypatch):
    """The ratio of a move by a kernel that has the bug, and what the joint says of where it went."""
    engine, y = engine_at(ORDINAL, 11)
    ratio, wanted, error = core_move(engine, y, monkeypatch, **with_bug(*OF_THE_CORE[bug]))
    assert max(abs(ratio - wanted), error) > CAUGHT


@pytest.mark.parametrize("bug", OF_THE_SHIFT)
def test_a_bug_of_the_shift_is_caught(bug, monkeypatch):
    engine, y = engine_at(Case("logit", "slopes", "second-order"), 11)
    ratio, wanted, error = core_move(engine, y, monkeypatch, **with_bug(*OF_THE_SHIFT[bug]))
    assert max(abs(ratio - wanted), error) > CAUGHT


@pytest.mark.parametrize("bug", OF_THE_FITTED_MOVE)
def test_a_bug_of_the_fitted_move_is_caught(bug, monkeypatch):
    engine, y = engine_at(Case("logit", "slopes", "second-order"), 11)
    ratio, wanted = fitted_move(engine, y, monkeypatch, **with_bug(*OF_THE_FITTED_MOVE[bug]))
    assert abs(ratio - wanted) > CAUGHT


OF_RUNS = ("sign of the gap of a run", "a run a row too long")
OF_ROWS = ("sign of the gap", "gap of the proposal alone", "rows of another level")
"""Which of them are in what ``sum_by_level`` does run by run, and which row by row."""


BY_RUNS = [(bug, by_runs) for by_runs, others in ((True, OF_ROWS), (False, OF_RUNS)) for bug in (None, *OF_THE_LEVELS) if bug not in others]


@pytest.mark.parametrize(("bug", "by_runs"), BY_RUNS)
def test_a_bug_of_the_levels_is_caught(bug, by_runs, monkeypatch):
    """Every factor in runs, or none."""
    monkeypatch.setattr(pack, "RUN", 1 if by_runs else 10**9)
    engine, y = engine_at(Case("ordinal", "nested", "second-order", link="logit", sd_prior="half_normal"), 11)
    assert all((row.runs > 0) == by_runs for row in engine.packed.layout.factor)
    kernel, old, new = OF_THE_LEVELS.get(bug, (k2.refresh_levels, "", ""))
    moved = k2.refresh_levels.py_func
    if bug is not None:
        moved = broken(kernel, old, new)
        if kernel is runs._sum_by_runs:
            moved, kernel = calling(runs.sum_by_level, kernel, moved), runs.sum_by_level
        if kernel is runs.sum_by_level:
            moved = calling(k2.refresh_levels, kernel, moved)
    worst = max(abs(ratio - wanted) for ratio, wanted in level_moves(engine, y, monkeypatch, moved))
    assert worst < 1e-9 if bug is None else worst > CAUGHT
