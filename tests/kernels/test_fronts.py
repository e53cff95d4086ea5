"""Λ of a field by fronts: that of the elimination row by row, and with it the density and the draws of the dense normal algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gibbs.kernels import fields, fronts
from gibbs.model import fields as model_fields
from gibbs.model import structures
from gibbs.model.selected_inverse import Inverses
from gibbs.sampling import ordering

from .test_fields import SHAPES, chain_of, density, draw, marginal, posterior, roots_of


@pytest.fixture
def by_fronts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is filled."""
    monkeypatch.setattr(ordering, "FILLING", 0.0)


@pytest.mark.parametrize(("structure", "kinds"), SHAPES)
def test_density_and_draws_are_those_of_the_normal(structure, kinds, by_fronts):
    chain, design = chain_of(structure, kinds)
    assert all(row.fronts > 0 for row in chain.layout.fields.table)
    first = density(chain, roots_of(chain), 0.7) - marginal(chain, design, roots_of(chain), 0.7)
    for scale, sigma in ((0.3, 0.7), (1e-4, 1.3), (2.0, 0.5)):
        L = roots_of(chain, scale)
        assert density(chain, L, sigma) - marginal(chain, design, L, sigma) == pytest.approx(first, abs=1e-7)
    density(chain, roots_of(chain), 0.7)
    zero, none = np.zeros(chain.state.core.size), np.zeros(chain.state.u.size)
    mean, _, _ = draw(chain, zero, none)
    np.testing.assert_allclose(mean, posterior(chain, design, roots_of(chain), 0.7)[0], atol=1e-8)


def lattice(side: int) -> model_fields.Field:
    places = [(r, c) for r in range(side) for c in range(side)]
    edges = [(side * r + c, side * r + c + d) for r, c in places for d in (1, side) if (c < side - 1 if d == 1 else r < side - 1)]
    return model_fields.of_graph(np.array(edges), structures.connected(np.array(edges), side * side))


def fields_of(of: str, rng: np.random.Generator) -> model_fields.Field:
    if of == "lattice":
        return lattice(11)
    if of == "full precision":
        R = sparse.csr_array(3.0 * np.eye(37) + np.cov(rng.standard_normal((37, 50))))
        return model_fields.of_precision(R, Inverses(R), np.ones(37))
    if of == "two maps and an island":
        edges = np.array([(0, 1), (1, 2), (2, 0), (2, 3), (4, 5), (5, 6), (6, 7), (7, 4), (4, 6)])
        return model_fields.of_graph(edges, structures.connected(edges, 9))
    return model_fields.of_walk(2, np.cumsum(rng.choice([1.0, 2.0, 4.5], 40)))


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("of", ["lattice", "two maps and an island", "second-order walk", "full precision"])
def test_fronts_and_rows_find_the_same_factor(of, columns, by_fronts):
    """All numbers of Λ, the inverses of its diagonal, log|Q|; Q is dense algebra's in ``test_fields``."""
    rng = np.random.default_rng(3)
    field = fields_of(of, rng)
    J, q = field.nodes, columns
    layout = ordering.of([field], [np.arange(J)], [q], 2)
    row = layout.table[0]
    room = np.zeros(ordering.room(layout, 2))
    Z = rng.standard_normal((J, 4, q))
    G = np.concatenate([np.zeros(7), np.einsum("jna,jnb->jab", Z, Z).ravel()])  # they begin somewhere
    found = []
    for factor in (fields._factor, fronts.factor_by_fronts):
        room[row.lower0 :] = 0.0
        log_det = factor(layout, row, G, 7, 0.8, room)
        entries = layout.index[row.columns0 + row.nodes]
        found.append((log_det, room[row.lower0 :][:entries].copy(), room[row.diagonal0 :][: row.nodes].copy()))
    (one, lower, diagonal), (other, lower_too, diagonal_too) = found
    assert np.all(diagonal > 0.0) and np.count_nonzero(lower) > row.nodes // 2
    assert one == pytest.approx(other, abs=1e-10)
    np.testing.assert_allclose(lower_too, lower, atol=1e-12)
    np.testing.assert_allclose(diagonal_too, diagonal, rtol=1e-12)


def test_what_has_no_root_is_told(by_fronts):
    """A pivot that is not positive gives nan, by which the sampler knows."""
    field = lattice(4)
    layout = ordering.of([field], [np.arange(16)], [1], 1)
    room = np.zeros(ordering.room(layout, 1))
    assert np.isnan(fronts.factor_by_fronts(layout, layout.table[0], np.full(16, -100.0), 0, 1.0, room))


def test_walks_go_row_by_row_and_large_maps_by_fronts():
    for field, by in ((model_fields.of_walk(1, np.arange(300.0)), False), (lattice(25), True)):
        assert bool(ordering.of([field], [np.arange(field.nodes)], [1], 1).table[0].fronts) == by
