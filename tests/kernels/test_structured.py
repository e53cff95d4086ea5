"""The kernels of effects that know their neighbours, against dense algebra: W = [X | Z_1 | …] with the columns of a structured factor B."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.location import copy_core_factors
from gibbs.kernels.statistics import accumulate, accumulate_rhs

from gibbs.kernels import layout as kl
from gibbs.kernels import structured
from gibbs.sampling import pack, plan
from tests import oracles
from tests.sampling.structured_effects import changed


def packed_of(structure: str, kinds: tuple[str, ...], seed: int = 4) -> tuple[pack.Packed, plan.Plan, object]:
    rng = np.random.default_rng(seed)
    design = changed(oracles.random_design(rng, structure, rows=30, levels=7), kinds, rng)
    decided = plan.make(design, "joint")
    return pack.pack(design, decided), decided, design


def dense(packed: pack.Packed, design) -> list[np.ndarray]:
    """The columns of every factor (rows, J·q), on the coordinates that are drawn."""
    found = []
    for f, factor in enumerate(design.factors):
        of, rows = packed.layout.factor[f], packed.rows
        Z = np.zeros((len(rows.y), of.levels * of.width))
        for i, j in enumerate(rows.level[:, f]):
            Z[i, j * of.width : (j + 1) * of.width] = rows.Z[i, of.z0 : of.z0 + of.width]
        if factor.structure is not None:
            Z = Z @ np.kron(factor.structure.basis, np.eye(of.width))
        found.append(Z)
    return found


@pytest.mark.parametrize(
    "structure, kinds",
    [
        ("one_factor", ("rw1",)),
        ("slopes", ("icar",)),
        ("crossed_slopes", ("rw2", "icar")),
        ("crossed", ("", "rw1")),
        ("slopes", ("s",)),
        ("crossed_slopes", ("mm", "rw1")),
        ("crossed", ("", "mm")),
        ("crossed_slopes", ("s", "mm")),
    ],
)
def test_cross_products_are_those_of_the_coordinates(structure: str, kinds: tuple[str, ...]):
    packed, _, design = packed_of(structure, kinds)
    rng, layout, rows = np.random.default_rng(1), packed.layout, packed.rows
    weight, value = rng.uniform(0.5, 2.0, rows.y.size), rng.standard_normal(rows.y.size)
    gram = packed.gram
    accumulate(rows, weight, layout, gram)
    accumulate_rhs(rows, value, layout, True, packed.units, gram.m, gram.h)
    Z = dense(packed, design)
    W = np.column_stack([rows.X, *(Z[f] for f in layout.core_factors)])
    np.testing.assert_allclose(np.tril(gram.core), np.tril(W.T @ (weight[:, None] * W)), atol=1e-10)
    np.testing.assert_allclose(gram.m, W.T @ value, atol=1e-10)
    for unit in layout.units:
        f = unit[0]
        of = layout.factor[f]
        C = np.zeros((of.levels * of.width, W.shape[1]))
        for j in range(of.levels):
            for e in range(layout.index[of.pointer0 + j], layout.index[of.pointer0 + j + 1]):
                for a in range(of.width):
                    C[j * of.width + a, layout.index[of.list0 + e]] = gram.node[of.c0 + e * of.width + a]
        np.testing.assert_allclose(C, Z[f].T @ (weight[:, None] * W), atol=1e-10)
        np.testing.assert_allclose(gram.h[of.u0 : of.u0 + C.shape[0]], Z[f].T @ value, atol=1e-10)


@pytest.mark.parametrize("kinds", [("rw2", "icar"), ("mm", "s")])
def test_effects_are_the_basis_times_the_coordinates(kinds: tuple[str, ...]):
    packed, _, design = packed_of("crossed_slopes", kinds)
    core = np.random.default_rng(2).standard_normal(packed.core_columns)
    u = np.zeros(packed.effects)
    copy_core_factors(packed.layout, core, u)
    for f, factor in enumerate(design.factors):
        of = packed.layout.factor[f]
        w = core[of.core0 : of.core0 + of.coordinates * of.width].reshape(of.coordinates, of.width)
        found = u[of.u0 : of.u0 + of.levels * of.width].reshape(of.levels, of.width)
        np.testing.assert_allclose(found, factor.structure.basis @ w, atol=1e-12)
        again = np.zeros_like(u)
        structured.effects_of_coordinates(packed.layout, f, core, again)
        np.testing.assert_array_equal(again[of.u0 : of.u0 + found.size], found.ravel())
        for t in np.flatnonzero(packed.layout.term.factor == f):
            given = structured.effects_or_coordinates(packed.layout, t, core, u, np.zeros_like(u))
            np.testing.assert_array_equal(given[of.u0 : of.u0 + w.size], w.ravel())
        if factor.structure.walk:
            np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-10)


def test_exchangeable_effects_are_given_as_they_stand():
    packed, _, _ = packed_of("crossed", ("", "rw1"))
    u = np.random.default_rng(3).standard_normal(packed.effects)
    t = int(np.flatnonzero(packed.layout.term.factor == 0)[0])
    assert structured.effects_or_coordinates(packed.layout, t, np.zeros(packed.core_columns), u, np.zeros_like(u)) is u or np.array_equal(
        structured.effects_or_coordinates(packed.layout, t, np.zeros(packed.core_columns), u, np.zeros_like(u)), u
    )


def test_turning_is_a_congruence():
    packed, _, design = packed_of("crossed", ("rw1", "icar"))
    layout, pc, rng = packed.layout, packed.core_columns, np.random.default_rng(5)
    p = packed.reference.size
    T = np.eye(pc)
    for f, factor in enumerate(design.factors):
        at, J = int(layout.factor[f].core0), int(layout.factor[f].levels)
        T[at : at + J, at : at + J] = factor.structure.basis
    A = rng.standard_normal((pc, pc))
    P = A @ A.T
    gram = packed.gram._replace(places=np.tril(P).copy(), core=np.zeros((pc, pc)))
    structured.turn_core(layout, gram)
    np.testing.assert_allclose(np.tril(gram.core), np.tril(T.T @ P @ T), atol=1e-10)
    h, m = rng.standard_normal(packed.effects), rng.standard_normal(pc)
    first = m[:p].copy()
    structured.turn_rhs(layout, h, m)
    np.testing.assert_array_equal(m[:p], first)
    for f, factor in enumerate(design.factors):
        of = layout.factor[f]
        wanted = factor.structure.basis.T @ h[of.u0 : of.u0 + of.levels]
        np.testing.assert_allclose(m[of.core0 : of.core0 + of.levels], wanted, atol=1e-12)
    node = np.zeros(3 * int(layout.factor[0].levels))
    structured.add_to_node(layout, 0, 2, 0.7, np.array([1.3]), 0, 1, 3, node)
    np.testing.assert_allclose(node[1::3], 0.7 * 1.3 * design.factors[0].structure.basis[2], atol=1e-12)


def test_exchangeable_factors_have_no_basis():
    packed, _, _ = packed_of("crossed", ("", ""))
    assert packed.layout.basis.size == 0 and packed.gram.places.shape == (0, 0)
    assert set(packed.layout.factor.basis0.tolist()) == {-1}
    assert "basis0" in kl.FACTOR.names
