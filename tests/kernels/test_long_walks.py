"""Walks so long that what a piece of their noise moves ends before they do."""

from __future__ import annotations

import numpy as np
import pytest

import gibbs
from gibbs.kernels import field_degrees, field_moves, fields, walks
from gibbs.kernels import layout as kl
from gibbs.model import by_group
from gibbs.model import fields as model_fields
from gibbs.sampling import ordering, pack, plan
from gibbs.sampling.second_order import SecondOrderChain

from .test_fields import chain_of


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


def walk_of(of: str, rng: np.random.Generator, steps: int = 60) -> model_fields.Field:
    positions = np.cumsum(rng.choice([1.0, 2.0, 5.0], steps))
    if of == "first order":
        return model_fields.of_walk(1, positions)
    if of == "second order":
        return model_fields.of_walk(2, positions)
    if of == "ring":
        return model_fields.of_graph(np.vstack([np.arange(steps), np.roll(np.arange(steps), -1)]).T, np.zeros(steps, dtype=np.int64))
    return model_fields.of_autoregression(np.diff(positions, prepend=0.0).astype(np.int64)).at(0.7)


@pytest.mark.parametrize("pc", [0, 1, 3])
@pytest.mark.parametrize("of", ["first order", "autoregression", "ring"])
def test_the_recurrence_finds_what_the_elimination_row_by_row_finds(of, pc):
    """Λ, the inverses of its diagonal, log|Q|, V_C, v and a, and what is solved or multiplied by Λ'; ``test_fields`` has dense algebra."""
    rng = np.random.default_rng(5)
    field = walk_of(of, rng)
    J = field.nodes
    laid = ordering.of([field], [np.arange(J)], [1], pc)
    row, index = laid.table[0], laid.index
    assert row.walk == 1 and row.constraints == (0 if of == "autoregression" else 1)
    factor = kl.table(1, kl.FACTOR)
    factor.g0, factor.u0, factor.c0 = 5, 3, 5 + J
    G, E, h = rng.gamma(2.0, size=J), rng.standard_normal(J * pc), rng.standard_normal(J)
    G[10:15] = 0.0  # levels that no row has
    found = []
    for by_recurrence in (True, False):
        room, V, vh = np.zeros(ordering.room(laid, pc)), np.concatenate([np.zeros(5), G, E]), np.concatenate([np.zeros(3), h])
        if by_recurrence:
            log_det = walks.eliminate_walk(laid, row, factor[0], V, vh, pc, 0.8, room)
            solve, multiply = walks.solve_walk, walks.multiply_walk
        else:
            log_det = fields._factor(laid, row, V, 5, 0.8, room)
            fields._forward(laid, row, V, 5 + J, vh, 3, pc, room)
            solve, multiply = fields._backward, fields._multiply
        solved, multiplied = np.concatenate([np.zeros(2), h]), np.concatenate([np.zeros(2), h])
        solve(laid, row, solved, 2, room)
        multiply(laid, row, multiplied, 2, room)
        entries, pinned = index[row.columns0 + J], J * row.constraints
        lower, d, a = room[row.lower0 :][:entries], room[row.diagonal0 :][:J], room[row.constraint0 :][:pinned]
        found.append((log_det, *map(np.copy, (lower, d, a)), V, vh, solved, multiplied))
        assert np.all(d > 0.0) and np.all(lower != 0.0)
        back = solved.copy()
        multiply(laid, row, back, 2, room)
        np.testing.assert_allclose(back[2:], h, atol=1e-9)
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-10)


def test_what_has_no_root_is_told():
    """A pivot that is not positive gives nan, by which the sampler knows."""
    for of in ("first order", "autoregression"):
        field = walk_of(of, np.random.default_rng(1), 12)
        laid, factor = ordering.of([field], [np.arange(12)], [1], 0), kl.table(1, kl.FACTOR)
        factor.g0, factor.u0, factor.c0 = 0, 0, 0
        for at in (0, 5, 11):
            V, room = np.ones(12), np.zeros(ordering.room(laid, 0))
            V[at] = -100.0
            assert np.isnan(walks.eliminate_walk(laid, laid.table[0], factor[0], V, np.zeros(12), 0, 1.0, room))


def test_which_fields_go_by_the_recurrence():
    rng, of = np.random.default_rng(2), lambda field, q=1: int(ordering.of([field], [np.arange(field.levels)], [q], 1).table[0].walk)
    assert [of(walk_of(kind, rng)) for kind in ("first order", "autoregression", "second order")] == [1, 1, 0]
    assert of(walk_of("first order", rng), 2) == 0
    path, one = np.column_stack([np.arange(30), np.arange(1, 31)]), np.zeros(31, dtype=np.int64)
    assert of(model_fields.of_graph(np.delete(path, 15, axis=0), np.repeat([0, 1], [16, 15]))) == 0  # two of them
    assert of(model_fields.of_graph(np.vstack([path[:-1], [12, 30]]), one)) == 0  # with a branch
    assert of(model_fields.of_shared_areas(model_fields.of_graph(path, one))) == 0


@pytest.mark.parametrize("kind", ["ar1*", "bym2*", "leroux*"])
def test_near_the_end_of_rho_the_density_of_the_effects_has_digits(kind):
    """Effects that are as alike as there: the difference of two densities is that of sums over the differences, in long arithmetic."""
    chain, design = chain_of("one_factor", (kind,))
    of, rng = design.factors[0].field, np.random.default_rng(4)
    near = (1.0 - 1e-8, 1.0 - 3e-8)
    u = 1.0 + np.cumsum(1e-4 * rng.standard_normal(of.levels)) if kind == "ar1*" else 1.0 + 1e-4 * rng.standard_normal(of.levels)
    x = np.concatenate([u, np.ones(of.nodes - of.levels)])
    field_degrees.sum_products(chain.layout, 0, x)
    found, wanted = [], []
    for rho in near:
        found.append(
            field_degrees.log_density_at_degree(chain.layout, 0, rho, True)
            - field_degrees.log_density_at_degree(chain.layout, 0, rho, False)
        )
        steps = np.sum(of.at(rho).weight.astype(np.longdouble) * x[of.ends].astype(np.longdouble), axis=1)
        wanted.append(float(-0.5 * np.sum(steps**2)))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
