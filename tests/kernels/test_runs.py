"""Rows of a level side by side: what is added, summed and kept run by run is what looking every row up gives, and what NumPy gives."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from gibbs.kernels.statistics import add_effects

from gibbs.kernels import layout as kl
from gibbs.kernels import runs
from gibbs.model.records import Prior
from gibbs.sampling import pack

from .bench import make_design, plan_of

SHARDS = [(0, 500), (0, 137), (137, 301), (301, 302), (302, 500)]
"""(first, last) row of a pass."""


def laid_out(q: int, ones: bool, least: int, monkeypatch: pytest.MonkeyPatch):
    """(layout, Z, level, u) of 500 rows: a factor of q columns whose rows stand together, one nested around it, one that crosses both."""
    monkeypatch.setattr(pack, "RUN", least)
    rng = np.random.default_rng(7)
    leaf = np.sort(rng.integers(23, size=500))
    level = np.column_stack([leaf, leaf // 5, rng.integers(9, size=500)]).astype(np.int32)
    J, widths = np.array([23, 5, 9]), np.array([q, 1, 1])
    table = kl.table(3, kl.FACTOR)
    table.levels, table.width = J, widths
    table.z0, table.u0 = np.array([0, q, q + 1]), np.concatenate([[0], np.cumsum(J * widths)[:-1]])
    Z = rng.standard_normal((500, q + 2))
    if ones:
        Z[:, [0, q, q + 1]] = 1.0
    whole = np.zeros(0, dtype=np.int64)
    layout = kl.Layout(table, kl.table(0, kl.TERM), np.arange(3), np.zeros((0, 1), dtype=np.int64), whole, np.zeros(0), kl.no_fields())
    design = make_design("crossed")
    design = replace(design, factors=(design.factors[0],) * 3)  # of which it asks whether their effects are normal
    return pack._with_runs(layout, Z, level, design), Z, level, rng.standard_normal(int(np.sum(J * widths)))


@pytest.mark.parametrize("least", [1, 8, 10**6])
@pytest.mark.parametrize("ones", [True, False])
@pytest.mark.parametrize("q", [1, 2, 3])
def test_effects_are_added_to_the_rows_of_their_levels(q, ones, least, monkeypatch):
    layout, Z, level, u = laid_out(q, ones, least, monkeypatch)
    assert all(bool(row.ones) == ones for row in layout.factor)
    eta = np.random.default_rng(8).standard_normal(500)
    for f, row in enumerate(layout.factor):
        effects = u[row.u0 : row.u0 + row.levels * row.width].reshape(row.levels, row.width)
        wanted = eta + np.sum(Z[:, row.z0 : row.z0 + row.width] * effects[level[:, f]], axis=1)
        for first, last in SHARDS:
            found = eta[first:last].copy()
            add_effects(first, Z[first:last], level[first:last], layout, f, u, found)
            np.testing.assert_allclose(found, wanted[first:last], rtol=1e-13, atol=1e-13)
            if row.runs > 0:
                again = eta[first:last].copy()
                runs.add_effects_by_runs(first, Z[first:last], level[first:last], layout, f, u, again)
                np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("least", [1, 10**6])
def test_changes_are_summed_by_level_and_rows_of_those_that_moved_are_kept(least, monkeypatch):
    layout, _, level, _ = laid_out(2, True, least, monkeypatch)
    rng = np.random.default_rng(9)
    trial_eta, trial_gap, eta, gap = rng.standard_normal((4, 500))
    for f, row in enumerate(layout.factor):
        moved = rng.random(row.levels) < 0.5
        change = np.zeros(row.u0 + row.levels * row.width)
        change[row.u0 :: row.width] = moved
        for first, last in SHARDS:
            some, found, low = slice(first, last), np.ones(3 + 2 * row.levels), int(level[first:last, f].min())
            runs.sum_by_level(first, level[some], layout, f, 3 - 2 * low, 2, trial_gap[some], gap[some], found)
            wanted = np.ones(found.size)
            np.add.at(wanted, 3 + 2 * (level[some, f] - low), (trial_gap - gap)[some])
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
            kept = eta[some].copy(), gap[some].copy()
            runs.keep_moved(first, level[some], layout, f, change, trial_eta[some], trial_gap[some], *kept)
            of_moved = moved[level[some, f]]
            np.testing.assert_array_equal(kept[0], np.where(of_moved, trial_eta[some], eta[some]))
            np.testing.assert_array_equal(kept[1], np.where(of_moved, trial_gap[some], gap[some]))


def test_which_factors_have_runs(monkeypatch):
    layout, _, level, _ = laid_out(1, False, 8, monkeypatch)
    assert [row.runs > 0 for row in layout.factor] == [True, True, False]
    for f in (0, 1):
        row = layout.factor[f]
        begins = layout.index[row.runs0 : row.runs0 + row.runs + 1]
        assert begins[0] == 0 and begins[-1] == 500 and row.runs == np.unique(level[:, f]).size
        for first, last in pairwise(begins):
            assert np.unique(level[first:last, f]).size == 1
        for at in (0, 1, 250, 499):
            k = runs.first_run(layout, f, at)
            assert begins[k] <= at < begins[k + 1]


@pytest.mark.parametrize("of_student", [True, False])
def test_effects_of_student_t_levels_have_columns_that_move(of_student):
    """Z/√λ is a chain's own: that Z was 1 says nothing."""
    design = make_design("one_factor", family="probit")
    if of_student:
        design = replace(design, factors=(replace(design.factors[0], own_prior=Prior("gamma", (2.0, 0.1))),))
    assert bool(pack.pack(design, plan_of(design, "joint")).layout.factor[0].ones) != of_student
