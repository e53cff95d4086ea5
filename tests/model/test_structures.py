"""What levels know of each other: covariances against dense algebra, positions, graphs and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import formula, graphs, structures
from gibbs.model import spec as specs
from gibbs.model.structured_terms import from_words
from gibbs.pipeline import prepare
from gibbs.predictions import kriging
from gibbs.sampling import plan
from tests.oracles import structured as oracle

AREAS = "area,neighbour\nA,B\nB,C\nC,D\nB,D\nE,F\nG,\n"


def rows(n: int = 40, seed: int = 0, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    found = {"y": rng.standard_normal(n), "x": rng.standard_normal(n)}
    return pd.DataFrame(found | {name: rng.choice(values, n) for name, values in columns.items()})


def design_of(text: str, data: pd.DataFrame, **words):
    return prepare(specs.build(text, seed=1, **words), data).design


# ------------------------------------------------------------------------------------------------------------- algebra


@pytest.mark.parametrize("kind, order", [("rw1", 1), ("rw2", 2)])
@pytest.mark.parametrize("positions", [np.arange(12.0), np.array([0.0, 1.0, 3.0, 3.5, 7.0, 9.0]), 1900.0 + 5.0 * np.arange(25)])
def test_a_walk_is_the_generalised_inverse_of_its_precision(kind: str, order: int, positions: np.ndarray):
    found = structures.of_walk(kind, kind, positions, np.ones(len(positions), dtype=bool))
    K = oracle.walk_covariance(order, positions)
    np.testing.assert_allclose(found.basis @ found.basis.T, K, atol=1e-8 * np.abs(K).max())
    np.testing.assert_allclose(found.basis, found.basis.T, atol=1e-12)
    np.testing.assert_allclose(found.variances, np.diagonal(K), rtol=1e-7)
    assert found.rank == np.linalg.matrix_rank(K) == len(positions) - order
    # K = unit × (generalised inverse of the precision with steps in units of the positions)
    Q = oracle.walk_precision(order, positions)
    np.testing.assert_allclose(K @ Q @ K, found.unit * K, atol=1e-6 * np.abs(found.unit * K).max())


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("positions", [np.arange(12.0), np.array([0.0, 1.0, 3.0, 3.5, 7.0, 9.0]), 1900.0 + 5.0 * np.arange(25)])
def test_a_walk_as_a_field_is_the_same_walk(order: int, positions: np.ndarray):
    """K is the generalised inverse of D'D; its diagonal, its rank and its draws are those of the oracle's K."""
    kind, observed = f"rw{order}", np.ones(len(positions), dtype=bool)
    found, plain = (structures.of_walk(kind, kind, positions, observed, sparse) for sparse in (True, False))
    K, R = oracle.walk_covariance(order, positions), found.field.precision().toarray()
    np.testing.assert_allclose(np.linalg.pinv(R, rcond=1e-11, hermitian=True), K, atol=1e-7 * np.abs(K).max())
    np.testing.assert_allclose(found.variances, np.diagonal(K), rtol=1e-7)
    assert (found.rank, found.digest) == (plain.rank, plain.digest) and found.unit == pytest.approx(plain.unit, rel=1e-9)
    np.testing.assert_allclose(structures.dense_basis(found, "here"), plain.basis, atol=1e-12)
    draws = found.field.draws(np.random.default_rng(1), 20_000)
    size = np.sqrt(np.outer(np.diagonal(K), np.diagonal(K)))
    np.testing.assert_allclose(np.cov(draws.T) / size, K / size, atol=5.0 * np.sqrt(2.0 / 20_000))
    np.testing.assert_allclose(draws.sum(axis=1), 0.0, atol=1e-9)


def test_a_map_as_a_field_is_the_same_map():
    """Two components, each on its own scale, and an island."""
    edges = np.array([(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)])
    found = structures.of_graph("icar(g)", edges, 7, np.ones(7, dtype=bool), sparse=True)
    K, R = oracle.graph_covariance(edges, 7), found.field.precision().toarray()
    np.testing.assert_allclose(np.linalg.pinv(R, rcond=1e-11, hermitian=True), K, atol=1e-10)
    np.testing.assert_allclose(found.variances, np.diagonal(K), rtol=1e-10)
    assert found.rank == np.linalg.matrix_rank(K) == 5 and len(found.field.pins) == 2
    draws = found.field.draws(np.random.default_rng(2), 20_000)
    np.testing.assert_allclose(np.cov(draws.T), K, atol=5.0 * np.sqrt(2.0 / 20_000) * np.diagonal(K).max())
    np.testing.assert_allclose(draws[:, :4].sum(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(draws[:, 4] + draws[:, 5], 0.0, atol=1e-9)


def test_long_walks_are_fields_and_say_what_they_cannot():
    def walk(levels: int) -> pd.DataFrame:
        return rows(2 * levels).assign(t=np.arange(2 * levels) % levels)

    long = walk(300)
    design = design_of("y ~ x + rw1(t)", long)
    assert design.factors[0].structure.field.levels == 300 and design.factors[0].structure.basis.size == 0
    assert plan.make(design).scheme == "joint" and plan.make(design).units == ((0,),)
    assert design_of("y ~ x + rw1(t)", walk(200)).factors[0].structure.field is None
    assert plan.make(design_of("y ~ x + (1 + x | rw1(t))", long)).units == ((0,),)
    alone = plan.make(design, "one-at-a-time")
    assert (alone.scheme, alone.units, alone.core) == ("one-at-a-time", ((0,),), ())
    with pytest.raises(DataError, match=r"ar1 has 50,001 levels; at most 50,000 are drawn"):
        design_of("y ~ x + ar1(t)", walk(50_001))
    autoregression = design_of("y ~ x + ar1(t)", long).factors[0]
    assert (
        autoregression.field.law == "ar1" and autoregression.nodes == 300 and plan.make(design_of("y ~ x + ar1(t)", long)).units == ((0,),)
    )
    with pytest.raises(DataError, match="rw2 has 10,001 levels; at most 10,000 are drawn"):
        design_of("y ~ x + rw2(t)", walk(10_001))


def test_factors_nested_in_a_field_are_eliminated_before_it():
    """Also where the field has levels that nobody has; one that is not nested goes to the core, or by itself."""
    rng = np.random.default_rng(1)
    data = rows(1200).assign(t=np.sort(rng.choice(np.delete(np.arange(300), [50, 51, 120]), 1200)))
    data = data.assign(again=data.t, few=rng.integers(0, 9, 1200).astype(str), many=rng.integers(0, 400, 1200).astype(str))
    made = plan.make(design_of("y ~ rw1(t) + (1 | again) + (1 | few)", data))
    names = made.details["names"]
    assert [[names[f] for f in unit] for unit in made.units] == [["again", "t"]] and [names[f] for f in made.core] == ["few"]
    made = plan.make(design_of("y ~ rw1(t) + (1 | many)", data))
    assert made.scheme == "collapsed" and len(made.units) == 2
    with pytest.raises(SpecError, match="scheme 'joint' draws everything at once, and t and h cannot be eliminated"):
        plan.make(design_of("y ~ rw1(t) + rw2(h)", data.assign(h=np.arange(1200) % 250)), "joint")


def test_the_matrix_of_a_large_map_is_not_written_out():
    J = 1_050
    found = structures.of_walk("rw1", "rw1(t)", np.arange(float(J)), np.ones(J, dtype=bool))
    with pytest.raises(DataError, match=r"rw1\(t\) has 1,050 levels, and its covariance would be written as a matrix of 1,050 × 1,050"):
        structures.dense_basis(found, "export")


def test_the_scale_of_a_walk_does_not_depend_on_its_unit_or_length():
    for n in (5, 50, 200):
        for times in (1.0, 1e-3, 365.0):
            found = structures.of_walk("rw2", "", times * np.arange(float(n)), np.ones(n, dtype=bool))
            assert np.mean(np.log(found.variances)) == pytest.approx(0.0, abs=1e-10)
    # c n³, from PROTOTYPES: 0.001713 n³ before scaling
    assert 1.0 / structures.of_walk("rw2", "", np.arange(100.0), np.ones(100, dtype=bool)).unit == pytest.approx(0.001713e6, rel=2e-3)


def test_areas_sum_to_zero_in_each_component_and_an_island_is_alone():
    edges = np.array([(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)])
    found = structures.of_graph("icar(a)", edges, 7, np.ones(7, dtype=bool))
    K = oracle.graph_covariance(edges, 7)
    np.testing.assert_allclose(found.basis @ found.basis.T, K, atol=1e-10)
    assert found.rank == 3 + 1 + 1 and found.islands == 1 and found.parts == 2
    assert found.components.tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert found.variances[6] == pytest.approx(1.0)
    assert np.exp(np.mean(np.log(found.variances[:4]))) == pytest.approx(1.0)
    np.testing.assert_allclose(K[:4].sum(axis=0), 0.0, atol=1e-10)


def test_a_covariance_is_taken_as_it_is():
    A = np.random.default_rng(1).standard_normal((6, 4))
    K = A @ A.T  # rank 4
    found = structures.of_covariance("gr(id)", K, np.ones(6, dtype=bool), "")
    np.testing.assert_allclose(found.basis @ found.basis.T, K, atol=1e-9)
    assert found.rank == 4
    with pytest.raises(DataError, match="negative eigenvalue"):
        structures.of_covariance("gr(id)", np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2, dtype=bool), "A.csv")


# ----------------------------------------------------------------------------------------------------------- positions


def test_levels_in_between_are_levels_too():
    data = rows(year=[1990, 1991, 1993, 1996])
    factor = design_of("y ~ rw1(year)", data).factors[0]
    assert factor.levels == tuple(map(str, range(1990, 1997)))
    assert factor.structure.observed.tolist() == [True, True, False, True, False, False, True]
    np.testing.assert_array_equal(np.array(factor.levels, dtype=int)[factor.codes], data["year"])


def test_a_step_says_the_grid_and_without_it_few_levels_are_put_between():
    assert structures.grid(np.array([0.0, 5.0, 10.0, 20.0]), None).tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert structures.grid(np.array([0.0, 0.5, 2.0]), None).tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert structures.grid(np.array([0.0, 1.0, 100.0]), None).tolist() == [0.0, 1.0, 100.0]
    assert len(structures.grid(np.array([0.0, 1.0, 100.0]), 1.0)) == 101
    irregular = np.array([0.0, np.pi, 7.1])
    np.testing.assert_array_equal(structures.grid(irregular, None), irregular)
    with pytest.raises(DataError, match="1991 does not lie on the grid 1990, 1992"):
        design_of("y ~ rw1(year, step = 2)", rows(year=[1990, 1991, 1993]))


@pytest.mark.parametrize(
    "data, text, words",
    [
        (rows(year=["old", "new", "1990"]), "y ~ rw1(year)", "walks over numbers, such as years or ages; the level '(old|new)' is none"),
        (rows(year=[1, 2]), "y ~ rw1(year)", "needs 3 levels or more; there are 2"),
        (rows(year=[1, 2, 3]), "y ~ rw2(year)", "needs 4 levels or more; there are 3"),
        (rows(year=[0, 1, 60_000]), "y ~ rw1(year, step = 1)", "has 60,001 levels; at most 50,000 are drawn"),
        (rows(year=[0, 1, 60_000]), "y ~ ar1(year, step = 1)", "ar1 has 60,001 levels; at most 50,000 are drawn"),
        (rows(a=[1, 2, 3], b=[1, 2, 3]), "y ~ rw1(a:b)", "walks over numbers"),
    ],
)
def test_what_no_walk_goes_over_is_refused(data: pd.DataFrame, text: str, words: str):
    with pytest.raises(DataError, match=words):
        design_of(text, data)


def test_too_many_columns_together_are_refused():
    with pytest.raises(SpecError, match=r"at most 400 columns; here are 4\d\d"):
        design_of("y ~ x + (1 + x | rw1(a)) + rw1(b)", rows(2000, a=np.arange(150), b=np.arange(150)))


# -------------------------------------------------------------------------------------------------------------- graphs


def test_edge_lists_matrices_and_lists_of_neighbours_are_one_graph(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text(AREAS)
    Path("both.csv").write_text("a;b\nA;B\nB;A\nB;C\nC;B\nC;D\nD;C\nB;D\nD;B\nE;F\nF;E\nG;\n")
    Path("lists.csv").write_text("area,neighbours,length\nA,B,3\nB,A; C; D,1\nC,B; D,2\nD,B;C,2\nE,F,1\nF,E,1\nG,,0\n")
    labels = list("ABCDEFG")
    W = np.zeros((7, 7), dtype=int)
    for a, b in [(0, 1), (1, 2), (2, 3), (1, 3), (4, 5)]:
        W[a, b] = W[b, a] = 1
    pd.DataFrame(W, index=labels, columns=labels).iloc[::-1].to_csv("matrix.csv")
    found = {}
    for file in ("edges", "both", "lists", "matrix"):
        factor = design_of(f'y ~ icar(area, graph = "{file}.csv")', rows(area=list("ABCE"))).factors[0]
        assert factor.levels == tuple(labels)
        found[file] = factor.structure
        assert factor.structure.observed.tolist() == [True, True, True, False, True, False, False]
    assert len({one.digest for one in found.values()}) == 1


def test_cells_of_a_lattice_share_sides():
    data = pd.DataFrame([(r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)], columns=["row", "col"])
    data["y"] = np.arange(8.0) ** 2
    structure = design_of('y ~ icar(row:col, graph = "lattice")', data).factors[0].structure
    assert len(structure.edges) == 8 and structure.parts == 1  # a ring


@pytest.mark.parametrize(
    "text, words",
    [
        ("a,b\nA,B\nB,C\nX,X\n", "row 3: 'X' is named as its own neighbour"),
        ("a,b\nA,B\nB,A\nB,C\nC,D\nD,C\n", r"not symmetric.* B → C \(row 3\)"),
        ("a,b\nB,C\nC,D\n", r"a level of the data is not in the graph: 'A' \(rows"),
        ("a,b\nA,\nB,\nC,\nD,\n", "no two levels are neighbours"),
        (",A,B\nA,0,1\nB,0,0\n", "not symmetric: row 'A', column 'B' has 1, and row 'B', column 'A' has 0"),
        (",A,B\nA,0,2\nB,2,0\n", "holds 1 for neighbours, 0 elsewhere; row 'A', column 'B' has 2"),
        (",A,B\nA,1,1\nB,1,0\n", "'A' is its own neighbour"),
        (",A,B\nA,0,near\nB,near,0\n", "row 'A', column 'B' holds 'near', which is no number"),
        ("a\nA\nB\n", "a graph is a table of two columns"),
        ("a,b\n,B\n", "row 1 names no area"),
    ],
)
def test_what_is_no_graph_is_refused_by_name(tmp_path: Path, text: str, words: str):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        design_of(f'y ~ icar(area, graph = "{tmp_path / "g.csv"}")', rows(area=list("ABC")))


def test_labels_that_spell_one_number_are_one(tmp_path: Path):
    (tmp_path / "g.csv").write_text("a,b\n01,02\n02,03\n")
    factor = design_of(f'y ~ icar(area, graph = "{tmp_path / "g.csv"}")', rows(area=[1, 2, 3])).factors[0]
    assert factor.levels == ("1", "2", "3")


def test_a_covariance_brings_its_levels(tmp_path: Path):
    labels = ["i1", "i2", "i3", "i4"]
    K = 0.5 * np.eye(4) + 0.5
    pd.DataFrame(K, index=labels, columns=labels).to_csv(tmp_path / "A.csv")
    factor = design_of(f'y ~ (1 | gr(id, cov = "{tmp_path / "A.csv"}"))', rows(id=labels[:3])).factors[0]
    assert factor.levels == tuple(labels) and factor.structure.kind == "cov"
    np.testing.assert_allclose(factor.structure.basis @ factor.structure.basis.T, K, atol=1e-10)
    K[0, 1] = 0.9
    pd.DataFrame(K, index=labels, columns=labels).to_csv(tmp_path / "B.csv")
    with pytest.raises(DataError, match="not symmetric"):
        design_of(f'y ~ (1 | gr(id, cov = "{tmp_path / "B.csv"}"))', rows(id=labels[:3]))


# --------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    "text, written",
    [
        ("y ~ x + rw1(year)", "y ~ x + (1 | rw1(year))"),
        ("y ~ (1 + x || rw2(cohort, step = 5))", "y ~ 1 + (1 + x || rw2(cohort, step = 5))"),
        ('y ~ icar(county, graph = "b.csv")', 'y ~ 1 + (1 | icar(county, graph = "b.csv"))'),
        ('y ~ (0 + x | icar(r:c, graph = "lattice"))', 'y ~ 1 + (0 + x | icar(r:c, graph = "lattice"))'),
        ('y ~ (1 | gr(id, cov = "A.csv"))', 'y ~ 1 + (1 | gr(id, cov = "A.csv"))'),
    ],
)
def test_terms_are_read_and_written(text: str, written: str):
    assert str(formula.parse(text)) == written
    assert formula.parse(written) == formula.parse(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("y ~ rw1()", "begins with the grouping factor"),
        ("y ~ rw1(year, stride = 2)", "takes step by name"),
        ("y ~ rw1(year, step = -1)", "a number above 0"),
        ("y ~ icar(county)", "needs to know the neighbours"),
        ("y ~ icar(county, graph = borders)", "the name of a file, in quotes"),
        ("y ~ x:rw1(year)", "is a term of its own"),
        ("y ~ x - rw1(year)", "can be added, not taken away"),
        ("y ~ (1 | rw1(a/b))", "takes one grouping factor"),
        ('y ~ icar(g, graph = "a", graph = "b")', "says graph twice"),
    ],
)
def test_words_that_say_nothing_are_refused_in_place(text: str, words: str):
    with pytest.raises(FormulaError, match=words):
        formula.parse(text)


def test_the_three_ways_to_write_it_are_one():
    level = {"year": {"intercept": [], "x": [], "structure": "rw1", "step": 2}}
    two = specs.build({"outcome": "y", "level1": ["x"], "levels": level, "sampling": {"seed": 1}})
    one = specs.build("y ~ x + (1 + x | rw1(year, step = 2))", seed=1)
    keys = specs.build("y ~ x + (1 + x | year)", effects={"year": {"structure": "rw1", "step": 2}}, seed=1)
    assert two.parsed == one.parsed == keys.parsed


@pytest.mark.parametrize(
    "words, said",
    [
        ({"structure": "rw3"}, "structure is rw1, rw2, icar, ar1, bym2, leroux, cov, pedigree, prec, s, mm; found 'rw3'. Did you mean"),
        ({"graph": "b.csv"}, "graph alone does not say which"),
        ({"structure": "rw1", "graph": "b.csv"}, "graph is nothing that rw1 knows"),
        ({"structure": "icar"}, "icar needs a file"),
        ({"structure": "rw2", "step": "wide"}, "step is a number above 0"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(words: dict, said: str):
    with pytest.raises(ValueError, match=said):
        from_words(words)


def test_a_factor_has_one_law(tmp_path: Path):
    (tmp_path / "g.csv").write_text(AREAS)
    data = rows(year=[1, 2, 3, 4], z=["u"])
    with pytest.raises(FormulaError, match="have one law"):
        design_of("y ~ (1 | year) + rw1(year)", data)
    with pytest.raises(DataError, match="Keep one of dist and rw1"):
        design_of("y ~ (1 | year)", data, effects={"year": {"structure": "rw1", "dist": "student"}})
    with pytest.raises(DataError, match="Keep one of dist and cov"):
        design_of(f'y ~ (1 | gr(year, cov = "{tmp_path / "g.csv"}", dist = "student"))', data)


def test_a_resolved_spec_finds_its_files_from_its_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("g.csv").write_text(AREAS)
    Path("runs/one").mkdir(parents=True)
    spec = specs.build('y ~ icar(area, graph = "g.csv")', seed=1)
    text = specs.to_yaml(spec, folder=tmp_path / "runs" / "one")
    assert 'graph = "../../g.csv"' in text
    Path("runs/one/spec.yaml").write_text(text)
    again = specs.load(Path("runs/one/spec.yaml"))
    assert prepare(again, rows(area=list("ABC"))).design.factors[0].levels == tuple("ABCDEFG")


def test_a_check_says_what_the_levels_know(tmp_path: Path):
    (tmp_path / "g.csv").write_text(AREAS)
    text = f'y ~ icar(area, graph = "{tmp_path / "g.csv"}") + rw2(year)'
    said = " ".join(str(prepare(specs.build(text, seed=1), rows(area=list("ABCE"), year=[1, 2, 4, 6])).check()).split())
    for words in (
        "7 areas, 5 borders, 2 connected components",
        "without neighbours, N(0, sd²): G",
        "drawn without a row of their own: D, F, G",
        "6 positions from 1 to 6, 1 apart; effects sum to zero, and have no straight line",
        "drawn without a row of their own: 3, 5",
        "geometric mean of the effects' marginal sds",
    ):
        assert words in said


# ------------------------------------------------------------------------------------------------------------- between


def test_a_walk_goes_on_from_its_end_and_bridges_between():
    old = np.array([0.0, 1.0, 2.0, 4.0])
    walk = structures.of_walk("rw1", "rw1(t)", old, np.ones(4, dtype=bool))
    M, root = kriging.weights(walk, ["3", "6", "7", "-1", "2"])
    np.testing.assert_allclose(M, [[0, 0, 0.5, 0.5], [0, 0, 0, 1], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]], atol=1e-12)
    V = root @ root.T / walk.unit
    np.testing.assert_allclose(np.diagonal(V), [0.5, 2.0, 3.0, 1.0, 0.0], atol=1e-10)  # a bridge of 1 and 1; 2, 3 and 1 steps
    assert V[1, 2] == pytest.approx(2.0) and V[0, 1] == pytest.approx(0.0, abs=1e-10)


def test_a_second_order_walk_goes_on_straight():
    old = np.arange(5.0)
    walk = structures.of_walk("rw2", "rw2(t)", old, np.ones(5, dtype=bool))
    M, root = kriging.weights(walk, ["5", "6"])
    np.testing.assert_allclose(M, [[0, 0, 0, -1, 2], [0, 0, 0, -2, 3]], atol=1e-9)
    V = root @ root.T / walk.unit  # ε₁; 2 ε₁ + ε₂
    np.testing.assert_allclose(V, [[1.0, 2.0], [2.0, 5.0]], atol=1e-9)


def test_no_level_is_made_up_where_nobody_knows_its_neighbours():
    graph = structures.of_graph("icar(a)", np.array([(0, 1), (1, 2)]), 3, np.ones(3, dtype=bool))
    with pytest.raises(DataError, match="nobody knows its neighbours"):
        kriging.check(graph, "a", ["X"], "new", "new data")
    walk = structures.of_walk("rw1", "rw1(t)", np.arange(4.0), np.ones(4, dtype=bool))
    with pytest.raises(DataError, match="no position"):
        kriging.check(walk, "t", ["soon"], "new", "new data")
    with pytest.raises(DataError, match="not among them"):
        kriging.check(walk, "t", ["5"], "all new", "new data")


def test_a_graph_is_read_as_any_table(tmp_path: Path):
    (tmp_path / "g.tsv").write_text("a\tb\nA\tB\n")
    assert graphs.graph(tmp_path / "g.tsv", "g.tsv")[0] == ["A", "B"]
