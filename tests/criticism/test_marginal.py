"""The likelihood of a level with its effects integrated out, against dense normal distributions and sums over fine grids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gibbs.criticism import marginal
from gibbs.draws import names
from gibbs.draws.outline import outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError
from gibbs.model.records import Design, Factor
from gibbs.posterior import family as families
from tests.posterior.fabricated import term
from tests.posterior.regressions import FAMILIES, near, regression, wide


def _integrated(model: Design, draws: Draws, name: str = "g") -> np.ndarray:
    found = outline(model)
    return marginal.matrix(draws, found, model, marginal.levels_of(found, model, name))


def _hyper(draws: Draws, s: int) -> dict[str, float]:
    return dict(zip(draws.hyper_names, draws.hyper[0, s], strict=True))


def _sigma(factor: Factor, at: dict[str, float]) -> np.ndarray:
    sd = np.diag([at[names.sd_name(factor.name, c)] for c in factor.columns])
    correlation = np.eye(len(factor.columns))
    for one in factor.terms:
        for a, b in names.correlation_pairs(one):
            i, j = factor.columns.index(a), factor.columns.index(b)
            correlation[i, j] = correlation[j, i] = at[names.correlation_name(factor.name, a, b)]
    return sd @ correlation @ sd


def _given(model: Design, draws: Draws, s: int, skip: tuple[str, ...] = ("g",)) -> np.ndarray:
    """η of every row at draw s of the first chain, without the effects of some factors."""
    eta = model.offset + model.X @ draws.beta[0, s]
    for factor, start in zip(model.factors, draws.u_offsets, strict=True):
        if factor.name not in skip:
            u = draws.u[0, s, start:].reshape(-1)[: len(factor.levels) * factor.Z.shape[1]].reshape(len(factor.levels), -1)
            eta = eta + np.sum(factor.Z * u[factor.codes], axis=1)
    return eta


@pytest.mark.parametrize("known", [False, True])
def test_gaussian_levels_are_a_normal_distribution(known: bool) -> None:
    """Dense N(η₀, ZΣZ' + D); an effect of the other factor is given."""
    se = np.linspace(0.4, 1.2, 40)
    model = regression("gaussian", second=True, **({"known_se": se, "sigma_prior": None} if known else {}))
    draws = near(model)
    found, factor = _integrated(model, draws), model.factors[0]
    for s in (0, 23):
        at, eta = _hyper(draws, s), _given(model, draws, s)
        D = np.diag(se**2) if known else at["sigma"] ** 2 * np.eye(40)
        cov = factor.Z @ _sigma(factor, at) @ factor.Z.T + D
        for j in range(len(factor.levels)):
            rows = np.flatnonzero(factor.codes == j)
            expected = multivariate_normal(eta[rows], cov[np.ix_(rows, rows)]).logpdf(model.y[rows])
            assert found[0, s, j] == pytest.approx(expected, abs=1e-10)


def test_gaussian_levels_with_a_factor_nested_in_them() -> None:
    """A new school has new classes: both are integrated out. The same partition one level down is asked for by its own name."""
    model = regression("gaussian", levels=4)
    outer = model.factors[0]
    inner = (outer.codes * 3 + np.arange(40) % 3).astype(np.int32)
    _, codes = np.unique(inner, return_inverse=True)
    labels = tuple(f"c{k}" for k in range(codes.max() + 1))
    nested = Factor("class", labels, codes.astype(np.int32), np.ones((40, 1)), ("Intercept",), (term("Intercept"),))
    model = replace(model, factors=(outer, nested))
    draws = near(model)
    levels = marginal.levels_of(outline(model), model, "g")
    assert levels.integrated == (0, 1)
    found = _integrated(model, draws)
    for s in (0, 41):
        at, eta = _hyper(draws, s), _given(model, draws, s, ("g", "class"))
        cov = outer.Z @ _sigma(outer, at) @ outer.Z.T + at["sigma"] ** 2 * np.eye(40)
        cov += at["sd_class__Intercept"] ** 2 * (codes[:, None] == codes)
        for j in range(4):
            rows = np.flatnonzero(outer.codes == j)
            expected = multivariate_normal(eta[rows], cov[np.ix_(rows, rows)]).logpdf(model.y[rows])
            assert found[0, s, j] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("family", "link"), [("logit", ""), ("negative_binomial", ""), ("ordinal", "probit"), ("student", "")])
