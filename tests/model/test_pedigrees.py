"""Pedigrees and precisions: relationships by the tabular method and of the book, files and what is wrong with them, large covariances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import DataError, FormulaError
from gibbs.model import graphs, pedigrees, small_fields, structures

SPECS = Path(__file__).resolve().parents[2] / "specs"


def tabular(parents: np.ndarray) -> np.ndarray:
    """A of a pedigree whose parents stand before their young, by the tabular method (Henderson 1976)."""
    J = len(parents)
    A = np.zeros((J, J))
    for i, (s, d) in enumerate(parents):
        for j in range(i):
            A[i, j] = A[j, i] = 0.5 * sum(A[j, p] for p in (s, d) if p >= 0)
        A[i, i] = 1.0 + (0.5 * A[s, d] if s >= 0 and d >= 0 else 0.0)
    return A


def herd(J: int, seed: int = 1, founders: int = 6, selfing: bool = False) -> np.ndarray:
    """Parents (J, 2) of individuals, old before young; of some one or none is known."""
    rng = np.random.default_rng(seed)
    parents = np.full((J, 2), -1)
    for i in range(founders, J):
        s, d = rng.integers(0, i), rng.integers(0, i)
        parents[i] = s, (s if selfing and rng.random() < 0.2 else d)
        if not selfing and s == d:
            parents[i, 1] = -1
        parents[i, rng.random(2) < 0.1] = -1
    return parents


def generations(J: int, each: int, seed: int) -> np.ndarray:
    """Parents (J, 2) of a herd of generations: few sires, more dams, of the generation before."""
    rng, parents = np.random.default_rng(seed), np.full((J, 2), -1)
    for first in range(each, J, each):
        before = np.arange(first - each, first)
        sires, dams = rng.choice(before, each // 15, replace=False), rng.choice(before, each // 2, replace=False)
        parents[first : first + each] = np.column_stack([rng.choice(sires, each), rng.choice(dams, each)])
    return parents


@pytest.mark.parametrize("selfing", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_inverse_is_that_of_the_tabular_method(seed, selfing):
    parents = herd(40, seed, founders=3, selfing=selfing)
    A = tabular(parents)
    assert A.diagonal().max() > 1.1  # some are inbred
    R, own = pedigrees.precision(parents, "", [])
    np.testing.assert_allclose(own, A.diagonal(), rtol=1e-12)
    np.testing.assert_allclose(R.toarray() @ A, np.eye(40), atol=1e-10)
    shuffled = np.random.default_rng(seed).permutation(40)  # young before old
    place = np.argsort(shuffled)
    of = np.where(parents[shuffled] >= 0, place[parents[shuffled]], -1)
    again, _ = pedigrees.precision(of, "", [])
    np.testing.assert_allclose(again.toarray(), R.toarray()[np.ix_(shuffled, shuffled)], atol=1e-12)


def test_the_relationships_of_the_book():
    labels, parents = pedigrees.read(SPECS / "data/calves_pedigree.csv", "calves_pedigree.csv")
    names, table = graphs.read(SPECS / "data/calves_kinship.csv", "calves_kinship.csv")
    order, A = graphs.matrix(names, table, "")
    R, _ = pedigrees.precision(parents, "", labels)
    some = [labels.index(text) for text in order]
    np.testing.assert_allclose(np.linalg.inv(R.toarray())[np.ix_(some, some)], A, atol=1e-12)


@pytest.mark.parametrize("sparse_", [True, False])
def test_a_structure_has_the_covariance_and_draws_of_it(sparse_):
    parents = herd(30, 2)
    R, own = pedigrees.precision(parents, "", [])
    made = structures.of_precision("pedigree", "pedigree(a)", R, np.ones(30, dtype=bool), "", sparse_)
    A = tabular(parents)
    np.testing.assert_allclose(made.variances, own, rtol=1e-10)
    assert (made.field is not None) == sparse_ and made.rank == 30
    dense = structures.dense(made, "")
    np.testing.assert_allclose(dense.basis @ dense.basis.T, A, atol=1e-10)
    if sparse_:
        draws = made.field.draws(np.random.default_rng(3), 40_000)
        np.testing.assert_allclose(np.cov(draws.T), A, atol=5.0 * 1.5 * np.sqrt(2.0 / 40_000))  # 465 pairs, 5 sds
        assert made.digest == dense.digest == structures.as_field(dense).digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "a pedigree is a table of three columns.* this one has 2 columns"),
        ("a,s,d\n1,1,\n", "row 1: '1' is named as its own parent"),
        ("a,s,d\n1,2,\n2,1,\n", "an ancestor of itself: '1' is a young of '2' is a young of '1'"),
        ("a,s,d\n1,2,3\n1,2,4\n", "rows 1 and 2 name different parents of '1'"),
        ("a,s,d\n1,2,3\n,2,4\n", "row 2 names no individual"),
        ("a,s,d\n1,2,3\n", "2 levels of the data are not in the pedigree: 'x' .*'y'"),
        ("a,s,d\n" + "".join(f"g{k + 1},g{k},g{k}\n" for k in range(40)), "so inbred that all their young are alike"),
    ],
)
def test_what_is_no_pedigree_is_refused_by_name(text, words, tmp_path):
    (tmp_path / "p.csv").write_text(text)
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "a": ["x", "y", "1", "1"]})
    with pytest.raises(DataError, match=words):
        gibbs.check(f'y ~ (1 | gr(a, pedigree = "{tmp_path / "p.csv"}"))', data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c,d\nx,y,1,2\n", "a precision is a square table.* 1 rows and 4 columns"),
        ("a,b,v\nx,x,2\ny,y,much\n", "row 2 holds 'much' in its third column"),
        ("a,b,v\nx,x,2\nx,y,-1\n", "'y' has no number of its own: a row 'y', 'y'"),
        ("a,b,v\nx,x,2\ny,y,2\nx,y,-1\ny,x,1\n", "rows 3 and 4 have -1 and 1 for 'y' and 'x'"),
        ("a,b,v\nx,x,2\ny,,2\n", "row 2 names no level in its second column"),
        ("a,b,v\nx,x,1\ny,y,1\nx,y,-1\n", "no precision: it has an eigenvalue that is 0 or below"),
        ("a,b,v\nx,x,1\ny,y,1\nx,y,-3\n", "no precision"),
        ("a,b,v\nx,x,1\ny,y,-1\n", "no precision"),
        (",x,y\nx,1,0.5\ny,0.25,1\n", "not symmetric"),
    ],
)
def test_what_is_no_precision_is_refused(text, words, tmp_path):
    (tmp_path / "q.csv").write_text(text)
    data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "a": ["x", "y", "x", "y"]})
    with pytest.raises(DataError, match=words):
        gibbs.check(f'y ~ (1 | gr(a, prec = "{tmp_path / "q.csv"}"))', data)


def test_a_misspelt_word_of_gr_has_its_nearest_match():
    data = pd.DataFrame({"y": [1.0, 2.0], "a": ["x", "y"]})
    with pytest.raises(FormulaError, match=r"gr\(\) takes by, .* and cor by name: .*Did you mean 'pedigree'\?"):
        gibbs.check('y ~ (1 | gr(a, pedigre = "p.csv"))', data)
    with pytest.raises(FormulaError, match="gr\\(\\) says cov and prec; one says what levels know of each other"):
        gibbs.check('y ~ (1 | gr(a, cov = "a.csv", prec = "b.csv"))', data)


def written(tmp_path: Path, parents: np.ndarray) -> dict[str, str]:
    """The same kin as a pedigree, as a precision of three columns and as a covariance: what gr() is told."""
    labels = [f"i{k}" for k in range(len(parents))]
    R, _ = pedigrees.precision(parents, "", labels)
    of = sparse.coo_array(sparse.tril(R))
    two = [[labels[p] if p >= 0 else "" for p in parents[:, k]] for k in (0, 1)]
    pd.DataFrame({"id": labels, "sire": two[0], "dam": two[1]}).to_csv(tmp_path / "pedigree.csv", index=False)
    pd.DataFrame({"a": [labels[i] for i in of.row], "b": [labels[j] for j in of.col], "v": of.data}).to_csv(
        tmp_path / "prec.csv", index=False
    )
    pd.DataFrame(np.linalg.inv(R.toarray()), index=labels, columns=labels).to_csv(tmp_path / "cov.csv")
    return {kind: f'{kind} = "{tmp_path / f"{kind}.csv"}"' for kind in ("pedigree", "prec", "cov")}


@pytest.mark.parametrize("J", [25, 450])
def test_a_pedigree_its_precision_and_its_covariance_are_one_law(J, tmp_path):
    """450 are more than a dense block may have: all three are drawn by the inverse, as sparse as it is."""
    said = written(tmp_path, herd(J))
    data = pd.DataFrame({"y": np.arange(J, dtype=float), "a": [f"i{k}" for k in range(J)]})
    made = {kind: gibbs.check(f"y ~ (1 | gr(a, {text}))", data).design.factors[0].structure for kind, text in said.items()}
    full = [m.basis @ m.basis.T if m.field is None else np.linalg.inv(m.field.precision().toarray()) for m in made.values()]
    for other in full[1:]:
        np.testing.assert_allclose(other, full[0], atol=1e-8)
    assert all((m.field is not None) == (J == 450) for m in made.values())
    if J == 450:
        assert made["cov"].field.matrix.nnz == made["pedigree"].field.matrix.nnz < 10 * J
    assert len({m.digest for m in made.values()}) == 3


def test_a_large_covariance_with_no_inverse_or_too_large_a_full_one_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch):
    J = 500
    rng = np.random.default_rng(5)
    labels = [f"i{k}" for k in range(J)]
    data = pd.DataFrame({"y": rng.standard_normal(J), "a": labels})
    F = rng.standard_normal((J, 40))
    for K in (F @ F.T / 40, F @ F.T / 40 + 1e-12 * np.eye(J), -F @ F.T / 40 + 2.0 * np.diag(np.sum(F**2, axis=1)) / 40):
        with pytest.raises(DataError, match="some combination of levels has no variance, or a negative one"):
            structures.of_large_covariance("cov(a)", K, np.ones(J, dtype=bool), "")
    pd.DataFrame(F @ F.T / 40, index=labels, columns=labels).to_csv(tmp_path / "A.csv")
    with pytest.raises(DataError, match="this one has none: some combination of levels has no variance"):
        gibbs.check(f'y ~ (1 | gr(a, cov = "{tmp_path / "A.csv"}"))', data)
    full = np.eye(900) + 0.1 * np.cov(rng.standard_normal((900, 1000)))
    assert 2000**3 / 6.0 < structures.OPERATIONS < 2100**3 / 6.0
    made = structures.of_large_covariance("cov(a)", full, np.ones(900, dtype=bool), "")
    assert made.field.elimination.operations == pytest.approx(900**3 / 6.0, rel=0.01)
    np.testing.assert_allclose(np.linalg.inv(made.field.matrix.toarray()), full, atol=1e-9)
    monkeypatch.setattr(structures, "OPERATIONS", 1e8)
    with pytest.raises(DataError, match=r"takes at least 1\.2e\+08 products; 1e\+08 are the most, which a full one of 843 levels has"):
        structures.of_large_covariance("cov(a)", full, np.ones(900, dtype=bool), "")


def test_a_full_precision_of_few_levels_stays_in_the_core():
    rng = np.random.default_rng(6)
    F = rng.standard_normal((250, 300))
    made = structures.of_precision("prec", "prec(a)", sparse.csr_array(F @ F.T / 300), np.ones(250, dtype=bool), "")
    assert made.field is None and structures.as_field(made).field is None
    chain = 2.5 * np.eye(250) - np.eye(250, k=1) - np.eye(250, k=-1)
    assert structures.of_precision("prec", "prec(a)", sparse.csr_array(chain), np.ones(250, dtype=bool), "").field is not None


def test_as_a_field_and_in_the_core_the_posterior_is_the_same(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """60 animals, some without a record: means within five standard errors of their difference."""
    parents, rng = herd(60, 3), np.random.default_rng(8)
    u = np.linalg.cholesky(tabular(parents)) @ rng.standard_normal(60)
    who = rng.integers(8, 60, 110)
    x = rng.standard_normal(110)
    data = pd.DataFrame({"y": 1.0 + 0.5 * x + 0.8 * u[who] + 0.6 * rng.standard_normal(110), "x": x, "a": [f"i{k}" for k in who]})
    formula = f"y ~ x + (1 | gr(a, {written(tmp_path, parents)['pedigree']}))"

    def fitted(least: int):
        monkeypatch.setattr(small_fields, "LEAST", least)
        assert ("in one sparse factorisation" in str(gibbs.check(formula, data))) == (least < 60)
        return gibbs.fit(formula, data, chains=2, warmup=500, draws=2000, seed=3, progress=False)

    field, core = fitted(40), fitted(400)
    for name in ("beta", "hyper", "u"):
        for a, b in zip(np.moveaxis(getattr(field.arrays, name), 2, 0), np.moveaxis(getattr(core.arrays, name), 2, 0), strict=True):
            error = np.hypot(*(x.std() / np.sqrt(float(diagnostics.ess_bulk(x))) for x in (a, b)))
            assert abs(a.mean() - b.mean()) < 5.0 * error, name


def test_a_herd_of_thousands(tmp_path):
    """3,000 animals over ten generations, one record each but for founders: sds and breeding values are found again."""
    parents, rng = generations(3000, 300, 4), np.random.default_rng(9)
    u = np.zeros(3000)
    _, own = pedigrees.precision(parents, "", [])
    for i, two in enumerate(parents):
        known = two[two >= 0]
        u[i] = 0.5 * u[known].sum() + np.sqrt(1.0 - 0.25 * own[known].sum()) * rng.standard_normal()
    who = np.arange(300, 3000)
    data = pd.DataFrame({"y": 2.0 + 0.8 * u[who] + 0.6 * rng.standard_normal(2700), "a": [f"i{k}" for k in who]})
    labels = [f"i{k}" for k in range(3000)]
    two = [[labels[p] if p >= 0 else "NA" for p in parents[:, k]] for k in (0, 1)]
    pd.DataFrame({"id": labels, "sire": two[0], "dam": two[1]}).to_csv(tmp_path / "p.csv", index=False)
    fit = gibbs.fit(f'y ~ (1 | gr(a, pedigree = "{tmp_path / "p.csv"}"))', data, chains=2, warmup=300, draws=400, seed=2, progress=False)
    sd, sigma = fit.arrays.hyper.reshape(-1, 2).T
    assert abs(sd.mean() - 0.8) < 4.0 * sd.std() and abs(sigma.mean() - 0.6) < 4.0 * sigma.std()
    found = fit.arrays.u.reshape(-1, 3000).mean(axis=0)
    place = [fit.design.factors[0].levels.index(text) for text in labels]
    assert np.corrcoef(found[place][300:], u[300:])[0, 1] > 0.7


@pytest.mark.parametrize("kind", ["pedigree", "prec", "cov"])
def test_the_same_as_keys(kind: str, tmp_path: Path):
    """As a key of ``effects``, with and without ``structure``, and in the two-level form: the design of the formula."""
    said = written(tmp_path, herd(25))
    data = pd.DataFrame({"y": np.arange(25.0), "x": np.arange(25.0) % 7, "a": [f"i{k}" for k in range(25)]})
    file = str(tmp_path / f"{kind}.csv")
    wanted = gibbs.check(f"y ~ x + (1 | gr(a, {said[kind]}))", data).design.factors[0].structure
    for words in ({kind: file}, {"structure": kind, kind: file}):
        assert gibbs.check("y ~ x + (1 | a)", data, effects={"a": words}).design.factors[0].structure.digest == wanted.digest
    two = {"outcome": "y", "level1": ["x"], "levels": {"a": {"intercept": [], kind: file}}}
    assert gibbs.check(two, data).design.factors[0].structure.digest == wanted.digest
