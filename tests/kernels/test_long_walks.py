"""Walks so long that what a piece of their noise moves ends before they do."""

from __future__ import annotations

import numpy as np
import pytest

import gibbs
from gibbs.kernels import field_moves
from gibbs.model import by_group
from gibbs.sampling import pack, plan
from gibbs.sampling.second_order import SecondOrderChain


@pytest.mark.parametrize("formula", ["y ~ 1 + (1 | ar1(t))", "y ~ 1 + (1 | rw2(t))", "y ~ 1 + x + (1 + x | rw1(t))"])
def test_along_a_walk_a_piece_of_noise_dies_away(formula):
    """Every level whose effect moves by more than its last digit is among those that ``_descend`` gives, and they are not all."""
    rng = np.random.default_rng(2)
    t = np.repeat(np.arange(900), 2)
    data = {"t": t, "x": rng.standard_normal(t.size), "y": rng.poisson(4000.0, t.size)}
    design = by_group.arrange(gibbs.check(formula, data, family="poisson").design)
    chain = SecondOrderChain(0, np.random.SeedSequence(1), pack.pack(design, plan.make(design, "auto")), design, 60)
    chain.advance(2)
    laid, room = chain.layout.fields, chain.work.field
    of, index = laid.table[0], laid.index
    n, q, pinned = int(of.nodes), int(of.width), int(of.constraints)
    assert of.band == (1 if "rw2" not in formula else 2) * q
    np.testing.assert_array_equal(index[of.order0 : of.order0 + n - pinned] // q, np.sort(index[of.order0 : of.order0 + n - pinned] // q))
    for first, last in ((600, 690), (n - pinned - 90, n - pinned), (n - 90, n), (0, 90)):
        first, last = first - first % q, last - last % q
        x = np.full(n, np.nan)
        x[first:last] = rng.standard_normal(last - first)
        dense = np.concatenate([np.zeros(first), x[first:last], np.zeros(n - last)])
        field_moves._descend(laid, of, room, dense, 0, 0, last)  # nothing ends before ``first``: all places
        start = field_moves._descend(laid, of, room, x, first, field_moves._first_descendant(laid, of, first, last), last)
        assert start % q == 0
        np.testing.assert_array_equal(x[max(start, first) : last], dense[max(start, first) : last])
        np.testing.assert_allclose(x[start:last], dense[start:last], rtol=0, atol=1e-20)
        assert np.all(np.abs(dense[:start]) < 1e-19)
        if first == 600 and "ar1" in formula:  # before warm-up little but the data ends what others do
            assert 0 < start < first


def test_coefficients_give_way_to_levels_but_not_to_fields():
    """The stand-in of a field is solved for with the spread of its effects in it; with a shift besides one proposal in ten was accepted."""
    rng = np.random.default_rng(4)
    t = np.repeat(np.arange(300), 2)
    data = {"t": t, "g": rng.integers(12, size=t.size), "y": rng.poisson(0.3, t.size)}
    design = by_group.arrange(gibbs.check("y ~ 1 + (1 | rw1(t)) + (1 | g)", data, family="poisson").design)
    chain = SecondOrderChain(0, np.random.SeedSequence(1), pack.pack(design, plan.make(design, "auto")), design, 60)
    while chain.done < 60:
        chain.advance(60)
    row, term = chain.layout.factor, chain.layout.term
    sparse = [row[t.factor].sparse >= 0 for t in term]
    assert sorted(sparse) == [False, True]
    for t, of_field in zip(term, sparse, strict=True):
        assert np.all(chain.moves.slope[t.l0] == 0.0) == of_field