@pytest.mark.parametrize("own", [True, False])
def test_quadrature_within_quadrature(family: str, link: str, own: bool) -> None:
    """One nested factor: sums over fine grids of the effect of the school and, at each of its values, of each class.

    Without effects of the school (``own`` is False; the school comes from another fit) its classes alone are integrated out.
    """
    model = regression(family, link, rows=24, levels=3, slopes=False)
    outer = model.factors[0]
    _, codes = np.unique(outer.codes * 2 + np.arange(24) % 2, return_inverse=True)
    labels = tuple(f"c{k}" for k in range(codes.max() + 1))
    nested = Factor("class", labels, codes.astype(np.int32), np.ones((24, 1)), ("Intercept",), (term("Intercept"),))
    model = replace(model, factors=(outer, nested) if own else (nested,))
    draws, known = near(model, kept=10), outline(model)
    levels = marginal.levels_of(known, model, "g", outer)
    assert levels.integrated == ((0, 1) if own else (0,))
    found = marginal.matrix(draws, known, model, levels)
    x = np.linspace(-6.0, 6.0, 241)
    weight = np.exp(-0.5 * x**2) / np.exp(-0.5 * x**2).sum()
    for s in (0, 7):
        at = _hyper(draws, s)
        eta = model.offset + model.X @ draws.beta[0, s]
        parameters = {name: at[name] for name in ("sigma", "nu", "shape") if name in at}
        if family == "ordinal":
            parameters["cutpoints"] = np.array([at[f"b_Intercept[{k}]"] for k in (1, 2, 3)])
        for j in range(len(outer.levels)):
            school = at["sd_g__Intercept"] * x if own else np.zeros(1)
            product = np.ones(len(school))
            for c in np.unique(codes[outer.codes == j]):
                rows = np.flatnonzero(codes == c)
                inside = eta[rows] + school[:, None, None] + (at["sd_class__Intercept"] * x)[:, None]
                each = families.log_likelihood(family, model.y[rows], inside.reshape(-1, len(rows)), link=link, **parameters)
                product *= np.exp(each.sum(axis=1)).reshape(len(school), -1) @ weight
            assert found[0, s, j] == pytest.approx(np.log(product @ weight if own else product[0]), abs=2e-5)


def test_nested_integrals_of_many_dimensions_are_refused() -> None:
    model = regression("logit", levels=3)
    outer = model.factors[0]
    inner, finest = (
        replace(
            outer, name=name, codes=(outer.codes * size + np.arange(40) % size).astype(np.int32), levels=tuple(map(str, range(3 * size)))
        )
        for name, size in (("class", 2), ("seat", 4))
    )
    both = replace(model, factors=(outer, inner, finest))
    with pytest.raises(SpecError, match="class and seat are nested in g"):
        marginal.levels_of(outline(both), both, "g")
    wide3 = replace(outer, Z=np.ones((40, 3)), columns=("Intercept", "x", "z"), terms=(term("Intercept", "x", "z"),))
    three = replace(model, factors=(wide3, inner))
    with pytest.raises(SpecError, match="with class nested in it, at most 2"):
        marginal.levels_of(outline(three), three, "g")


@pytest.mark.parametrize(("family", "link"), [pair for pair in FAMILIES if pair[0] != "gaussian"])
@pytest.mark.parametrize("slopes", [False, True])
def test_quadrature_is_the_sum_over_a_fine_grid(family: str, link: str, slopes: bool) -> None:
    """The trapezoid rule on ±5.5 sds of the effect, every family; two columns of effects are held to 5e-4 of the log-likelihood."""
    model = regression(family, link, slopes=slopes, second=True)
    draws = near(model)
    found, factor = _integrated(model, draws), model.factors[0]
    q = factor.Z.shape[1]
    axis = np.linspace(-5.5, 5.5, 801 if q == 1 else 221)
    v = np.stack(np.meshgrid(*([axis] * q), indexing="ij"), axis=-1).reshape(-1, q)
    log_density = -0.5 * np.sum(v**2, axis=1) - 0.5 * q * np.log(2 * np.pi) + q * np.log(axis[1] - axis[0])
    for s in (0, 31) if q == 1 else (31,):
        at, eta = _hyper(draws, s), _given(model, draws, s)
        u = v @ np.linalg.cholesky(_sigma(factor, at)).T
        parameters = {name: at[name] for name in ("sigma", "nu", "shape") if name in at}
        if family == "ordinal":
            parameters["cutpoints"] = np.array([at[f"b_Intercept[{k}]"] for k in (1, 2, 3)])
        for j in range(len(factor.levels)):
            rows = np.flatnonzero(factor.codes == j)
            if family == "binomial":
                parameters["trials"] = model.trials[rows]
            each = families.log_likelihood(family, model.y[rows], eta[rows] + u @ factor.Z[rows].T, link=link, **parameters)
            terms = each.sum(axis=1) + log_density
            expected = terms.max() + np.log(np.exp(terms - terms.max()).sum())
            assert found[0, s, j] == pytest.approx(expected, abs=1e-6 if q == 1 else 5e-4)


