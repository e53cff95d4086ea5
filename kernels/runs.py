"""Rows of a level side by side: effects added to their η, what they change summed by level, and those of the levels that moved kept.

Rows are sorted by the levels of eliminated factors. Where those of a factor stand together in runs long enough (``RUN``; of a chain its
leaf, and what the leaves are nested in), a run is taken at once: what is looked up by level is looked up once, and what is done to its rows
is done in vector instructions, sums too. ``layout.index`` has where runs begin. Elsewhere every row is looked up.

Loops are over slices, from 0: an index that begins elsewhere Numba takes for one that may be negative, and nothing is made in vectors then.
"""

from __future__ import annotations

from .compiling import contracted, kernel, lazy, reassociated

RUN = 16
"""Rows that a run has on average, at least. 6,000 rows, one column of ones, µs to add effects, sum and keep: runs of 8 take 28, of 12
17.6, of 24 11; looking up takes 16. Lanes with one row of every level do as runs do (VerbAgg: 1.8, 1.5 and 5.8; runs 1.7, 1.3 and 3.7)."""


@kernel
def first_run(layout, f, row):
    """The run of factor f that ``row`` is in."""
    first = layout.factor[f].runs0
    low, high = 0, layout.factor[f].runs
    while high - low > 1:
        middle = (low + high) // 2
        if layout.index[first + middle] <= row:
            low = middle
        else:
            high = middle
    return low


@contracted
def _add_to_run(Z, z, q, ones, u, at, eta):
    for a in range(q):
        value = u[at + a]
        if a == 0 and ones:
            for i in range(eta.size):
                eta[i] += value
        else:
            for i in range(eta.size):
                eta[i] += Z[i, z + a] * value


@reassociated
def _sum_of_run(trial_gap, gap):
    total = 0.0
    for i in range(gap.size):
        total += trial_gap[i] - gap[i]
    return total


@contracted
def _keep_run(trial_eta, trial_gap, eta, gap):
    for i in range(eta.size):
        eta[i] = trial_eta[i]
    for i in range(gap.size):
        gap[i] = trial_gap[i]


@lazy()
def add_effects_by_runs(first, Z, level, layout, f, u, eta):
    """``statistics.add_effects`` of a factor that has runs."""
    row, n, start = layout.factor[f], eta.size, 0
    run = row.runs0 + first_run(layout, f, first)
    while start < n:
        end = min(layout.index[run + 1] - first, n)
        _add_to_run(Z[start:end], row.z0, row.width, row.ones == 1, u, row.u0 + level[start, f] * row.width, eta[start:end])
        start, run = end, run + 1


@contracted
def sum_by_level(first, level, layout, f, at, stride, trial_gap, gap, change):
    """change[at + stride·level] += Σ trial_gap_i − gap_i over the rows of every level of factor f, which are those from ``first`` on."""
    if layout.factor[f].runs > 0:
        _sum_by_runs(first, level, layout, f, at, stride, trial_gap, gap, change)
        return
    here, rise = at + stride * level[0, f], 0.0  # rows of a level stand together as a rule
    for i in range(gap.size):
        now = at + stride * level[i, f]
        if now != here:
            change[here] += rise
            here, rise = now, 0.0
        rise += trial_gap[i] - gap[i]
    change[here] += rise


@lazy()
def _sum_by_runs(first, level, layout, f, at, stride, trial_gap, gap, change):
    start, run = 0, layout.factor[f].runs0 + first_run(layout, f, first)
    while start < gap.size:
        end = min(layout.index[run + 1] - first, gap.size)
        change[at + stride * level[start, f]] += _sum_of_run(trial_gap[start:end], gap[start:end])
        start, run = end, run + 1


@contracted
def keep_moved(first, level, layout, f, change, trial_eta, trial_gap, eta, gap):
    """η and gap of the rows from ``first`` on ← those of the trial where the level of factor f has change[first effect] = 1."""
    row = layout.factor[f]
    if row.runs > 0:
        _keep_runs(first, level, layout, f, change, trial_eta, trial_gap, eta, gap)
        return
    for i in range(eta.size):
        moved = change[row.u0 + level[i, f] * row.width] == 1.0
        eta[i] = trial_eta[i] if moved else eta[i]
        gap[i] = trial_gap[i] if moved else gap[i]


@lazy()
def _keep_runs(first, level, layout, f, change, trial_eta, trial_gap, eta, gap):
    row, n, start = layout.factor[f], eta.size, 0
    run = row.runs0 + first_run(layout, f, first)
    while start < n:
        end = min(layout.index[run + 1] - first, n)
        if change[row.u0 + level[start, f] * row.width] == 1.0:
            _keep_run(trial_eta[start:end], trial_gap[start:end], eta[start:end], gap[start:end])
        start, run = end, run + 1
