"""Packing: every array against dense algebra or the oracles, over all structures, and the way back to coefficients as written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.kernels import priors as kp
from gibbs.model.records import Design
from gibbs.sampling import pack as packing
from gibbs.sampling import plan as plans
from tests import oracles
from tests.model import tables
from tests.oracles import densities
from tests.sampling.cases import STRUCTURES, Case, design_of, plan_of
from tests.table import table


def built(structure: str, family: str = "gaussian", scheme: str = "joint", **further):
    rng = np.random.default_rng(11)
    case = Case(family, structure, scheme, rows=30, **further)
    design = design_of(case, rng)
    real = family in ("gaussian", "known_se", "student")
    design = replace(design, y=rng.standard_normal(30) * 2 + 5 if real else rng.integers(0, 2, 30).astype(float))
    return design, packing.pack(design, plan_of(case, design))


def location_matrix(packed) -> tuple[np.ndarray, np.ndarray]:
    """(core columns (M, pc), columns of every effect (M, U)) of the packed rows."""
    rows, factor = packed.rows, packed.layout.factor
    M = rows.X.shape[0]
    core, effects = np.zeros((M, packed.core_columns)), np.zeros((M, packed.effects))
    core[:, : rows.X.shape[1]] = rows.X
    for f in range(factor.shape[0]):
        q = factor[f].width
        for i in range(M):
            z = rows.Z[i, factor[f].z0 : factor[f].z0 + q]
            at = rows.level[i, f] * q
            effects[i, factor[f].u0 + at : factor[f].u0 + at + q] = z
            if factor[f].core0 >= 0:
                core[i, factor[f].core0 + at : factor[f].core0 + at + q] = z
    return core, effects


@table("scheme", ["joint", "collapsed", "one-at-a-time"])
@table("structure", STRUCTURES)
@table("family", ["gaussian", "known_se"])
def test_cross_products_are_those_of_the_dense_matrices(structure, scheme, family):
    _, packed = built(structure, family, scheme, offset=True)
    core, effects = location_matrix(packed)
    rows, factor, index, node = packed.rows, packed.layout.factor, packed.layout.index, packed.gram.node
    w = rows.weight[:, None]
    np.testing.assert_allclose(np.tril(packed.gram.core), np.tril(core.T @ (w * core)), atol=1e-10)
    np.testing.assert_allclose(packed.gram.m, core.T @ (rows.weight * rows.y), atol=1e-10)
    assert packed.yy == pytest.approx(float(rows.weight @ rows.y**2))
    whole, with_core = effects.T @ (w * effects), effects.T @ (w * core)
    sums = effects.T @ (rows.weight * rows.y)
    for chain in packed.layout.units:
        chain = chain[chain >= 0]
        for k, f in enumerate(chain):
            J, q, u0 = factor[f].levels, factor[f].width, factor[f].u0
            np.testing.assert_allclose(packed.gram.h[u0 : u0 + J * q], sums[u0 : u0 + J * q], atol=1e-10)
            for j in range(J):
                mine = slice(u0 + j * q, u0 + (j + 1) * q)
                g0 = factor[f].g0 + j * q * q
                np.testing.assert_allclose(node[g0 : g0 + q * q].reshape(q, q), whole[mine, mine], atol=1e-10)
                level, child, blocks = j, f, []
                for g in chain[k + 1 :]:
                    level = index[factor[child].parent0 + level]
                    at = factor[g].u0 + level * factor[g].width
                    blocks.append(whole[mine, at : at + factor[g].width])
                    child = g
                if blocks:
                    wanted = np.concatenate(blocks, axis=1)
                    b0 = factor[f].b0 + j * wanted.size
                    np.testing.assert_allclose(node[b0 : b0 + wanted.size].reshape(wanted.shape), wanted, atol=1e-10)
                first, last = index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]
                listed = index[factor[f].list0 + first : factor[f].list0 + last]
                found = np.zeros((q, packed.core_columns))
                c0 = factor[f].c0
                found[:, listed] = node[c0 + first * q : c0 + last * q].reshape(-1, q).T
                np.testing.assert_allclose(found, with_core[mine], atol=1e-10)
                assert np.all(np.diff(listed) > 0)
    if packed.layout.units.shape[0] > 1:
        pointer, column, value = packed.gram.cross_pointer, packed.gram.cross_column, packed.gram.cross_value
        found = np.zeros_like(whole)
        for row in range(packed.effects):
            found[row, column[pointer[row] : pointer[row + 1]]] = value[pointer[row] : pointer[row + 1]]
        unit = np.repeat(factor.unit, factor.levels * factor.width)
        other = (unit[:, None] != unit[None, :]) & (unit[:, None] >= 0) & (unit[None, :] >= 0)
        np.testing.assert_allclose(found, np.where(other, whole, 0.0), atol=1e-10)


@table("structure", ["none", "slopes", "nested", "crossed", "no_coefficient"])
@table("family", ["gaussian", "known_se", "student", "probit", "logit"])
def test_packed_predictors_and_coefficients_give_the_model_as_written(family, structure):
    """Row by row: outcome less fit is the same from packed rows with internal coefficients as from the Design with those given back."""
    design, packed = built(structure, family, offset=True, far=50.0)
    rng = np.random.default_rng(1)
    p = design.X.shape[1]
    internal = rng.standard_normal(p)
    written = packed.coefficients(internal)
    core, _ = location_matrix(packed)
    inside = core[:, :p] @ internal
    outside = design.X @ written
    if family in ("probit", "logit"):
        found = np.sort(packed.rows.offset + inside)
        np.testing.assert_allclose(found, np.sort(design.offset + outside), atol=1e-8)
    else:
        np.testing.assert_allclose(np.sort(packed.rows.y - inside), np.sort(design.y - design.offset - outside), atol=1e-8)
    many = packed.coefficients(rng.standard_normal((2, 3, p)))
    assert many.shape == (2, 3, p)


def test_the_reference_is_the_weighted_least_squares_fit():
    design, packed = built("one_factor", "known_se")
    root = 1.0 / design.known_se
    wanted = np.linalg.lstsq(design.X * root[:, None], design.y * root, rcond=None)[0]
    np.testing.assert_allclose(packed.coefficients(np.zeros(2)), wanted)
    residual = (design.y - design.X @ wanted) * 1.0
    assert packed.residual_sd == pytest.approx(np.sqrt(np.sum(residual**2) / 28))
    np.testing.assert_allclose(packed.gram.m, 0.0, atol=1e-9)


@pytest.mark.parametrize("intercept", ["intercept", "b[Intercept]"])
@pytest.mark.parametrize("coefficient", ["normal", "student_t", "cauchy"])
def test_statements_on_coefficients_keep_their_density(intercept, coefficient):
    """Density ratios of the oracle at coefficients as written = those of the packed statements at internal coefficients."""
    design, packed = built("slopes", coefficient_prior=coefficient, intercept_prior=intercept, far=4.0)
    rng = np.random.default_rng(3)

    def log_density(internal: np.ndarray) -> float:
        d = packed.priors.row[:, 3:] @ internal - packed.priors.row[:, 0]
        squares, df = d**2 * packed.priors.row[:, 1], packed.priors.row[:, 2]
        heavy = np.isfinite(df)
        return float(np.sum(-0.5 * squares[~heavy]) - np.sum(0.5 * (df[heavy] + 1) * np.log1p(squares[heavy] / df[heavy])))

    a, b = rng.standard_normal((2, 2))
    wanted = densities.log_prior_beta(design.coefficient_priors, packed.coefficients(a))
    wanted -= densities.log_prior_beta(design.coefficient_priors, packed.coefficients(b))
    assert log_density(a) - log_density(b) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("formula", ["x * z", "f * x + I(x^2)", "0 + f:x + f"])
@pytest.mark.parametrize("family", ["gaussian", "ordinal"])
def test_the_centred_basis_keeps_predictors_and_densities(formula, family):
    """X β of coefficients as written = R θ of internal ones (less the cutpoints), and the statements' densities are the oracle's."""
    frame = tables.example(60)
    design = tables.build(f"n ~ {formula}", frame.assign(n=frame["n"] % 3 if family == "ordinal" else frame["y"]), family)
    packed = packing.pack(design, plans.make(design, "second-order" if family == "ordinal" else "auto"))
    cut, p = packed.cutpoints, packed.reference.size
    rng = np.random.default_rng(3)
    internal = rng.standard_normal((2, p))
    internal[:, :cut].sort(axis=1)
    written = packed.coefficients(internal)
    R = design.basis.rows(design.X)
    for inner, beta in zip(internal + packed.reference, written, strict=True):
        eta = design.X @ beta[cut:]
        if cut:
            np.testing.assert_allclose(beta[:cut][:, None] - eta, inner[:cut][:, None] - R @ inner[cut:], atol=1e-9)
        else:
            np.testing.assert_allclose(eta, R @ inner, atol=1e-9)

    def log_density(inner: np.ndarray) -> float:
        d = packed.priors.row[:, 3:] @ inner - packed.priors.row[:, 0]
        squares, df = d**2 * packed.priors.row[:, 1], packed.priors.row[:, 2]
        heavy = np.isfinite(df)
        return float(np.sum(-0.5 * squares[~heavy]) - np.sum(0.5 * (df[heavy] + 1) * np.log1p(squares[heavy] / df[heavy])))

    def oracle(beta: np.ndarray) -> float:
        values = {"beta": beta[cut:], "u": [], "covariances": [], "sigma": 1.0, "cutpoints": beta[:cut]}
        return densities.log_prior(design, values)

    assert log_density(internal[0]) - log_density(internal[1]) == pytest.approx(oracle(written[0]) - oracle(written[1]), rel=1e-8)


@pytest.mark.parametrize("kind", sorted(oracles.SD_PRIORS))
def test_sd_and_sigma_priors_keep_their_density(kind):
    design, packed = built("one_factor", sd_prior=kind, sigma_prior=kind)
    prior = oracles.SD_PRIORS[kind]
    if kind == "fixed":
        assert packed.priors.sd[0, 0] == packed.priors.scale[0, 0] == kp.FIXED and packed.layout.term[0].given == 1
        return
    for row in (packed.priors.sd[0], packed.priors.scale[0]):
        found = kp.log_scale_prior(*row, 0.9) - kp.log_scale_prior(*row, 0.4)
        assert found == pytest.approx(oracles.log_prior_sd(prior, 0.9) - oracles.log_prior_sd(prior, 0.4), rel=1e-12)
    assert packed.layout.term[0].given == 0 and design.sigma_prior == prior


@pytest.mark.parametrize("kind", sorted(oracles.NU_PRIORS))
def test_nu_priors_keep_their_density(kind):
    _, packed = built("one_factor", "student", nu_prior=kind)
    row, prior = packed.priors.scale[1], oracles.NU_PRIORS[kind]
    if kind == "fixed":
        assert row[0] == kp.FIXED
        return
    found = kp.log_scale_prior(*row, 7.0) - kp.log_scale_prior(*row, 3.0)
    assert found == pytest.approx(oracles.log_prior_nu(prior, 7.0) - oracles.log_prior_nu(prior, 3.0), rel=1e-12)


@pytest.mark.parametrize("prior", ["lkj", "inverse_wishart", "huang_wand"])
@pytest.mark.parametrize("structure", ["slopes", "three_slopes", "two_terms", "crossed_slopes"])
def test_covariance_priors_keep_their_density(structure, prior):
    """p(L) = p(Σ) |dΣ/dL|, |dΣ/dL| = 2^q Π L_kk^(q−k+1), term by term."""
    design, packed = built(structure, covariance_prior=prior)
    rng, scratch = np.random.default_rng(2), np.zeros(64)
    terms = [t for f in design.factors for t in f.terms]
    for t, term in enumerate(terms):
        q = len(term.columns)
        values = []
        for _ in range(2):
            sds, R = rng.uniform(0.3, 1.5, q), oracles.draw_lkj(q, 2.0, rng)
            cov = R * np.outer(sds, sds)
            L = np.linalg.cholesky(cov)
            jacobian = np.sum((q - np.arange(q)) * np.log(np.diag(L))) if q > 1 else 0.0
            wanted = oracles.log_prior_covariance(term, cov) + jacobian
            values.append((kp.log_cholesky_prior(packed.layout.term, t, packed.priors.sd, packed.priors.cov, L.ravel(), scratch), wanted))
        (a, wanted_a), (b, wanted_b) = values
        assert a - b == pytest.approx(wanted_a - wanted_b, rel=1e-9)


def test_equal_rows_of_binary_outcomes_become_cells():
    rng = np.random.default_rng(4)
    design = design_of(Case("logit", "repeated", rows=60, levels=3), rng)
    design = replace(design, y=rng.integers(0, 2, 60).astype(float))
    packed = packing.pack(design, plans.make(design))
    assert packed.cells == 6 and packed.n == 60 and packed.rows.trials.sum() == 60 and packed.rows.y.sum() == design.y.sum()
    (g,) = design.factors
    for level in range(3):
        for x in (0.0, 1.0):
            mine = (g.codes == level) & (design.X[:, 1] == x)
            there = (packed.rows.level[:, 0] == level) & np.isclose(packed.rows.X[:, 1] + design.X[:, 1].mean(), x)
            assert packed.rows.trials[there] == mine.sum() and packed.rows.y[there] == design.y[mine].sum()
    apart = packing.pack(replace(design, offset=rng.standard_normal(60)), plans.make(design))  # the offset is part of what is equal
    assert apart.cells == 60


def test_the_haar_move_only_where_the_prior_is_symmetric():
    assert built("one_factor", "probit", centred=True)[1].haar
    assert not built("one_factor", "probit")[1].haar  # an intercept prior with a mean
    assert not built("one_factor", "logit", centred=True)[1].haar
    assert not built("one_factor", "probit", "one-at-a-time", centred=True)[1].haar
    design, _ = built("one_factor", "probit", centred=True)
    shifted = replace(design, offset=np.ones(30))
    assert not packing.pack(shifted, plans.make(shifted)).haar


def test_hyper_names_are_factor_by_factor_sds_then_correlations_then_sigma_and_nu():
    design, packed = built("crossed_slopes", "student")
    assert packed.hyper_names == (
        "sd_g__Intercept", "sd_g__x", "cor_g__Intercept__x", "sd_h__Intercept", "sd_h__x", "cor_h__Intercept__x", "sigma", "nu",
    )  # fmt: skip
    assert built("one_factor", "known_se")[1].hyper_names == ("sd_g__Intercept",)
    assert isinstance(design, Design)


@table("structure", [name for name in STRUCTURES if name != "no_groups"])
def test_effects_as_written_are_the_products_of_every_level(structure):
    """A matrix for every second term, draw by draw and level by level, and weights of levels."""
    _, packed = built(structure)
    rng, draws = np.random.default_rng(3), packing._DRAWS + 5
    terms, factor = packed.layout.term, packed.layout.factor
    backs = tuple(rng.standard_normal((term.width, term.width)) if k % 2 == 0 else None for k, term in enumerate(terms))
    shrink = rng.uniform(0.5, 2.0, packed.effects)
    u = rng.standard_normal((draws, packed.effects))
    expected = u * shrink
    for term, back in zip(terms, backs, strict=True):
        of = factor[term.factor]
        for j in range(of.levels if back is not None else 0):
            at = of.u0 + j * of.width + term.column
            for d in range(draws):
                expected[d, at : at + term.width] = back @ expected[d, at : at + term.width]
    found = replace(packed, backs=backs, shrink=shrink).effects_as_written(u)
    assert found is u
    np.testing.assert_allclose(found, expected, rtol=1e-12)