def test_a_product_of_t_densities_with_several_modes() -> None:
    """Rows that pull one level to opposite sides: the integral has two modes or more, and all of them count."""
    model = regression("student", rows=30, levels=4, slopes=False)
    model = replace(model, y=np.where(np.arange(30) % 2, 2.0, -2.0) + 0.01 * np.arange(30))
    draws = near(model)
    for name, number in (("sd_g__Intercept", 3.0), ("sigma", 0.15), ("nu", 2.0)):
        draws.hyper[:, :, draws.hyper_names.index(name)] = number
    found, codes = _integrated(model, draws), model.factors[0].codes
    x = np.linspace(-9, 9, 40001)
    for s in (0, 17):
        eta = _given(model, draws, s)
        for j in range(4):
            rows = np.flatnonzero(codes == j)
            each = families.log_likelihood("student", model.y[rows], eta[rows] + x[:, None] * 3.0, sigma=0.15, nu=2.0)
            terms = each.sum(axis=1) - 0.5 * x**2 - 0.5 * np.log(2 * np.pi)
            expected = terms.max() + np.log(np.exp(terms - terms.max()).sum() * (x[1] - x[0]))
            assert found[0, s, j] == pytest.approx(expected, abs=1e-5)
            if len(rows) > 4:
                peaks = np.sum((terms[1:-1] > terms[:-2]) & (terms[1:-1] > terms[2:]))
                assert peaks >= 2


def test_three_columns_and_no_more() -> None:
    """Three varying columns: against a probit's closed form for one row, Φ((2y − 1) η/√(1 + z'Σz)). Four are refused."""
    factor, _ = wide(4, 4, ("a", "b", "c"))
    model = regression("probit", rows=4, levels=4)
    model = replace(model, factors=(factor,), y=np.array([0.0, 1.0, 1.0, 0.0]))
    draws = near(model)
    found = _integrated(model, draws)
    for s in (0, 13):
        eta, sigma = _given(model, draws, s), _sigma(factor, _hyper(draws, s))
        from scipy.special import log_ndtr

        scale = np.sqrt(1.0 + np.einsum("na,ab,nb->n", factor.Z, sigma, factor.Z))
        np.testing.assert_allclose(found[0, s], log_ndtr((2 * model.y - 1) * eta / scale)[factor.codes.argsort()], atol=2e-3)
    factor, _ = wide(4, 4, ("a", "b", "c", "d"))
    with pytest.raises(SpecError, match="4 columns vary over g"):
        marginal.levels_of(outline(replace(model, factors=(factor,))), replace(model, factors=(factor,)), "g")


@pytest.mark.parametrize("family", ["gaussian", "logit"])
def test_a_weighted_row_is_so_many_rows(family: str) -> None:
    model = regression(family, rows=20, levels=4)
    draws = near(model)
    weights = np.array([1, 2, 3, 1] * 5)
    again = np.repeat(np.arange(20), weights)
    long = replace(
        model,
        y=model.y[again],
        X=model.X[again],
        offset=model.offset[again],
        rows=np.arange(1, len(again) + 1),
        factors=tuple(replace(f, codes=f.codes[again], Z=f.Z[again]) for f in model.factors),
    )
    np.testing.assert_allclose(_integrated(replace(model, weights=weights), draws), _integrated(long, draws), rtol=1e-9)


def test_rows_without_an_outcome_are_left_out() -> None:
    model = regression("gaussian", rows=20, levels=4)
    draws = near(model)
    gone = np.zeros(20, dtype=bool)
    gone[model.factors[0].codes == 2] = True
    found = outline(model)
    levels = marginal.levels_of(found, replace(model, missing_outcome=gone), "g")
    assert levels.which.tolist() == [0, 1, 3]
    some = marginal.matrix(draws, found, replace(model, missing_outcome=gone), levels)
    np.testing.assert_allclose(some, _integrated(model, draws)[:, :, [0, 1, 3]], rtol=1e-12)


def test_no_variance_is_no_effect() -> None:
    """An sd of 0: the level's rows are independent, with no effect."""
    model = regression("poisson", slopes=False)
    draws = near(model)
    draws.hyper[:, :, 0] = 0.0
    draws.u[...] = 0.0
    found = _integrated(model, draws)
    each = families.log_likelihood("poisson", model.y, _given(model, draws, 7))
    np.testing.assert_allclose(found[0, 7], np.bincount(model.factors[0].codes, weights=each), rtol=1e-9)


def test_small_blocks_give_the_same() -> None:
    model = regression("logit", second=True)
    draws, found = near(model), outline(model)
    levels = marginal.levels_of(found, model, "g")
    whole = marginal.matrix(draws, found, model, levels)
    np.testing.assert_allclose(marginal.matrix(draws, found, model, levels, block=900), whole, rtol=1e-8)


def test_an_unknown_factor_is_named() -> None:
    model = regression("gaussian", second=True)
    with pytest.raises(SpecError, match="no grouping factor 'G'; the grouping factors are g, h"):
        marginal.levels_of(outline(model), model, "G")


def test_roots_of_covariances_without_full_rank() -> None:
    sd = np.array([0.5, 2.0])
    for correlation in (1.0, -1.0, 0.3):
        sigma = np.outer(sd, sd) * np.array([[1.0, correlation], [correlation, 1.0]])
        L = marginal.lower_root(sigma)
        np.testing.assert_allclose(L @ L.T, sigma, atol=1e-12)
    assert not marginal.lower_root(np.zeros((3, 2, 2))).any()
